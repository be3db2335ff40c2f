"""Lost replies, kills and an unavailable service: no adapter contains a batch twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from sqltune.backends.base import Backend, TrainedAdapter
from sqltune.backends.gradient.adapters import MOST_CREATIONS
from sqltune.errors import (
    BackendUnavailable,
    LeaseLost,
    PipelineError,
    ReplyLost,
    RequestRejected,
    RunCancelled,
    RunInterrupted,
)
from tests.backends.cases import BackendCase, assert_complete, train
from tests.backends.gradient_cases import case_of, served_adapters, trained_batches
from tests.backends.journals import (
    Dies,
    DyingJournal,
    EndingJournal,
    KeptJournal,
    StalledJournal,
)
from tests.faulty_proxy import Fault, FaultyProxy, proxy_to
from tests.serving import ServerAtWork

#: Of the case: two epochs of two batches.
CALLS = 4
FINE_TUNE = "/fine-tune"


@pytest.fixture
def proxy(server: ServerAtWork) -> Iterator[FaultyProxy]:
    """A proxy between the backend and the server."""
    with proxy_to(server.base_url) as proxy:
        yield proxy


@pytest.fixture
def case(server: ServerAtWork, proxy: FaultyProxy) -> BackendCase:
    return case_of(server, proxy.url)


@pytest.fixture
def backend(case: BackendCase) -> Iterator[Backend]:
    backend = case.open()
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def whole(server: ServerAtWork) -> list[tuple[int, int]]:
    """The batches of an undisturbed training."""
    case = case_of(server)
    backend = case.open()
    batches = trained_batches(server, train(backend, case, run_key="whole"))
    backend.close()
    assert len(batches) == CALLS
    assert len({tokens for _, tokens in batches}) > 1
    return batches


def states(server: ServerAtWork, run_key: str) -> list[str]:
    return [state for _, state in served_adapters(server, run_key)]


def test_an_adapter_whose_creation_got_no_reply_is_found_by_its_name(
    server: ServerAtWork,
    proxy: FaultyProxy,
    backend: Backend,
    case: BackendCase,
    whole: list[tuple[int, int]],
) -> None:
    proxy.drop("POST", "/models")
    journal = KeptJournal()
    adapter = train(backend, case, journal, run_key="unheard")
    assert trained_batches(server, adapter) == whole
    assert served_adapters(server, "unheard") == [(adapter.external_id, "active")]
    assert journal.events == ["adapter_adopted"]
    assert_complete(journal)


def test_a_creation_that_never_reached_the_service_is_repeated(
    server: ServerAtWork, proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    proxy.faults.append(Fault("POST", "/models", is_forwarded=False))
    journal = KeptJournal()
    train(backend, case, journal, run_key="unsent")
    assert states(server, "unsent") == ["active"]
    assert_complete(journal)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", FINE_TUNE, 1, replied_bytes=-1),
        Fault("POST", FINE_TUNE, 3, replied_bytes=-1),
        Fault("POST", FINE_TUNE, CALLS, replied_bytes=-1),
        Fault("POST", FINE_TUNE, 2, replied_bytes=5),
        Fault("POST", FINE_TUNE, 2, is_forwarded=False),
        Fault("POST", FINE_TUNE, 2, status=503),
    ],
    ids=["first", "third", "last", "cut", "unsent", "unavailable"],
)
def test_an_adapter_whose_content_is_unknown_is_deleted_and_built_again(
    server: ServerAtWork,
    proxy: FaultyProxy,
    backend: Backend,
    case: BackendCase,
    whole: list[tuple[int, int]],
    fault: Fault,
) -> None:
    proxy.faults.append(replace(fault))
    journal = DyingJournal()
    run_key = f"lost-{id(proxy)}"
    adapter = train(backend, case, journal, run_key=run_key)
    assert trained_batches(server, adapter) == whole
    assert states(server, run_key) == ["deleted", "active"]
    assert journal.events == ["adapter_rebuilt"]
    done = (fault.number or 0) - 1
    assert f"{done} batches with {done * 2} samples" in journal.messages[0]
    assert_complete(journal)


@pytest.mark.parametrize("batches", range(1, CALLS))
def test_a_training_that_was_killed_between_two_batches_resumes_after_the_last(
    server: ServerAtWork,
    proxy: FaultyProxy,
    case: BackendCase,
    whole: list[tuple[int, int]],
    batches: int,
) -> None:
    first, second = case.open(), case.open()
    journal = EndingJournal(dies_after=batches)
    run_key = f"killed-{batches}"
    with pytest.raises(Dies):
        train(first, case, journal, run_key=run_key)
    journal.dies_after = None
    adapter = train(second, case, journal, run_key=run_key)
    assert trained_batches(server, adapter) == whole
    assert states(server, run_key) == ["active"]
    assert proxy.count("POST", FINE_TUNE) == CALLS
    assert_complete(journal)
    first.close()
    second.close()


@pytest.mark.parametrize("settlement", [1, 2, CALLS + 1])
def test_a_training_that_was_killed_before_it_settled_a_call_contains_no_batch_twice(
    server: ServerAtWork, case: BackendCase, whole: list[tuple[int, int]], settlement: int
) -> None:
    first, second = case.open(), case.open()
    journal = DyingJournal(dies_at_settlement=settlement)
    run_key = f"unsettled-{settlement}"
    with pytest.raises(Dies):
        train(first, case, journal, run_key=run_key)
    adapter = train(second, case, journal, run_key=run_key)
    assert trained_batches(server, adapter) == whole
    expected = ["active"] if settlement == 1 else ["deleted", "active"]
    assert states(server, run_key) == expected
    assert_complete(journal)
    first.close()
    second.close()


@pytest.mark.parametrize("settlement", range(3, 8))
def test_a_rebuild_that_was_killed_is_completed(
    server: ServerAtWork,
    proxy: FaultyProxy,
    case: BackendCase,
    whole: list[tuple[int, int]],
    settlement: int,
) -> None:
    proxy.drop("POST", FINE_TUNE, 2)
    first, second = case.open(), case.open()
    journal = DyingJournal(dies_at_settlement=settlement)
    run_key = f"twice-{settlement}"
    with pytest.raises(Dies):
        train(first, case, journal, run_key=run_key)
    adapter = train(second, case, journal, run_key=run_key)
    assert trained_batches(server, adapter) == whole
    assert states(server, run_key).count("active") == 1
    assert_complete(journal)
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        # Sent after the successor had looked it up in vain: no row names it, and gc finds it.
        ("create_adapter", ["active", "active"]),
        # Sent to an adapter that the successor has deleted, and therefore refused.
        ("fine_tune", ["deleted", "active"]),
    ],
)
def test_a_call_that_a_stalled_runner_sends_late_does_not_reach_its_successors_adapter(
    server: ServerAtWork,
    case: BackendCase,
    whole: list[tuple[int, int]],
    kind: str,
    left: list[str],
) -> None:
    first, second = case.open(), case.open()
    journal, run_key = KeptJournal(), f"late-{kind}"
    made: list[TrainedAdapter] = []

    @dataclass
    class StallsBetweenIntentAndSend(StalledJournal):
        def intend(self, call_kind: str, request: str) -> int:
            number = super().intend(call_kind, request)
            if call_kind == kind and not self.is_overtaken:
                self.is_overtaken = True
                made.append(train(second, case, journal, run_key, attempt=2))
            return number

    with pytest.raises((LeaseLost, RequestRejected)):
        train(first, case, StallsBetweenIntentAndSend(kept=journal), run_key)
    assert trained_batches(server, made[0]) == whole
    assert sorted(states(server, run_key)) == sorted(left)
    assert (made[0].external_id, "active") in served_adapters(server, run_key)
    assert_complete(journal)
    first.close()
    second.close()


def test_a_connection_that_breaks_at_every_batch_fails_the_run_and_leaves_no_adapter(
    server: ServerAtWork, proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    proxy.drop("POST", FINE_TUNE, None)
    journal = KeptJournal()
    with pytest.raises(ReplyLost) as raised:
        train(backend, case, journal, run_key="hopeless")
    assert raised.value.retryable
    assert states(server, "hopeless") == ["deleted"] * MOST_CREATIONS


def test_an_unavailable_service_is_a_retryable_failure(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    @dataclass
    class Watching(KeptJournal):
        def record(self, metrics: object) -> None:
            proxy.stop()

    with pytest.raises(BackendUnavailable, match="cannot reach") as raised:
        train(backend, case, Watching(), run_key="gone")
    assert raised.value.retryable


def test_an_adapter_that_was_deleted_meanwhile_is_built_again(
    server: ServerAtWork, case: BackendCase, whole: list[tuple[int, int]]
) -> None:
    first, second = case.open(), case.open()
    journal = KeptJournal(stop_at_check=3, stop_with=RunInterrupted("stop"))
    with pytest.raises(RunInterrupted):
        train(first, case, journal, run_key="vanished")
    ((adapter_id, _),) = served_adapters(server, "vanished")
    with server.client() as http:
        assert http.delete(f"/models/{adapter_id}").status_code == 200
    journal.stop_at_check = None
    adapter = train(second, case, journal, run_key="vanished")
    assert trained_batches(server, adapter) == whole
    assert "adapter_gone" in journal.events
    first.close()
    second.close()


@dataclass
class StoppingJournal(KeptJournal):
    """A journal that asks for the end during the second fine-tune."""

    proxy: FaultyProxy | None = None
    reply_may_arrive: threading.Event = field(default_factory=threading.Event)
    stop_during: Callable[[], PipelineError] = lambda: RunInterrupted("stop")

    def check(self) -> None:
        assert self.proxy is not None
        if self.proxy.count("POST", FINE_TUNE) >= 2:
            self.reply_may_arrive.set()
            raise self.stop_during()


def test_a_reply_that_arrives_while_the_process_is_asked_to_stop_avoids_a_rebuild(
    server: ServerAtWork, proxy: FaultyProxy, case: BackendCase, whole: list[tuple[int, int]]
) -> None:
    first, second = case.open(), case.open()
    journal = StoppingJournal(proxy=proxy)
    proxy.faults.append(Fault("POST", FINE_TUNE, 2, waits_for=journal.reply_may_arrive))
    with pytest.raises(RunInterrupted):
        train(first, case, journal, run_key="stopped")
    assert [call.state for call in journal.kept_calls] == ["done"] * 3
    again = KeptJournal(kept_calls=journal.kept_calls, steps=journal.steps)
    adapter = train(second, case, again, run_key="stopped")
    assert trained_batches(server, adapter) == whole
    assert states(server, "stopped") == ["active"]
    assert_complete(again)
    first.close()
    second.close()


def test_a_training_that_is_cancelled_during_a_call_leaves_no_adapter(
    server: ServerAtWork, proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    journal = StoppingJournal(proxy=proxy, stop_during=lambda: RunCancelled("enough"))
    proxy.faults.append(Fault("POST", FINE_TUNE, 2, waits_for=journal.reply_may_arrive))
    with pytest.raises(RunCancelled, match="enough"):
        train(backend, case, journal, run_key="cancelled")
    assert states(server, "cancelled") == ["deleted"]


def test_a_service_that_asks_to_wait_gets_the_batch_again_without_a_rebuild(
    server: ServerAtWork,
    proxy: FaultyProxy,
    backend: Backend,
    case: BackendCase,
    whole: list[tuple[int, int]],
) -> None:
    proxy.faults.append(Fault("POST", FINE_TUNE, 2, status=429))
    adapter = train(backend, case, run_key="busy")
    assert trained_batches(server, adapter) == whole
    assert states(server, "busy") == ["active"]


def test_a_refused_batch_fails_the_run_and_deletes_its_adapter(
    server: ServerAtWork, proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    body = b'{"type": "flaggedContent", "message": "not this", "payload": {}}'
    proxy.faults.append(Fault("POST", FINE_TUNE, 2, status=400, body=body))
    journal = KeptJournal()
    with pytest.raises(RequestRejected, match="not this") as raised:
        train(backend, case, journal, run_key="refused")
    assert raised.value.code == "flagged_content"
    assert not raised.value.retryable
    assert states(server, "refused") == ["deleted"]
    assert [call.state for call in journal.kept_calls] == ["done", "done", "failed", "done"]
