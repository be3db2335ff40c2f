"""Answers of a causal LM to many prompts: batches of similar length, padded on the left.

Tokens are chosen here and not by transformers' generate, for three reasons: a prompt whose answer
has ended leaves its batch, a drawn answer depends on its own seed and not on the other prompts, and
no logits are computed for prompt tokens.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from sqltune.local_lora.conversations import tokenise_question, words_of
from sqltune.local_lora.prompt_format import end_ids
from sqltune.local_lora.sampling import Sampling, TokenChooser
from sqltune.local_lora.text_bounds import count_at_least
from sqltune.local_lora.tokenising import tokenise_prompt
from sqltune.prompt_formats import PLAIN
from sqltune.records import Message

#: More rows gain little and cost memory.
ROWS_AT_ONCE = 64
#: Bounds the memory of a batch of long prompts: rows times longest prompt.
PROMPT_TOKENS_AT_ONCE = 16_384


class FinishReason(StrEnum):
    """Why an answer ended."""

    #: The model closed it.
    STOP = "stop"
    #: It had as many tokens as allowed.
    LENGTH = "length"
    #: The prompt leaves no room for an answer; there is no text.
    PROMPT_TOO_LONG = "prompt_too_long"


@dataclass(frozen=True)
class Question:
    """A prompt for the model."""

    #: The user's words, without the prompt form around them.
    prompt: str
    #: The instruction before the prompt; None where there is none.
    system_prompt: str | None = None
    #: How the prompt is put into words; None: in the base model's format.
    prompt_format: str | None = None
    #: The whole conversation, which the prompt ends; None: the prompt is all that is asked.
    messages: tuple[Message, ...] | None = None
    #: Decides the draws beside the seed, so that equal questions may get different answers.
    draw: int | None = None


@dataclass(frozen=True)
class GeneratedAnswer:
    """What the model answered."""

    #: Position of the question in the list of questions.
    index: int
    #: The answer without end mark and outer spaces; None where the prompt was too long.
    text: str | None
    #: Why it ended.
    finish_reason: FinishReason
    #: Tokens of the prompt with its form.
    prompt_tokens: int
    #: Tokens of the answer, its end mark not counted.
    output_tokens: int
    #: From the start of its batch to its last token.
    latency_seconds: float


@dataclass
class _Row:
    """One prompt while it is answered."""

    index: int
    prompt_ids: tuple[int, ...]
    #: Of the prompt; at least, where it was too long to be read.
    prompt_tokens: int
    #: What the draws depend on beside seed and position.
    drawn_by: tuple[int, ...]
    room: int
    output_ids: list[int]
    finish_reason: FinishReason | None = None
    seconds: float = 0.0


def answer_questions(
    network: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    sampling: Sampling,
    *,
    max_length: int,
    activate: Callable[[], AbstractContextManager[None]],
    on_progress: Callable[[float], None] | None = None,
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
        on_progress: called after each token with the number of answers that are done, those begun
            counted by their share.
    """
    rows = [
        _row(index, question, tokenizer, sampling, max_length)
        for index, question in enumerate(questions)
    ]
    refused = [row for row in rows if row.room < 1]
    if refused:
        yield [_answer(row, tokenizer) for row in refused]
    ends = _end_ids(network, tokenizer)
    answered = float(len(refused))
    for rows_at_once in _batches([row for row in rows if row.room > 0]):
        batch = _OpenBatch(network, rows_at_once, TokenChooser(sampling), ends)
        while batch.rows:
            ended: list[_Row] = []
            with activate(), torch.no_grad():
                while not ended:
                    ended = batch.advance()
                    if on_progress is not None:
                        on_progress(answered + batch.done())
            yield [_answer(row, tokenizer) for row in ended]
        answered += len(rows_at_once)


def _row(
    index: int,
    question: Question,
    tokenizer: Any,
    sampling: Sampling,
    max_length: int,
) -> _Row:
    least = count_at_least(_words_of(question), tokenizer, max_length)
    if least is not None:
        return _Row(index, (), least, (), 0, [], FinishReason.PROMPT_TOO_LONG)
    ids = _tokenise(question, tokenizer, question.prompt_format or PLAIN)
    drawn_by = ids if question.draw is None else (*ids, question.draw)
    room = min(sampling.max_new_tokens, max_length - len(ids))
    reason = FinishReason.PROMPT_TOO_LONG if room < 1 else None
    return _Row(index, ids, len(ids), drawn_by, room, [], reason)


def _words_of(question: Question) -> list[str]:
    if question.messages is not None:
        return words_of(question.messages)
    return [question.system_prompt or "", question.prompt]


def _tokenise(question: Question, tokenizer: Any, prompt_format: str) -> tuple[int, ...]:
    if question.messages is not None:
        return tokenise_question(question.messages, tokenizer, prompt_format=prompt_format)
    return tokenise_prompt(
        question.prompt,
        tokenizer,
        system_prompt=question.system_prompt,
        prompt_format=prompt_format,
    )


