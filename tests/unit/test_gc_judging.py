"""Which stored artifacts are orphans, by what the rows say: a table, without a backend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqltune.backends.inventory import ArtifactKind, StoredArtifact
from sqltune.database.tables.orphans import RunStatus
from sqltune.operations.gc.judging import Judge, Rows
from tests.unit.made_records import NOW, make_version

ADAPTER = StoredArtifact(ArtifactKind.ADAPTER, "id-1", "office key-1", "key-1", None, None)
WEIGHTS = StoredArtifact(ArtifactKind.WEIGHTS, "/a/key-1.1", "key-1.1", "key-1", 10, NOW)
ENDED = RunStatus(1, "office", is_ended=True, finished_at=NOW)
RUNNING = replace(ENDED, is_ended=False, finished_at=None)
NAMED = make_version(external_id="id-1", artifact_uri="/elsewhere/key-1.1", run_id=1)


def judge(item: StoredArtifact, run: RunStatus | None, *, is_named: bool = False) -> str | None:
    rows = Rows(
        runs={item.address: run} if run else {},
        versions=[NAMED] if is_named else [],
        busy=frozenset(),
    )
    orphan = Judge("local", "/a", rows).judge(item)
    return orphan.orphan_kind if orphan is not None else None


@pytest.mark.parametrize(
    ("item", "run", "is_named", "kind"),
    [
        (ADAPTER, ENDED, False, "adapter_without_row"),
        (ADAPTER, ENDED, True, None),
        (ADAPTER, RUNNING, False, None),
        # The account may be shared with others.
        (ADAPTER, None, False, None),
        (WEIGHTS, ENDED, False, "weights_without_row"),
        # The same folder may be mounted elsewhere: its name counts, not its path.
        (WEIGHTS, ENDED, True, None),
        (WEIGHTS, RUNNING, False, None),
        (WEIGHTS, None, False, "weights_without_row"),
        (replace(WEIGHTS, kind=ArtifactKind.CHECKPOINT), ENDED, True, "weights_without_row"),
        (replace(WEIGHTS, kind=ArtifactKind.CHECKPOINT), RUNNING, False, None),
        (replace(WEIGHTS, kind=ArtifactKind.DRAFT), ENDED, True, "weights_without_row"),
    ],
)
def test_what_a_version_or_an_unfinished_run_may_need_is_never_an_orphan(
    item: StoredArtifact, run: RunStatus | None, is_named: bool, kind: str | None
) -> None:
    assert judge(item, run, is_named=is_named) == kind


def test_an_orphan_of_an_unknown_run_says_what_removes_it() -> None:
    orphan = Judge("local", "/a", Rows({}, [], frozenset())).judge(WEIGHTS)
    assert orphan is not None
    assert orphan.is_unknown_run
    assert "--unknown-runs" in orphan.reason


def test_one_artifact_has_one_key_and_another_place_another() -> None:
    rows = Rows({WEIGHTS.address: ENDED}, [], frozenset())
    here, again = (Judge("local", "/a", rows).judge(WEIGHTS) for _ in range(2))
    there = Judge("local", "/b", rows).judge(WEIGHTS)
    assert here is not None
    assert again is not None
    assert there is not None
    assert here.orphan_key == again.orphan_key != there.orphan_key


def test_a_version_whose_artifact_is_gone_is_named_by_its_number() -> None:
    orphan = Judge("local", "/a", Rows({}, [NAMED], frozenset())).missing(NAMED)
    assert (orphan.orphan_kind, orphan.version_number) == ("row_without_adapter", 1)
