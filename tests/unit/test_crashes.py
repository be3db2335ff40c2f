"""Runners that died count: what killed as many as may try fails, and the others go on."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sqltune.database.patience import with_patience
from sqltune.database.tables import requests, states
from sqltune.database.tables.states import claim_adapter
from sqltune.records import SyncDecision
from sqltune.syncing import executing, turn, waiting
from sqltune.syncing.due import choose_adapters, find_due, read_declared
from sqltune.syncing.lease import lease_adapter
from sqltune.syncing.reconcile import reconcile
from tests.unit.office import ADAPTER, Office
from tests.unit.office import states as run_states

ATTIC = ADAPTER.replace("'office'", "'attic'")
BEGUN = (
    "INSERT INTO runs (run_id, adapter_name, state, run_kind, run_key, attempt_count)"
    " VALUES (1, 'office', 'training', 'train', 'key-1', 1)"
)


class Panic(BaseException):
    """What native code raises, such as pyo3's PanicException: no `Exception`."""


def die(office: Office, times: int, adapter_name: str = "office") -> None:
    """Leave the lease as runners do that are killed, one after the other."""
    for number in range(times):
        claim = claim_adapter(
            office.runtime.database,
            adapter_name,
            owner=f"dead-{adapter_name}-{number}",
            lease_seconds=60,
            now=office.runtime.now(),
        )
        assert claim is not None
        assert claim.crash_count == number
        office.do("UPDATE adapter_states SET lease_until_ms = 0")


def crashes(office: Office) -> int:
    ((count,),) = office.rows("SELECT crash_count FROM adapter_states")
    return int(count)


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


def test_adapters_that_went_well_come_first_and_of_these_the_one_that_waits_longest(
    office: Office,
) -> None:
    office.do(*(ADAPTER.replace("'office'", f"'{name}'") for name in ("attic", "barn", "cellar")))
    for name, tried_at, comes_last in (
        ("attic", "'2026-11-03'", 1),
        ("barn", "'2026-11-02'", 0),
        ("office", "'2026-11-01'", 0),
    ):
        office.do(
            "INSERT INTO adapter_states (adapter_name, claimed_at, comes_last)"
            f" VALUES ('{name}', {tried_at}, {comes_last})"
        )
    names = [adapter.adapter_name for adapter in choose_adapters(office.runtime, [])]
    assert names == ["cellar", "office", "barn", "attic"]
    office.do("UPDATE adapters SET sync_every = '1s'")
    assert find_due(office.runtime, []).last == {"attic"}


def test_an_adapter_that_failed_or_died_comes_last_the_next_time(office: Office) -> None:
    office.do(ATTIC.replace("'toy', 'scripted'", "'toy', 'quantum'"))
    assert [o.adapter_name for o in office.sync()] == ["attic", "office"]
    assert [o.adapter_name for o in office.sync()] == ["office", "attic"]
    office.do("UPDATE adapters SET backend = 'scripted'")
    office.sync()
    die(office, 1)
    assert choose_adapters(office.runtime, [])[-1].adapter_name == "office"


def test_each_adapter_has_one_turn_in_a_round(office: Office) -> None:
    office.do(ATTIC, ADAPTER.replace("'office'", "'zoo'"))
    office.do(*["INSERT INTO runs (adapter_name, is_forced) VALUES ('office', 1)"] * 3)
    names = [o.adapter_name for o in office.sync()]
    assert names == ["attic", "office", "zoo", "office", "office"]


