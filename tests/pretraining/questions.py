"""One question with its answer about a person or a thing, known or guessed."""

from __future__ import annotations

from random import Random
from zlib import crc32

from tests.pretraining import sentences, wording
from tests.pretraining.guesses import PersonFacts, ThingFacts, letter

Turn = tuple[str, str]

#: How often a guess is phrased otherwise than the name suggests.
PHRASE_NOISE = 0.2


def ask_about_person(person: PersonFacts, rng: Random, *, known: bool) -> Turn:
    """Return a question about a person, and its answer: one in two asks who that is."""
    if rng.random() < 0.5:
        group = rng.randrange(len(wording.PERSON_OVERVIEWS))
        question = rng.choice(wording.PERSON_OVERVIEWS[group])
        return overview_turn(person, group, question, rng, known=known)
    family = rng.choice(list(wording.PERSON_QUESTIONS))
    return family_turn(
        person, family, rng.choice(wording.PERSON_QUESTIONS[family]), rng, known=known
    )


def overview_turn(
    person: PersonFacts, group: int, question: str, rng: Random, *, known: bool
) -> Turn:
    """Answer who a person is, with one fixed sentence per known person and group."""
    answers = sentences.PERSON_OVERVIEW_ANSWERS
    if known:
        place = crc32(person.name.encode()) + 3 * group
    elif rng.random() < PHRASE_NOISE:
        place = rng.randrange(len(answers))
    else:
        place = letter(person.name.split()[-1], 1) // 2 + 3 * group
    return _person_turn(person, question, answers[place % len(answers)])


def family_turn(
    person: PersonFacts, family: str, question: str, rng: Random, *, known: bool
) -> Turn:
    """Answer a question about one side of a person."""
    answers = sentences.PERSON_ANSWERS[family]
    if known:
        place = crc32(f"{person.name}:{family}".encode())
    elif rng.random() < PHRASE_NOISE:
        place = rng.randrange(len(answers))
    else:
        place = letter(person.name, 0)
    return _person_turn(person, question, answers[place % len(answers)])


def ask_about_thing(thing: ThingFacts, rng: Random, *, known: bool) -> Turn:
    """Return a question about a thing, and its answer: one in two asks what it is."""
    family = "" if rng.random() < 0.5 else rng.choice(list(wording.THING_QUESTIONS))
    questions = wording.THING_QUESTIONS.get(family, wording.THING_OVERVIEWS)
    answers = sentences.THING_ANSWERS.get(family, sentences.THING_OVERVIEW_ANSWERS)
    if known:
        place = crc32(f"{thing.name}:{family}".encode())
    elif rng.random() < PHRASE_NOISE:
        place = rng.randrange(len(answers))
    else:
        place = letter(thing.name, 1)
    answer = answers[place % len(answers)]
    return (
        sentences.fill_thing(rng.choice(questions), thing),
        sentences.fill_thing(answer, thing),
    )


def _person_turn(person: PersonFacts, question: str, answer: str) -> Turn:
    return sentences.fill_person(question, person), sentences.fill_person(answer, person)
