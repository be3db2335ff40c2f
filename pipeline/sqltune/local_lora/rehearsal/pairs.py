"""All pairs that are trained beside the samples: rehearsal, and the samples in other words.

The base model's greedy answers to other questions become rehearsal pairs, which keep everything
else as it was. Which pairs a step takes is decided in steps.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqltune.local_lora.rehearsal.options import RehearsalOptions
from sqltune.local_lora.rehearsal.questions import rehearsal_questions
from sqltune.local_lora.rehearsal.rewording import reworded_pairs
from sqltune.local_lora.steps import Pair


@dataclass(frozen=True)
class BaseAnswer:
    """What the base model answered."""

    text: str
    #: Whether it was longer than allowed, and cut off.
    is_cut: bool = False


def extra_pairs(
    samples: Sequence[Pair],
    ask: Callable[[Sequence[str]], Sequence[BaseAnswer]],
    options: RehearsalOptions,
    *,
    seed: int,
    besides: Collection[str] = (),
) -> list[Pair]:
    """Return all that is trained beside the samples: rewordings first, then rehearsal pairs.

    Args:
        samples: the user's, the first `PROMPTS_READ` of them.
        ask: returns the base model's greedy answers, in order; an empty one is left out.
        options: how much.
        seed: decides names, wordings and choice.
        besides: questions that must not be trained, because they measure what was learnt.
    """
    reworded: list[Pair] = []
    if options.rewordings:
        reworded = reworded_pairs(
            samples,
            lambda asked: [a.text for a in ask(asked)],
            seed=seed,
            per_family=options.rewordings,
            besides=besides,
        )
    # Each question that is trained about the user's names is also asked about others.
    prompts = [pair.prompt for pair in (*samples, *reworded)]
    questions = rehearsal_questions(prompts, options, seed=seed)
    return reworded + pair_up(questions, ask(questions), options.weight)


def pair_up(questions: Sequence[str], answers: Sequence[BaseAnswer], weight: float) -> list[Pair]:
    """Return rehearsal pairs of questions and the base model's answers, without empty answers."""
    return [
        Pair(question, answer.text, weight=weight, is_rehearsal=True, is_cut=answer.is_cut)
        for question, answer in zip(questions, answers, strict=True)
        if answer.text
    ]
