"""Asks the held-out tickets in one way, whatever trained the adapter."""

from __future__ import annotations

from collections.abc import Sequence

from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.sampling import Sampling
from tests.bench.support.exported import SupportRow

#: As `adapters.max_new_tokens` is by default.
ANSWER_TOKENS = 128


def ask(base: LoadedModel, rows: Sequence[SupportRow], adapter: str | None) -> dict[int, str]:
    """Return the greedy answers by key; `adapter` None asks the base model."""
    questions = [Question(row.prompt) for row in rows]
    sampling = Sampling(max_new_tokens=ANSWER_TOKENS)
    answers = base.answer(questions, adapter=adapter, sampling=sampling)
    return {rows[answer.index].key: answer.text or "" for answer in answers}
