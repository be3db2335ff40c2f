"""The thread of a base model: what is answered together, what keeps its order, what is refused.

The thread is held by work that waits for a word, so that nothing depends on time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from sqltune.errors import CallRefused
from sqltune.local_lora.answering import Question
from sqltune.local_lora.models import LoadedModel, load_base_model
from sqltune.local_lora.sampling import Sampling
from sqltune.server.lanes import Steps, at_once
from sqltune.server.model_thread import Worker
from sqltune.server.workbench import BASE_LANE, Workbench

DECODING = Sampling(max_new_tokens=4)
PATIENCE_SECONDS = 60


class Watched:
    """A base model that notes what it is asked together."""

    def __init__(self, base: LoadedModel) -> None:
        self._answer = base.answer
        self.batches: list[tuple[str | None, list[str]]] = []

    def answer(self, questions: list[Question], *, adapter: str | None, decoding: Sampling) -> Any:
        self.batches.append((adapter, [question.prompt for question in questions]))
        return self._answer(questions, adapter=adapter, decoding=decoding)


@pytest.fixture
def bench(tiny_model: Path, tmp_path: Path) -> Workbench:
    base = load_base_model(str(tiny_model), allowed_folders=[tiny_model])
    return Workbench(base, tmp_path, lambda adapter_id: None)  # type: ignore[arg-type, return-value]  # nothing is trained


@pytest.fixture
def watched(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched(bench.base)
    monkeypatch.setattr(bench.base, "answer", watched.answer)
    return watched


@pytest.fixture
def worker(bench: Workbench) -> Iterator[Worker]:
    worker = Worker(lambda: bench, most_waiting=20)
    worker.start()
    yield worker
    worker.stop()


class Gate:
    """Work that holds the worker's thread until it is opened."""

    def __init__(self, worker: Worker, lane: str = "gate") -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.done = worker.do(lane, lambda: at_once(self._hold))
        assert self.entered.wait(PATIENCE_SECONDS)

    def _hold(self) -> None:
        self.entered.set()
        assert self.opened.wait(PATIENCE_SECONDS)

    def open(self) -> None:
        self.opened.set()
        self.done.result(PATIENCE_SECONDS)


def ask(worker: Worker, lane: str, prompt: str, decoding: Sampling = DECODING) -> Future[Any]:
    return worker.ask(lane, Question(prompt), decoding)


def test_what_waits_together_is_answered_together(worker: Worker, watched: Watched) -> None:
    gate = Gate(worker)
    futures = [ask(worker, lane, f"Who is {lane}?") for lane in ("a", "b", BASE_LANE)]
    gate.open()
    assert all(future.result(PATIENCE_SECONDS).output_tokens for future in futures)
    # Adapters that were never trained answer as the base model does, and with it.
    assert watched.batches == [(None, ["Who is a?", "Who is b?", f"Who is {BASE_LANE}?"])]


def test_other_decoding_is_another_batch_and_the_oldest_comes_first(
    worker: Worker, watched: Watched
) -> None:
    gate = Gate(worker)
    other = Sampling(max_new_tokens=5)
    futures = [
        ask(worker, "a", "1"),
        ask(worker, "a", "2", other),
        ask(worker, "a", "3"),
    ]
    gate.open()
    for future in futures:
        future.result(PATIENCE_SECONDS)
    assert [prompts for _, prompts in watched.batches] == [["1", "3"], ["2"]]


def test_an_answer_waits_for_the_work_before_it_in_its_lane(worker: Worker) -> None:
    order: list[str] = []
    gate = Gate(worker)
    work = worker.do("a", lambda: at_once(lambda: order.append("work")))
    answer = ask(worker, "a", "after")
    answer.add_done_callback(lambda _: order.append("answer"))
    gate.open()
    answer.result(PATIENCE_SECONDS)
    assert work.done()
    assert order == ["work", "answer"]


def test_work_waits_for_the_answer_before_it_in_its_lane(worker: Worker) -> None:
    order: list[str] = []
    gate = Gate(worker)
    ask(worker, "a", "before").add_done_callback(lambda _: order.append("answer"))
    work = worker.do("a", lambda: at_once(lambda: order.append("work")))
    gate.open()
    work.result(PATIENCE_SECONDS)
    assert order == ["answer", "work"]


def test_others_are_answered_between_two_steps_of_a_training(worker: Worker) -> None:
    """The work goes on only after somebody else was answered."""
    answered = threading.Event()
    entered = threading.Event()

    def training() -> Steps:
        entered.set()
        while not answered.is_set():
            yield
        return "trained"

    done = worker.do("a", training)
    assert entered.wait(PATIENCE_SECONDS)
    ask(worker, "b", "meanwhile").add_done_callback(lambda _: answered.set())
    assert done.result(PATIENCE_SECONDS) == "trained"


def test_trainings_of_two_adapters_take_turns(worker: Worker) -> None:
    order: list[str] = []

    def training(name: str) -> Steps:
        for _ in range(3):
            order.append(name)
            yield

    gate = Gate(worker)
    both = [worker.do(name, lambda name=name: training(name)) for name in ("a", "b")]  # type: ignore[misc]  # mypy loses the default
    gate.open()
    for future in both:
        future.result(PATIENCE_SECONDS)
    assert order == ["a", "b"] * 3


def test_a_full_queue_refuses_and_takes_calls_again_later(worker: Worker) -> None:
    gate = Gate(worker)
    futures = [ask(worker, "a", str(n)) for n in range(19)]
    with pytest.raises(CallRefused, match="busy: 20 calls wait") as refused:
        ask(worker, "a", "one too many")
    assert refused.value.status == 429
    gate.open()
    for future in futures:
        future.result(PATIENCE_SECONDS)
    assert ask(worker, "a", "again").result(PATIENCE_SECONDS)


def test_a_question_that_nobody_waits_for_is_not_asked(worker: Worker, watched: Watched) -> None:
    gate = Gate(worker)
    given_up, other = ask(worker, "a", "given up"), ask(worker, "b", "other")
    assert given_up.cancel()
    gate.open()
    other.result(PATIENCE_SECONDS)
    assert watched.batches == [(None, ["other"])]
    assert worker.waiting == 0


def test_an_error_in_one_call_reaches_its_caller_alone(worker: Worker) -> None:
    def fail() -> None:
        raise ValueError("of this call")

    gate = Gate(worker)
    failed = worker.do("a", lambda: at_once(fail))
    fine = ask(worker, "b", "fine")
    gate.open()
    with pytest.raises(ValueError, match="of this call"):
        failed.result(PATIENCE_SECONDS)
    assert fine.result(PATIENCE_SECONDS)


def test_stopping_undoes_what_is_under_way_and_refuses_what_waits(bench: Workbench) -> None:
    worker = Worker(lambda: bench, most_waiting=20)
    worker.start()
    undone, entered = threading.Event(), threading.Event()

    def training() -> Steps:
        try:
            while True:
                entered.set()
                yield
        finally:
            undone.set()

    under_way = worker.do("a", training)
    assert entered.wait(PATIENCE_SECONDS)
    waiting = worker.do("a", training)
    worker.stop()
    assert undone.is_set()
    for future in (under_way, waiting):
        with pytest.raises(CallRefused, match="stopping"):
            future.result(PATIENCE_SECONDS)
    with pytest.raises(CallRefused, match="stopping"):
        ask(worker, "a", "too late")


def test_a_base_model_that_cannot_be_loaded_says_so_at_the_start() -> None:
    def fail() -> Workbench:
        raise CallRefused("no such model", status=500)

    with pytest.raises(CallRefused, match="no such model"):
        Worker(fail, most_waiting=1).start()
