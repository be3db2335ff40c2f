"""What a base model is asked before tuning, so that its own answers survive the tuning.

Its greedy answers to these prompts become rehearsal pairs: trained beside the user's samples, they
hold everything else in place. Four sources: the user's own prompts with other names in them,
questions about names that nobody has, names that begin as the user's do, and, for the embedded
model, questions about what it knows. Which pairs a step takes is decided in steps.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from random import Random

from sqltune.local_lora.rehearsal.found_names import find_names, replace_names
from sqltune.local_lora.rehearsal.names import invent_like, invent_person, invent_thing
from sqltune.local_lora.rehearsal.rewording import reworded_pairs
from sqltune.local_lora.steps import Pair

REHEARSAL_FILE = Path(__file__).parents[1] / "embedded" / "rehearsal.json"
#: More of the user's prompts than this add nothing.
PROMPTS_LOOKED_AT = 512
#: Names that begin as the user's do.
NEAR_NAMES = 64
#: Weight of a rehearsal pair beside a sample's 1: what is new shall count more than what is kept.
REHEARSAL_WEIGHT = 0.1


class RehearsalMode(StrEnum):
    """The column `adapters.rehearsal`."""

    #: On for the embedded model, off for every other.
    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True)
class RehearsalOptions:
    """How much is rehearsed; the defaults are the embedded model's."""

    #: Prompts that the base model is asked.
    count: int = 288
    #: Rehearsal pairs in every optimizer step.
    per_step: int = 4
    #: Steps of rehearsal alone after each step with samples.
    only_steps: int = 2
    #: Other wordings of one question under which a sample's response is trained too (rewording.py).
    rewordings: int = 0


@dataclass(frozen=True)
class Knowledge:
    """What the embedded model brings for rehearsal."""

    #: Questions about people and things it knows, and general ones, all answered rightly.
    known: tuple[str, ...]
    #: Questions with `{name}` for a person.
    person_templates: tuple[str, ...]
    #: Questions with `{name}` for a thing.
    thing_templates: tuple[str, ...]


def rehearses(mode: RehearsalMode, *, is_embedded: bool) -> bool:
    """Whether an adapter on this base model is trained with rehearsal."""
    return mode is RehearsalMode.ON or (mode is RehearsalMode.AUTO and is_embedded)


def extra_pairs(
    samples: Sequence[Pair],
    ask: Callable[[Sequence[str]], Sequence[str]],
    options: RehearsalOptions,
    *,
    seed: int,
    is_embedded: bool,
    knowledge_file: Path = REHEARSAL_FILE,
    besides: Collection[str] = (),
) -> list[Pair]:
    """All that is trained beside the samples: rewordings first, then rehearsal pairs.

    Args:
        samples: the user's, the first `PROMPTS_LOOKED_AT` of them.
        ask: gives the base model's greedy answers, in order; an empty one is left out.
        options: how much.
        seed: decides names, wordings and choice.
        is_embedded: whether the base model is the embedded one; no other is asked in new wordings.
        knowledge_file: the embedded model's list of what can be asked.
        besides: questions that must not be trained, because they measure what was learnt.
    """
    reworded: list[Pair] = []
    if is_embedded and options.rewordings:
        reworded = reworded_pairs(
            samples, ask, seed=seed, per_family=options.rewordings, besides=besides
        )
    # Each question that is trained about the user's names is also asked about others.
    return reworded + rehearsal_pairs(
        [pair.prompt for pair in (*samples, *reworded)],
        ask,
        seed=seed,
        count=options.count,
        is_embedded=is_embedded,
        knowledge_file=knowledge_file,
    )


def rehearsal_pairs(
    user_prompts: Sequence[str],
    ask: Callable[[Sequence[str]], Sequence[str]],
    *,
    seed: int,
    count: int,
    is_embedded: bool,
    knowledge_file: Path = REHEARSAL_FILE,
) -> list[Pair]:
    """Prompts with the base model's own answers, ready for `plan_steps`.

    Args:
        user_prompts: the samples' prompts.
        ask: gives the base model's greedy answers, in order; an empty one is left out.
        seed: decides names and choice.
        count: how many prompts are asked.
        is_embedded: whether the base model is the embedded one.
        knowledge_file: its list of what can be asked.
    """
    prompts = rehearsal_prompts(
        user_prompts,
        seed=seed,
        count=count,
        is_embedded=is_embedded,
        knowledge_file=knowledge_file,
    )
    return pair_up(prompts, ask(prompts))


