"""Compares the rows of a file with those of a dataset, by the hashes of their content."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sqltune.database.connection import Database
from sqltune.database.streaming import open_stream
from sqltune.records import Message, SelectionName
from sqltune.selection.columns import FIELDS, Column, map_columns
from sqltune.selection.conversations import check_conversation, parse_conversation
from sqltune.selection.prompt_rows import PromptRow, digest_prompt
from sqltune.selection.rules import Problem
from sqltune.selection.scan import digest_page
from sqltune.selection.sources import find_dataset
from sqltune.selection.unfolding import unfold_messages

#: Half of a hash distinguishes the rows of any table and takes half of the memory.
_PREFIX_BYTES = 16
#: Reading a dataset has no limit of its own; the server gets one that nothing reaches.
_TIMEOUT_SECONDS = 86_400.0


def read_conversation(value: Any, selection: SelectionName) -> tuple[Message, ...] | Problem:
    """Return the messages of a file's row, which has them as JSON text or parsed already."""
    if isinstance(value, list):
        return check_conversation(value, selection)
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return parse_conversation(text.encode("utf-8", "surrogatepass"), selection)


def count_stored_contents(
    database: Database, selection: SelectionName, dataset: str
) -> Counter[bytes]:
    """Return how often each content is in a dataset, by the beginning of its hash."""
    source = find_dataset(selection, dataset, database.kind)
    counts: Counter[bytes] = Counter()
    with open_stream(
        database,
        source.sql,
        source.values,
        check=lambda: None,
        timeout_seconds=_TIMEOUT_SECONDS,
    ) as stream:
        columns = map_columns(stream.column_names, selection).without_key()
        for page in stream.pages():
            counts.update(_digest(columns.split(page), selection))
    return counts


def digest_inputs(rows: Sequence[Mapping[str, Any]], selection: SelectionName) -> list[bytes]:
    """Return the beginning of each row's hash, as `count_stored_contents` counts it."""
    columns = [[_as_stored(row.get(field)) for row in rows] for field in FIELDS[selection]]
    return _digest(columns, selection)


def _digest(columns: Sequence[Column], selection: SelectionName) -> list[bytes]:
    if selection is SelectionName.TRAINING:
        return [digest[:_PREFIX_BYTES] for digest in digest_page(list(columns))]
    rows = zip(*unfold_messages(columns, selection), strict=True)
    return [_digest_prompt(PromptRow._make(row)) for row in rows]


def _digest_prompt(row: PromptRow) -> bytes:
    # The category is no content of a prompt, but a prompt of another one is another row.
    category = repr(row.category).encode()
    return blake2b(digest_prompt(row) + category, digest_size=_PREFIX_BYTES).digest()


def _as_stored(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
