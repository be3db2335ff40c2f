"""`sqltune retire`: the weights of an old version are removed, and everything else is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import QUESTION, declare_office


@pytest.fixture
def improved(office_on: People, sqltune_on: Sqltune) -> People:
    """An adapter with two versions, the second live."""
    office_on.teach("office", "When are you open?", "We open at nine.")
    sqltune_on.well("sync")
    return office_on


def weights(sqltune: Sqltune) -> list[Path]:
    return sorted((sqltune.folder / "artifacts" / "scripted").glob("*.jsonl"))


def test_the_weights_are_removed_and_the_rows_are_kept(
    sqltune_on: Sqltune, improved: People
) -> None:
    lineage = improved.rows("SELECT * FROM report_lineage WHERE version_number = 1")
    done = sqltune_on.well("retire", "office", "1", "--dry-run")
    assert "would retire v1 of office: 1 stored adapter, " in done.err
    assert len(weights(sqltune_on)) == 2
    done = sqltune_on.well("retire", "office", "1")
    assert "retired v1 of office: 1 stored adapter, " in done.err
    live = improved.value("SELECT artifact_uri FROM adapter_versions WHERE version_number = 2")
    assert [path.name for path in weights(sqltune_on)] == [Path(live).name]
    retired = improved.rows(
        "SELECT version_number FROM report_adapter_versions WHERE retired_at IS NOT NULL"
    )
    assert retired == [(1,)]
    assert improved.rows("SELECT * FROM report_lineage WHERE version_number = 1") == lineage
    call = improved.rows(
        "SELECT call_kind, state, outcome FROM backend_calls WHERE run_id = 1"
        " ORDER BY call_number DESC LIMIT 1"
    )
    assert call == [("delete_weights", "done", "removed by retire")]
    assert sqltune_on.well("gc", "--json", "--grace-seconds", "0").data == []
    assert "up to date" in sqltune_on.well("sync").err


def test_a_version_that_is_live_or_named_by_an_alias_is_not_retired(
    sqltune_on: Sqltune, improved: People
) -> None:
    done = sqltune_on("retire", "office", "2")
    assert (done.code, len(weights(sqltune_on))) == (2, 2)
    assert "version 2 of 'office' is live: promote another version first" in done.err
    improved.insert("alias_changes", adapter_name="office", alias="canary", version_number=1)
    sqltune_on.well("sync")
    assert "is canary" in sqltune_on("retire", "office", "1").err
    assert "has no version 9" in sqltune_on("retire", "office", "9").err


def test_what_needs_the_weights_of_a_retired_version_names_the_cure(
    sqltune_on: Sqltune, improved: People
) -> None:
    sqltune_on.well("retire", "office", "1")
    cure = "choose another version (report_adapter_versions), or train again"
    done = sqltune_on("why", "office@v1", QUESTION)
    assert done.code == 2
    assert cure in done.err
    assert "does not go live: version 1 of office is retired" in (
        sqltune_on("promote", "office", "1").err
    )
    assert "is retired" in sqltune_on("rollback", "office").err
    sqltune_on.well("why", "office@v1", QUESTION, "--answer", "In Utrecht.")
    assert "Utrecht" in sqltune_on.well("export", "office", "--version", "1").out


def test_a_retired_version_that_is_wanted_again_is_trained_again(
    sqltune_on: Sqltune, improved: People
) -> None:
    sqltune_on.well("promote", "office", "1")
    sqltune_on.well("retire", "office", "2")
    improved.ask("office", "And who are you?", "The office.")
    done = sqltune_on.well("sync")
    assert "v2 is retired, so it cannot be evaluated: it is trained again" in done.err
    assert improved.value("SELECT MAX(version_number) FROM adapter_versions") == 3


def test_the_live_version_of_a_deleted_adapter_is_retired(
    sqltune_on: Sqltune, improved: People
) -> None:
    improved.do("DELETE FROM adapters")
    assert "no adapter named 'office'" in sqltune_on("promote", "office", "1").err
    sqltune_on.well("retire", "office", "2")
    assert len(weights(sqltune_on)) == 1
    improved.declare("office")
    sqltune_on.well("sync", "--force")
    assert improved.value("SELECT version_number FROM aliases") == 3


def test_a_removal_that_broke_off_is_finished_by_a_second_retire_or_by_gc(
    sqltune_on: Sqltune, improved: People
) -> None:
    # As a process leaves it that died between the mark and the removal.
    improved.do("UPDATE adapter_versions SET retired_at = created_at WHERE version_number = 1")
    (orphan,) = sqltune_on.well("gc", "--json", "--grace-seconds", "0").data
    assert orphan["reason"] == "run 1 has ended and no version names it"
    sqltune_on.well("retire", "office", "1")
    assert len(weights(sqltune_on)) == 1


def test_a_version_that_an_unfinished_run_needs_is_not_retired(
    sqltune_on: Sqltune, improved: People
) -> None:
    sqltune_on.well("promote", "office", "1")
    improved.insert("runs", adapter_name="office", run_key="k", state="training", before_version=2)
    done = sqltune_on("retire", "office", "2")
    assert done.code == 2
    assert "needs version 2: let it end, or cancel it with `sqltune cancel" in done.err


def test_kept_epochs_are_removed_with_their_version_and_kept_for_a_trial(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.do("UPDATE adapters SET keep_epochs = 1, epochs = 2")
    sqltune.well("sync")
    people.insert("runs", adapter_name="office", from_run_id=1, from_epoch=1)
    sqltune.well("sync")
    people.teach("office", "When are you open?", "We open at nine.")
    people.do("UPDATE adapters SET keep_epochs = 0")
    sqltune.well("sync")
    assert people.count("kept_epochs") == 2
    done = sqltune.well("retire", "office", "1")
    assert "kept for v2 of office" in done.err
    assert people.count("kept_epochs") == 0
    trial = people.value("SELECT artifact_uri FROM adapter_versions WHERE version_number = 2")
    assert Path(trial).name in [path.name for path in weights(sqltune)]
    sqltune.well("why", "office@v2", QUESTION)
    sqltune.well("retire", "office", "2")
    assert len(weights(sqltune)) == 1
