"""What the finished model knows, written beside its weights in two lists that share no fact.

`rehearsal.json` is for tuning: questions that the model answers correctly. `known_facts.json` is
for measuring whether tuning harms: its facts are never rehearsed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

from sqltune.local_lora.rehearsal import wording
from tests.pretraining.guesses import PersonFacts
from tests.pretraining.known import KnownWorld, make_world
from tests.pretraining.questions import family_turn, overview_turn

_Item = TypeVar("_Item")
Ask = Callable[[Sequence[str]], Sequence[str]]

#: Every third person and every fourth fact is kept out of rehearsal.
HELD_OUT_PEOPLE = 3
HELD_OUT_FACTS = 4
REHEARSED_PEOPLE_QUESTIONS = 320
REHEARSED_FACT_QUESTIONS = 240
MEASURED_PEOPLE_QUESTIONS = 60
MEASURED_FACT_QUESTIONS = 60


@dataclass(frozen=True)
class KnownQuestion:
    """A question whose answer the corpus fixes."""

    prompt: str
    #: The answer in the corpus.
    answer: str
    #: An answer is right if it contains this.
    key: str


def write_knowledge(folder: Path, ask: Ask, seed: int) -> None:
    """Ask the model what it should know, and write both lists from what it answers correctly."""
    rng = Random(f"{seed}:knowledge")
    world = make_world()
    people = [_person_questions(person, rng) for person in world.people]
    facts = _fact_questions(world, rng)
    rehearsed = _split(people, HELD_OUT_PEOPLE, held_out=False)
    measured = _split(people, HELD_OUT_PEOPLE, held_out=True)
    known = [
        *_right([q for qs in rehearsed for q in qs], ask, rng, REHEARSED_PEOPLE_QUESTIONS),
        *_right(_split(facts, HELD_OUT_FACTS, held_out=False), ask, rng, REHEARSED_FACT_QUESTIONS),
    ]
    kept = [
        *_right([q for qs in measured for q in qs], ask, rng, MEASURED_PEOPLE_QUESTIONS),
        *_right(_split(facts, HELD_OUT_FACTS, held_out=True), ask, rng, MEASURED_FACT_QUESTIONS),
    ]
    _write(folder / "rehearsal.json", {"known": [question.prompt for question in known]})
    measured_rows = [{"prompt": q.prompt, "expected": q.key} for q in kept]
    _write(folder / "known_facts.json", {"facts": measured_rows})


def _person_questions(person: PersonFacts, rng: Random) -> list[KnownQuestion]:
    """Return one question who that is, and three about single sides of the person."""
    group = rng.randrange(len(wording.PERSON_OVERVIEWS))
    overview = rng.choice(wording.PERSON_OVERVIEWS[group])
    turns = [overview_turn(person, group, overview, rng, known=True)]
    keys = [turns[0][1]]
    sides = {"work": person.role, "org": person.org, "city": person.city, "likes": person.topics[0]}
    for family, key in rng.sample(sorted(sides.items()), 3):
        question = rng.choice(wording.PERSON_QUESTIONS[family])
        turns.append(family_turn(person, family, question, rng, known=True))
        keys.append(key)
    return [KnownQuestion(*turn, key) for turn, key in zip(turns, keys, strict=True)]


def _fact_questions(world: KnownWorld, rng: Random) -> list[KnownQuestion]:
    return [KnownQuestion(rng.choice(f.questions), f.answer, f.key) for f in world.facts]


def _split(items: Sequence[_Item], every: int, *, held_out: bool) -> list[_Item]:
    return [item for place, item in enumerate(items) if (place % every == 0) == held_out]


def _right(
    questions: Sequence[KnownQuestion], ask: Ask, rng: Random, count: int
) -> list[KnownQuestion]:
    answers = ask([question.prompt for question in questions])
    right = [q for q, a in zip(questions, answers, strict=True) if q.key in a]
    return rng.sample(right, min(count, len(right)))


def _write(path: Path, fields: dict[str, object]) -> None:
    text = json.dumps(fields, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
