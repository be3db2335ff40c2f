"""One adapter's turn: unfinished runs first, then requests, then the plan; each exactly once."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from sqltune.planning.plan import AdapterPlan, Evaluate, Resume, Train, UpToDate
from sqltune.records import RunKind, RunState, SyncDecision
from sqltune.syncing.due import read_declared
from sqltune.syncing.outcomes import ExitCode, Outcome, exit_code
from sqltune.syncing.turn import Turn, describe_busy, sync_adapter
from tests.unit.made_records import (
    ADAPTER,
    REQUEST,
    SUCCEEDED,
    TRAINING,
    WANTED,
    make_version,
)
from tests.unit.office import Office, states

DONE = Outcome("office", SyncDecision.TRAIN, "why", 1, RunState.SUCCEEDED, is_new=True)
TRAIN = AdapterPlan(ADAPTER, Train("why", WANTED))
TRIAL = replace(TRAIN, request=REQUEST, is_trial=True)
EVALUATION = replace(TRAINING, run_kind=RunKind.EVALUATE)


@pytest.mark.parametrize(
    ("planned", "outcome", "is_forced"),
    [
        (TRAIN, DONE, False),
        (TRAIN, None, True),
        (TRIAL, DONE, True),
        (AdapterPlan(ADAPTER, Resume("why", TRAINING)), DONE, False),
        (AdapterPlan(ADAPTER, Resume("why", replace(TRAINING, is_trial=True))), DONE, True),
        (AdapterPlan(ADAPTER, Resume("why", EVALUATION)), DONE, True),
        (AdapterPlan(ADAPTER, Evaluate("why", WANTED, make_version())), DONE, False),
        (AdapterPlan(ADAPTER, UpToDate("why", WANTED, SUCCEEDED)), DONE, False),
    ],
)
def test_a_demanded_training_stays_demanded_until_the_adapter_itself_was_trained(
    planned: AdapterPlan, outcome: Outcome | None, is_forced: bool
) -> None:
    turn = Turn(is_forced=True, is_scheduled=True)
    turn.add(planned, outcome)
    assert turn.is_forced is is_forced
    assert turn.outcomes == ([outcome] if outcome else [])


@pytest.mark.parametrize(
    ("turn", "is_over"),
    [
        (Turn(is_forced=False, is_scheduled=True), False),
        (Turn(is_forced=False, is_scheduled=True, outcomes=[DONE]), True),
        (Turn(is_forced=False, is_scheduled=False), True),
        (Turn(is_forced=True, is_scheduled=False, outcomes=[DONE]), False),
    ],
)
def test_a_turn_is_over_once_its_plan_is_done_or_none_was_due(turn: Turn, is_over: bool) -> None:
    assert turn.is_over is is_over


def test_a_first_sync_trains_and_a_second_one_finds_nothing_to_do(office: Office) -> None:
    (first,) = office.sync()
    assert (first.decision, first.state, first.is_new) == (
        SyncDecision.TRAIN, RunState.SUCCEEDED, True,
    )  # fmt: skip
    (second,) = office.sync()
    assert (second.decision, second.is_new) == (SyncDecision.UP_TO_DATE, False)
    assert states(office) == [(1, "succeeded", None)]
    assert office.rows("SELECT decision, run_id FROM adapter_states") == [("up_to_date", None)]


def test_a_request_is_answered_before_the_plan_and_becomes_the_run(office: Office) -> None:
    office.do("INSERT INTO runs (adapter_name, trigger_reason) VALUES ('office', 'before demo')")
    (outcome,) = office.sync()
    assert (outcome.decision, outcome.run_id) == (SyncDecision.TRAIN, 1)
    assert office.rows("SELECT trigger_reason, state FROM runs") == [
        ("before demo: never trained", "succeeded")
    ]


def test_a_request_that_finds_nothing_to_do_succeeds_with_the_version_it_got(
    office: Office,
) -> None:
    office.sync()
    office.do("INSERT INTO runs (adapter_name) VALUES ('office')")
    (outcome,) = office.sync()
    assert (outcome.decision, outcome.run_id, outcome.is_new) == (SyncDecision.UP_TO_DATE, 2, True)
    assert office.rows("SELECT state, run_kind, version_number FROM runs WHERE run_id = 2") == [
        ("succeeded", None, 1)
    ]


def test_requests_are_carried_out_in_the_order_of_their_time(office: Office) -> None:
    for run_id, minute in ((1, 2), (2, 1)):
        office.do(
            "INSERT INTO runs (run_id, adapter_name, is_forced, queued_at)"
            f" VALUES ({run_id}, 'office', 1, '2026-11-23 06:0{minute}:00')"
        )
    assert [outcome.run_id for outcome in office.sync()] == [2, 1]


def test_force_trains_again_and_the_first_request_is_what_it_trains_for(office: Office) -> None:
    office.sync()
    office.do("INSERT INTO runs (adapter_name) VALUES ('office')")
    assert [(o.decision, o.run_id) for o in office.sync(force=True)] == [(SyncDecision.TRAIN, 2)]


def test_an_unfinished_run_is_resumed_before_a_request(office: Office) -> None:
    office.sync()
    office.do(
        "UPDATE runs SET state = 'deciding', finished_at = NULL",
        "INSERT INTO runs (adapter_name) VALUES ('office')",
    )
    decisions = [(o.decision, o.run_id) for o in office.sync()]
    assert decisions == [(SyncDecision.RESUME, 1), (SyncDecision.UP_TO_DATE, 2)]


def test_a_paused_run_ends_the_turn_and_keeps_requests_waiting(office: Office) -> None:
    office.sync()
    office.do(
        "UPDATE runs SET state = 'paused', resume_state = 'deciding', desired_state = 'paused',"
        " finished_at = NULL",
        "INSERT INTO runs (adapter_name) VALUES ('office')",
    )
    (outcome,) = office.sync()
    assert (outcome.decision, outcome.run_id) == (SyncDecision.PAUSED, 1)
    assert office.rows("SELECT state FROM runs WHERE run_id = 2") == [("queued",)]


def test_a_refusal_is_recorded_once(office: Office) -> None:
    office.do("UPDATE adapters SET training_query = 'DELETE FROM training_samples'")
    assert [o.decision for o in office.sync()] == [SyncDecision.REFUSED]
    assert [o.decision for o in office.sync()] == [SyncDecision.BLOCKED]
    assert states(office) == [(1, "failed", "query_refused")]


def test_an_adapter_that_another_runner_has_is_left_alone(office: Office) -> None:
    with office.lease() as lease:
        (outcome,) = office.sync()
        assert outcome.decision is SyncDecision.BUSY
        assert outcome.reason.startswith(f"{lease.claim.owner} works since ")
    assert states(office) == []
    assert describe_busy(office.runtime, "office").reason == (
        "another sync has just finished with it"
    )


def test_a_turn_that_is_not_scheduled_only_does_what_was_asked_for(office: Office) -> None:
    adapter, turn = read_declared(office.runtime)["office"], Turn(False, is_scheduled=False)
    assert sync_adapter(office.runtime, adapter, turn, stop=threading.Event()) == []
    assert not turn.has_more
    assert states(office) == []


def test_an_alias_is_moved_before_anything_is_planned(office: Office) -> None:
    office.sync()
    office.do(
        "UPDATE training_samples SET response = 'In Delft.'",
    )
    office.sync()
    office.do("INSERT INTO alias_changes (adapter_name, version_number) VALUES ('office', 1)")
    office.sync()
    assert office.rows("SELECT version_number FROM aliases") == [(1,)]
    assert office.rows("SELECT state FROM alias_changes") == [("applied",)]


@pytest.mark.parametrize(
    ("columns", "values", "reason"),
    [
        ("adapter_name", "'ofice'", "no adapter named 'ofice'"),
        ("adapter_name, desired_state", "'office', 'soon'", "desired_state 'soon' must be one of"),
        ("adapter_name, state", "'office', 'training'", "a request begins as queued"),
    ],
)
def test_a_request_that_is_refused_before_any_turn_is_an_outcome_of_the_sync(
    office: Office, columns: str, values: str, reason: str
) -> None:
    office.do(f"INSERT INTO runs ({columns}) VALUES ({values})")
    refused, trained = office.sync()
    assert (refused.decision, refused.run_id, refused.state) == (
        SyncDecision.REFUSED, 1, RunState.FAILED,
    )  # fmt: skip
    assert refused.reason.startswith(reason)
    assert exit_code([refused]) is ExitCode.RUN_FAILED
    assert trained.state is RunState.SUCCEEDED


def test_a_refused_request_of_another_adapter_is_no_outcome_of_a_named_sync(
    office: Office,
) -> None:
    office.do("INSERT INTO runs (adapter_name) VALUES ('ofice')")
    assert [o.adapter_name for o in office.sync("office")] == ["office"]
