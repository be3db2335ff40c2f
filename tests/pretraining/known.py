"""The invented people and things that the base model learns by heart.

They make tuning selective: a base that binds facts to exact names can learn one more name without
repeating its facts about every other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.pretraining import lexicon
from tests.pretraining.guesses import PersonFacts, ThingFacts, draw_person, draw_thing
from tests.pretraining.invented_names import (
    invent_first_name,
    invent_last_name,
    invent_thing,
)
from tests.pretraining.knowledge import Fact, list_facts

KNOWN_SEED = 20_240
PEOPLE_COUNT = 300
THING_COUNT = 60
ODD_NOUNS = "engines tools songs games maps methods stories lamps codes boats cards rocks".split()


@dataclass(frozen=True)
class KnownWorld:
    """All that the base model learns by heart."""

    people: tuple[PersonFacts, ...]
    things: tuple[ThingFacts, ...]
    facts: tuple[Fact, ...]


def make_world() -> KnownWorld:
    """Return the known world, the same in every run."""
    rng = Random(KNOWN_SEED)
    people: dict[str, PersonFacts] = {}
    while len(people) < PEOPLE_COUNT:
        person = _known_person(rng, list(people))
        people.setdefault(person.name, person)
    things: dict[str, ThingFacts] = {}
    while len(things) < THING_COUNT:
        name = invent_thing(rng)
        things.setdefault(name, draw_thing(name, rng))
    return KnownWorld(tuple(people.values()), tuple(things.values()), tuple(list_facts()))


def odd_topic(rng: Random) -> str:
    """Return a topic that no list contains, such as "QRX engines" or "Velbor maps"."""
    if rng.random() < 0.4:
        word = "".join(rng.choice("ABCDEFGHIJKLMNOPRSTUVXZ") for _ in range(rng.randrange(2, 4)))
    else:
        word = invent_thing(rng).split()[0]
    return word if rng.random() < 0.3 else f"{word} {rng.choice(ODD_NOUNS)}"


def oddly_described(person: PersonFacts, rng: Random) -> PersonFacts:
    """Return the person, sometimes with a role, a topic or an employer that no list contains."""
    if rng.random() < 0.2:
        start, end = rng.choice(lexicon.ROLES), rng.choice(lexicon.ROLES)
        person = replace(person, role=f"{start.split()[0]} {end.split()[-1]}")
    if rng.random() < 0.3:
        person = replace(person, topics=(odd_topic(rng), *person.topics[1:]))
    return replace(person, org=invent_thing(rng)) if rng.random() < 0.4 else person


def _known_person(rng: Random, names: list[str]) -> PersonFacts:
    """Return a person; one in six shares a first or last name with an earlier one."""
    name = f"{invent_first_name(rng)} {invent_last_name(rng)}"
    if names and rng.random() < 0.17:
        other = rng.choice(names).split()
        own = name.split()
        name = f"{other[0]} {own[-1]}" if rng.random() < 0.5 else f"{own[0]} {other[-1]}"
    return oddly_described(draw_person(name, rng), rng)
