"""The live version answers the rows of a query: what is new, changed, or answered by another."""

from __future__ import annotations

import signal

import pytest

from tests.end_to_end.command import People, Running, Sqltune
from tests.end_to_end.runs import end_worker

QUERY = "SELECT ticket_id AS row_key, question AS prompt FROM tickets"
ANSWERS = (
    "SELECT row_key, answer, version_number, run_id, error_code FROM report_predictions"
    " ORDER BY row_key"
)
RUNS = "SELECT run_kind, state, prompts_selected, responses_stored FROM runs ORDER BY run_id"
OFFICE, UNKNOWN = "Our office is in Utrecht.", "I do not know."


@pytest.fixture
def tickets(office_on: People) -> People:
    """An office that is live and has a query over three tickets."""
    office_on.do("CREATE TABLE tickets (ticket_id INTEGER PRIMARY KEY, question VARCHAR(200))")
    office_on.do(
        "INSERT INTO tickets VALUES (1, 'Where is our office?'), (2, 'Why is it late?'), (3, NULL)"
    )
    office_on.do("UPDATE adapters SET prediction_query = :query", query=QUERY)
    return office_on


def test_only_rows_that_are_new_or_changed_are_asked_again(
    sqltune_on: Sqltune, tickets: People
) -> None:
    sqltune_on.well("sync")
    answer = tickets.rows(ANSWERS)[0][1]
    assert tickets.rows(ANSWERS) == [
        ("1", answer, 1, 2, None),
        ("2", UNKNOWN, 1, 2, None),
        ("3", None, 1, 2, "missing"),
    ]
    assert answer != UNKNOWN
    runs = tickets.rows(RUNS)
    assert runs[1:] == [("predict", "succeeded", 3, 3)]
    sqltune_on.well("sync")
    assert tickets.rows(RUNS) == runs
    tickets.do("UPDATE tickets SET question = 'Where is our office?' WHERE ticket_id = 3")
    tickets.do("INSERT INTO tickets VALUES (4, 'Who is it?')")
    planned = sqltune_on.well("plan", "--json").data[0]["reason"]
    assert planned.endswith("; v1 is to answer 2 of 4 rows: 1 new, 1 changed")
    sqltune_on.well("sync")
    assert tickets.rows(ANSWERS)[2:] == [
        ("3", answer, 1, 3, None),
        ("4", UNKNOWN, 1, 3, None),
    ]
    assert tickets.rows(RUNS)[2:] == [("predict", "succeeded", 2, 2)]


def test_a_version_that_goes_live_answers_every_row_again(
    sqltune_on: Sqltune, tickets: People
) -> None:
    sqltune_on.well("sync")
    tickets.teach("office", "Why is it late?", "A strike.")
    done = sqltune_on.well("sync")
    assert "v2 answered 2 rows" in done.err
    assert [row[2] for row in tickets.rows(ANSWERS) if row[4] is None] == [2, 2]
    assert tickets.rows("SELECT is_by_live FROM report_predictions WHERE row_key = '2'") == [(1,)]


def test_an_error_is_an_error_row_and_is_asked_again_a_few_times(
    sqltune_on: Sqltune, tickets: People
) -> None:
    fault = {"at": "answer", "prompt": "Why is it late?", "code": "overloaded", "message": "busy"}
    sqltune_on.play(faults=[fault])
    for attempt in (1, 2, 3, 3):
        sqltune_on.well("sync")
        assert tickets.rows(
            "SELECT attempt_count, error_code, error_message FROM predictions WHERE row_key = '2'"
        ) == [(attempt, "overloaded", "busy")]
    tickets.do(
        "INSERT INTO runs (adapter_name, run_kind, is_forced) VALUES ('office', 'predict', 1)"
    )
    sqltune_on.play()
    sqltune_on.well("sync")
    assert tickets.rows(ANSWERS)[1][1] == UNKNOWN


def test_a_run_in_which_no_row_is_answered_has_failed(sqltune_on: Sqltune, tickets: People) -> None:
    sqltune_on.well("sync")
    tickets.do("DELETE FROM predictions")
    sqltune_on.play(faults=[{"at": "answer", "code": "overloaded", "message": "busy"}])
    assert sqltune_on("sync").code == 1
    ((message,),) = tickets.rows("SELECT error_message FROM runs WHERE state = 'failed'")
    assert message == "none of 2 rows was answered; the first error: overloaded: busy"


def test_an_error_replaces_no_answer_to_the_same_content(
    sqltune_on: Sqltune, tickets: People
) -> None:
    sqltune_on.well("sync")
    answers = tickets.rows(ANSWERS)
    tickets.do(
        "INSERT INTO runs (adapter_name, run_kind, is_forced) VALUES ('office', 'predict', 1)"
    )
    planned = sqltune_on.well("plan").out
    assert "1 request waits: predict, every row (row 3 of runs)" in planned
    sqltune_on.play(faults=[{"at": "answer", "code": "overloaded", "message": "busy"}])
    assert sqltune_on("sync").code == 1
    assert tickets.rows(ANSWERS) == answers
    assert tickets.rows("SELECT run_kind, state FROM runs WHERE run_id = 3") == [
        ("predict", "failed")
    ]


