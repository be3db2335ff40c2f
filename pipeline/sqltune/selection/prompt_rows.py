"""The rows of an evaluation selection: their fields, what is wrong with one, and its hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from sqltune.records import Adapter, SelectionName
from sqltune.selection.columns import ColumnMap, as_text
from sqltune.selection.content_hash import content_digest, prompt_digest, raw_digest
from sqltune.selection.reader import OpenSelection, SelectionReader, open_selection
from sqltune.selection.rules import (
    NOTHING_GIVEN,
    Problem,
    key_problem,
    label_problem,
    scorer_problem,
    text_problem,
)
from sqltune.selection.unfolding import BadMessages, unfold_messages
from sqltune.selection.used_columns import ColumnWatch


class PromptRow(NamedTuple):
    """The fields of a row as the query returned them, in the order of EVALUATION_FIELDS."""

    key: Any
    prompt: Any
    expected: Any
    system_prompt: Any
    messages: Any
    category: Any
    scorer: Any
    group_key: Any


def read_rows(selection: OpenSelection, watch: ColumnWatch | None = None) -> Iterator[PromptRow]:
    """Yield the rows of an opened selection; a watch notes the columns that they use."""
    for page in selection.pages():
        fields = selection.columns.split(page)
        if watch is not None:
            watch.add(fields)
        columns = unfold_messages(fields, SelectionName.EVALUATION)
        yield from map(PromptRow._make, zip(*columns, strict=True))


def find_first_scorers(reader: SelectionReader, adapter: Adapter, prompts: int) -> set[str]:
    """Return the scorers that the first prompts of an adapter name.

    Args:
        reader: where the query runs.
        adapter: its row.
        prompts: how many are read.

    Raises:
        DataError: the query cannot be used.
    """
    with open_selection(reader, adapter, SelectionName.EVALUATION) as selection:
        rows = islice(read_rows(selection), prompts)
        return {as_text(row.scorer) for row in rows if row.scorer is not None}


def find_problems(
    row: PromptRow, columns: ColumnMap, scorers: Mapping[str, bool] | None
) -> Iterator[tuple[str, Problem]]:
    """Yield why a row cannot be asked, with the column."""
    checks = (
        ("prompt_key", key_problem("prompt_key", row.key, required=columns.has("prompt_key"))),
        find_asked_problem(row.prompt, row.messages, has_messages=columns.has("messages")),
        ("expected", text_problem("expected", row.expected, required=False)),
        ("system_prompt", text_problem("system_prompt", row.system_prompt, required=False)),
        ("category", label_problem("category", row.category, longest=100)),
        ("scorer", scorer_problem(row.scorer, scorers)),
        ("group_key", label_problem("group_key", row.group_key)),
    )
    return ((column, problem) for column, problem in checks if problem is not None)


def find_asked_problem(
    prompt: Any, messages: Any, *, has_messages: bool
) -> tuple[str, Problem | None]:
    """Return why a row's prompt or messages cannot be asked, with the column."""
    if isinstance(messages, BadMessages):
        return "messages", messages.problem
    if has_messages and prompt is None:
        return "prompt", NOTHING_GIVEN
    return "prompt", text_problem("prompt", prompt, required=True)


def digest_prompt(row: PromptRow) -> bytes:
    """Hash what an evaluation depends on: texts, own scorer and group, not key and category."""
    group = b"%d" % row.group_key if isinstance(row.group_key, int) else row.group_key
    texts = (row.expected, row.system_prompt, row.messages, row.scorer, group)
    if isinstance(row.prompt, bytes) and all(t is None or isinstance(t, bytes) for t in texts):
        content = content_digest(
            row.prompt, row.expected, row.system_prompt, None, group, None, row.messages
        )
        return prompt_digest(content, row.scorer)
    return raw_digest((row.prompt, *texts))
