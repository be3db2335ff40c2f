"""Writes the manifest of a run: the exact samples that it is trained on, once and for ever.

The training query is read once. What may be trained on goes into `manifest_samples` and `contents`
while it streams; what may not becomes findings. Repeated keys and texts are then found by SQL. A
manifest equal to an earlier one of the adapter is shared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.bulk import ContentRow, SampleWriter, open_sample_writer
from sqltune.database.connection import Database
from sqltune.database.streaming import open_stream
from sqltune.database.tables import manifests, runs
from sqltune.errors import DataError
from sqltune.records import Adapter, Claim, SelectionName
from sqltune.selection.batches import SampleBatch, digest_refused
from sqltune.selection.columns import map_columns
from sqltune.selection.content_hash import FingerprintSum
from sqltune.selection.repeats import settle_repeats
from sqltune.selection.sources import TIMEOUT_SECONDS, find_source
from sqltune.selection.training_rows import TooLong, TrainingRows


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run is trained on, and how it came about."""

    manifest_id: int
    fingerprint: (
        str  #: of the selection, as `fingerprint_training` gives it: what the next sync compares
    )
    manifest_fingerprint: (
        str  #: of the samples in the manifest; differs where bad rows were skipped
    )
    selected: int  #: rows that the query gave
    skipped: int  #: rows that cannot be trained on
    held_out: int  #: rows whose split is not 'train'
    sample_count: int
    shared: bool  #: an earlier manifest of the adapter has the same content


@dataclass(frozen=True)
class Selecting:
    """One training selection on its way into a manifest."""

    database: Database
    selection_database: Database
    claim: Claim
    run_id: int
    adapter: Adapter
    too_long: TooLong | None
    check: Callable[[], None]
    now: Callable[[], datetime]
    on_progress: Callable[[int], None]
    timeout_seconds: float


@dataclass(slots=True)
class Scan:
    """What one reading of the query gave."""

    rows: TrainingRows
    selection_sum: FingerprintSum  #: over all rows that are not held out
    manifest_sum: FingerprintSum  #: over those that may be trained on


