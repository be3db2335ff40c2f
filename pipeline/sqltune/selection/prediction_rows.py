"""The rows of a prediction selection: their texts, their hash, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqltune.records import SelectionName
from sqltune.selection.columns import Column, as_text
from sqltune.selection.content_hash import content_digest, raw_digest
from sqltune.selection.prompt_rows import find_asked_problem
from sqltune.selection.reader import OpenSelection
from sqltune.selection.rules import Problem, clean_keys, clean_text, key_problem, text_problem
from sqltune.selection.unfolding import unfold_messages


class _GivenRow(NamedTuple):
    """The fields of a row as the query returned them, in the order of PREDICTION_FIELDS."""

    key: Any
    prompt: Any
    expected: Any
    system_prompt: Any
    messages: Any


class PredictionRow(NamedTuple):
    """One row to answer, texts in UTF-8."""

    key: str | None  #: None: the query returned none that can be stored
    content_hash: str
    prompt: bytes
    system_prompt: bytes | None
    messages: bytes | None
    problem: tuple[str, Problem] | None  #: why it cannot be asked, with the column


def read_prediction_rows(selection: OpenSelection) -> Iterator[list[PredictionRow]]:
    """Yield the rows of an opened prediction selection, page by page."""
    has_messages = selection.columns.has("messages")
    for page in selection.pages():
        columns = unfold_messages(selection.columns.split(page), SelectionName.PREDICTION)
        is_clean = not has_messages and _are_clean(columns)
        if is_clean:
            yield list(map(_read_clean, *columns))
        else:
            rows = map(_GivenRow._make, zip(*columns, strict=True))
            yield [_read_row(row, has_messages) for row in rows]


def digest_asked(prompt: bytes, system_prompt: bytes | None, messages: bytes | None) -> bytes:
    """Hash what a row asks; its messages as canonical JSON."""
    return content_digest(prompt, None, system_prompt, None, None, None, messages)


def _are_clean(columns: list[Column]) -> bool:
    keys, prompts, _, system_prompts, _ = columns
    return (
        clean_keys(keys, required=True)
        and clean_text(prompts, required=True)
        and clean_text(system_prompts, required=False)
    )


def _read_clean(
    key: bytes | int, prompt: bytes, _expected: Any, system_prompt: bytes | None, messages: None
) -> PredictionRow:
    digest = digest_asked(prompt, system_prompt, None)
    return PredictionRow(as_text(key), digest.hex(), prompt, system_prompt, messages, None)


def _read_row(row: _GivenRow, has_messages: bool) -> PredictionRow:
    problem = _find_problem(row, has_messages)
    if problem is None:
        texts = (row.prompt, row.system_prompt, row.messages)
        return PredictionRow(as_text(row.key), digest_asked(*texts).hex(), *texts, problem)
    key = None if problem[0] == "row_key" else as_text(row.key)
    digest = raw_digest((row.prompt, row.system_prompt, row.messages))
    return PredictionRow(key, digest.hex(), b"", None, None, problem)


def _find_problem(row: _GivenRow, has_messages: bool) -> tuple[str, Problem] | None:
    checks = (
        ("row_key", key_problem("row_key", row.key, required=True)),
        find_asked_problem(row.prompt, row.messages, has_messages=has_messages),
        ("system_prompt", text_problem("system_prompt", row.system_prompt, required=False)),
    )
    return next(((column, problem) for column, problem in checks if problem is not None), None)
