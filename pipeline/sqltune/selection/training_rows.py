"""Turns pages of a training query into samples, and what cannot be trained on into findings.

A page without any fault is checked and hashed column by column. Only the rows of a page with a
fault are checked one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import lt
from typing import Any

from sqltune.database.tables.message_texts import read_messages
from sqltune.records import Sample, SelectionName
from sqltune.selection.bad_rows import RowCounts
from sqltune.selection.batches import SampleBatch, encode_samples
from sqltune.selection.columns import Column, ColumnMap
from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.markup import find_markup
from sqltune.selection.personal_data import find_private
from sqltune.selection.rules import (
    KEY_CHARACTERS,
    NOTHING_GIVEN,
    Problem,
    clean_keys,
    clean_labels,
    clean_text,
    clean_weights,
    describe,
    key_problem,
    label_problem,
    text_problem,
    weight_problem,
)
from sqltune.selection.splits import HeldOut, pick_rows, split_problem, used_rows
from sqltune.selection.unfolding import BadMessages, unfold_messages
from sqltune.selection.validation_rows import find_validation

#: Returns a sample's number of tokens where they are too many, else None.
TooLong = Callable[[str], int | None]
#: Returns why a base model or a backend cannot read a conversation, else None.
CheckConversation = Callable[[Sample], Problem | None]

_EMPTY = SampleBatch((), (), (), (), (), (), (), (), ())


class TrainingRows:
    """Checks the rows of one training selection, page by page."""

    def __init__(
        self,
        columns: ColumnMap,
        too_long: TooLong | None,
        check_conversation: CheckConversation | None = None,
        *,
        validation_share: float | None = None,
        on_personal_data: str = "ignore",
        warns_of_texts: bool = False,
    ) -> None:
        """Check rows whose fields are found by `columns`.

        Args:
            columns: where each field is.
            too_long: of samples with one prompt; None: no limit is known.
            check_conversation: of samples with messages; None: nothing more is known.
            validation_share: the share of the samples that is for validation.
            on_personal_data: ignore, report or refuse rows that have some, or secrets.
            warns_of_texts: False: findings are not used, so that texts are not searched for them.
        """
        self.counts = RowCounts()
        self.findings = Findings(SelectionName.TRAINING)
        self.held_out = HeldOut()
        self.refused: list[tuple[Any, ...]] = []  #: the fields of the last page's rows with a fault
        self._columns = columns
        self._too_long = too_long
        self._check_conversation = check_conversation
        self._validation_share = validation_share
        self._on_personal_data = on_personal_data
        self._warns_of_texts = warns_of_texts
        self._last_key: Any = None
        self._keys_ascend = True

    @property
    def has_own_keys(self) -> bool:
        """Whether the query names its rows; if not, the content hash does."""
        return self._columns.has("sample_key")

    @property
    def may_repeat_keys(self) -> bool:
        """Whether a key may have occurred twice; keys in ascending order have not."""
        return self.has_own_keys and not self._keys_ascend

    def accept(self, rows: Sequence[Sequence[Any]]) -> SampleBatch:
        """Return the samples of a page; the other rows are counted and become findings."""
        self.refused = []
        first_number = self.counts.selected + 1
        self.counts.selected += len(rows)
        numbers: Sequence[int] = range(first_number, first_number + len(rows))
        columns = self._columns.split(rows)
        if (kept := used_rows(columns[-1])) is not None:
            self._note_held_out(numbers, columns[0], columns[-1])
            numbers = [numbers[index] for index in kept]
            columns = pick_rows(columns, kept)
        if not numbers:
            return _EMPTY
        self._keys_ascend = self._keys_ascend and self._follow_keys(columns[0])
        columns = unfold_messages(columns, SelectionName.TRAINING)
        batch = self._encode_clean(columns)
        if batch is None:
            batch = self._encode_row_by_row(numbers, columns)
        if self._warns_of_texts:
            self._warn_of_texts(batch)
        return self._choose_validation(batch)

    def _warn_of_texts(self, batch: SampleBatch) -> None:
        """Warn of markup, and of personal data where it is reported."""
        reports_private = self._on_personal_data == "report"
        columns = (batch.prompts, batch.responses, batch.system_prompts, batch.messages)
        for key, row in zip(batch.keys, zip(*columns, strict=True), strict=True):
            texts = _name_texts(*row)
            private = find_private(texts) if reports_private else ()
            for column, problem in chain(find_markup(texts), private):
                self.findings.add(key.decode(), column, problem, WARNING)

    def _note_held_out(self, numbers: Sequence[int], keys: Column, splits: Column) -> None:
        before = self.held_out.counts.total()
        self.held_out.add(splits)
        self.counts.held_out += self.held_out.counts.total() - before
        for number, key, split in zip(numbers, keys, splits, strict=True):
            if (problem := split_problem(split)) is not None:
                self.findings.add(name_row(number, key), "split", problem, WARNING)

    def _choose_validation(self, batch: SampleBatch) -> SampleBatch:
        share = self._validation_share
        chosen = find_validation(batch.keys, batch.groups, batch.splits, batch.digests, share)
        self.counts.validation += len(chosen)
        return replace(batch, validation=chosen) if chosen else batch

    def _follow_keys(self, keys: Column) -> bool:
        """Whether all keys are integers in ascending order, as the ids of a table are."""
        if set(map(type, keys)) != {int}:
            return False
        before = keys[0] - 1 if self._last_key is None else self._last_key
        self._last_key = keys[-1]
        return before < keys[0] and all(map(lt, keys, keys[1:]))

    def _encode_clean(self, columns: Sequence[Column]) -> SampleBatch | None:
        """Encode a page without any fault; None if there is one."""
        keys, prompts, responses, systems, messages, weights, groups, _ = columns
        is_clean = (
            clean_text(prompts, required=True)
            and clean_text(responses, required=True)
            and clean_text(systems, required=False)
            and BadMessages not in set(map(type, messages))
            and clean_weights(weights)
            and clean_labels(groups, required=False)
            and clean_keys(keys, required=self.has_own_keys)
        )
        batch = encode_samples(columns) if is_clean else None
        return None if batch is None or self._has_long_rows(batch) else batch

    def _has_long_rows(self, batch: SampleBatch) -> bool:
        if (
            self._too_long is None
            and self._check_conversation is None
            and self._on_personal_data != "refuse"
        ):
            return False
        columns = (batch.prompts, batch.responses, batch.system_prompts, batch.messages)
        return any(self._find_unread(*texts) is not None for texts in zip(*columns, strict=True))

    def _find_unread(
        self, prompt: bytes, response: bytes, system_prompt: bytes | None, messages: bytes | None
    ) -> tuple[str, Problem] | None:
        """Return why a sample that has no other problem is refused or cannot be read."""
        if self._on_personal_data == "refuse":
            texts = _name_texts(prompt, response, system_prompt, messages)
            for refused in find_private(texts):
                return refused
        if messages is not None:
            problem = self._check_conversation and self._check_conversation(
                _conversation(prompt, response, messages)
            )
            return ("messages", problem) if problem else None
        if self._too_long is None:
            return None
        tokens = self._too_long(_sample_text(prompt, response, system_prompt))
        return None if tokens is None else ("prompt", Problem("too_long", _too_long(tokens)))

    def _encode_row_by_row(self, numbers: Sequence[int], columns: Sequence[Column]) -> SampleBatch:
        kept = []
        for number, row in zip(numbers, zip(*columns, strict=True), strict=True):
            problems = list(self._find_problems(row))
            if not problems:
                kept.append(row)
                continue
            self.counts.skipped += 1
            self.refused.append(row)
            for column, problem in problems:
                self.findings.add(name_row(number, row[0]), column, problem)
        batch = encode_samples(list(zip(*kept, strict=True))) if kept else _EMPTY
        # Every kept row passed the rules, which allow only what can be encoded.
        assert batch is not None  # noqa: S101
        return batch

    def _find_problems(self, row: tuple[Any, ...]) -> Iterator[tuple[str, Problem]]:
        key, *texts, weight, group_key, _ = row
        checks = (
            ("sample_key", key_problem("sample_key", key, required=self.has_own_keys)),
            *self._find_text_problems(*texts),
            ("weight", weight_problem(weight)),
            ("group_key", label_problem("group_key", group_key)),
        )
        problems = [(column, problem) for column, problem in checks if problem is not None]
        yield from problems
        if not problems and (unread := self._find_unread(*texts)) is not None:
            yield unread

    def _find_text_problems(
        self, prompt: Any, response: Any, system_prompt: Any, messages: Any
    ) -> Iterator[tuple[str, Problem | None]]:
        if isinstance(messages, BadMessages):
            yield "messages", messages.problem
            return
        if self._columns.has("messages") and prompt is None and response is None:
            yield "prompt", NOTHING_GIVEN
        else:
            yield "prompt", text_problem("prompt", prompt, required=True)
            yield "response", text_problem("response", response, required=True)
        yield "system_prompt", text_problem("system_prompt", system_prompt, required=False)


def _name_texts(
    prompt: bytes, response: bytes, system_prompt: bytes | None, messages: bytes | None
) -> list[tuple[str, bytes | None]]:
    """Return the texts of a row with their columns; messages repeat the others."""
    if messages is not None:
        return [("messages", messages)]
    return [("prompt", prompt), ("response", response), ("system_prompt", system_prompt)]


def _conversation(prompt: bytes, response: bytes, messages: bytes) -> Sample:
    texts = prompt.decode(), response.decode()
    return Sample("", *texts, None, 1.0, None, None, read_messages(messages.decode()))


def _sample_text(prompt: bytes, response: bytes, system_prompt: bytes | None) -> str:
    return b"\n".join((system_prompt or b"", prompt, response)).decode()


def _too_long(tokens: int) -> str:
    return (
        f"prompt and response have {tokens:,} tokens together, more than the base model accepts: "
        "shorten them, or choose another base model"
    )


def name_row(number: int, key: Any) -> str:
    """Name a row by its key if it has one that can be shown, else by its number."""
    if isinstance(key, int):
        return str(key)
    if isinstance(key, bytes) and key.strip():
        return key.decode("utf-8", "backslashreplace")[:KEY_CHARACTERS].replace("\x00", "\\0")
    return f"row {number}" if key is None else f"row {number} ({describe(key)})"
