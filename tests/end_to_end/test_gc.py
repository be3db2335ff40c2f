"""What runs leave behind is found, listed and removed; what anybody may need stays."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office
from tests.end_to_end.runs import begin, declare_rooms

STRANGER = "elsewhere-" + "0b" * 16
NOW = ("--grace-seconds", "0")
FAILS = {"faults": [{"at": "step", "number": 1, "code": "loss_not_finite"}]}


def folder_of(sqltune: Sqltune) -> Path:
    return sqltune.folder / "artifacts" / "scripted"


def files(sqltune: Sqltune) -> list[str]:
    """The adapters on disk, finished and not."""
    found = folder_of(sqltune).glob("*.attempt-*")
    return sorted(path.name for path in found)


def leave_a_part(sqltune: Sqltune, people: People) -> None:
    """Let a run fail in its training, after one that went well."""
    declare_office(people)
    sqltune.well("sync")
    people.teach("office", "And the other one?", "In Ghent.")
    sqltune.play(**FAILS)
    assert sqltune("sync").code == 1
    sqltune.play()


def listed(sqltune: Sqltune, *options: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = sqltune.well("gc", "--json", *NOW, *options).data
    return rows


def test_what_a_failed_run_left_is_listed_and_only_remove_removes_it(
    sqltune_on: Sqltune, people_on: People
) -> None:
    sqltune, people = sqltune_on, people_on
    leave_a_part(sqltune, people)
    before = files(sqltune)
    assert {Path(name).suffix for name in before} == {".jsonl", ".part"}
    for _ in range(2):
        done = sqltune.well("gc", *NOW)
        assert "1 orphan, " in done.err
        assert "nothing was removed" in done.err
        assert "office" in done.out
    assert files(sqltune) == before
    row = people.rows(
        "SELECT orphan_kind, state, backend, adapter_name, run_id, is_unknown_run, reason,"
        " removed_at FROM report_orphans"
    )
    why = "run 2 has ended: nothing continues from here"
    assert row == [("weights_without_row", "found", "scripted", "office", 2, 0, why, None)]
    (removed,) = listed(sqltune, "--remove")
    assert removed["state"] == "removed"
    assert files(sqltune) == [name for name in before if name.endswith(".jsonl")]
    assert people.count("report_orphans", "state = 'removed' AND removed_at IS NOT NULL") == 1
    call = people.rows(
        "SELECT call_kind, state, request FROM backend_calls WHERE run_id = 2"
        " ORDER BY call_number DESC LIMIT 1"
    )
    assert call == [("delete_weights", "done", removed["address"])]
    assert listed(sqltune) == []


def test_the_weights_of_a_version_are_never_an_orphan(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    assert listed(sqltune, "--remove", "--unknown-runs") == []
    people.do("DELETE FROM runs")
    assert listed(sqltune, "--remove", "--unknown-runs") == [], "a version names them still"
    assert len(files(sqltune)) == 1


def test_the_weights_of_a_version_whose_row_names_others_are_kept(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.teach("office", "And the other one?", "In Ghent.")
    sqltune.well("sync")
    before = files(sqltune)
    assert len(before) == 2
    other = people.value("SELECT artifact_uri FROM adapter_versions WHERE version_number = 2")
    for uri in ("/elsewhere/mine.jsonl", other, ""):
        people.do(
            "UPDATE adapter_versions SET artifact_uri = :uri WHERE version_number = 1", uri=uri
        )
        listed(sqltune, "--remove")
        assert files(sqltune) == before


def test_a_version_whose_weights_are_gone_is_listed_and_its_row_stays(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    (weights,) = folder_of(sqltune).glob("*.jsonl")
    content = weights.read_bytes()
    weights.unlink()
    versions = people.rows("SELECT * FROM adapter_versions")
    (row,) = listed(sqltune, "--remove")
    assert (row["orphan_kind"], row["state"]) == ("row_without_adapter", "found")
    assert (row["adapter_name"], row["version_number"]) == ("office", 1)
    assert people.rows("SELECT * FROM adapter_versions") == versions
    assert people.value("SELECT adapter_label FROM report_orphans") == "office v1"
    weights.write_bytes(content)
    assert listed(sqltune) == []
    assert people.value("SELECT state FROM report_orphans") == "gone"


def test_files_of_a_run_that_is_not_known_go_only_with_an_option_of_their_own(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    strange = folder_of(sqltune) / f"{STRANGER}.attempt-1.jsonl"
    own = folder_of(sqltune) / "my-notes.jsonl"
    for path in (strange, own):
        path.write_text("{}\n")
    (row,) = listed(sqltune, "--remove")
    assert (row["is_unknown_run"], row["state"]) == (True, "found")
    assert strange.exists()
    (row,) = listed(sqltune, "--remove", "--unknown-runs")
    assert row["state"] == "removed"
    assert not strange.exists()
    assert own.exists(), "its name carries no run"


def test_what_an_unfinished_run_may_need_stays(sqltune: Sqltune, people: People) -> None:
    declare_rooms(people)
    running = begin(sqltune, people, "training")
    assert listed(sqltune, "--remove", "--unknown-runs") == []
    running.signal(signal.SIGKILL)
    running.finish()
    people.do("UPDATE adapter_states SET lease_until_ms = 0")
    before = files(sqltune)
    assert listed(sqltune, "--remove", "--unknown-runs") == []
    assert files(sqltune) == before != []
    sqltune.play(slots=1, steps_per_epoch=4)
    assert "resume" in sqltune.well("sync").err


def test_an_adapter_that_is_being_worked_on_is_left_for_the_next_time(
    sqltune: Sqltune, people: People
) -> None:
    leave_a_part(sqltune, people)
    until = int((time.time() + 60) * 1000)
    people.do(
        "UPDATE adapter_states SET lease_owner = 'somebody', lease_until_ms = :until", until=until
    )
    done = sqltune.well("gc", "--remove", *NOW)
    assert "scripted: 1 kept, of adapters that a runner has" in done.err
    assert len(files(sqltune)) == 2
    people.do("UPDATE adapter_states SET lease_owner = NULL, lease_until_ms = NULL")
    assert [row["state"] for row in listed(sqltune, "--remove")] == ["removed"]


def test_what_is_young_is_left_alone(sqltune: Sqltune, people: People) -> None:
    leave_a_part(sqltune, people)
    done = sqltune.well("gc", "--remove")
    assert "1 kept, younger than 600 seconds" in done.err
    assert "no orphan" in done.err
    assert len(files(sqltune)) == 2
    (part,) = folder_of(sqltune).glob("*.part")
    os.utime(part, (0, 0))
    people.do("UPDATE runs SET finished_at = '2026-01-01 00:00:00.000000'")
    assert "1 orphan, " in sqltune.well("gc", "--remove").err


def test_what_somebody_else_removed_is_gone(sqltune: Sqltune, people: People) -> None:
    leave_a_part(sqltune, people)
    (row,) = listed(sqltune)
    Path(row["address"]).unlink()
    assert listed(sqltune) == []
    assert people.rows("SELECT state, removed_at FROM report_orphans") == [("gone", None)]
    Path(row["address"]).write_bytes(b"")
    (again,) = listed(sqltune)
    assert again["orphan_key"] == row["orphan_key"]
    assert people.value("SELECT state FROM report_orphans") == "found"


def test_a_removal_that_died_before_it_could_record_it_is_settled_by_the_next(
    sqltune: Sqltune, people: People
) -> None:
    leave_a_part(sqltune, people)
    (row,) = listed(sqltune)
    # As the rows stand between the removal and its outcome.
    people.do("UPDATE orphans SET state = 'removing'")
    people.insert(
        "backend_calls",
        run_id=2,
        call_number=9,
        state="intended",
        call_kind="delete_weights",
        request=row["address"],
        intended_at="2026-01-01 00:00:00.000000",
    )
    Path(row["address"]).unlink()
    assert listed(sqltune) == []
    assert people.value("SELECT state FROM orphans") == "removed"
    assert people.count("backend_calls", "state = 'intended'") == 0


def test_a_backend_that_was_never_set_up_is_no_problem_and_one_that_rows_name_is(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    assert "gradient" not in sqltune.well("gc").said
    people.do("UPDATE adapter_versions SET backend = 'gradient'")
    done = sqltune("gc", *NOW)
    assert done.code == 1
    assert "backend gradient could not be read: GRADIENT_API_URL is not set" in done.err


def test_finished_weights_of_another_attempt_than_the_version_names_are_an_orphan(
    sqltune: Sqltune, people: People
) -> None:
    declare_rooms(people)
    sqltune.play(slots=1, steps_per_epoch=4)
    sqltune.well("sync")
    (weights,) = folder_of(sqltune).glob("*.jsonl")
    late = weights.with_name(weights.name.replace(".attempt-1", ".attempt-0"))
    late.write_bytes(weights.read_bytes())
    (row,) = listed(sqltune, "--remove")
    assert row["reason"] == "run 1 has ended and no version names it"
    assert files(sqltune) == [weights.name]
