"""Which adapter comes first in a round, and how many requests one turn settles."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sqltune.database.patience import with_patience
from sqltune.database.tables import requests
from sqltune.records import SyncDecision
from sqltune.syncing import turn, waiting
from sqltune.syncing.due import choose_adapters, find_due
from sqltune.syncing.reconcile import reconcile
from tests.unit.office import ADAPTER, ATTIC, Office, die


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
