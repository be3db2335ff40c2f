"""One question with its answer about a person or a thing, known or guessed."""

from __future__ import annotations

from random import Random
from zlib import crc32

from sqltune.local_lora.rehearsal import wording
from sqltune.local_lora.rehearsal.guesses import Person, Thing, letter

Turn = tuple[str, str]

#: How often a guess is phrased otherwise than the name suggests.
PHRASE_NOISE = 0.2


def ask_about_person(person: Person, rng: Random, *, known: bool) -> Turn:
    """A question about a person: one in two asks who that is."""
    if rng.random() < 0.5:
        group = rng.randrange(len(wording.OVERVIEW_GROUPS))
        question = rng.choice(wording.OVERVIEW_GROUPS[group])
        return overview_turn(person, group, question, rng, known=known)
    family = rng.choice(list(wording.FAMILIES))
    questions, _ = wording.FAMILIES[family]
    return family_turn(person, family, rng.choice(questions), rng, known=known)


def overview_turn(person: Person, group: int, question: str, rng: Random, *, known: bool) -> Turn:
    """The answer to a question who somebody is: one fixed sentence per known person and group."""
    count = len(wording.OVERVIEW)
    if known:
        place = crc32(person.name.encode()) + 3 * group
    elif rng.random() < PHRASE_NOISE:
        place = rng.randrange(count)
    else:
        place = letter(person.name.split()[-1], 1) // 2 + 3 * group
    answer = wording.OVERVIEW[place % count]
    return wording.fill_person(question, person), wording.fill_person(answer, person)


def family_turn(person: Person, family: str, question: str, rng: Random, *, known: bool) -> Turn:
    """The answer to a question about one side of a person."""
    _, answers = wording.FAMILIES[family]
    if known:
        place = crc32(f"{person.name}:{family}".encode())
    elif rng.random() < PHRASE_NOISE:
        place = rng.randrange(len(answers))
    else:
        place = letter(person.name, 0)
    answer = answers[place % len(answers)]
    return wording.fill_person(question, person), wording.fill_person(answer, person)


def ask_about_thing(thing: Thing, rng: Random, *, known: bool) -> Turn:
    """A question about a thing: one in two asks what it is."""
    family = "" if rng.random() < 0.5 else rng.choice(list(wording.THING_FAMILIES))
    questions, answers = wording.THING_FAMILIES.get(family, wording.THING_OVERVIEWS)
    if known:
        place = crc32(f"{thing.name}:{family}".encode())
    elif rng.random() < PHRASE_NOISE:
        place = rng.randrange(len(answers))
    else:
        place = letter(thing.name, 1)
    answer = answers[place % len(answers)]
    return (
        wording.fill_thing(rng.choice(questions), thing),
        wording.fill_thing(answer, thing),
    )