def test_one_plan_and_one_statement_settle_equal_requests(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.sync()
    insert_requests(office, 5000)
    office.do("UPDATE runs SET trigger_reason = 'mine' WHERE run_id = 17")
    planned = count_plans(monkeypatch)
    (outcome,) = office.sync()
    assert (outcome.decision, planned) == (SyncDecision.UP_TO_DATE, ["office"])
    assert office.rows("SELECT state, version_number, COUNT(*) FROM runs GROUP BY 1, 2") == [
        ("succeeded", 1, 5001)
    ]
    assert office.rows("SELECT trigger_reason FROM runs WHERE run_id = 17") == [("mine",)]


def test_equal_requests_are_settled_by_the_run_that_the_first_of_them_became(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert_requests(office, 5000)
    planned = count_plans(monkeypatch)
    assert [o.decision for o in office.sync()] == [SyncDecision.TRAIN, SyncDecision.UP_TO_DATE]
    assert len(planned) == 2
    assert office.rows("SELECT state, COUNT(*) FROM runs GROUP BY state") == [("succeeded", 5000)]


def test_equal_requests_that_cannot_be_met_fail_with_the_first_of_them(office: Office) -> None:
    office.do("UPDATE adapters SET training_query = 'DELETE FROM training_samples'")
    insert_requests(office, 5000)
    assert [o.decision for o in office.sync()] == [SyncDecision.REFUSED, SyncDecision.BLOCKED]
    assert office.rows("SELECT state, error_code, COUNT(*) FROM runs GROUP BY 1, 2") == [
        ("failed", "query_refused", 5000)
    ]


@pytest.mark.parametrize(
    "columns",
    [
        "is_forced) VALUES ('office', 1",
        "desired_state) VALUES ('office', 'paused'",
        "manifest_id) VALUES ('office', 1",
        "queued_at) VALUES ('office', '2999-01-01 00:00:00'",
    ],
)
def test_a_request_that_asks_for_something_else_is_not_settled_with_the_others(
    office: Office, columns: str
) -> None:
    office.sync()
    insert_requests(office, 3)
    office.do(f"INSERT INTO runs (adapter_name, {columns})")
    with office.lease() as lease:
        turn_done = turn.Turn(is_forced=False, is_scheduled=True)
        with_patience(lambda: turn._take_turn(lease, turn_done), threading.Event())
    assert office.rows("SELECT state FROM runs WHERE run_id = 5") == [("queued",)]
    assert office.rows("SELECT COUNT(*) FROM runs WHERE state = 'succeeded'") == [(4,)]


def test_open_requests_are_read_and_reconciled_by_their_kinds(office: Office) -> None:
    insert_requests(office, 5000)
    office.do("UPDATE runs SET adapter_name = 'ofice' WHERE run_id > 4000")
    reconciled = reconcile(office.runtime)
    assert [(run.count, run.run_id) for run in reconciled.open_runs] == [(4000, 1), (1000, 4001)]
    assert [(run.count, end.error_code) for run, end in reconciled.ended] == [
        (1000, "unknown_adapter")
    ]
    assert office.rows("SELECT state, next_step, COUNT(*) FROM runs GROUP BY 1, 2") == [
        ("failed", "nothing: correct it and ask again", 1000),
        ("queued", "a sync or worker takes it up", 4000),
    ]
    with office.runtime.database.read() as session:
        assert len(requests.list_open_runs(session)) == 1


def insert_requests(office: Office, count: int) -> None:
    """Insert equal requests as one statement of a person does."""
    office.do(
        "INSERT INTO runs (adapter_name) WITH RECURSIVE n (i) AS"
        f" (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT 'office' FROM n"
    )


def count_plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each plan of a request adds its adapter."""
    planned: list[str] = []
    real = waiting.plan_request

    def plan(runtime: Any, adapter: Any, *args: Any, **options: Any) -> Any:
        planned.append(adapter.adapter_name)
        return real(runtime, adapter, *args, **options)

    monkeypatch.setattr(waiting, "plan_request", plan)
    return planned


def test_what_native_code_raises_in_a_run_is_its_failure(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.do(ATTIC, "UPDATE adapters SET sync_every = '1h'")
    real = executing.carry_out

    def carry_out(work: Any) -> Any:
        if work.adapter.adapter_name == "attic":
            raise Panic("a pattern backtracks")
        return real(work)

    monkeypatch.setattr(executing, "carry_out", carry_out)
    attic, other = office.sync()
    assert attic.error_message == "internal error: Panic: a pattern backtracks"
    assert run_states(office) == [(1, "failed", "internal_error"), (2, "succeeded", None)]
    assert other.adapter_name == "office"


def test_what_native_code_raises_while_planning_is_a_refusal_that_is_recorded_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_wanted(*args: Any, **options: Any) -> Any:
        raise Panic("a pattern backtracks")

    monkeypatch.setattr("sqltune.planning.planner.find_wanted", find_wanted)
    assert [o.decision for o in office.sync()] == [SyncDecision.REFUSED]
    assert [o.decision for o in office.sync()] == [SyncDecision.BLOCKED]
    assert run_states(office) == [(1, "failed", "internal_error")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_no_failure_of_an_adapter(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def carry_out(work: Any) -> Any:
        raise error

    monkeypatch.setattr(executing, "carry_out", carry_out)
    with pytest.raises(error):
        office.sync()
    assert run_states(office) == [(1, "queued", None)]
    assert crashes(office) == 0
    assert read_declared(office.runtime)["office"].is_enabled