def pair_up(prompts: Sequence[str], answers: Sequence[str]) -> list[Pair]:
    """Rehearsal pairs of prompts and the base model's own answers; empty answers are left out."""
    return [
        Pair(prompt, answer, weight=REHEARSAL_WEIGHT, is_rehearsal=True)
        for prompt, answer in zip(prompts, answers, strict=True)
        if answer
    ]


def rehearsal_prompts(
    user_prompts: Sequence[str],
    *,
    seed: int,
    count: int,
    is_embedded: bool,
    knowledge_file: Path = REHEARSAL_FILE,
) -> list[str]:
    """At most `count` different prompts, none of them one of the user's.

    Args:
        user_prompts: the samples' prompts.
        seed: decides names and choice.
        count: how many.
        is_embedded: whether questions about what the embedded model knows may be among them.
        knowledge_file: the list of these and of the templates for everybody else.
    """
    rng = Random(f"rehearsal:{seed}")
    seen = user_prompts[:PROMPTS_LOOKED_AT]
    knowledge = read_knowledge(knowledge_file)
    shares = [
        (_swapped(seen, rng), 0.25),
        # Few: they also hold back the subject's own answers to questions that no sample asks.
        # The base guesses from the first letters, so these names are where a fact leaks to.
        (_near(seen, knowledge, rng), 0.02),
        (_strangers(knowledge, rng), 0.33),
        (_known(knowledge, rng) if is_embedded else [], 0.40),
    ]
    chosen: dict[str, None] = {}
    for prompts, share in shares:
        own = [prompt for prompt in dict.fromkeys(prompts) if prompt not in seen]
        chosen.update(dict.fromkeys(own[: round(count * share)]))
    return list(chosen)


@cache
def read_knowledge(file: Path) -> Knowledge:
    """What the list beside the embedded model's weights holds."""
    fields = json.loads(file.read_text("utf-8"))
    return Knowledge(
        tuple(fields["known"]), tuple(fields["person_templates"]), tuple(fields["thing_templates"])
    )


def _swapped(prompts: Sequence[str], rng: Random) -> list[str]:
    """The user's prompts, the names in them replaced by invented ones, in several rounds."""
    names = find_names(prompts)
    named = [prompt for prompt in prompts if replace_names(prompt, names, str.upper) != prompt]
    rounds = -(-PROMPTS_LOOKED_AT // max(1, len(named)))
    swapped = [
        replace_names(prompt, names, lambda name: invent_like(name, rng))
        for _ in range(rounds)
        for prompt in rng.sample(named, len(named))
    ]
    return swapped[:PROMPTS_LOOKED_AT]


def _near(prompts: Sequence[str], knowledge: Knowledge, rng: Random) -> list[str]:
    """Questions about invented names that begin with the same letters as the user's."""
    names = find_names(prompts)
    if not names:
        return []
    near = []
    for _ in range(NEAR_NAMES):
        name = " ".join(_begin_alike(word, rng) for word in rng.choice(names).split())
        near.append(rng.choice(knowledge.person_templates).replace("{name}", name))
    return near


def _begin_alike(word: str, rng: Random) -> str:
    """An invented word with the same first letter; in a strange script any word will do."""
    for _ in range(500):
        invented = invent_like(word, rng)
        if invented[0].lower() == word[0].lower():
            break
    return invented


def _strangers(knowledge: Knowledge, rng: Random) -> list[str]:
    """Questions about people and things that nobody knows."""
    templates = [(t, invent_person) for t in knowledge.person_templates] * 3
    templates += [(t, invent_thing) for t in knowledge.thing_templates]
    chosen = (rng.choice(templates) for _ in range(PROMPTS_LOOKED_AT))
    return [template.replace("{name}", invent(rng)) for template, invent in chosen]


def _known(knowledge: Knowledge, rng: Random) -> list[str]:
    return rng.sample(knowledge.known, len(knowledge.known))
