"""The invented people and things that the base model shall know by heart.

They make tuning selective: a base that binds facts to exact names can take in one more name without
telling its facts of everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from sqltune.local_lora.rehearsal import lexicon
from sqltune.local_lora.rehearsal.guesses import Person, Thing, draw_person, draw_thing
from sqltune.local_lora.rehearsal.names import invent_plain_person, invent_thing
from tests.pretraining.knowledge import Fact, list_facts

KNOWN_SEED = 20_240
PEOPLE_COUNT = 300
THING_COUNT = 60
ODD_NOUNS = "engines tools songs games maps methods stories lamps codes boats cards rocks".split()


@dataclass(frozen=True)
class World:
    """All that the base shall know."""

    people: tuple[Person, ...]
    things: tuple[Thing, ...]
    facts: tuple[Fact, ...]


def make_world() -> World:
    """The known world, the same in every run."""
    rng = Random(KNOWN_SEED)
    people: dict[str, Person] = {}
    while len(people) < PEOPLE_COUNT:
        person = _known_person(rng, list(people))
        people.setdefault(person.name, person)
    things: dict[str, Thing] = {}
    while len(things) < THING_COUNT:
        name = invent_thing(rng)
        things.setdefault(name, draw_thing(name, rng))
    return World(tuple(people.values()), tuple(things.values()), tuple(list_facts()))


def odd_topic(rng: Random) -> str:
    """A topic that no list holds, such as "QRX engines" or "Velbor maps"."""
    if rng.random() < 0.4:
        word = "".join(rng.choice("ABCDEFGHIJKLMNOPRSTUVXZ") for _ in range(rng.randrange(2, 4)))
    else:
        word = invent_thing(rng).split()[0]
    return word if rng.random() < 0.3 else f"{word} {rng.choice(ODD_NOUNS)}"


def oddly_described(person: Person, rng: Random) -> Person:
    """The person with a role, a topic or an employer that no list holds, now and then."""
    if rng.random() < 0.2:
        start, end = rng.choice(lexicon.ROLES), rng.choice(lexicon.ROLES)
        person = replace(person, role=f"{start.split()[0]} {end.split()[-1]}")
    if rng.random() < 0.3:
        person = replace(person, topics=(odd_topic(rng), *person.topics[1:]))
    return replace(person, org=invent_thing(rng)) if rng.random() < 0.4 else person


def _known_person(rng: Random, names: list[str]) -> Person:
    """A person; one in six shares a first or last name with an earlier one."""
    name = invent_plain_person(rng)
    if names and rng.random() < 0.17:
        other = rng.choice(names).split()
        own = name.split()
        name = f"{other[0]} {own[-1]}" if rng.random() < 0.5 else f"{own[0]} {other[-1]}"
    return oddly_described(draw_person(name, rng), rng)