def write_manifest(
    database: Database,
    selection_database: Database,
    claim: Claim,
    run_id: int,
    adapter: Adapter,
    *,
    too_long: TooLong | None,
    check: Callable[[], None],
    now: Callable[[], datetime],
    on_progress: Callable[[int], None] = lambda rows: None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Manifest:
    """Select, validate, hash and store the samples of a run; findings become rows first.

    Args:
        too_long: gives a text's tokens where they are more than the base model takes; None: no
        limit. check: raises when the run must not go on; asked at every page. on_progress: told how
        many rows were read so far.

    Raises:
        DataError: the query cannot be used, gives no samples, or gives rows that cannot be trained
        on and the adapter's
            on_bad_row and max_skipped_share do not allow to leave them out.
    """
    work = Selecting(
        database,
        selection_database,
        claim,
        run_id,
        adapter,
        too_long,
        check,
        now,
        on_progress,
        timeout_seconds,
    )
    shared = _share_planned(work)
    if shared is not None:
        return shared
    _remove_leftovers(work)
    with database.transaction(claim) as session:
        manifests.insert_manifest(session, run_id, adapter.adapter_name, now=now())
    scan, new_contents = _write(work)
    settle_repeats(
        database,
        claim,
        run_id,
        scan.rows,
        scan.manifest_sum,
        new_contents=new_contents,
        may_skip=_rows_to_spare(scan.rows, adapter),
        check=check,
    )
    _judge(work, scan)
    return _complete(work, scan)


def _write(work: Selecting) -> tuple[Scan, int]:
    """Read the query and write its samples; give also how many contents were new.

    A query that cannot be used leaves nothing behind.
    """
    try:
        with open_sample_writer(work.database, work.claim, work.run_id, check=work.check) as writer:
            scan = _scan(work, writer)
            writer.finish()
    except DataError:
        _remove_leftovers(work)
        raise
    return scan, writer.new_contents


def _scan(work: Selecting, writer: SampleWriter | None) -> Scan:
    """Read the query once; without a writer only to validate and hash."""
    source = find_source(work.selection_database, work.adapter, SelectionName.TRAINING)
    with open_stream(
        work.selection_database,
        source.sql,
        source.values,
        check=work.check,
        timeout_seconds=work.timeout_seconds,
    ) as stream:
        columns = map_columns(stream.column_names, SelectionName.TRAINING)
        rows = TrainingRows(columns, work.too_long)
        scan = Scan(rows, FingerprintSum(), FingerprintSum())
        for page in stream.pages():
            batch = rows.accept(page)
            scan.manifest_sum.add(batch.digests, len(batch))
            scan.selection_sum.add(batch.digests, len(batch))
            scan.selection_sum.add(*digest_refused(rows.refused))
            if writer is not None:
                writer.add(_content_rows(batch), _text_bytes(batch))
            work.on_progress(rows.counts.selected)
    return scan


def _share_planned(work: Selecting) -> Manifest | None:
    """Share the manifest that the planned fingerprint promises, if the rows are still the same."""
    with work.database.read() as session:
        run = runs.get_run(session, work.run_id)
        if run is None or run.fingerprint is None:
            return None
        equal = manifests.find_equal_manifest(
            session, work.adapter.adapter_name, run.fingerprint, besides=work.run_id
        )
    if equal is None:
        return None
    scan = _scan(work, None)
    if scan.manifest_sum.result().text != run.fingerprint:
        return None
    _judge(work, scan)
    _remove_leftovers(work)
    return _manifest(scan, equal, shared=True)


def _remove_leftovers(work: Selecting) -> None:
    """Remove what an earlier attempt of this run wrote."""
    with work.database.read() as session:
        leftover = manifests.get_manifest(session, work.run_id)
        is_used = manifests.has_other_users(session, work.run_id, work.run_id)
    if leftover is None:
        return
    if is_used:
        raise DataError(
            f"other runs were trained on the manifest of run {work.run_id}, so it cannot be "
            "written again: begin a new run with `sqltune sync --force`"
        )
    manifests.remove_manifest(work.database, work.claim, work.run_id, check=work.check)


def _judge(work: Selecting, scan: Scan) -> None:
    """Store the findings, then decide whether the samples may be used."""
    rows, adapter = scan.rows, work.adapter
    rows.findings.store(work.database, work.claim, work.run_id)
    problem = _find_fault(rows, adapter)
    if problem is None:
        return
    _remove_leftovers(work)
    message, code = problem
    raise DataError(message, table="training query", code=code)


def _rows_to_spare(rows: TrainingRows, adapter: Adapter) -> int:
    """Give how many more rows may be left out before the run fails."""
    if adapter.on_bad_row != "skip":
        return 0
    allowed = int(adapter.max_skipped_share * rows.counts.selected)
    return max(0, allowed - rows.counts.skipped)


def _find_fault(rows: TrainingRows, adapter: Adapter) -> tuple[str, str] | None:
    counts = rows.counts
    if rows.findings.has_errors and adapter.on_bad_row != "skip":
        return (
            f"{counts.skipped:,} of {counts.selected:,} rows cannot be trained on "
            f"({rows.findings.summary()}). All of them stand in data_issues; repair them, or set "
            "on_bad_row = 'skip' in adapters to leave them out"
        ), "bad_rows"
    if counts.skipped > adapter.max_skipped_share * counts.selected:
        return (
            f"{counts.skipped:,} of {counts.selected:,} rows cannot be trained on, more than "
            f"max_skipped_share = {adapter.max_skipped_share:g} allows "
            f"({rows.findings.summary()}). data_issues names them"
        ), "too_many_bad_rows"
    if counts.selected == counts.skipped + counts.held_out:
        reason = "the query gives no rows"
        if counts.selected:
            reason = (
                f"none of the {counts.selected:,} rows is left: {counts.held_out:,} have another "
                f"split than 'train', {counts.skipped:,} cannot be used"
            )
        elif adapter.training_query is None:
            reason = f"training_samples has no rows with dataset = '{adapter.adapter_name}'"
        return f"there is nothing to train on: {reason}", "empty_selection"
    return None


def _complete(work: Selecting, scan: Scan) -> Manifest:
    """Make the manifest count, or remove it where an equal one is there already."""
    name, fingerprint = work.adapter.adapter_name, scan.manifest_sum.result()
    with work.database.read() as session:
        equal = manifests.find_equal_manifest(session, name, fingerprint.text, besides=work.run_id)
    if equal is not None:
        manifests.remove_manifest(work.database, work.claim, work.run_id, check=work.check)
        return _manifest(scan, equal, shared=True)
    with work.database.read() as session:
        change = manifests.compare_with_last(
            session,
            work.run_id,
            name,
            sample_count=fingerprint.row_count,
            has_own_keys=scan.rows.has_own_keys,
        )
    with work.database.transaction(work.claim) as session:
        manifests.complete_manifest(
            session,
            work.run_id,
            change,
            fingerprint=fingerprint.text,
            sample_count=fingerprint.row_count,
        )
    return _manifest(scan, work.run_id, shared=False)


def _manifest(scan: Scan, manifest_id: int, *, shared: bool) -> Manifest:
    counts, kept = scan.rows.counts, scan.manifest_sum.result()
    return Manifest(
        manifest_id=manifest_id,
        fingerprint=scan.selection_sum.result().text,
        manifest_fingerprint=kept.text,
        selected=counts.selected,
        skipped=counts.skipped,
        held_out=counts.held_out,
        sample_count=kept.row_count,
        shared=shared,
    )


def _text_bytes(batch: SampleBatch) -> int:
    columns = (batch.prompts, batch.responses, batch.system_prompts)
    return sum(len(text) for column in columns for text in column if text)


def _content_rows(batch: SampleBatch) -> list[ContentRow]:
    hashes = [digest.hex().encode() for digest in batch.digests]
    return list(
        zip(
            batch.keys,
            hashes,
            batch.prompts,
            batch.responses,
            batch.system_prompts,
            batch.weights,
            batch.groups,
            batch.splits,
            strict=True,
        )
    )
