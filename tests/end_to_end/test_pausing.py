"""A row pauses and resumes a run; what the run did is kept, and nothing is done twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.runs import (
    Rows,
    begin,
    declare_rooms,
    outcome,
    stop_in_training,
    sync_undisturbed,
)


@pytest.fixture
def office(people: People) -> str:
    """An adapter whose training has several steps, never synced."""
    declare_rooms(people)
    return "office"


@pytest.fixture
def undisturbed(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Rows:
    """The rows of the same run when nothing interrupts it."""
    return sync_undisturbed(tmp_path_factory.mktemp("undisturbed"), sqlite_template)


def pause(people: People) -> None:
    """Write the row as a person does."""
    people.do("UPDATE runs SET desired_state = 'paused' WHERE run_id = 1")


def resume(people: People) -> None:
    """Write the row as a person does."""
    people.do("UPDATE runs SET desired_state = 'running' WHERE run_id = 1")


@pytest.mark.slow
@pytest.mark.parametrize("at", ["training", "answering"])
def test_a_row_pauses_a_run_and_it_resumes_where_it_stopped(
    sqltune: Sqltune, people: People, office: str, undisturbed: Rows, at: str
) -> None:
    running = begin(sqltune, people, at)
    pause(people)
    paused = running.finish()
    assert (paused.code, "office: run 1 paused" in paused.err) == (0, True)
    state = "training" if at == "training" else "answering_before"
    assert people.rows("SELECT state, resume_state, next_step FROM runs") == [
        ("paused", state, "resumes when desired_state is 'running'")
    ]
    assert people.rows("SELECT lease_owner FROM adapter_states") == [(None,)]
    sqltune.play(slots=1, steps_per_epoch=4)
    assert "office: paused, run 1 is paused" in sqltune.well("sync").err
    assert people.value("SELECT is_stuck FROM runs") == 0
    asked = people.rows("SELECT prompt_key, phase, answered_at FROM responses")
    resume(people)
    done = sqltune.well("sync")
    assert f"office: resume, run 1 was paused while {state}" in done.err
    assert asked
    assert set(asked) <= set(people.rows("SELECT prompt_key, phase, answered_at FROM responses"))
    assert outcome(people) == undisturbed


def test_a_paused_run_can_be_cancelled(sqltune: Sqltune, people: People, office: str) -> None:
    running = begin(sqltune, people, "training")
    pause(people)
    running.finish()
    sqltune.play()
    people.do("UPDATE runs SET desired_state = 'cancelled' WHERE run_id = 1")
    sqltune.well("sync")
    assert people.rows("SELECT state, resume_state FROM runs") == [("cancelled", None)]


def test_a_run_without_a_runner_is_paused_by_the_next_sync(
    sqltune: Sqltune, people: People, office: str
) -> None:
    stop_in_training(sqltune, people)
    assert "pauses within seconds" in sqltune.well("pause", "1").err
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "paused"
    assert "the next sync or worker resumes run 1" in sqltune.well("resume", "1").err
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "succeeded"


def test_a_paused_run_keeps_requests_of_its_adapter_waiting(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "training")
    pause(people)
    running.finish()
    sqltune.play()
    people.insert("runs", adapter_name="office")
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("paused",), ("queued",)]
    resume(people)
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("succeeded",), ("succeeded",)]


def test_an_ended_run_stays_ended(sqltune: Sqltune, people: People, office: str) -> None:
    sqltune.well("sync")
    pause(people)
    assert "run 1 has ended already (succeeded)" in sqltune.well("pause", "1").err
    assert "up to date" in sqltune.well("sync").err
    assert people.value("SELECT state FROM runs") == "succeeded"


def test_an_unknown_desired_state_is_refused_in_the_row(
    sqltune: Sqltune, people: People, office: str
) -> None:
    stop_in_training(sqltune, people)
    people.do("UPDATE runs SET desired_state = 'stop'")
    sqltune.well("sync")
    assert people.rows("SELECT state, desired_state FROM runs") == [("succeeded", "running")]
    assert "'stop' is refused: it must be one of running, paused, cancelled" in people.value(
        "SELECT message FROM run_events WHERE event = 'desired_state_refused'"
    )


def test_a_running_run_shows_its_last_sign_of_life_and_what_comes_next(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "training")
    row = people.rows(
        "SELECT state, state_changed_at, last_alive_at, lease_expires_at, is_stuck, next_step"
        "  FROM report_runs"
    )[0]
    assert (row[0], row[4], row[5]) == (
        "training",
        0,
        "the new version is asked the same prompts",
    )
    assert row[3] > row[2] >= row[1], "the lease ends after the last sign of life"
    table = sqltune.well("status").out
    assert "run 1 training for " in table
    assert ", alive " in table
    running.signal(signal.SIGKILL)
    running.finish()
    people.do("UPDATE adapter_states SET lease_until_ms = 0")
    status = sqltune.well("status", "--json").data[0]
    assert status["is_stuck"] == 1
    assert "was last alive at" in status["stuck_reason"]
    assert (
        "run `sqltune sync`, or start `sqltune worker` to resume the run" in status["stuck_reason"]
    )
    sqltune.play(slots=1, steps_per_epoch=4)
    sqltune.well("sync")
    assert people.rows("SELECT state, is_stuck, stuck_reason FROM runs") == [("succeeded", 0, None)]


def test_a_run_whose_backend_hangs_is_marked_as_stuck_by_its_own_runner(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(
        sqltune, people, "training", SQLTUNE_STALL_SECONDS="0.2", SQLTUNE_LEASE_SECONDS="1"
    )
    reason = people.await_row("SELECT stuck_reason FROM runs WHERE is_stuck = 1")[0]
    assert "its runner is alive, but there was no step and no response" in reason
    (sqltune.folder / "go-on").touch()
    assert running.finish().code == 0
    assert people.rows("SELECT state, is_stuck FROM runs") == [("succeeded", 0)]


def test_the_run_of_an_adapter_that_was_deleted_can_be_ended_by_its_row(
    sqltune: Sqltune, people: People, office: str
) -> None:
    stop_in_training(sqltune, people)
    people.do("DELETE FROM adapters")
    sqltune.well("status")
    assert "table adapters no longer has 'office'" in people.value("SELECT stuck_reason FROM runs")
    people.do("UPDATE runs SET desired_state = 'cancelled'")
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "cancelled"


@pytest.mark.parametrize(("desired", "state"), [("cancelled", "cancelled"), ("paused", "paused")])
def test_a_desired_state_counts_even_if_the_backend_no_longer_has_the_base_model(
    sqltune: Sqltune, people: People, office: str, desired: str, state: str
) -> None:
    begin(sqltune, people, "training").signal(signal.SIGKILL)
    people.do("UPDATE adapter_states SET lease_until_ms = 0")
    people.do("UPDATE runs SET desired_state = :desired", desired=desired)
    sqltune.play(base_models=[])
    sqltune("sync", "office")
    assert people.rows("SELECT state FROM runs") == [(state,)]


def test_a_run_that_fails_while_it_is_being_cancelled_is_not_tried_again(
    sqltune: Sqltune, people: People, office: str
) -> None:
    gate = sqltune.folder / "go-on"
    hang = {"at": "step", "number": 2, "kind": "hang", "until": str(gate)}
    sqltune.play(steps_per_epoch=4, faults=[hang, {"at": "step", "number": 3}])
    running = sqltune.start("sync")
    people.await_row("SELECT 1 FROM backend_calls WHERE state = 'intended'")
    people.do("UPDATE runs SET desired_state = 'cancelled'")
    gate.touch()
    running.finish()
    assert people.rows("SELECT state, next_attempt_at FROM runs") == [("cancelled", None)]
    assert people.value("SELECT retry_at FROM adapter_states") is None


def test_a_run_that_fails_while_it_is_to_be_paused_is_paused(
    sqltune: Sqltune, people: People, office: str
) -> None:
    # A person writes just before the backend fails; the runner may not have read the row since.
    people.do(
        "CREATE TRIGGER pause AFTER INSERT ON backend_calls FOR EACH ROW BEGIN"
        " UPDATE runs SET desired_state = 'paused'; END"
    )
    sqltune.play(faults=[{"at": "train", "number": 1}])
    sqltune.well("sync")
    people.do("DROP TRIGGER pause")
    sqltune.play()
    assert "office: paused, run 1 is paused" in sqltune.well("sync").err
    assert people.rows("SELECT state, resume_state FROM runs") == [("paused", "training")]
    resume(people)
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs") == [("succeeded",)]


def test_a_verdict_is_undone_if_a_person_ended_the_run_in_the_meantime(
    sqltune: Sqltune, people: People, office: str
) -> None:
    # The trigger runs in the verdict's own transaction, and so is undone with it.
    people.do(
        "CREATE TRIGGER finish AFTER INSERT ON gate_decisions FOR EACH ROW BEGIN"
        " UPDATE runs SET state = 'cancelled'; END"
    )
    assert "run 1 is no longer deciding" in sqltune("sync").err
    assert (people.count("aliases"), people.count("gate_decisions")) == (0, 0)
    people.do("DROP TRIGGER finish")
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs") == [("succeeded",)]
