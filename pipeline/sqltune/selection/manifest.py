"""Writes the manifest of a run: the exact samples that it is trained on, never changed later.

The training query is read once. What can be trained on is written to `manifest_samples` and
`contents` while it streams; what cannot becomes findings. Repeated keys are then found by SQL. A
manifest equal to an earlier one of the adapter is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqltune.database.bulk import ContentRow, SampleWriter, open_sample_writer
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import manifests, runs
from sqltune.errors import DataError
from sqltune.records import Adapter
from sqltune.selection.bad_rows import find_sample_fault, rows_to_spare
from sqltune.selection.batches import SampleBatch
from sqltune.selection.reader import SelectionReader
from sqltune.selection.repeats import settle_repeats
from sqltune.selection.sample_reading import ModelLimits, SampleReading, read_by_rules
from sqltune.selection.training_rows import TrainingRows


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run is trained on, and what was selected for it."""

    manifest_id: int  #: the run's own id, or that of the earlier run whose manifest it shares
    #: of the selection, as `fingerprint_samples` computes it; that of the manifest itself differs
    #: where bad rows were skipped
    fingerprint: str
    selected: int  #: rows that the query returned
    skipped: int  #: rows that cannot be trained on
    held_out: Mapping[str, int]  #: rows whose split is neither 'train' nor 'validation', by split
    sample_count: int  #: those for validation included
    validation_count: int


@dataclass(frozen=True)
class _Selecting:
    """One training selection that becomes a manifest."""

    scope: RunScope
    reader: SelectionReader
    adapter: Adapter
    limits: ModelLimits
    on_progress: Callable[[int], None]


def write_manifest(
    scope: RunScope,
    reader: SelectionReader,
    adapter: Adapter,
    *,
    limits: ModelLimits,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> Manifest:
    """Select, validate, hash and store the samples of a run, and store what is wrong with rows.

    Args:
        scope: the run.
        reader: where the query runs.
        adapter: its row.
        limits: of the base model.
        on_progress: called with the number of rows read so far.

    Raises:
        DataError: the query cannot be used or returns no samples, or more of its rows cannot be
            trained on than the adapter's on_bad_row and max_skipped_share allow.
    """
    work = _Selecting(scope, reader, adapter, limits, on_progress)
    shared = _share_planned(work)
    if shared is not None:
        return shared
    _remove_leftovers(scope)
    with scope.transaction() as session:
        manifests.insert_manifest(session, scope.run_id, adapter.adapter_name, now=scope.now())
    scan = _write(work)
    may_skip = rows_to_spare(scan.rows.counts, adapter)
    settle_repeats(scope, scan.rows, scan.manifest_sum, may_skip=may_skip)
    _require_usable(work, scan)
    return _complete(work, scan)


def _write(work: _Selecting) -> SampleReading:
    """Read the query and write its samples; a query that cannot be used leaves nothing behind."""
    try:
        with open_sample_writer(work.scope) as writer:
            scan = _scan(work, writer)
            writer.finish()
    except DataError:
        _remove_leftovers(work.scope)
        raise
    return scan


def _scan(work: _Selecting, writer: SampleWriter | None) -> SampleReading:
    """Read the query once; without a writer only to validate and hash."""

    def on_page(rows: TrainingRows, batch: SampleBatch) -> None:
        if writer is not None:
            writer.add(_content_rows(batch), _text_bytes(batch))
        work.on_progress(rows.counts.selected)

    return read_by_rules(work.reader, work.adapter, work.limits, on_page)


def _share_planned(work: _Selecting) -> Manifest | None:
    """Share the manifest that has the planned fingerprint, if the rows are still the same."""
    scope = work.scope
    with scope.read() as session:
        run = runs.get_run(session, scope.run_id)
        if run is None or run.fingerprint is None:
            return None
        equal = manifests.find_equal_manifest(
            session, work.adapter.adapter_name, run.fingerprint, besides=scope.run_id
        )
    if equal is None:
        return None
    scan = _scan(work, None)
    if scan.manifest_sum.result().text != run.fingerprint:
        return None
    _require_usable(work, scan)
    _remove_leftovers(scope)
    return _manifest(scan, equal)


def _remove_leftovers(scope: RunScope) -> None:
    """Remove what an earlier attempt of this run wrote."""
    with scope.read() as session:
        leftover = manifests.get_manifest(session, scope.run_id)
        is_used = manifests.has_other_users(session, scope.run_id, scope.run_id)
    if leftover is None:
        return
    if is_used:
        raise DataError(
            f"other runs were trained on the manifest of run {scope.run_id}, so it cannot be "
            "written again: start a new run with `sqltune sync --force`"
        )
    manifests.remove_manifest(scope)


def _require_usable(work: _Selecting, scan: SampleReading) -> None:
    """Store the findings; raise if the samples cannot be used."""
    rows = scan.rows
    rows.findings.store(work.scope)
    fault = find_sample_fault(rows.counts, rows.findings, work.adapter)
    if fault is not None:
        _remove_leftovers(work.scope)
        raise fault


def _complete(work: _Selecting, scan: SampleReading) -> Manifest:
    """Complete the manifest, or remove it where an equal one exists."""
    scope, name = work.scope, work.adapter.adapter_name
    fingerprint = scan.manifest_sum.result()
    with scope.read() as session:
        equal = manifests.find_equal_manifest(session, name, fingerprint.text, besides=scope.run_id)
    if equal is not None:
        manifests.remove_manifest(scope)
        return _manifest(scan, equal)
    with scope.read() as session:
        change = manifests.compare_with_last(
            session,
            scope.run_id,
            name,
            sample_count=fingerprint.row_count,
            has_own_keys=scan.rows.has_own_keys,
        )
    with scope.transaction() as session:
        manifests.complete_manifest(
            session,
            scope.run_id,
            change,
            fingerprint=fingerprint.text,
            sample_count=fingerprint.row_count,
            validation_count=scan.rows.counts.validation,
        )
    return _manifest(scan, scope.run_id)


def _manifest(scan: SampleReading, manifest_id: int) -> Manifest:
    counts = scan.rows.counts
    return Manifest(
        manifest_id=manifest_id,
        fingerprint=scan.selection_sum.result().text,
        selected=counts.selected,
        skipped=counts.skipped,
        held_out=scan.rows.held_out.counts,
        sample_count=scan.manifest_sum.result().row_count,
        validation_count=counts.validation,
    )


def _text_bytes(batch: SampleBatch) -> int:
    columns = (batch.prompts, batch.responses, batch.system_prompts, batch.messages)
    return sum(len(text) for column in columns for text in column if text)


def _content_rows(batch: SampleBatch) -> list[ContentRow]:
    hashes = [digest.hex().encode() for digest in batch.digests]
    rows = zip(
        batch.keys,
        hashes,
        batch.prompts,
        batch.responses,
        batch.system_prompts,
        batch.messages,
        batch.weights,
        batch.groups,
        batch.splits,
        _flags(batch),
        strict=True,
    )
    return list(map(ContentRow._make, rows))


def _flags(batch: SampleBatch) -> list[bool]:
    """Return which samples of a batch are for validation."""
    flags = [False] * len(batch)
    for index in batch.validation:
        flags[index] = True
    return flags
