"""What is pushed to vLLM, found in the rows; each call is made by one runner at a time."""

from __future__ import annotations

from datetime import timedelta

from sqltune.database.tables import aliases, vllm_calls
from sqltune.database.tables.vllm_calls import CallKind, CallState, Settlement, VllmCall
from tests.database.evaluated_run import ADAPTER, CLAIM, EvaluatedRun
from tests.database.report_rows import insert

SERVER = "http://vllm.example.com:8000"
DAY = timedelta(days=1)


def add_version(run: EvaluatedRun, number: int, **columns: object) -> None:
    row = {"adapter_name": ADAPTER, "version_number": number, "adapter_label": f"demo v{number}"}
    row |= {"state": "accepted", "is_latest": 0, "run_id": number, "manifest_id": 1, "seed": 0}
    row |= {"fingerprint": "f", "training_key": "t", "backend": "local", "base_model": "toy"}
    row |= {"method": "lora", "epochs": 1, "rehearsal": "off", "sample_count": 1}
    row |= {"created_at": "2026-11-23 12:00:00", "artifact_uri": f"/a/adapters/key-{number}"}
    insert(run.database, "adapter_versions", [row | columns])


def point(run: EvaluatedRun, version: int, alias: str = "live") -> None:
    with run.database.transaction(CLAIM) as session:
        move = aliases.AliasMove(ADAPTER, alias, version, None, "because", None)
        aliases.move_alias(session, move, now=run.clock())


def live(run: EvaluatedRun) -> list[tuple[str, int, str, str]]:
    with run.database.read() as session:
        found = vllm_calls.list_live_weights(session)
    return [(w.adapter_name, w.version_number, w.base_model, w.artifact_uri) for w in found]


def intend(run: EvaluatedRun, number: int, kind: CallKind = "load", name: str = "demo-v1") -> None:
    path = "/a/adapters/key-1" if kind == "load" else None
    call = VllmCall(SERVER, name, kind, ADAPTER, 1, path, call_number=number)
    with run.database.transaction() as session:
        vllm_calls.insert_calls(session, [call], now=run.clock())


def waiting(run: EvaluatedRun, later: timedelta = timedelta(0)) -> list[VllmCall]:
    with run.database.read() as session:
        return vllm_calls.list_waiting_calls(session, SERVER, now=run.clock() + later)


def claim(run: EvaluatedRun, call: VllmCall) -> VllmCall | None:
    with run.database.transaction() as session:
        return vllm_calls.claim_call(session, call, retry_at=run.clock() + DAY)


def settle(run: EvaluatedRun, call: VllmCall, state: CallState, outcome: str = "-") -> None:
    with run.database.transaction() as session:
        settlement = Settlement(call, state, outcome, run.clock())
        vllm_calls.settle_calls(session, [settlement])


def test_only_the_weights_of_live_versions_in_folders_are_to_be_loaded(run: EvaluatedRun) -> None:
    add_version(run, 1)
    add_version(run, 2)
    add_version(run, 3, backend="gradient", artifact_uri=None)
    point(run, 2, alias="staging")
    assert live(run) == []
    point(run, 1)
    assert live(run) == [(ADAPTER, 1, "toy", "/a/adapters/key-1")]
    point(run, 3)
    assert live(run) == []
    point(run, 2)
    run.execute("UPDATE adapter_versions SET retired_at = '2026-11-23 13:00:00'")
    assert live(run) == []


def test_what_was_live_is_known_and_what_never_was_is_not(run: EvaluatedRun) -> None:
    add_version(run, 1)
    add_version(run, 2)
    add_version(run, 3)
    point(run, 2, alias="staging")
    point(run, 1)
    point(run, 3)
    point(run, 1)
    asked = {(ADAPTER, 1), (ADAPTER, 2), (ADAPTER, 7), ("other", 3)}
    with run.database.read() as session:
        (found,) = vllm_calls.list_weights_once_live(session, asked)
        assert vllm_calls.list_weights_once_live(session, set()) == []
    assert (found.version_number, found.artifact_uri) == (1, "/a/adapters/key-1")


def test_a_call_is_stored_once_and_made_by_one_runner(run: EvaluatedRun) -> None:
    intend(run, 1)
    intend(run, 1, "unload")
    (call,) = waiting(run)
    assert (call.call_kind, call.lora_path, call.is_due) == ("load", "/a/adapters/key-1", True)
    assert claim(run, call)
    assert not claim(run, call)
    (claimed,) = waiting(run)
    assert (claimed.attempt_count, claimed.is_due) == (1, False)
    (later,) = waiting(run, later=2 * DAY)
    assert later.is_due


def test_numbers_count_the_calls_for_each_name(run: EvaluatedRun) -> None:
    for number, kind in ((1, "load"), (2, "unload")):
        intend(run, number, "load" if kind == "load" else "unload")
    intend(run, 1, name="demo-v2")
    with run.database.read() as session:
        assert vllm_calls.list_last_numbers(session, SERVER) == {"demo-v1": 2, "demo-v2": 1}
        assert vllm_calls.list_last_numbers(session, "http://other") == {}


def test_a_call_waits_until_it_is_done_and_then_stays_so(run: EvaluatedRun) -> None:
    intend(run, 1)
    (call,) = waiting(run)
    claimed = claim(run, call)
    assert claimed is not None
    settle(run, claimed, "waiting", "HTTP 500: " + "rank 😀 " * 100)
    (call,) = waiting(run)
    assert call.is_due
    outcome = run.value("SELECT outcome FROM vllm_calls")
    assert len(outcome) == 255
    assert run.value("SELECT settled_at FROM vllm_calls") is None
    settle(run, call, "done")
    settle(run, call, "withdrawn")
    assert waiting(run) == []
    assert run.value("SELECT state FROM vllm_calls") == "done"


def test_an_attempt_that_took_too_long_settles_nothing_of_the_next_one(run: EvaluatedRun) -> None:
    intend(run, 1)
    (call,) = waiting(run)
    first = claim(run, call)
    (call,) = waiting(run, later=2 * DAY)
    second = claim(run, call)
    assert first is not None
    assert second is not None
    settle(run, first, "done")
    assert run.value("SELECT state FROM vllm_calls") == "waiting"
    settle(run, second, "done")
    assert run.value("SELECT state FROM vllm_calls") == "done"
