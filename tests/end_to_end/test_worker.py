"""`sqltune worker`: stays, and does what rows ask for within seconds."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.command import People, Running, Sqltune, await_condition
from tests.end_to_end.conftest import declare_office
from tests.end_to_end.runs import ask, declare_rooms, end_worker


@pytest.fixture
def worker_on(sqltune_on: Sqltune) -> Iterator[Running]:
    """A worker with short pauses, on each engine."""
    running = sqltune_on.start("worker", "--poll-seconds", "0.1", SQLTUNE_LEASE_SECONDS="2")
    yield running
    running.process.kill()


def hang_in_training(sqltune: Sqltune) -> Path:
    """Let trainings hang at their second step until the file that it gives is there."""
    gate = sqltune.folder / "go-on"
    hang = {"at": "step", "number": 2, "kind": "hang", "until": str(gate)}
    sqltune.play(slots=1, steps_per_epoch=4, faults=[hang])
    return gate


def test_a_worker_takes_up_an_insert_and_leaves_all_else_alone(
    worker_on: Running, people_on: People
) -> None:
    declare_office(people_on)
    declare_office(people_on, "attic")
    people_on.insert("runs", adapter_name="office")
    people_on.await_row("SELECT 1 FROM runs WHERE state = 'succeeded'")
    end_worker(worker_on)
    assert people_on.rows("SELECT adapter_name FROM runs") == [("office",)]
    assert people_on.count("adapter_states", "lease_owner IS NOT NULL") == 0


def test_a_worker_syncs_an_adapter_by_its_own_schedule(
    worker_on: Running, people_on: People
) -> None:
    declare_office(people_on)
    people_on.do("UPDATE adapters SET sync_every = '0.2s'")
    people_on.await_row("SELECT 1 FROM runs WHERE state = 'succeeded'")
    people_on.teach("office", "When?", "Now.")
    people_on.await_row(
        "SELECT 1 FROM adapter_versions WHERE version_number = 2 AND state <> 'trained'"
    )
    end_worker(worker_on)


def test_a_worker_resumes_a_run_that_another_runner_left(sqltune: Sqltune, people: People) -> None:
    declare_rooms(people)
    hang_in_training(sqltune)
    sync = sqltune.start("sync")
    people.await_row("SELECT 1 FROM runs WHERE state = 'training'")
    sync.signal(signal.SIGKILL)
    sync.finish()
    sqltune.play(slots=1, steps_per_epoch=4)
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.do("UPDATE adapter_states SET lease_until_ms = 0")
    people.await_row("SELECT 1 FROM runs WHERE state = 'succeeded'")
    end_worker(worker)
    assert people.value("SELECT attempt_count FROM runs") == 2


def test_a_worker_tries_again_what_may_succeed_later(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    sqltune.play(faults=[{"at": "train", "number": 1, "code": "backend_unavailable"}])
    people.insert("runs", adapter_name="office")
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.await_row("SELECT 1 FROM runs WHERE state = 'succeeded'")
    end_worker(worker)
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("failed",), ("succeeded",)]
    assert people.value("SELECT retry_at FROM adapter_states") is None


def test_a_sync_that_comes_too_early_takes_no_retry_from_the_worker(
    sqltune: Sqltune, people: People, office: str
) -> None:
    waits = {"SQLTUNE_RETRY_WAIT_SECONDS": "300"}
    sqltune.play(faults=[{"at": "train", "number": 1}])
    assert sqltune("sync", **waits).code == 1
    at = people.value("SELECT retry_at FROM adapter_states")
    assert "office: wait" in sqltune("sync", **waits).err
    assert at is not None
    assert people.value("SELECT retry_at FROM adapter_states") == at


def test_a_schedule_of_ages_stops_no_worker(
    worker_on: Running, people_on: People, sqltune_on: Sqltune
) -> None:
    declare_office(people_on)
    sqltune_on.well("sync")
    people_on.do("UPDATE adapters SET sync_every = :ages", ages="9" * 30 + "d")
    run = ask(people_on, is_forced=1)
    people_on.await_row("SELECT 1 FROM runs WHERE run_id = :run AND state = 'succeeded'", run=run)
    end_worker(worker_on)


def test_a_stopped_worker_leaves_its_run_resumable(sqltune: Sqltune, people: People) -> None:
    declare_rooms(people)
    hang_in_training(sqltune)
    people.insert("runs", adapter_name="office")
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.await_row("SELECT 1 FROM backend_calls")
    end_worker(worker)
    assert people.rows("SELECT state, next_step FROM runs") == [
        ("training", "the next sync or worker resumes from the last commit")
    ]
    assert people.count("adapter_states", "lease_owner IS NOT NULL") == 0


def test_a_worker_pauses_a_run_and_resumes_it_when_the_row_says_so(
    sqltune: Sqltune, people: People
) -> None:
    declare_rooms(people)
    gate = hang_in_training(sqltune)
    people.insert("runs", adapter_name="office")
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.await_row("SELECT 1 FROM backend_calls")
    people.do("UPDATE runs SET desired_state = 'paused'")
    people.await_row("SELECT 1 FROM runs WHERE state = 'paused'")
    gate.touch()
    people.do("UPDATE runs SET desired_state = 'running'")
    people.await_row("SELECT 1 FROM runs WHERE state = 'succeeded'")
    end_worker(worker)


def test_a_worker_syncs_only_the_adapters_that_it_was_given(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    declare_office(people, "attic")
    people.insert("runs", adapter_name="attic")
    people.insert("runs", adapter_name="office")
    worker = sqltune.start("worker", "office", "--poll-seconds", "0.1")
    people.await_row("SELECT 1 FROM runs WHERE state = 'succeeded'")
    end_worker(worker)
    assert people.rows("SELECT adapter_name, state FROM runs ORDER BY 1") == [
        ("attic", "queued"),
        ("office", "succeeded"),
    ]
    assert "no adapter named 'cellar'" in sqltune("worker", "cellar").err


def test_a_worker_answers_a_request_to_move_an_alias(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET learning_rate = 0.5")
    sqltune.well("sync")
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.insert("alias_changes", adapter_name="office", version_number=1)
    people.insert("alias_changes", adapter_name="cellar", version_number=1)
    people.await_row("SELECT 1 FROM aliases WHERE version_number = 1")
    people.await_row("SELECT 1 FROM alias_changes WHERE state = 'refused'")
    end_worker(worker)


@pytest.mark.sqlite_only
def test_a_request_to_move_an_alias_to_what_is_no_number_is_refused(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.insert("alias_changes", adapter_name="office", version_number="latest")
    sqltune.well("sync")
    assert people.rows("SELECT state, reason FROM alias_changes") == [
        ("refused", "office has no version latest")
    ]


@pytest.mark.sqlite_only
def test_a_request_that_holds_bytes_keeps_no_other_waiting(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    declare_office(people, "attic")
    # Bytes, which SQLite stores in any column.
    people.do("INSERT INTO runs (adapter_name, backend) VALUES ('attic', X'00FF')")
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.await_row("SELECT 1 FROM runs WHERE run_id = 1 AND state = 'failed'")
    run = ask(people)
    people.await_row("SELECT 1 FROM runs WHERE run_id = :run AND state = 'succeeded'", run=run)
    worker.signal(signal.SIGTERM)
    assert worker.finish().code == 0


def test_a_worker_serves_its_metrics_and_its_health(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    people.insert("runs", adapter_name="office")
    worker = sqltune.start("worker", "--poll-seconds", "0.1", "--port", "0")
    assert worker.process.stderr is not None
    found = re.match(r"(http://127\.0\.0\.1:\d+)/metrics", worker.process.stderr.readline())
    assert found
    people.await_row("SELECT 1 FROM runs WHERE state = 'succeeded'")
    pages: list[str] = []

    def counted() -> bool:
        pages.append(httpx.get(f"{found[1]}/metrics").text)
        ended = 'sqltune_worker_runs_total{adapter="office",state="succeeded"} 1.0' in pages[-1]
        return ended and 'sqltune_open_runs{state="training"} 0.0' in pages[-1]

    await_condition(counted, "the run in the metrics")
    assert 'sqltune_adapter_score{adapter="office"} 1.0' in pages[-1]
    assert 'sqltune_adapter_last_success_age_seconds{adapter="office"}' in pages[-1]
    health = httpx.get(f"{found[1]}/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert httpx.get(f"{found[1]}/secrets").status_code == 404
    end_worker(worker)


def test_four_workers_share_the_requests_and_do_none_twice(
    sqltune_on: Sqltune, people_on: People
) -> None:
    for number in range(8):
        declare_office(people_on, f"office{number}")
        people_on.insert("runs", adapter_name=f"office{number}")
    workers = [sqltune_on.start("worker", "--poll-seconds", "0.1") for _ in range(4)]
    await_condition(
        lambda: people_on.count("runs", "state = 'succeeded'") == 8, "eight runs that succeeded"
    )
    for worker in workers:
        end_worker(worker)
    assert people_on.count("runs") == 8
    assert people_on.count("adapter_versions") == 8