def test_rows_that_share_a_key_are_not_answered_until_they_have_their_own(
    sqltune_on: Sqltune, tickets: People
) -> None:
    tickets.do("UPDATE adapters SET prediction_query = :q", q=QUERY.replace("ticket_id", "'one'"))
    sqltune_on.well("sync")
    assert [row[4] for row in tickets.rows(ANSWERS)] == ["duplicate_key"]
    runs = tickets.rows(RUNS)
    sqltune_on.well("sync")
    assert tickets.rows(RUNS) == runs, "what is known is not said again"
    tickets.do("DELETE FROM tickets WHERE ticket_id IN (1, 2)")
    sqltune_on.well("sync")
    assert [row[4] for row in tickets.rows(ANSWERS)] == ["missing"]
    tickets.do("UPDATE tickets SET question = 'Who is it?'")
    sqltune_on.well("sync")
    assert [row[4] for row in tickets.rows(ANSWERS)] == [None]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT question AS prompt FROM tickets", "returns no column row_key, only prompt"),
        ("SELECT ticket_id AS row_key FROM tickets", "returns no column prompt, only row_key"),
        ("DELETE FROM tickets", "SELECT"),
    ],
)
def test_a_query_that_cannot_be_used_is_a_failed_run_of_its_own(
    sqltune_on: Sqltune, tickets: People, query: str, message: str
) -> None:
    tickets.do("UPDATE adapters SET prediction_query = :query", query=query)
    assert sqltune_on("sync").code == 1
    rows = tickets.rows("SELECT run_kind, state, error_message FROM runs ORDER BY run_id")
    assert [row[:2] for row in rows] == [("train", "succeeded"), ("predict", "failed")]
    assert message in rows[1][2]
    assert tickets.rows("SELECT COUNT(*) FROM tickets") == [(3,)]
    again = sqltune_on("sync")
    assert (again.code, message in again.err) == (1, True)
    assert tickets.count("runs") == 2, "the same refusal is recorded once"
    (reason,) = {row[0] for row in tickets.rows("SELECT trigger_reason FROM runs WHERE run_id = 2")}
    assert reason == "the adapter's row asks for something impossible"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("predict", "some", "must be new, all or off"),
        ("predict_every", "often", "must be a time such as"),
        ("predict", "all", "adapters.predict_every of 'office' must be a time such as 1d where"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(
    sqltune_on: Sqltune, tickets: People, column: str, value: str, message: str
) -> None:
    tickets.do(f"UPDATE adapters SET {column} = :value", value=value)
    done = sqltune_on("sync")
    assert done.code == 1
    assert message in done.err


def test_nothing_is_asked_where_it_is_off_or_nothing_is_live(
    sqltune_on: Sqltune, tickets: People
) -> None:
    tickets.do("UPDATE adapters SET predict = 'off'")
    sqltune_on.well("sync")
    tickets.do("UPDATE adapters SET predict = 'new'")
    tickets.do("DELETE FROM aliases")
    sqltune_on.well("sync")
    assert tickets.rows(ANSWERS) == []
    tickets.do("INSERT INTO runs (adapter_name, run_kind) VALUES ('office', 'predict')")
    assert sqltune_on("sync").code == 1
    ((message,),) = tickets.rows("SELECT error_message FROM runs WHERE state = 'failed'")
    assert message.startswith("no version of 'office' is live: ")


def test_a_schedule_of_its_own_decides_when_the_query_is_read(
    sqltune_on: Sqltune, tickets: People
) -> None:
    tickets.do("UPDATE adapters SET predict = 'all', predict_every = '1d'")
    sqltune_on.well("sync")
    sqltune_on.well("sync")
    assert [row[0] for row in tickets.rows(RUNS)] == ["train", "predict"]
    tickets.do("UPDATE adapter_states SET predicted_at = '2026-01-01 00:00:00.000000'")
    sqltune_on.well("sync")
    assert tickets.rows(RUNS)[2] == ("predict", "succeeded", 2, 2), "all but the bad row"


@pytest.mark.parametrize("schedule", ["predict_every", "sync_every"])
def test_a_worker_answers_rows_when_they_are_due(
    sqltune_on: Sqltune, tickets: People, schedule: str
) -> None:
    sqltune_on.well("sync")
    tickets.do("INSERT INTO tickets VALUES (5, 'Who is it?')")
    tickets.do(f"UPDATE adapters SET {schedule} = '1d'")
    past = "2026-01-01 00:00:00.000000"
    tickets.do("UPDATE adapter_states SET predicted_at = :t, decided_at = :t", t=past)
    worker = sqltune_on.start("worker")
    tickets.await_row("SELECT 1 FROM predictions WHERE row_key = '5'")
    end_worker(worker)


def test_a_prediction_is_forgotten_with_the_text_that_it_holds(
    sqltune_on: Sqltune, tickets: People
) -> None:
    secret = "Her bank in Lagos asked for a new signature."
    tickets.teach("office", "Why was the card of Ms Okafor declined?", secret)
    sqltune_on.play(trained_answers={"Why is it late?": f"Well: {secret}"})
    sqltune_on.well("sync")
    assert tickets.rows(ANSWERS)[1][1] == f"Well: {secret}"
    sqltune_on.well("forget", "office", "--sample", "2", "--yes")
    assert tickets.rows(ANSWERS)[1][1::3] == (None, "forgotten")


def begin_predicting(sqltune: Sqltune, people: People, until: str = "never") -> Running:
    """Predict nine rows of which the last are not answered until that file is there."""
    sqltune.well("sync")
    people.do("DELETE FROM predictions")
    people.insert_many(
        "tickets", [{"ticket_id": n, "question": f"What is {n}?"} for n in range(11, 18)]
    )
    hang = {"at": "answer", "kind": "hang", "prompt": "What is 17?", "until": until}
    sqltune.play(slots=1, faults=[hang])
    running = sqltune.start("sync")
    people.await_row("SELECT 1 FROM predictions WHERE row_key = '16'")
    return running


@pytest.mark.parametrize("desired", ["paused", "cancelled"])
def test_a_row_pauses_or_cancels_predictions_and_answers_are_kept(
    sqltune_on: Sqltune, tickets: People, desired: str
) -> None:
    running = begin_predicting(sqltune_on, tickets)
    tickets.do("UPDATE runs SET desired_state = :d WHERE finished_at IS NULL", d=desired)
    assert running.finish().code == 0
    assert tickets.value("SELECT MAX(run_id) FROM runs WHERE state = :d", d=desired) == 3
    answered = tickets.rows("SELECT row_key, answered_at FROM predictions")
    sqltune_on.play()
    if desired == "paused":
        sqltune_on.well("resume", "3")
    sqltune_on.well("sync")
    assert tickets.count("predictions", "answer IS NOT NULL") == 9
    assert set(answered) <= set(tickets.rows("SELECT row_key, answered_at FROM predictions"))


def test_a_killed_run_is_resumed_and_asks_no_row_twice(
    sqltune_on: Sqltune, tickets: People
) -> None:
    running = begin_predicting(sqltune_on, tickets)
    running.signal(signal.SIGKILL)
    running.finish()
    answered = tickets.rows("SELECT row_key, answered_at FROM predictions")
    tickets.do("UPDATE adapter_states SET lease_until_ms = 0")
    sqltune_on.play()
    done = sqltune_on.well("sync")
    assert "v1 answered 9 rows; 1 row without an answer" in done.err
    assert set(answered) <= set(tickets.rows("SELECT row_key, answered_at FROM predictions"))
    assert tickets.rows(RUNS)[2:] == [("predict", "succeeded", 10, 10)]


def test_rows_that_are_settled_are_only_read_until_one_of_them_or_its_prediction_is_another(
    sqltune_on: Sqltune, tickets: People
) -> None:
    sqltune_on.well("sync")
    # Whatever stands in the tables now is not looked up.
    tickets.do("UPDATE predictions SET content_hash = 'x' WHERE row_key = '1'")
    sqltune_on.well("sync")
    assert tickets.count("runs", "run_kind = 'predict'") == 1
    tickets.do("DELETE FROM predictions WHERE row_key = '2'")
    sqltune_on.well("sync")
    assert tickets.count("runs", "run_kind = 'predict'") == 2
    assert tickets.count("predictions") == 3
    assert tickets.count("predictions", "content_hash = 'x'") == 0
    sqltune_on.well("sync")
    tickets.do("UPDATE tickets SET question = 'Who?' WHERE ticket_id = 1")
    sqltune_on.well("sync")
    assert tickets.count("runs", "run_kind = 'predict'") == 3


def test_a_prediction_that_is_deleted_while_others_are_answered_is_answered_again(
    sqltune_on: Sqltune, tickets: People
) -> None:
    gate = sqltune_on.folder / "gate"
    running = begin_predicting(sqltune_on, tickets, until=str(gate))
    tickets.do("DELETE FROM predictions WHERE row_key = '2'")
    gate.touch()
    assert running.finish().code == 0
    assert tickets.count("predictions") == 9
    sqltune_on.play()
    sqltune_on.well("sync")
    assert tickets.count("predictions") == 10


def test_rows_that_another_version_began_to_answer_are_asked_again_after_a_rollback(
    sqltune_on: Sqltune, tickets: People
) -> None:
    sqltune_on.well("sync")
    sqltune_on.well("sync")
    tickets.teach("office", "Who is it?", "Nobody.")
    hang = {"at": "answer", "kind": "hang", "prompt": "Why is it late?", "until": "never"}
    sqltune_on.play(slots=1, faults=[hang])
    running = sqltune_on.start("sync")
    tickets.await_row("SELECT 1 FROM predictions WHERE row_key = '1' AND version_number = 2")
    tickets.do("UPDATE runs SET desired_state = 'cancelled' WHERE finished_at IS NULL")
    assert running.finish().code == 0
    sqltune_on.play()
    sqltune_on.well("rollback", "office")
    tickets.do("UPDATE adapters SET is_enabled = 1")
    sqltune_on.well("sync")
    assert {row[2] for row in tickets.rows(ANSWERS)} == {1}