def _batches(rows: list[_Row]) -> Iterator[list[_Row]]:
    """Yield rows of similar length together, the shortest first."""
    batch: list[_Row] = []
    for row in sorted(rows, key=lambda row: len(row.prompt_ids)):
        is_full = len(batch) == ROWS_AT_ONCE
        if batch and (is_full or (len(batch) + 1) * len(row.prompt_ids) > PROMPT_TOKENS_AT_ONCE):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


class _OpenBatch:
    """Prompts that are answered together, token by token; rows leave it as they end."""

    def __init__(
        self, network: Any, rows: list[_Row], chooser: TokenChooser, ends: frozenset[int]
    ) -> None:
        self.rows = rows
        self._all = list(rows)
        self._network = network
        self._chooser = chooser
        self._ends = ends
        self._started = time.monotonic()
        self._ids, self._mask = _pad_left(rows, network.device)
        self._cache: Any = None
        self._takes = inspect.signature(type(network).forward).parameters

    def done(self) -> float:
        """Return how many answers are done, those begun counted by their share."""
        return sum(
            1.0 if row.finish_reason is not None else len(row.output_ids) / row.room
            for row in self._all
        )

    def advance(self) -> list[_Row]:
        """Add a token to each row; return the rows that end with it."""
        logits, self._cache = _next_logits(
            self._network, self._ids, self._mask, self._cache, self._takes
        )
        rows = self.rows
        chosen = self._chooser.choose(logits, [(row.drawn_by, len(row.output_ids)) for row in rows])
        for row, token in zip(rows, chosen.tolist(), strict=True):
            _extend(row, token, self._ends, time.monotonic() - self._started)
        self._keep([place for place, row in enumerate(rows) if row.finish_reason is None], chosen)
        return [row for row in rows if row.finish_reason is not None]

    def _keep(self, open_places: list[int], chosen: Tensor) -> None:
        """Continue with the rows at these places and the tokens chosen for them."""
        if len(open_places) < len(self.rows):
            kept = torch.tensor(open_places, device=self._mask.device, dtype=torch.int64)
            self.rows = [self.rows[place] for place in open_places]
            self._mask, chosen = self._mask[kept], chosen[kept]
            if open_places:
                self._cache.batch_select_indices(kept)
        self._ids = chosen[:, None]
        self._mask = torch.cat([self._mask, torch.ones_like(self._ids)], 1)


def _next_logits(
    network: Any, ids: Tensor, mask: Tensor, cache: Any, takes: Any
) -> tuple[Tensor, Any]:
    """Return logits of each row's next token, (rows, vocabulary) float32, and the cache after it.

    Args:
        network: a causal LM.
        ids: (rows, new tokens) int64.
        mask: (rows, all tokens) int64, 0 on padding.
        cache: from the call before; None at first.
        takes: names of the arguments that the network's forward pass has.
    """
    # transformers 5.24 renames it, and warns about the old name.
    cache_name = "cache" if "cache" in takes else "past_key_values"
    arguments: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "use_cache": True}
    if cache is not None:
        arguments[cache_name] = cache
    if "position_ids" in takes:
        # Padding is on the left, so a token's place is the number of real tokens before it.
        arguments["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)[:, -ids.shape[1] :]
    if "logits_to_keep" in takes:
        # A number takes a view, for which the product with the vocabulary copies that matrix once a
        # row: gigabytes. A position takes a copy of the hidden states.
        arguments["logits_to_keep"] = torch.tensor([ids.shape[1] - 1], device=ids.device)
    output = network(**arguments)
    return output.logits[:, -1].float(), getattr(output, cache_name)


def _extend(row: _Row, token: int, ends: frozenset[int], seconds: float) -> None:
    if token in ends:
        row.finish_reason = FinishReason.STOP
    else:
        row.output_ids.append(token)
        if len(row.output_ids) == row.room:
            row.finish_reason = FinishReason.LENGTH
    row.seconds = seconds


def _pad_left(rows: list[_Row], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the prompts' ids and their mask, both (rows, longest) int64, padded on the left."""
    longest = max(len(row.prompt_ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, longest - len(row.prompt_ids) :] = torch.tensor(row.prompt_ids)
        mask[place, longest - len(row.prompt_ids) :] = 1
    return ids.to(device), mask.to(device)


def _end_ids(network: Any, tokenizer: Any) -> frozenset[int]:
    """Return all tokens that end an answer; chat models name several."""
    named = getattr(getattr(network, "generation_config", None), "eos_token_id", None)
    ids = named if isinstance(named, list) else [named]
    return frozenset(i for i in ids if i is not None) | end_ids(tokenizer)


def _answer(row: _Row, tokenizer: Any) -> GeneratedAnswer:
    assert row.finish_reason is not None  # noqa: S101  every row of a finished batch has ended
    text = None
    if row.finish_reason is not FinishReason.PROMPT_TOO_LONG:
        # Cleaned up, spaces before punctuation are lost; some releases of transformers do not clean
        # up BPE, which is all that causal models have, and print a line about it instead.
        text = tokenizer.decode(
            row.output_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        ).strip()
    return GeneratedAnswer(
        row.index, text, row.finish_reason, row.prompt_tokens, len(row.output_ids), row.seconds
    )
