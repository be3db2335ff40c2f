"""Reads an adapter's samples without writing: their fingerprint, or the samples themselves.

The fingerprint is the fast answer to whether the samples have changed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field

from sqltune.database.tables.message_texts import read_messages
from sqltune.records import Adapter, Sample, SelectionName
from sqltune.selection.batches import SampleBatch, digest_rows, encode_samples
from sqltune.selection.columns import Column
from sqltune.selection.content_hash import Fingerprint, FingerprintSum
from sqltune.selection.reader import OpenSelection, SelectionReader, open_selection
from sqltune.selection.splits import HeldOut, pick_rows, used_rows
from sqltune.selection.training_rows import TrainingRows
from sqltune.selection.unfolding import unfold_messages
from sqltune.selection.used_columns import ColumnWatch, SelectionColumns
from sqltune.selection.validation_rows import find_validation, mark_digests


@dataclass(frozen=True, slots=True)
class SampleScan:
    """What one reading of a training selection found."""

    fingerprint: Fingerprint  #: of all rows that are not held out
    validation_count: int  #: how many of them are for validation
    held_out: Mapping[str, int] = field(default_factory=dict)  #: how many others, by their split
    columns: SelectionColumns | None = None  #: None: of an earlier selection, not read again


@dataclass(slots=True)
class _ScanNotes:
    """What is noted of all rows while they are hashed."""

    held_out: HeldOut = field(default_factory=HeldOut)
    columns: ColumnWatch = field(default_factory=lambda: ColumnWatch(SelectionName.TRAINING))


def fingerprint_samples(reader: SelectionReader, adapter: Adapter) -> Fingerprint:
    """Hash an adapter's training selection; rows that cannot be trained on count too.

    Raises:
        DataError: the query cannot be used.
    """
    return scan_samples(reader, adapter).fingerprint


def scan_samples(reader: SelectionReader, adapter: Adapter) -> SampleScan:
    """Hash an adapter's training selection, and count the samples that are for validation.

    Raises:
        DataError: the query cannot be used.
    """
    with open_selection(reader, adapter, SelectionName.TRAINING) as selection:
        return scan_open_samples(selection, adapter)


def scan_open_samples(selection: OpenSelection, adapter: Adapter) -> SampleScan:
    """Hash and count the rows of a training selection whose query was run."""
    total, validation_count, notes = FingerprintSum(), 0, _ScanNotes()
    for digests, validation in _digest_pages(selection, adapter, notes):
        total.add(mark_digests(digests, validation), len(digests))
        validation_count += len(validation)
    return SampleScan(total.result(), validation_count, notes.held_out.counts, notes.columns.result)


def digest_samples(reader: SelectionReader, adapter: Adapter) -> Generator[list[bytes], None, None]:
    """Yield the content hashes of an adapter's training selection, page by page.

    Raises:
        DataError: the query cannot be used.
    """
    with open_selection(reader, adapter, SelectionName.TRAINING) as selection:
        for digests, _ in _digest_pages(selection, adapter, _ScanNotes()):
            yield digests


def _digest_pages(
    selection: OpenSelection, adapter: Adapter, notes: _ScanNotes
) -> Iterator[tuple[list[bytes], frozenset[int]]]:
    """Yield the content hashes of each page, and which of its rows are for validation."""
    share = adapter.validation_share
    # Keys are not content: where no share needs them, leaving them out saves their time.
    columns = selection.columns if share else selection.columns.without_key()
    notes.columns.open(columns)
    for page in selection.pages():
        fields = columns.split(page)
        notes.columns.add(fields)
        if (kept := used_rows(fields[-1])) is not None:
            notes.held_out.add(fields[-1])
            fields = pick_rows(fields, kept)
        digests = digest_page(fields)
        yield digests, find_validation(fields[0], fields[-2], fields[-1], digests, share)


def select_samples(reader: SelectionReader, adapter: Adapter) -> Generator[Sample, None, None]:
    """Yield the samples that would be trained on, one by one.

    Raises:
        DataError: the query cannot be used.
    """
    with open_selection(reader, adapter, SelectionName.TRAINING) as selection:
        rows = TrainingRows(selection.columns, None, validation_share=adapter.validation_share)
        for page in selection.pages():
            yield from _samples(rows.accept(page))


def digest_page(columns: list[Column]) -> list[bytes]:
    """Hash a page of rows, including those that cannot be trained on."""
    if not columns[0]:
        return []
    columns = unfold_messages(columns, SelectionName.TRAINING)
    batch = encode_samples(columns, named=False)
    return digest_rows(columns) if batch is None else list(batch.digests)


def _samples(batch: SampleBatch) -> Iterator[Sample]:
    columns = (
        batch.keys,
        batch.prompts,
        batch.responses,
        batch.system_prompts,
        batch.messages,
        batch.weights,
        batch.groups,
        batch.splits,
    )
    for index, (
        key,
        prompt,
        response,
        system_prompt,
        messages,
        weight,
        group_key,
        split,
    ) in enumerate(zip(*columns, strict=True)):
        if index in batch.validation:
            continue
        yield Sample(
            sample_key=key.decode(),
            prompt=prompt.decode(),
            response=response.decode(),
            system_prompt=None if system_prompt is None else system_prompt.decode(),
            weight=weight,
            group_key=None if group_key is None else group_key.decode(),
            split=None if split is None else split.decode(),
            messages=None if messages is None else read_messages(messages.decode()),
        )
