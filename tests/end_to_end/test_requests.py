"""A row of `runs` asks for a run, from any client; what cannot be met ends with a reason."""

from __future__ import annotations

import pytest

from tests.clients import Client
from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office
from tests.end_to_end.runs import ask, begin, declare_rooms

ROOMS = "SELECT prompt, response FROM training_samples WHERE dataset = 'office'"
OFFICE_RUNS = "SELECT run_id, state, run_kind, trigger_reason FROM runs ORDER BY run_id"


def test_an_insert_with_nothing_but_the_name_asks_for_a_run(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    run = ask(people_on)
    sqltune_on.well("sync")
    rows = people_on.rows("SELECT run_id, state, version_number FROM runs")
    assert rows == [(run, "succeeded", 1)]
    assert 0 <= people_on.value("SELECT wait_seconds FROM runs") < 600


def test_the_engines_own_client_asks_with_the_same_words(
    sqltune_on: Sqltune, people_on: People, own_client: Client, database_url: str
) -> None:
    declare_office(people_on)
    own_client(database_url, "INSERT INTO runs (adapter_name) VALUES ('office');")
    sqltune_on.well("sync")
    assert people_on.rows("SELECT state FROM runs") == [("succeeded",)]


def test_a_request_where_nothing_changed_is_met_without_training(
    sqltune_on: Sqltune, office_on: People
) -> None:
    run = ask(office_on, trigger_reason="the Monday report")
    sqltune_on.well("sync")
    state, kind, reason, version, next_step = office_on.rows(
        "SELECT state, run_kind, trigger_reason, version_number, next_step FROM report_runs"
        " WHERE run_id = :run",
        run=run,
    )[0]
    assert (state, kind, version) == ("succeeded", None, 1)
    assert reason.startswith("the Monday report: nothing changed since run 1")
    assert next_step == "nothing: it is done"
    assert office_on.count("adapter_versions") == 1
    assert "up to date" in sqltune_on.well("sync").err


def test_a_forced_request_trains_though_nothing_changed(
    sqltune_on: Sqltune, office_on: People
) -> None:
    run = ask(office_on, is_forced=1)
    sqltune_on.well("sync")
    assert office_on.rows("SELECT state, run_kind FROM runs WHERE run_id = :run", run=run) == [
        ("succeeded", "train")
    ]
    assert office_on.count("adapter_versions") == 2


def test_a_request_tries_again_what_failed_for_good(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    sqltune.play(faults=[{"at": "train", "number": 1, "code": "request_rejected"}])
    assert sqltune("sync").code == 1
    sqltune.play()
    assert "blocked" in sqltune("sync").err
    ask(people)
    sqltune.well("sync")
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("failed",), ("succeeded",)]


def test_two_requests_are_two_runs_and_one_training(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    ask(people)
    ask(people)
    sqltune.well("sync")
    assert people.rows(OFFICE_RUNS.replace(", trigger_reason", "")) == [
        (1, "succeeded", "train"),
        (2, "succeeded", None),
    ]


@pytest.mark.parametrize(
    ("columns", "code", "message"),
    [
        ({"adapter_name": "ofice"}, "unknown_adapter", "no adapter named 'ofice'"),
        ({"backend": "quantum"}, "config_error", "unknown backend 'quantum'"),
        ({"base_model": "giant"}, "request_rejected", "no base model 'giant'"),
        ({"manifest_id": 99}, "unknown_manifest", "there is no such manifest"),
        ({"desired_state": "soon"}, "request_refused", "must be one of running, paused, cancelled"),
        ({"state": "training"}, "request_refused", "a request begins as queued"),
        ({"run_kind": "marathon"}, "request_refused", "write 'train', 'evaluate' or 'predict'"),
        ({"version_number": 1}, "request_refused", "write run_kind 'evaluate' too"),
    ],
)
def test_a_request_that_cannot_be_met_fails_with_its_reason(
    sqltune: Sqltune, people: People, trained_office: str, columns: dict[str, object], code: str,
    message: str,
) -> None:  # fmt: skip
    sqltune.play(base_models=["toy"])
    run = ask(people, **columns)
    sqltune("sync")
    ((state, error_code, error_message),) = people.rows(
        "SELECT state, error_code, error_message FROM runs WHERE run_id = :run", run=run
    )
    assert (state, error_code) == ("failed", code)
    assert message in error_message
    assert people.value("SELECT version_number FROM aliases") == 1
    assert "up to date" in sqltune.well("sync").err, "the adapter itself is none the worse"


def test_a_disabled_adapter_takes_no_new_run_from_anybody(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET is_enabled = 0")
    ask(people)
    refused = sqltune("sync")
    assert refused.code == 1
    assert "office: refused, adapter 'office' is disabled" in refused.err
    assert people.value("SELECT error_code FROM runs WHERE run_id = 2") == "adapter_disabled"
    people.teach("office", "When?", "Now.")
    assert "disabled" in sqltune.well("sync", "office").err
    assert people.count("runs") == 2


def test_a_paused_request_waits_until_it_is_resumed(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    run = ask(people, desired_state="paused", is_forced=1)
    sqltune.well("sync")
    assert people.rows("SELECT state, next_step FROM runs WHERE run_id = :run", run=run) == [
        ("queued", "paused: a runner takes it up when desired_state is 'running'")
    ]
    people.do("UPDATE runs SET desired_state = 'running' WHERE run_id = :run", run=run)
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs WHERE run_id = :run", run=run) == "succeeded"


def test_a_request_that_is_withdrawn_ends_as_cancelled_and_blocks_nothing(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    run = ask(people)
    people.do("UPDATE runs SET desired_state = 'cancelled' WHERE run_id = :run", run=run)
    sqltune.well("sync")
    assert people.rows("SELECT state, error_message FROM runs ORDER BY run_id") == [
        ("cancelled", None),
        ("succeeded", None),
    ]


def test_a_request_without_a_runner_is_marked_as_stuck_in_status(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    asked_at = "2026-01-01 00:00:00.000000"
    ask(people, queued_at=asked_at, state_changed_at=asked_at)
    people.do("UPDATE runs SET queued_at = '2025-01-01 00:00:00.000000' WHERE run_id = 1")
    (row,) = sqltune.well("status", "--json").data
    assert (row["run_id"], row["run_state"]) == (2, "queued")
    assert row["state_changed_at"] == asked_at
    assert "run `sqltune sync`, or start `sqltune worker`" in row["stuck_reason"]
    assert people.value("SELECT is_stuck FROM report_runs WHERE run_id = 2") == 1
    sqltune.well("sync")
    assert people.rows("SELECT is_stuck, stuck_reason FROM report_runs WHERE run_id = 2") == [
        (0, None)
    ]


@pytest.mark.parametrize(("new", "decision"), [(1, "wait"), (2, "train")])
def test_fewer_new_samples_than_the_row_asks_for_wait(
    sqltune: Sqltune, people: People, trained_office: str, new: int, decision: str
) -> None:
    people.do("UPDATE adapters SET min_new_samples = 2")
    for number in range(new):
        people.teach("office", f"What is room {number}?", "A room.")
    assert sqltune.well("plan", "--json").data[0]["decision"] == decision
    sqltune.well("sync")
    assert people.count("adapter_versions") == (2 if decision == "train" else 1)


def test_a_request_does_not_wait_for_more_samples(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET min_new_samples = 20")
    people.teach("office", "What is room 1?", "A room.")
    waiting = sqltune.well("sync").err
    assert "office: wait, 1 of the 20 samples that min_new_samples asks for are new" in waiting
    assert people.count("adapter_versions") == 1
    ask(people)
    sqltune.well("sync")
    assert people.count("adapter_versions") == 2


def test_a_request_is_met_after_the_run_before_it_was_cancelled(
    sqltune: Sqltune, people: People
) -> None:
    declare_rooms(people)
    running = begin(sqltune, people, "training")
    people.do("UPDATE runs SET desired_state = 'cancelled' WHERE run_id = 1")
    ask(people)
    people.await_row("SELECT 1 FROM runs WHERE run_id = 1 AND state = 'cancelled'")
    (sqltune.folder / "go-on").touch()
    done = running.finish()
    assert (done.code, people.rows("SELECT state FROM runs ORDER BY run_id")) == (
        0,
        [("cancelled",), ("succeeded",)],
    )


@pytest.mark.parametrize(
    ("change", "state", "epochs"),
    [
        ("UPDATE adapters SET is_enabled = 0 WHERE adapter_name = 'attic'", "failed", []),
        ("UPDATE adapters SET epochs = 2 WHERE adapter_name = 'attic'", "succeeded", [2]),
        ("DELETE FROM adapters WHERE adapter_name = 'attic'", "queued", []),
    ],
)
def test_what_changed_while_an_adapter_waited_for_its_turn_counts(
    sqltune: Sqltune, people: People, change: str, state: str, epochs: list[int]
) -> None:
    declare_rooms(people)
    # Named so that its turn comes first.
    people.do("UPDATE adapters SET adapter_name = 'aaa', training_query = :query", query=ROOMS)
    declare_office(people, "attic")
    running = begin(sqltune, people, "training")
    run = ask(people, adapter_name="attic")
    people.do(change)
    (sqltune.folder / "go-on").touch()
    running.finish()
    assert people.value("SELECT state FROM runs WHERE run_id = :run", run=run) == state
    trained = people.rows("SELECT epochs FROM adapter_versions WHERE adapter_name = 'attic'")
    assert [row[0] for row in trained] == epochs


@pytest.mark.parametrize(
    "columns",
    [
        {"finished_at": "2026-11-23 06:00:00"},
        {"started_at": "2999-01-01 00:00:00"},
        {"resume_state": "asleep"},
    ],
    ids=str,
)
def test_what_a_request_says_in_columns_of_the_runners_does_no_harm(
    sqltune: Sqltune, people: People, trained_office: str, columns: dict[str, object]
) -> None:
    assert_harmless(sqltune, people, columns)


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "columns",
    [
        {"queued_at": "2026-11-23T06:00:00Z"},
        {"queued_at": "yesterday"},
        {"steps_done": "many", "next_attempt_at": "never"},
    ],
    ids=str,
)
def test_values_that_only_sqlite_lets_into_columns_of_the_runners_do_no_harm(
    sqltune: Sqltune, people: People, trained_office: str, columns: dict[str, object]
) -> None:
    assert_harmless(sqltune, people, columns)


def assert_harmless(sqltune: Sqltune, people: People, columns: dict[str, object]) -> None:
    """Request a run with these columns; it and the next ones succeed."""
    run = ask(people, **columns)
    sqltune.well("status")
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs WHERE run_id = :run", run=run) == "succeeded"
    people.teach("office", "When?", "Now.")
    sqltune.well("sync")
    assert "up to date" in sqltune.well("sync").err
    assert people.count("adapter_versions") == 2
    assert f"run {run} has ended already" in sqltune.well("cancel", str(run)).err
