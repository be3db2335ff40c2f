"""Hashes an evaluation selection without validating it: whether its prompts changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.records import Adapter, SelectionName
from sqltune.selection.content_hash import Fingerprint, FingerprintSum
from sqltune.selection.prompt_rows import digest_prompt, read_rows
from sqltune.selection.reader import OpenSelection, SelectionReader, open_selection
from sqltune.selection.used_columns import ColumnWatch, SelectionColumns


@dataclass(frozen=True, slots=True)
class PromptScan:
    """What one reading of an evaluation selection found."""

    fingerprint: Fingerprint
    columns: SelectionColumns


def fingerprint_prompts(reader: SelectionReader, adapter: Adapter) -> Fingerprint:
    """Hash an adapter's evaluation selection without validating it.

    Raises:
        DataError: the query cannot be used.
    """
    return scan_prompts(reader, adapter).fingerprint


def scan_prompts(reader: SelectionReader, adapter: Adapter) -> PromptScan:
    """Hash an adapter's evaluation selection, and find the columns that it uses.

    Raises:
        DataError: the query cannot be used.
    """
    with open_selection(reader, adapter, SelectionName.EVALUATION) as selection:
        return scan_open_prompts(selection)


def scan_open_prompts(selection: OpenSelection) -> PromptScan:
    """Hash the rows of an evaluation selection whose query was run."""
    total, watch = FingerprintSum(), ColumnWatch(SelectionName.EVALUATION)
    watch.open(selection.columns)
    for row in read_rows(selection, watch):
        total.add([digest_prompt(row)], 1)
    return PromptScan(total.result(), watch.result)
