"""Runners that died count: what killed as many as may try fails, and the others go on."""

from __future__ import annotations

import threading

import pytest

from sqltune.database.tables import states
from sqltune.database.tables.states import claim_adapter
from sqltune.records import SyncDecision
from sqltune.syncing import waiting
from sqltune.syncing.lease import lease_adapter
from tests.unit.office import Office, crashes, die
from tests.unit.office import states as run_states

BEGUN = (
    "INSERT INTO runs (run_id, adapter_name, state, run_kind, run_key, attempt_count)"
    " VALUES (1, 'office', 'training', 'train', 'key-1', 1)"
)


def test_a_run_that_killed_max_attempts_runners_fails_as_runner_died(office: Office) -> None:
    office.do(BEGUN)
    die(office, 3)
    (given_up,) = office.sync()
    assert (given_up.decision, given_up.run_id) == (SyncDecision.REFUSED, 1)
    assert run_states(office) == [(1, "failed", "runner_died")]
    assert (given_up.error_message or "").startswith(
        "3 runners in a row (max_attempts) died with run 1 while training"
    )
    assert crashes(office) == 0
    assert [o.decision for o in office.sync()] == [SyncDecision.TRAIN], "it had no keys to repeat"


def test_a_run_is_resumed_while_fewer_runners_died(office: Office) -> None:
    office.sync()
    office.do("UPDATE runs SET state = 'deciding', finished_at = NULL")
    die(office, 2)
    assert [o.decision for o in office.sync()] == [SyncDecision.RESUME]
    assert crashes(office) == 0, "a runner that ended is no crash"


@pytest.mark.parametrize(("desired", "state"), [("paused", "paused"), ("cancelled", "cancelled")])
def test_what_a_person_wants_of_a_run_counts_more_than_its_crashes(
    office: Office, desired: str, state: str
) -> None:
    office.sync()
    office.do(
        f"UPDATE runs SET state = 'training', finished_at = NULL, desired_state = '{desired}'"
    )
    die(office, 3)
    office.sync()
    assert run_states(office)[0][1] == state


def test_planning_that_killed_max_attempts_runners_leaves_a_failed_run_and_a_decision(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(office, 3)
    monkeypatch.setattr(waiting, "plan_adapter", None)
    (given_up,) = office.sync()
    assert run_states(office) == [(1, "failed", "runner_died")]
    assert given_up.decision is SyncDecision.REFUSED
    assert office.rows("SELECT decision FROM adapter_states") == [("refused",)]


def give_up(office: Office) -> None:
    """Let the adapter's planning kill its runners; the pause after it is long."""
    object.__setattr__(office.runtime.settings, "retry_wait_seconds", 300.0)
    die(office, 3)
    office.sync()


def test_an_adapter_whose_planning_died_is_planned_again_only_after_a_pause(office: Office) -> None:
    give_up(office)
    (outcome,) = office.sync()
    assert outcome.decision is SyncDecision.WAIT
    assert "it is tried again from" in outcome.reason
    assert office.rows("SELECT next_attempt_at IS NOT NULL, failure_count FROM runs") == [(1, 1)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE adapters SET training_query = 'SELECT prompt, response FROM training_samples'",
        "UPDATE runs SET next_attempt_at = '2026-01-01 00:00:00'",
        "UPDATE runs SET next_attempt_at = '2999-01-01 00:00:00'",
        "INSERT INTO runs (adapter_name) VALUES ('office')",
    ],
)
def test_a_changed_row_a_request_and_the_end_of_the_pause_let_it_be_planned(
    office: Office, change: str
) -> None:
    give_up(office)
    office.do(change)
    assert [o.decision for o in office.sync()] == [SyncDecision.TRAIN]


def test_force_ends_the_pause(office: Office) -> None:
    give_up(office)
    assert [o.decision for o in office.sync(force=True)] == [SyncDecision.TRAIN]


def test_the_pause_doubles_with_every_failure_up_to_a_day(office: Office) -> None:
    give_up(office)
    for failures in (2, 3, 4):
        office.do("UPDATE runs SET next_attempt_at = '2026-01-01 00:00:00'")
        die(office, 3)
        office.sync()
        ((count, attempt, ended),) = office.rows(
            "SELECT failure_count, next_attempt_at, finished_at FROM runs"
            " ORDER BY run_id DESC LIMIT 1"
        )
        assert count == failures
        assert attempt > ended
    object.__setattr__(office.runtime.settings, "retry_wait_seconds", 1e9)
    office.do("UPDATE runs SET next_attempt_at = '2026-01-01 00:00:00'")
    die(office, 3)
    office.sync()
    assert [o.decision for o in office.sync()] == [SyncDecision.WAIT]


def test_a_request_whose_planning_died_is_the_one_that_fails(office: Office) -> None:
    office.do("INSERT INTO runs (adapter_name, backend) VALUES ('office', 'local')")
    die(office, 3)
    (refused,) = office.sync()
    assert (refused.run_id, refused.decision) == (1, SyncDecision.REFUSED)
    assert office.rows("SELECT state, error_code, is_trial FROM runs WHERE run_id = 1") == [
        ("failed", "runner_died", 1)
    ]
    assert [o.decision for o in office.sync()] == [SyncDecision.TRAIN]


def test_a_runner_that_only_lost_its_lease_is_no_crash(office: Office) -> None:
    with office.lease():
        office.do("UPDATE adapter_states SET lease_until_ms = 0")
        die(office, 1, "attic")
        claim = claim_adapter(
            office.runtime.database,
            "office",
            owner="another",
            lease_seconds=60,
            now=office.runtime.now(),
        )
        assert claim is not None
        assert claim.crash_count == 1
    assert office.rows(
        "SELECT crash_count, lease_owner FROM adapter_states WHERE adapter_name = 'office'"
    ) == [(0, "another")]


def test_a_lease_that_could_not_be_released_is_released_by_the_same_process(office: Office) -> None:
    with office.lease() as lease:
        claim = lease.claim
    office.do(f"UPDATE adapter_states SET lease_owner = '{claim.owner}', lease_until_ms = 0")
    office.runtime.unreleased.append(claim)
    with lease_adapter(office.runtime, "office", threading.Event()) as again:
        assert again is not None
        assert again.claim.crash_count == 0
    assert office.runtime.unreleased == []


def test_a_lease_far_in_the_future_has_expired(office: Office) -> None:
    die(office, 1)
    far = 4_102_444_800_000
    office.do(f"UPDATE adapter_states SET lease_until_ms = {far}, heartbeat_at = '2100-01-01'")
    with office.runtime.database.read() as session:
        lease = states.list_leases(session, lease_seconds=60)["office"]
    assert lease.is_expired
    assert [o.decision for o in office.sync()] == [SyncDecision.TRAIN]


def test_a_lease_of_usual_length_is_respected(office: Office) -> None:
    with office.lease():
        assert [o.decision for o in office.sync()] == [SyncDecision.BUSY]
