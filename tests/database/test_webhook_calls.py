"""What is announced, found in the rows; each call is made by one runner at a time."""

from __future__ import annotations

from datetime import timedelta

from sqltune.database.tables import aliases, webhook_calls
from sqltune.database.tables.webhook_calls import Notice, WaitingCall
from sqltune.database.times import format_time
from tests.database.evaluated_run import ADAPTER, CLAIM, EvaluatedRun

DAY = timedelta(days=1)


def find(run: EvaluatedRun) -> list[tuple[str, int, str]]:
    with run.database.read() as session:
        news = webhook_calls.find_news(session, since=run.clock() - DAY)
    return [(notice.event, notice.event_number, notice.message) for notice in news]


def end(run: EvaluatedRun, run_id: int, state: str, *, days_ago: int = 0) -> None:
    run.execute(
        "UPDATE runs SET state = :state, finished_at = :at, error_message = 'why' "
        "WHERE run_id = :run_id",
        {"state": state, "at": format_time(run.clock() - days_ago * DAY), "run_id": run_id},
    )


def insert(run: EvaluatedRun, notice: Notice) -> None:
    with run.database.transaction() as session:
        webhook_calls.insert_calls(session, [notice], now=run.clock())


def due(
    run: EvaluatedRun, later: timedelta = timedelta(0), since: timedelta = DAY
) -> list[WaitingCall]:
    with run.database.read() as session:
        found = webhook_calls.fetch_due_calls(
            session, since=run.clock() - since, now=run.clock() + later
        )
        return list(found)


def claim(run: EvaluatedRun, call: WaitingCall) -> WaitingCall | None:
    with run.database.transaction() as session:
        return webhook_calls.claim_call(session, call, retry_at=run.clock() + DAY)


def settle(run: EvaluatedRun, call: WaitingCall, state: str) -> None:
    with run.database.transaction() as session:
        webhook_calls.settle_call(session, call, state=state, outcome="-", now=run.clock())


def test_a_failed_run_is_news_and_one_that_succeeded_or_failed_days_ago_is_none(
    run: EvaluatedRun,
) -> None:
    for number, (state, days) in enumerate([("failed", 0), ("succeeded", 0), ("failed", 3)], 2):
        run.add_run(number)
        end(run, number, state, days_ago=days)
    assert find(run) == [("failed", 2, "why")]


def test_a_rejected_run_is_news_and_a_rejected_trial_is_none(run: EvaluatedRun) -> None:
    for number in (2, 3):
        run.add_run(number)
        end(run, number, "rejected")
    run.execute("UPDATE runs SET is_trial = 1 WHERE run_id = 3")
    assert find(run) == [("rejected", 2, "rejected")]


def test_a_stuck_run_is_news_until_it_has_a_call(run: EvaluatedRun) -> None:
    run.execute("UPDATE runs SET is_stuck = 1, stuck_reason = 'no runner' WHERE run_id = 1")
    assert find(run) == [("stuck", 1, "no runner")]
    insert(run, Notice(ADAPTER, "stuck", 1, 1, "no runner", None))
    assert find(run) == []


def test_moves_of_live_are_news_forward_and_back(run: EvaluatedRun) -> None:
    for version, person in ((1, None), (2, "eve"), (1, "eve")):
        for alias in ("live", "staging"):
            with run.database.transaction(CLAIM) as session:
                move = aliases.AliasMove(ADAPTER, alias, version, None, "because", person)
                aliases.move_alias(session, move, now=run.clock())
    assert find(run) == [
        ("promoted", 1, "v1 is live, moved by the gate: because"),
        ("promoted", 2, "v2 is live in place of v1, moved by eve: because"),
        ("rolled_back", 3, "v1 is live in place of v2, moved by eve: because"),
    ]


def test_a_call_is_stored_once_and_made_by_one_runner(run: EvaluatedRun) -> None:
    notice = Notice(ADAPTER, "failed", 1, 1, "why 😀", run.clock())
    insert(run, notice)
    insert(run, notice)
    (call,) = due(run)
    assert (call.notice.message, call.attempt_count) == ("why 😀", 0)
    assert claim(run, call)
    assert not claim(run, call)
    assert due(run) == []


def test_a_call_that_was_not_delivered_is_due_again_until_it_is_settled(
    run: EvaluatedRun,
) -> None:
    notice = Notice(ADAPTER, "failed", 1, 1, "why", run.clock())
    insert(run, notice)
    claimed = claim(run, due(run)[0])
    assert claimed is not None
    settle(run, claimed, "waiting")
    (call,) = due(run, later=2 * DAY)
    assert call.attempt_count == 1
    settle(run, call, "delivered")
    assert due(run, later=2 * DAY) == []
    settle(run, call, "waiting")
    assert run.value("SELECT state FROM webhook_calls") == "delivered"


def test_an_attempt_that_took_too_long_settles_nothing_of_the_next_one(run: EvaluatedRun) -> None:
    insert(run, Notice(ADAPTER, "failed", 1, 1, "why", run.clock()))
    first = claim(run, due(run)[0])
    second = claim(run, due(run, later=2 * DAY)[0])
    assert first is not None
    assert second is not None
    settle(run, first, "given_up")
    assert run.value("SELECT state FROM webhook_calls") == "waiting"
    settle(run, second, "delivered")
    assert run.value("SELECT state FROM webhook_calls") == "delivered"


def test_calls_of_what_happened_before_a_time_are_not_due_after_it(run: EvaluatedRun) -> None:
    insert(run, Notice(ADAPTER, "failed", 1, 1, "why", run.clock() - DAY))
    assert len(due(run, since=2 * DAY)) == 1
    assert due(run, since=DAY / 2) == []
