"""A process may be stopped, killed or frozen at any instruction: nothing is lost, nothing is done
twice.
"""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.command import People, Sqltune, await_condition
from tests.end_to_end.runs import (
    Rows,
    await_expired_lease,
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


@pytest.mark.slow
@pytest.mark.parametrize("at", ["training", "answering"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_the_run_resumable_and_the_next_sync_ends_it(
    sqltune: Sqltune,
    people: People,
    office: str,
    undisturbed: Rows,
    at: str,
    number: signal.Signals,
) -> None:
    running = begin(sqltune, people, at)
    running.signal(number)
    stopped = running.finish()
    assert stopped.code == 128 + number
    assert "the next sync resumes the run" in stopped.err
    assert "Traceback" not in stopped.err
    assert people.rows("SELECT lease_owner FROM adapter_states") == [(None,)]
    state = people.value("SELECT state FROM runs")
    assert state == ("training" if at == "training" else "answering_before")
    asked = people.rows("SELECT prompt_key, phase, answered_at FROM responses")
    sqltune.play(slots=1, steps_per_epoch=4)
    done = sqltune.well("sync")
    assert f"office: resume, run 1 stopped while {state}" in done.err
    assert asked
    assert set(asked) <= set(people.rows("SELECT prompt_key, phase, answered_at FROM responses"))
    assert outcome(people) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("at", ["training", "answering"])
def test_a_killed_sync_is_resumed_after_its_lease_and_ends_with_the_same_rows(
    sqltune: Sqltune, people: People, office: str, undisturbed: Rows, at: str
) -> None:
    running = begin(sqltune, people, at, SQLTUNE_LEASE_SECONDS="1")
    running.signal(signal.SIGKILL)
    running.finish()
    assert people.count("adapter_states", "lease_owner IS NOT NULL") == 1
    await_expired_lease(people)
    sqltune.play(slots=1, steps_per_epoch=4)
    done = sqltune.well("sync")
    assert "office: resume, run 1 stopped while" in done.err
    assert outcome(people) == undisturbed
    assert people.value("SELECT attempt_count FROM runs") == 2


def test_a_killed_sync_keeps_others_away_until_its_lease_ends(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "training")
    running.signal(signal.SIGKILL)
    running.finish()
    done = sqltune.well("sync")
    assert "works on run 1 since" in done.err
    assert people.count("runs") == 1


@pytest.mark.slow
def test_a_frozen_sync_that_wakes_up_late_writes_nothing_more(
    sqltune: Sqltune, people: People, office: str, undisturbed: Rows
) -> None:
    running = begin(sqltune, people, "training", SQLTUNE_LEASE_SECONDS="1")
    running.signal(signal.SIGSTOP)
    await_expired_lease(people)
    sqltune.play(slots=1, steps_per_epoch=4)
    sqltune.well("sync")
    after, weights = people.dump(), weights_of(sqltune)
    assert weights
    (sqltune.folder / "go-on").touch()
    running.signal(signal.SIGCONT)
    woken = running.finish()
    assert woken.code == 0
    assert "Traceback" not in woken.err
    assert people.dump() == after
    assert weights.items() <= weights_of(sqltune).items()
    assert outcome(people) == undisturbed


def weights_of(sqltune: Sqltune) -> dict[str, tuple[int, int]]:
    """Return the finished adapters on disk, and what changes when one is written again."""
    files = (sqltune.folder / "artifacts" / "scripted").glob("*.jsonl")
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


#: SQLite's own interrupt does not end this function, which takes hours.
UNINTERRUPTIBLE = (
    "SELECT instr(hex(zeroblob(40000000)), hex(zeroblob(16000000)) || '1') AS prompt, "
    "'r' AS response"
)


@pytest.mark.sqlite_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_a_selection_whose_function_computes_for_hours(
    sqltune: Sqltune, people: People, office: str, number: signal.Signals
) -> None:
    people.do("UPDATE adapters SET training_query = :query", query=UNINTERRUPTIBLE)
    running = sqltune.start("sync")
    runner = psutil.Process(running.process.pid)
    await_condition(lambda: bool(readers_at_work(runner)), "the query is executed")
    (reader,) = readers_at_work(runner)
    running.signal(number)
    stopped = running.finish()
    assert stopped.code == (-number if number is signal.SIGKILL else 128 + number)
    assert "Traceback" not in stopped.err
    await_condition(lambda: not reader.is_running(), "the reading process ends")


def readers_at_work(runner: psutil.Process) -> list[psutil.Process]:
    """Return the processes that a runner started and that have computed for a while."""
    return [child for child in runner.children() if child.cpu_times().user > 0.3]


def test_cancel_ends_a_running_run_within_seconds(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "training")
    said = sqltune.well("cancel", "1")
    assert "run 1 is running; its runner ends it within seconds" in said.err
    done = running.finish()
    assert "office: run 1 cancelled" in done.err
    assert done.code == 0
    sqltune.play()
    again = sqltune.well("sync")
    assert "office: blocked, run 1 was cancelled and nothing changed since" in again.err
    sqltune.well("sync", "--force")
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("cancelled",), ("succeeded",)]


def test_cancel_ends_a_run_that_nobody_works_on_at_once(
    sqltune: Sqltune, people: People, office: str
) -> None:
    stop_in_training(sqltune, people)
    assert "run 1 is cancelled" in sqltune.well("cancel", "1").err
    assert people.value("SELECT state FROM runs") == "cancelled"
    assert "run 1 has ended already (cancelled)" in sqltune.well("cancel", "1").err
    unknown = sqltune("cancel", "5")
    assert (unknown.code, "there is no run 5" in unknown.err) == (2, True)


def test_a_row_cancels_a_run_that_nobody_works_on_at_the_next_sync(
    sqltune: Sqltune, people: People, office: str
) -> None:
    stop_in_training(sqltune, people)
    people.do("UPDATE runs SET desired_state = 'cancelled'")
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "cancelled"
    assert people.count("adapter_versions") == 0


def test_a_run_that_kills_its_runners_again_and_again_fails_and_says_so(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "training")
    for died in (1, 2, 3):
        people.await_row("SELECT 1 FROM runs WHERE attempt_count = :died", died=died)
        running.signal(signal.SIGKILL)
        running.finish()
        people.do("UPDATE adapter_states SET lease_until_ms = 0")
        if died < 3:
            running = sqltune.start("sync")
    (row,) = sqltune.well("status", "--json").data
    assert "3 in a row died with it, so the next sync or worker ends the run" in row["stuck_reason"]
    ended = sqltune("sync")
    assert ended.code == 1
    assert "office: refused, 3 runners in a row (max_attempts) died with run 1 while" in ended.err
    assert people.rows("SELECT state, error_code FROM runs") == [("failed", "runner_died")]
    assert "office: blocked, run 1 failed and nothing changed since" in sqltune("sync").err
    sqltune.play()
    sqltune.well("sync", "--force")


def test_two_interrupts_end_at_once_and_the_run_is_still_resumable(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "answering")
    running.signal(signal.SIGINT)
    running.signal(signal.SIGINT)
    stopped = running.finish()
    assert stopped.code != 0
    assert "Traceback" not in stopped.err
    people.do("UPDATE adapter_states SET lease_until_ms = 0")
    sqltune.play()
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "succeeded"
