"""Somebody changes a row of `runs` as no runner does: it ends with a reason, the rest goes on."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office

ENDED = "SELECT error_code, error_message FROM runs WHERE run_id = 1 AND state = 'failed'"
#: What SQLite stores in a column of texts: bytes that are none, and a text that is no UTF-8.
BYTES, NO_UTF_8 = "X'FFFE'", "CAST(X'FFFE' AS TEXT)"
#: A begun run as a runner that died leaves it; what is changed in it follows.
BEGUN = {"state": "training", "run_kind": "train", "run_key": "key-1", "attempt_count": 1}


def declare_both(people: People) -> None:
    """Declare two adapters: the turn of the second comes after that of the first."""
    declare_office(people)
    declare_office(people, "shop")


@pytest.mark.parametrize("column", ["backend", "base_model", "trigger_reason"])
def test_bytes_in_place_of_a_text_are_refused_in_the_row_that_holds_them(
    sqltune: Sqltune, people: People, column: str
) -> None:
    declare_both(people)
    people.insert("runs", adapter_name="office", **{column: b"\xff\xfe"})
    done = sqltune("sync")
    assert done.code == 1
    assert people.rows(ENDED) == [
        ("request_refused", f"runs.{column} of run 1 holds bytes: write a text")
    ]
    # The request is refused, and says nothing about the adapter.
    sqltune.well("sync")
    assert people.rows("SELECT adapter_name FROM aliases ORDER BY 1") == [("office",), ("shop",)]


@pytest.mark.parametrize(
    ("column", "stored", "message"),
    [
        ("adapter_name", BYTES, "adapters.adapter_name of b'\\xff\\xfe' must be a text"),
        ("base_model", BYTES, "adapters.base_model of 'office' must be a text"),
        ("training_query", NO_UTF_8, "adapters.training_query of 'office' must be a text"),
        ("extra_scorers", BYTES, "unknown scorer"),
        ("sync_every", NO_UTF_8, "adapters.sync_every of 'office' must be a time"),
    ],
)
def test_bytes_in_an_adapters_row_refuse_that_adapter_only(
    sqltune: Sqltune, people: People, column: str, stored: str, message: str
) -> None:
    declare_both(people)
    people.do(f"UPDATE adapters SET {column} = {stored} WHERE adapter_name = 'office'")
    assert sqltune("sync").code == 1
    ((code, told),) = people.rows(
        "SELECT error_code, error_message FROM runs WHERE state = 'failed'"
    )
    assert (code, told.startswith(message)) == ("config_error", True), told
    assert people.rows("SELECT adapter_name FROM aliases") == [("shop",)]


@pytest.mark.parametrize(
    ("changed", "damage"),
    [
        ({"state": "stopped"}, "state 'stopped'"),
        ({"run_kind": "marathon"}, "run_kind 'marathon'"),
        ({"run_kind": None}, "run_kind None"),
        ({"state": "paused", "desired_state": "paused"}, "resume_state None"),
    ],
    ids=str,
)
def test_a_damaged_run_ends_and_the_next_one_begins_again(
    sqltune_on: Sqltune, people_on: People, changed: dict[str, object], damage: str
) -> None:
    declare_both(people_on)
    people_on.insert("runs", adapter_name="office", **{**BEGUN, **changed})
    sqltune_on.well("sync")
    ((code, message),) = people_on.rows(ENDED)
    assert code == "unreadable_run"
    assert message.startswith(f"no runner writes the {damage} of this row")
    assert people_on.rows("SELECT adapter_name FROM aliases ORDER BY 1") == [
        ("office",),
        ("shop",),
    ]


def test_settings_that_hold_something_else_end_the_run_and_keep_no_later_sync_from_working(
    sqltune: Sqltune, people: People
) -> None:
    declare_both(people)
    people.insert("runs", adapter_name="office", settings="to be continued", **BEGUN)
    assert sqltune("sync").code == 1
    ((code, message),) = people.rows(ENDED)
    assert (code, "use --force to train again" in message) == ("unreadable_run", True)
    sqltune.well("sync", "office", "--force")
    assert people.count("aliases") == 2


@pytest.mark.parametrize("command", ["pause", "resume", "cancel"])
@pytest.mark.parametrize(
    "changed", [{"state": "stopped"}, {"run_kind": "marathon"}, {"state": "queued", "run_key": "k"}]
)
def test_a_command_about_such_a_row_says_that_it_has_ended(
    sqltune: Sqltune, people: People, command: str, changed: dict[str, object]
) -> None:
    declare_office(people)
    people.insert("runs", adapter_name="office", **{**BEGUN, "run_kind": None, **changed})
    assert "run 1 has ended already (failed)" in sqltune.well(command, "1").err


def test_a_runner_releases_a_run_whose_state_a_person_wrote(
    sqltune: Sqltune, people: People
) -> None:
    declare_both(people)
    gate = sqltune.folder / "go-on"
    sqltune.play(faults=[{"at": "step", "number": 1, "kind": "hang", "until": str(gate)}])
    running = sqltune.start("sync")
    people.await_row("SELECT 1 FROM backend_calls WHERE state = 'intended'")
    people.do("UPDATE runs SET state = 'cancelled' WHERE run_id = 1")
    gate.touch()
    running.finish()
    assert people.rows("SELECT state FROM runs WHERE run_id = 1") == [("cancelled",)]
    assert people.rows("SELECT adapter_name FROM aliases") == [("shop",)]
    assert people.count("adapter_states", "lease_owner IS NOT NULL") == 0
