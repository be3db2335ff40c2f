"""Finds repeated keys and texts in a written manifest, by SQL, and takes repeated keys out.

A key that comes twice is an error: it could not be said which row a version was trained on. A text
that comes twice is trained on as often as it comes, with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqltune.database.connection import Database
from sqltune.database.tables import manifests
from sqltune.database.tables.manifests import RepeatedSample
from sqltune.records import Claim
from sqltune.selection.content_hash import FingerprintSum
from sqltune.selection.findings import ERROR, KEPT_PER_RULE, WARNING
from sqltune.selection.rules import Problem
from sqltune.selection.training_rows import TrainingRows

#: Repeated samples that one transaction takes out.
_PAGE = 100


def settle_repeats(
    database: Database,
    claim: Claim,
    manifest_id: int,
    rows: TrainingRows,
    manifest_sum: FingerprintSum,
    *,
    new_contents: int,
    may_skip: int,
    check: Callable[[], None],
) -> None:
    """Note repeated keys and texts; up to `may_skip` repeated keys leave the manifest.

    `new_contents` is how many contents were not there before: where all are new, none repeats.
    """
    has_only_new = new_contents == manifest_sum.result().row_count
    if rows.may_repeat_keys:
        repeated = _note_keys(database, manifest_id, rows, may_skip)
        last = manifest_sum.result().row_count - 1
        for sample in repeated:
            manifest_sum.remove(bytes.fromhex(sample.content_hash or ""))
        _take_out(database, claim, manifest_id, repeated, last, check)
    if not has_only_new:
        _note_contents(database, manifest_id, rows)


def _note_keys(
    database: Database, manifest_id: int, rows: TrainingRows, may_skip: int
) -> list[RepeatedSample]:
    """Note repeated keys and give the samples to take out: none where the run fails anyway."""
    with database.read() as session:
        count = manifests.count_duplicate_keys(session, manifest_id)
        limit = max(KEPT_PER_RULE, count if count <= may_skip else 0)
        repeated = manifests.list_duplicate_keys(session, manifest_id, limit) if count else []
    rows.findings.count("duplicate_key", ERROR, count)
    rows.counts.skipped += count
    for sample in repeated[:KEPT_PER_RULE]:
        message = f"sample_key {sample.sample_key!r} was given before: make it unique"
        problem = Problem("duplicate_key", message)
        rows.findings.keep(sample.sample_key, "sample_key", problem, ERROR)
    return repeated if count <= may_skip else []


def _note_contents(database: Database, manifest_id: int, rows: TrainingRows) -> None:
    with database.read() as session:
        count = manifests.count_duplicate_contents(session, manifest_id)
        some = (
            manifests.list_duplicate_contents(session, manifest_id, KEPT_PER_RULE) if count else []
        )
    rows.findings.count("duplicate_content", WARNING, count)
    for sample in some:
        message = f"same texts as {sample.first_key}: trained on once more"
        problem = Problem("duplicate_content", message)
        rows.findings.keep(sample.sample_key, None, problem, WARNING)


def _take_out(
    database: Database,
    claim: Claim,
    manifest_id: int,
    repeated: Sequence[RepeatedSample],
    last: int,
    check: Callable[[], None],
) -> None:
    """Delete samples; the last ones take their places, so that positions stay 0, 1, 2 ..."""
    gone = {sample.position for sample in repeated}
    gaps = sorted(gone)
    for start in range(0, len(gaps), _PAGE):
        check()
        with database.transaction(claim) as session:
            for position in gaps[start : start + _PAGE]:
                manifests.delete_samples(session, manifest_id, position, position + 1)
    end = last + 1 - len(gaps)
    movers = [position for position in range(end, last + 1) if position not in gone]
    moves = list(zip(movers, [gap for gap in gaps if gap < end], strict=True))
    for start in range(0, len(moves), _PAGE):
        check()
        with database.transaction(claim) as session:
            for old, new in moves[start : start + _PAGE]:
                manifests.move_sample(session, manifest_id, old=old, new=new)
