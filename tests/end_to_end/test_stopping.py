"""A process may be stopped, killed or frozen at any instruction: nothing is lost, nothing is done
twice.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.databases import copy_sqlite
from tests.end_to_end.command import People, Running, Sqltune, await_condition
from tests.end_to_end.conftest import declare_office

Rows = dict[str, list[tuple[Any, ...]]]


def begin(sqltune: Sqltune, people: People, at: str, **environment: str) -> Running:
    """Start a sync that hangs in the middle of training, or of answering."""
    gate = str(sqltune.folder / "go-on")
    fault = {"at": "step", "number": 2} if at == "training" else {"at": "answer", "number": 2}
    sqltune.play(slots=1, steps_per_epoch=4, faults=[{**fault, "kind": "hang", "until": gate}])
    running = sqltune.start("sync", **environment)
    if at == "training":
        people.await_row("SELECT 1 FROM runs WHERE state = 'training'")
        people.await_row("SELECT 1 FROM backend_calls WHERE state = 'intended'")
    else:
        people.await_row("SELECT 1 FROM responses")
    return running


@pytest.fixture
def office(people: People) -> str:
    """An adapter whose training has several steps, never synced."""
    declare_rooms(people)
    return "office"


def declare_rooms(people: People) -> None:
    """Declare an adapter with four samples and four prompts."""
    declare_office(people)
    for number in range(3):
        people.teach("office", f"What is room {number}?", f"Room {number} is blue.")
        people.ask("office", f"What is room {number}?", f"Room {number} is blue.")


def outcome(people: People) -> Rows:
    """Give the rows that must not depend on whether a run was interrupted."""
    return {
        "responses": people.rows(
            "SELECT prompt_key, phase, response FROM responses ORDER BY prompt_key, phase"
        ),
        "scores": people.rows("SELECT prompt_key, phase, score FROM scores ORDER BY 1, 2"),
        "steps": people.rows("SELECT step, tokens_seen FROM training_metrics ORDER BY step"),
        "version": people.rows(
            "SELECT version_number, state, sample_count, artifact_sha256 FROM adapter_versions"
        ),
        "manifest": people.rows("SELECT position, content_hash FROM manifest_samples ORDER BY 1"),
        "run": people.rows("SELECT state, steps_done, prompts_selected FROM runs"),
        "alias": people.rows("SELECT alias, version_number FROM aliases"),
    }


@pytest.fixture
def undisturbed(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Rows:
    """What the same rows come to when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    url = copy_sqlite(sqlite_template, folder)
    people = People(url)
    declare_rooms(people)
    sqltune = Sqltune(folder, url)
    sqltune.play(slots=1, steps_per_epoch=4)
    sqltune.well("sync")
    rows = outcome(people)
    people.close()
    return rows


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
    assert "the next sync goes on from here" in stopped.err
    assert "Traceback" not in stopped.err
    assert people.rows("SELECT lease_owner FROM adapter_states") == [(None,)]
    state = people.value("SELECT state FROM runs")
    assert state == ("training" if at == "training" else "answering_before")
    asked = people.rows("SELECT prompt_key, phase, answered_at FROM responses")
    sqltune.play(slots=1, steps_per_epoch=4)
    done = sqltune.well("sync")
    assert f"office: resume, run 1 stopped while {state}" in done.err
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
    (sqltune.folder / "go-on").touch()
    running.signal(signal.SIGCONT)
    woken = running.finish()
    assert woken.code == 0
    assert "Traceback" not in woken.err
    assert people.dump() == after
    assert weights.items() <= weights_of(sqltune).items()
    assert outcome(people) == undisturbed


def weights_of(sqltune: Sqltune) -> dict[str, tuple[int, int]]:
    """Give the finished adapters on disk, and what changes when one is written again."""
    files = (sqltune.folder / "artifacts" / "scripted").glob("*.jsonl")
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


def test_cancel_ends_a_run_at_work_within_seconds(
    sqltune: Sqltune, people: People, office: str
) -> None:
    running = begin(sqltune, people, "training")
    said = sqltune.well("cancel", "1")
    assert "run 1 is at work; its runner ends it within seconds" in said.err
    done = running.finish()
    assert "office: run 1 cancelled" in done.err
    assert done.code == 0
    sqltune.play()
    again = sqltune.well("sync")
    assert "office: blocked, run 1 was cancelled and nothing changed since" in again.err
    sqltune.well("sync", "--force")
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("cancelled",), ("succeeded",)]


def stop_in_training(sqltune: Sqltune, people: People) -> None:
    """Leave a run behind that stands in its training."""
    running = begin(sqltune, people, "training")
    running.signal(signal.SIGTERM)
    running.finish()
    sqltune.play()


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


def await_expired_lease(people: People) -> None:
    """Wait until the database's clock has passed the lease."""
    lease_end = "SELECT lease_until_ms FROM adapter_states"
    # The database's clock is this machine's.
    await_condition(lambda: people.value(lease_end) < time.time() * 1000, "the end of the lease")
