"""Finds repeated keys in a written manifest, by SQL, and takes them out.

A key that occurs twice is an error: it would be unknown which row a version was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqltune.database.run_scope import RunScope
from sqltune.database.tables import manifests
from sqltune.database.tables.manifests import RepeatedSample
from sqltune.selection.content_hash import FingerprintSum
from sqltune.selection.findings import ERROR, KEPT_PER_RULE
from sqltune.selection.rules import Problem
from sqltune.selection.training_rows import TrainingRows
from sqltune.selection.validation_rows import mark_digest

#: Repeated samples that one transaction takes out.
_PAGE = 100


def settle_repeats(
    scope: RunScope, rows: TrainingRows, manifest_sum: FingerprintSum, *, may_skip: int
) -> None:
    """Note repeated keys of the run's manifest, and take them out of it.

    Args:
        scope: the run that wrote the manifest.
        rows: what was selected; gets the findings.
        manifest_sum: over the samples of the manifest; what is taken out leaves it.
        may_skip: most repeated keys to take out; with more, the run fails and all stay.
    """
    if not rows.may_repeat_keys:
        return
    repeated = _note_keys(scope, rows, may_skip)
    last = manifest_sum.result().row_count - 1
    for sample in repeated:
        digest = bytes.fromhex(sample.content_hash)
        manifest_sum.remove(mark_digest(digest) if sample.is_validation else digest)
    rows.counts.validation -= sum(sample.is_validation for sample in repeated)
    _take_out(scope, repeated, last)


def _note_keys(scope: RunScope, rows: TrainingRows, may_skip: int) -> list[RepeatedSample]:
    """Note repeated keys and return the samples to take out: none where the run fails anyway."""
    with scope.read() as session:
        count = manifests.count_duplicate_keys(session, scope.run_id)
        limit = max(KEPT_PER_RULE, count if count <= may_skip else 0)
        repeated = manifests.list_duplicate_keys(session, scope.run_id, limit) if count else []
    rows.findings.count("duplicate_key", ERROR, count)
    rows.counts.skipped += count
    for sample in repeated[:KEPT_PER_RULE]:
        problem = repeated_key(sample.sample_key)
        rows.findings.keep(sample.sample_key, "sample_key", problem, ERROR)
    return repeated if count <= may_skip else []


def repeated_key(key: str) -> Problem:
    """Return what is wrong with a sample whose key an earlier one has."""
    message = f"sample_key {key!r} occurs more than once: make it unique"
    return Problem("duplicate_key", message)


def _take_out(scope: RunScope, repeated: Sequence[RepeatedSample], last: int) -> None:
    """Delete samples; the last ones take their places, so that positions stay 0, 1, 2 ..."""
    gone = {sample.position for sample in repeated}
    gaps = sorted(gone)
    for start in range(0, len(gaps), _PAGE):
        scope.check()
        with scope.transaction() as session:
            for position in gaps[start : start + _PAGE]:
                manifests.delete_samples(session, scope.run_id, position, position + 1)
    end = last + 1 - len(gaps)
    movers = [position for position in range(end, last + 1) if position not in gone]
    moves = list(zip(movers, [gap for gap in gaps if gap < end], strict=True))
    for start in range(0, len(moves), _PAGE):
        scope.check()
        with scope.transaction() as session:
            for old, new in moves[start : start + _PAGE]:
                manifests.move_sample(session, scope.run_id, old=old, new=new)
