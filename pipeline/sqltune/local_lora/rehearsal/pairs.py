"""Rehearsal pairs: questions with the base model's own answers, beside the samples of each step.

An answer is where the base model's distribution is kept as it was, and not a text to learn
(gradients/padded_loss.py). Which questions are asked is decided in questions.py, which
pairs a step takes in steps.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqltune.local_lora.asked_questions import FinishReason, GeneratedAnswer
from sqltune.local_lora.steps import Pair


@dataclass(frozen=True)
class BaseAnswer:
    """What the base model answered."""

    text: str
    #: Whether it was longer than allowed, and cut off.
    is_cut: bool = False
    #: Why it could not be asked; None: it was.
    refusal: str | None = None

    @classmethod
    def read(cls, answer: GeneratedAnswer) -> BaseAnswer:
        """Return what an answer is to rehearsal."""
        if answer.text is None:
            return cls("", refusal=str(answer.error or answer.finish_reason.value))
        return cls(answer.text, answer.finish_reason is FinishReason.LENGTH)


def describe_refusals(answers: Sequence[BaseAnswer]) -> str | None:
    """Return how many questions could not be asked, and why the first one; None: all could."""
    refusals = [answer.refusal for answer in answers if answer.refusal is not None]
    if not refusals:
        return None
    return f"{len(refusals)} of {len(answers)} questions could not be asked: {refusals[0]}"


def pair_up(questions: Sequence[str], answers: Sequence[BaseAnswer], weight: float) -> list[Pair]:
    """Return rehearsal pairs of questions and the base model's answers, without empty answers."""
    return [
        Pair(question, answer.text, weight=weight, is_rehearsal=True, is_cut=answer.is_cut)
        for question, answer in zip(questions, answers, strict=True)
        if answer.text
    ]
