"""Writes the manifest of a run: the exact samples that it is trained on, never changed later.

The training query is read once. What can be trained on is written to `manifest_samples` and
`contents` while it streams; what cannot becomes findings. Repeated keys and texts are then found by
SQL. A manifest equal to an earlier one of the adapter is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqltune.database.bulk import ContentRow, SampleWriter, open_sample_writer
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import manifests, runs
from sqltune.errors import DataError
from sqltune.records import Adapter, SelectionName
from sqltune.selection.bad_rows import find_sample_fault, rows_to_spare
from sqltune.selection.batches import SampleBatch, digest_refused
from sqltune.selection.content_hash import FingerprintSum
from sqltune.selection.findings import WARNING
from sqltune.selection.forgotten import FORGOTTEN
from sqltune.selection.leaks import note_validation_leaks
from sqltune.selection.reader import SelectionReader, open_selection
from sqltune.selection.repeats import settle_repeats
from sqltune.selection.sample_rules import begin_sample_rules
from sqltune.selection.training_rows import CheckConversation, TooLong, TrainingRows
from sqltune.selection.validation_rows import mark_digests


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
    too_long: TooLong | None
    on_progress: Callable[[int], None]
    check_conversation: CheckConversation | None


@dataclass(slots=True)
class _RowScan:
    """What one reading of the query found."""

    rows: TrainingRows
    selection_sum: FingerprintSum  #: over all rows that are not held out
    manifest_sum: FingerprintSum  #: over those that can be trained on


def write_manifest(
    scope: RunScope,
    reader: SelectionReader,
    adapter: Adapter,
    *,
    too_long: TooLong | None,
    on_progress: Callable[[int], None] = lambda rows: None,
    check_conversation: CheckConversation | None = None,
) -> Manifest:
    """Select, validate, hash and store the samples of a run, and store what is wrong with rows.

    Args:
        scope: the run.
        reader: where the query runs.
        adapter: its row.
        too_long: returns a text's number of tokens where the base model accepts fewer; None: no
            limit.
        on_progress: called with the number of rows read so far.
        check_conversation: returns why the base model cannot read a sample with messages; None:
            nothing more is checked.

    Raises:
        DataError: the query cannot be used or returns no samples, or more of its rows cannot be
            trained on than the adapter's on_bad_row and max_skipped_share allow.
    """
    work = _Selecting(scope, reader, adapter, too_long, on_progress, check_conversation)
    shared = _share_planned(work)
    if shared is not None:
        return shared
    _remove_leftovers(scope)
    with scope.transaction() as session:
        manifests.insert_manifest(session, scope.run_id, adapter.adapter_name, now=scope.now())
    scan, new_contents = _write(work)
    settle_repeats(
        scope,
        scan.rows,
        scan.manifest_sum,
        new_contents=new_contents,
        may_skip=rows_to_spare(scan.rows.counts, adapter),
    )
    _require_usable(work, scan, scope.run_id)
    return _complete(work, scan)


def _write(work: _Selecting) -> tuple[_RowScan, int]:
    """Read the query and write its samples; return also how many contents were new.

    A query that cannot be used leaves nothing behind.
    """
    try:
        with open_sample_writer(work.scope) as writer:
            scan = _scan(work, writer)
            writer.finish()
    except DataError:
        _remove_leftovers(work.scope)
        raise
    return scan, writer.new_contents


def _scan(work: _Selecting, writer: SampleWriter | None) -> _RowScan:
    """Read the query once; without a writer only to validate and hash."""
    with open_selection(work.reader, work.adapter, SelectionName.TRAINING) as selection:
        share = work.adapter.validation_share
        rows = TrainingRows(
            selection.columns,
            work.too_long,
            work.check_conversation,
            validation_share=share,
            on_personal_data=work.adapter.on_personal_data,
        )
        scan = _RowScan(rows, FingerprintSum(), FingerprintSum())
        rules = begin_sample_rules(work.adapter.near_duplicate_at)
        for page in selection.pages():
            batch = rows.accept(page)
            rules.add(batch)
            digests = mark_digests(batch.digests, batch.validation)
            scan.manifest_sum.add(digests, len(batch))
            scan.selection_sum.add(digests, len(batch))
            scan.selection_sum.add(*digest_refused(rows.refused, share))
            if writer is not None:
                writer.add(_content_rows(batch), _text_bytes(batch))
            work.on_progress(rows.counts.selected)
        for key in selection.left_out:
            rows.findings.add(key, None, FORGOTTEN, WARNING)
        rows.counts.forgotten = len(selection.left_out)
    rules.note(rows.findings)
    return scan


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
    _require_usable(work, scan, equal)
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


def _require_usable(work: _Selecting, scan: _RowScan, manifest_id: int) -> None:
    """Store the findings; raise if the samples cannot be used."""
    rows, timeout = scan.rows, work.reader.timeout_seconds
    if rows.counts.validation:
        note_validation_leaks(work.scope, manifest_id, rows.findings, timeout_seconds=timeout)
    rows.findings.store(work.scope)
    fault = find_sample_fault(rows.counts, rows.findings, work.adapter)
    if fault is not None:
        _remove_leftovers(work.scope)
        raise fault


def _complete(work: _Selecting, scan: _RowScan) -> Manifest:
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


def _manifest(scan: _RowScan, manifest_id: int) -> Manifest:
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
