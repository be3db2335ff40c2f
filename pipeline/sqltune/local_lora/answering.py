"""Answers of a causal LM to many prompts, in batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from sqltune.errors import DataError
from sqltune.local_lora.asked_questions import (
    ROWS_AT_ONCE,
    FinishReason,
    GeneratedAnswer,
    Question,
)
from sqltune.local_lora.conversations import tokenise_question, words_of
from sqltune.local_lora.growing_text import GrowingText
from sqltune.local_lora.prompt_format import end_ids
from sqltune.local_lora.sampling import Sampling, TokenChooser
from sqltune.local_lora.text_bounds import count_at_least
from sqltune.local_lora.token_loop import OpenBatch, OpenRow, TokenWatcher
from sqltune.local_lora.tokenising import tokenise_prompt
from sqltune.prompt_formats import PLAIN

#: Bounds the memory of a batch of long prompts: rows times longest prompt.
PROMPT_TOKENS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Observers:
    """Functions that follow the answering, called after each token."""

    #: Gets the number of answers that are done, those begun counted by their share.
    on_progress: Callable[[float], None] | None = None
    #: Ends answers that nobody waits for any more.
    watch: TokenWatcher | None = None


def answer_questions(
    network: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    sampling: Sampling,
    *,
    max_length: int,
    activate: Callable[[], AbstractContextManager[None]],
    observers: Observers,
) -> Iterator[list[GeneratedAnswer]]:
    """Yield the answers, those that end with the same token of a batch as one list.

    Args:
        network: a causal LM.
        tokenizer: its tokenizer.
        questions: what to ask, each with its prompt format.
        sampling: how tokens are chosen.
        max_length: tokens of prompt and answer together that the network reads.
        activate: switches the adapter on while tokens are computed, so that the network can be
            used otherwise between two lists.
        observers: who follows.
    """
    rows = [
        _row(index, question, tokenizer, sampling, max_length)
        for index, question in enumerate(questions)
    ]
    refused = [row for row in rows if row.room < 1]
    if refused:
        yield [_answer(row) for row in refused]
    ends = _end_ids(network, tokenizer)
    answered = float(len(refused))
    for rows_at_once in _batches([row for row in rows if row.room > 0]):
        batch = OpenBatch(network, rows_at_once, TokenChooser(sampling), ends, observers.watch)
        while batch.rows:
            ended: list[OpenRow] = []
            with activate(), torch.no_grad():
                while not ended:
                    ended = batch.advance()
                    if observers.on_progress is not None:
                        observers.on_progress(answered + batch.done())
            yield [_answer(row) for row in ended]
        answered += len(rows_at_once)


def _row(
    index: int,
    question: Question,
    tokenizer: Any,
    sampling: Sampling,
    max_length: int,
) -> OpenRow:
    text = GrowingText(tokenizer, [], question.stops, question.keeps_spaces)
    least = count_at_least(_words_of(question), tokenizer, max_length)
    if least is not None:
        return OpenRow(index, (), least, (), 0, text, FinishReason.PROMPT_TOO_LONG)
    try:
        ids = tokenise_asked(question, tokenizer, question.prompt_format or PLAIN)
    except DataError as error:
        return OpenRow(index, (), 0, (), 0, text, FinishReason.REFUSED, error=error)
    drawn_by = ids if question.draw is None else (*ids, question.draw)
    longest = question.max_new_tokens or sampling.max_new_tokens
    room = min(longest, max_length - len(ids))
    reason = FinishReason.PROMPT_TOO_LONG if room < 1 else None
    return OpenRow(index, ids, len(ids), drawn_by, room, text, reason)


def tokenise_asked(question: Question, tokenizer: Any, prompt_format: str) -> tuple[int, ...]:
    """Return what a model reads for a question, as token ids.

    Args:
        question: what is asked; its own format is not looked at.
        tokenizer: the base model's.
        prompt_format: a resolved format.

    Raises:
        DataError: the chat template does not accept it.
    """
    if question.messages is not None:
        return tokenise_question(question.messages, tokenizer, prompt_format=prompt_format)
    return tokenise_prompt(
        question.prompt,
        tokenizer,
        system_prompt=question.system_prompt,
        prompt_format=prompt_format,
    )


def _words_of(question: Question) -> list[str]:
    if question.messages is not None:
        return words_of(question.messages)
    return [question.system_prompt or "", question.prompt]


def _batches(rows: list[OpenRow]) -> Iterator[list[OpenRow]]:
    """Yield rows of similar length together, the shortest first."""
    batch: list[OpenRow] = []
    for row in sorted(rows, key=lambda row: len(row.prompt_ids)):
        is_full = len(batch) == ROWS_AT_ONCE
        if batch and (is_full or (len(batch) + 1) * len(row.prompt_ids) > PROMPT_TOKENS_AT_ONCE):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _end_ids(network: Any, tokenizer: Any) -> frozenset[int]:
    """Return all tokens that end an answer; chat models name several."""
    named = getattr(getattr(network, "generation_config", None), "eos_token_id", None)
    ids = named if isinstance(named, list) else [named]
    return frozenset(i for i in ids if i is not None) | end_ids(tokenizer)


def _answer(row: OpenRow) -> GeneratedAnswer:
    assert row.finish_reason is not None  # noqa: S101  every row of a finished batch has ended
    return GeneratedAnswer(
        index=row.index,
        text=row.text.final if row.room > 0 else None,
        finish_reason=row.finish_reason,
        prompt_tokens=row.prompt_tokens,
        output_tokens=len(row.output_ids),
        latency_seconds=row.seconds,
        error=row.error,
    )
