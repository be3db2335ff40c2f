"""Pushing what is live to vLLM: loaded once, the replaced one unloaded, and in nobody's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sqltune.database.tables.aliases import AliasMove, move_alias
from sqltune.settings import Settings
from sqltune.vllm.comparing import FIRST_PAUSE
from sqltune.vllm.pushing import LISTING_PAUSE, Pushing, push_live
from tests.end_to_end.command import await_condition
from tests.unit.office import ATTIC, Office
from tests.vllm_server import Vllm, serve_vllm

NO_TIME = timedelta(0)
HOUR = timedelta(hours=1)


@pytest.fixture
def vllm() -> Iterator[Vllm]:
    with serve_vllm() as server:
        yield server


def settings_of(office: Office, vllm: Vllm) -> Settings:
    return replace(office.runtime.settings, vllm_url=vllm.url)


def make_live(office: Office, *numbers: int, adapter_name: str = "office") -> None:
    """Make versions with weights in folders live, one after the other."""
    for number in numbers:
        folder = office.runtime.settings.artifacts / "adapters" / f"{adapter_name}-key-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "adapter_config.json").write_text("{}")
        known = office.rows(
            f"SELECT 1 FROM adapter_versions WHERE adapter_name = '{adapter_name}'"
            f" AND version_number = {number}"
        )
        if not known:
            office.do(
                "INSERT INTO adapter_versions (adapter_name, version_number, adapter_label, state,"
                " is_latest, run_id, manifest_id, fingerprint, training_key, backend, base_model,"
                " method, epochs, rehearsal, seed, sample_count, created_at, artifact_uri) VALUES"
                f" ('{adapter_name}', {number}, 'l', 'accepted', 0, {number}, 1, 'f', 't', 'local',"
                f" 'toy', 'lora', 1, 'off', 0, 1, '2026-11-23 12:00:00', '{folder.resolve()}')"
            )
        with office.runtime.database.transaction() as session:
            move = AliasMove(adapter_name, "live", number, None, "because", None)
            move_alias(session, move, now=office.runtime.now())


def push(office: Office, settings: Settings, *, after: timedelta = NO_TIME) -> bool:
    return push_live(
        office.runtime.database,
        settings,
        now=lambda: office.runtime.now() + after,
        stop=threading.Event(),
    )


class Clock:
    """A clock that moves when it is asked, and when a test says so."""

    def __init__(self, office: Office, *, tick: timedelta = NO_TIME) -> None:
        self.moment = office.runtime.now()
        self._tick = tick

    def __call__(self) -> datetime:
        self.moment += self._tick
        return self.moment


def calls(office: Office) -> list[tuple[object, ...]]:
    return office.rows(
        "SELECT call_kind, lora_name, state, attempt_count, outcome FROM vllm_calls"
        " ORDER BY call_kind, lora_name, call_number"
    )


def test_what_is_live_is_loaded_once_under_a_name_with_its_version(
    office: Office, vllm: Vllm
) -> None:
    make_live(office, 1)
    for _ in range(2):
        push(office, settings_of(office, vllm))
    ((_, path),) = office.rows("SELECT lora_name, lora_path FROM vllm_calls")
    assert vllm.loras == {"office-v1": path}
    assert vllm.calls == [("load", "office-v1")]
    assert calls(office) == [("load", "office-v1", "done", 1, "HTTP 200")]


def test_what_was_live_is_unloaded_after_the_new_version_is_loaded(
    office: Office, vllm: Vllm
) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    push(office, settings)
    make_live(office, 2)
    push(office, settings)
    assert vllm.calls == [("load", "office-v1"), ("load", "office-v2"), ("unload", "office-v1")]
    make_live(office, 1)
    push(office, settings)
    assert list(vllm.loras) == ["office-v1"]


def test_the_replaced_version_stays_while_the_new_one_cannot_be_loaded(
    office: Office, vllm: Vllm
) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    push(office, settings)
    make_live(office, 2)
    vllm.failures = [500]
    push(office, settings)
    assert list(vllm.loras) == ["office-v1"]
    assert calls(office)[1] == ("load", "office-v2", "waiting", 1, "HTTP 500: rank 64 > 16")
    push(office, settings)
    assert len(vllm.calls) == 2, "the pause before the second attempt is not over"
    push(office, settings, after=HOUR)
    assert list(vllm.loras) == ["office-v2"]
    assert calls(office)[1] == ("load", "office-v2", "done", 2, "HTTP 200")


def test_what_works_stays_where_the_new_version_is_of_a_base_model_that_vllm_lacks(
    office: Office, vllm: Vllm
) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    push(office, settings)
    make_live(office, 2)
    office.do("UPDATE adapter_versions SET base_model = 'bear' WHERE version_number = 2")
    push(office, settings)
    assert list(vllm.loras) == ["office-v1"]
    office.do("UPDATE adapter_versions SET backend = 'gradient' WHERE version_number = 2")
    push(office, settings)
    assert list(vllm.loras) == ["office-v1"]


def test_an_unload_that_waits_is_not_made_while_the_new_version_is_gone(
    office: Office, vllm: Vllm
) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    push(office, settings)
    make_live(office, 2)
    vllm.failures = [200, 500]
    push(office, settings)
    assert calls(office)[2][:3] == ("unload", "office-v1", "waiting")
    del vllm.loras["office-v2"]
    vllm.failures = [500]
    push(office, settings, after=HOUR)
    assert list(vllm.loras) == ["office-v1"]
    push(office, settings, after=2 * HOUR)
    assert list(vllm.loras) == ["office-v2"]


def test_names_that_are_not_ours_are_never_touched(office: Office, vllm: Vllm) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1, 2, 3)
    office.do("DELETE FROM alias_history WHERE new_version = 1")
    ours = settings.artifacts / "adapters" / "office-key-1"
    # Another team's two, one that was never live, and one that was, from another folder.
    theirs = {"sql-lora": "/x", "other-v1": "/y", "office-v1": str(ours), "office-v2": "/z"}
    vllm.loras |= theirs
    push(office, settings)
    assert {name: vllm.loras[name] for name in theirs} == theirs
    assert vllm.calls == [("load", "office-v3")]


def test_our_name_with_the_weights_of_others_is_not_replaced(office: Office, vllm: Vllm) -> None:
    make_live(office, 1)
    vllm.loras["office-v1"] = "/elsewhere"
    push(office, settings_of(office, vllm))
    assert vllm.loras == {"office-v1": "/elsewhere"}
    ((_, _, state, _, outcome),) = calls(office)
    assert state == "waiting"
    assert outcome == "HTTP 400: The lora adapter 'office-v1' has already been loaded."


def test_a_server_that_was_restarted_gets_what_is_live_again(office: Office, vllm: Vllm) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    push(office, settings)
    vllm.restart()
    push(office, settings)
    assert list(vllm.loras) == ["office-v1"]
    assert [state for _, _, state, *_ in calls(office)] == ["done", "done"]


def test_a_call_whose_reply_was_lost_is_settled_by_the_list(office: Office, vllm: Vllm) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    push(office, settings)
    reopen = "UPDATE vllm_calls SET state = 'waiting', outcome = NULL, settled_at = NULL"
    office.do(reopen)
    push(office, settings)
    assert calls(office) == [("load", "office-v1", "done", 1, "vLLM lists it")]
    make_live(office, 2)
    push(office, settings)
    office.do(f"{reopen} WHERE call_kind = 'unload'")
    push(office, settings)
    assert calls(office)[2] == ("unload", "office-v1", "done", 1, "vLLM no longer lists it")


def test_a_call_is_withdrawn_where_what_is_live_changed_before_it_was_made(
    office: Office, vllm: Vllm
) -> None:
    settings = settings_of(office, vllm)
    vllm.failures = [500]
    make_live(office, 1)
    push(office, settings)
    make_live(office, 2)
    vllm.failures = []
    push(office, settings)
    assert calls(office) == [
        (
            "load",
            "office-v1",
            "withdrawn",
            1,
            "another version is live, or vLLM has another base model",
        ),
        ("load", "office-v2", "done", 1, "HTTP 200"),
    ]


def test_an_unload_is_withdrawn_where_its_version_is_live_again(office: Office, vllm: Vllm) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    push(office, settings)
    make_live(office, 2)
    vllm.failures = [200, 500]
    push(office, settings)
    make_live(office, 1)
    push(office, settings, after=HOUR)
    assert calls(office)[2][:3] == ("unload", "office-v1", "withdrawn")
    assert list(vllm.loras) == ["office-v1"]


def test_pauses_grow_up_to_ten_minutes_and_a_call_is_never_given_up(
    office: Office, vllm: Vllm
) -> None:
    make_live(office, 1)
    vllm.failures = [500] * 9
    clock, stop, pauses = Clock(office), threading.Event(), []
    settings = settings_of(office, vllm)
    for _ in range(9):
        push_live(office.runtime.database, settings, now=clock, stop=stop)
        ((time,),) = office.rows("SELECT next_attempt_at FROM vllm_calls")
        next_at = datetime.fromisoformat(time).replace(tzinfo=clock.moment.tzinfo)
        pauses.append((next_at - clock.moment).total_seconds())
        clock.moment = next_at
    assert pauses == [15, 30, 60, 120, 240, 480, 600, 600, 600]
    push_live(office.runtime.database, settings, now=clock, stop=stop)
    assert list(vllm.loras) == ["office-v1"]


def test_a_server_that_does_not_reply_is_asked_no_more_in_this_pass(
    office: Office, vllm: Vllm
) -> None:
    settings = settings_of(office, vllm)
    office.do(ATTIC)
    make_live(office, 1)
    push(office, settings)
    make_live(office, 2)
    make_live(office, 1, adapter_name="attic")
    vllm.loras["office-v2"] = "/artifacts/adapters/office-key-2"
    vllm.failures = [0]
    push(office, settings)
    assert vllm.calls[1:] == [("load", "attic-v1")]
    assert "office-v1" in vllm.loras


@pytest.mark.parametrize("step", range(7))
def test_a_runner_that_pushes_between_two_steps_of_another_makes_no_call_twice(
    office: Office, vllm: Vllm, step: int
) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    push(office, settings)
    make_live(office, 2)
    steps = iter(range(100))

    def now() -> datetime:
        """Return the time of a step; before the one that is tested, another runner pushes."""
        if next(steps) == step:
            push(office, settings)
        return office.runtime.now()

    push_live(office.runtime.database, settings, now=now, stop=threading.Event())
    assert next(steps) > step
    assert vllm.calls == [("load", "office-v1"), ("load", "office-v2"), ("unload", "office-v1")]
    assert {(state, attempts) for _, _, state, attempts, _ in calls(office)} == {("done", 1)}


def test_a_load_in_flight_is_not_made_by_a_runner_that_comes_later(
    office: Office, vllm: Vllm
) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    vllm.may_load = threading.Event()
    # Much time may pass between the begin of a pass and its call.
    clock, stop = Clock(office, tick=HOUR), threading.Event()
    first = threading.Thread(
        target=lambda: push_live(office.runtime.database, settings, now=clock, stop=stop)
    )
    first.start()
    await_condition(lambda: vllm.calls == [("load", "office-v1")], "the load is in flight")
    clock.moment += timedelta(seconds=59)
    push_live(office.runtime.database, settings, now=lambda: clock.moment, stop=stop)
    vllm.may_load.set()
    first.join()
    assert vllm.calls == [("load", "office-v1")]
    assert calls(office) == [("load", "office-v1", "done", 1, "HTTP 200")]


def test_a_call_without_a_reply_may_be_in_flight_and_is_not_made_again_at_once(
    office: Office, vllm: Vllm
) -> None:
    settings = settings_of(office, vllm)
    make_live(office, 1)
    vllm.failures = [0]
    push(office, settings)
    assert calls(office) == [
        ("load", "office-v1", "waiting", 1, "no reply: RemoteProtocolError"),
    ]
    push(office, settings, after=timedelta(minutes=1))
    assert vllm.loras == {}
    push(office, settings, after=timedelta(minutes=3))
    assert list(vllm.loras) == ["office-v1"]


def test_the_pause_begins_when_a_call_has_failed(office: Office, vllm: Vllm) -> None:
    make_live(office, 1)
    vllm.failures = [500]
    clock, stop = Clock(office, tick=HOUR), threading.Event()
    push_live(office.runtime.database, settings_of(office, vllm), now=clock, stop=stop)
    (times,) = office.rows("SELECT intended_at, next_attempt_at FROM vllm_calls")
    began, again = (datetime.fromisoformat(time) for time in times)
    # The claim and the outcome are later than the intent, each by an hour of this clock.
    assert again >= began + 2 * HOUR + FIRST_PAUSE


def test_adapters_of_another_base_model_are_not_loaded(office: Office, vllm: Vllm) -> None:
    vllm.base_model = "acme/bear"
    make_live(office, 1)
    push(office, settings_of(office, vllm))
    assert vllm.calls == []
    vllm.base_model = "/models/toy"
    push(office, settings_of(office, vllm))
    assert vllm.calls == [("load", "office-v1")]


def test_where_vllm_sees_the_artifacts_is_said_by_a_setting(
    office: Office, vllm: Vllm, tmp_path: Path
) -> None:
    settings = replace(settings_of(office, vllm), vllm_lora_folder="/loras/")
    make_live(office, 1)
    push(office, settings)
    ((path, outcome),) = office.rows("SELECT lora_path, outcome FROM vllm_calls")
    assert path == "/loras/adapters/office-key-1"
    assert outcome.startswith("HTTP 404: Loading lora office-v1 failed: No adapter found for")
    assert "SQLTUNE_VLLM_LORA_FOLDER" in outcome


def test_a_vllm_that_loads_nothing_at_run_time_is_named_with_its_cure(
    office: Office, vllm: Vllm
) -> None:
    vllm.can_load = False
    make_live(office, 1)
    push(office, settings_of(office, vllm))
    ((_, _, _, _, outcome),) = calls(office)
    assert outcome == (
        "HTTP 404: Not Found: start vLLM with --enable-lora and "
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
    )


def test_the_key_is_sent_and_is_in_no_row_and_no_log(
    office: Office, vllm: Vllm, caplog: pytest.LogCaptureFixture
) -> None:
    vllm.key = "key-of-two"
    make_live(office, 1)
    settings = settings_of(office, vllm)
    assert not push(office, replace(settings, vllm_api_key="wrong-key"))
    assert "HTTP 401: Unauthorized: set SQLTUNE_VLLM_API_KEY" in caplog.text
    settings = replace(settings, vllm_api_key="key-of-two")
    assert push(office, settings)
    assert list(vllm.loras) == ["office-v1"]
    said = caplog.text + repr(settings) + str(office.rows("SELECT * FROM vllm_calls"))
    assert "key-of-two" not in said
    assert "wrong-key" not in said


def test_a_server_that_is_down_fails_no_sync_and_is_pushed_to_later(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    with serve_vllm() as gone:
        settings = settings_of(office, gone)
    office.runtime = replace(office.runtime, settings=settings)
    (outcome,) = office.sync()
    assert outcome.error_message is None
    assert "no reply: ConnectError" in caplog.text
    assert calls(office) == []


def test_a_sync_pushes_what_is_live_of_every_adapter(office: Office, vllm: Vllm) -> None:
    office.do(ATTIC)
    office.runtime = replace(office.runtime, settings=settings_of(office, vllm))
    make_live(office, 1, adapter_name="attic")
    office.sync("office")
    assert list(vllm.loras) == ["attic-v1"], "a version of backend scripted has no weights"


def test_without_an_address_nothing_is_stored(office: Office) -> None:
    make_live(office, 1)
    assert push(office, office.runtime.settings)
    assert calls(office) == []


def test_a_worker_asks_the_server_when_live_moves_and_else_at_its_pause(
    office: Office, vllm: Vllm
) -> None:
    clock = Clock(office)
    settings = settings_of(office, vllm)
    pushing = Pushing(office.runtime.database, settings, clock, threading.Event())
    make_live(office, 1)
    pushing.push_due()
    vllm.restart()
    clock.moment += LISTING_PAUSE / 2
    pushing.push_due()
    assert vllm.loras == {}
    clock.moment += LISTING_PAUSE / 2
    pushing.push_due()
    assert list(vllm.loras) == ["office-v1"]
    make_live(office, 2)
    pushing.push_due()
    assert list(vllm.loras) == ["office-v2"]


def test_a_worker_asks_a_server_that_is_down_as_often_as_one_that_is_not(office: Office) -> None:
    with serve_vllm() as gone:
        settings = settings_of(office, gone)
    clock = Clock(office)
    pushing = Pushing(office.runtime.database, settings, clock, threading.Event())
    for _ in range(3):
        pushing.push_due()
        assert pushing.next_at == clock.moment + LISTING_PAUSE
        clock.moment += LISTING_PAUSE


def test_a_process_that_is_asked_to_stop_makes_no_further_call(office: Office, vllm: Vllm) -> None:
    settings, stop = settings_of(office, vllm), threading.Event()
    make_live(office, 1)
    stop.set()
    push_live(office.runtime.database, settings, now=office.runtime.now, stop=stop)
    assert vllm.calls == []
    assert calls(office) == [("load", "office-v1", "waiting", 0, None)]
    push(office, settings)
    assert list(vllm.loras) == ["office-v1"]
