"""The thread of a base model: what is answered together, what keeps its order, what is refused.

The thread is blocked by work that waits for an event, so that nothing depends on time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sqltune.database.tables.served import ServedAdapter
from sqltune.errors import CallRefused
from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.sampling import Sampling
from sqltune.server.lanes import Work, in_one_piece
from sqltune.server.model_thread import ModelThread
from sqltune.server.workbench import BASE_LANE, MOST_ADAPTERS, Workbench

SAMPLING = Sampling(max_new_tokens=4)
PATIENCE_SECONDS = 60
MADE_AT = datetime(2026, 11, 27, 9)


class WatchedModel:
    """A base model that records what it is asked together."""

    def __init__(self, base: LoadedModel) -> None:
        self._answer = base.answer
        self.batches: list[tuple[str | None, list[str]]] = []

    def answer(self, questions: list[Question], *, adapter: str | None, **how: Any) -> Any:
        self.batches.append((adapter, [question.prompt for question in questions]))
        return self._answer(questions, adapter=adapter, **how)


def find_untrained(adapter_id: str) -> ServedAdapter:
    """Return an adapter of the only base model that was never trained."""
    return ServedAdapter(
        adapter_id=adapter_id,
        adapter_name=adapter_id,
        base_slug="tiny",
        base_model="tiny",
        base_model_revision="1",
        lora_rank=8,
        lora_alpha=16,
        learning_rate=1e-3,
        rehearsal="off",
        seed=1,
        last_step=0,
        created_at=MADE_AT,
        updated_at=MADE_AT,
    )


@pytest.fixture
def bench(tiny_model: Path, tmp_path: Path) -> Workbench:
    base = load_base_model(str(tiny_model), allowed_folders=[tiny_model])
    return Workbench(base, tmp_path, find_untrained)


@pytest.fixture
def watched(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> WatchedModel:
    watched = WatchedModel(bench.base)
    monkeypatch.setattr(bench.base, "answer", watched.answer)
    return watched


@pytest.fixture
def thread(bench: Workbench) -> Iterator[ModelThread]:
    thread = ModelThread(lambda: bench, most_waiting=20)
    thread.start()
    yield thread
    thread.stop()


class Blocker:
    """Work that blocks the thread until it is opened."""

    def __init__(self, thread: ModelThread, lane: str = "blocked") -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.done = thread.do(lane, lambda: in_one_piece(self._block))
        assert self.entered.wait(PATIENCE_SECONDS)

    def _block(self) -> None:
        self.entered.set()
        assert self.opened.wait(PATIENCE_SECONDS)

    def open(self) -> None:
        self.opened.set()
        self.done.result(PATIENCE_SECONDS)


def ask(thread: ModelThread, lane: str, prompt: str, sampling: Sampling = SAMPLING) -> Future[Any]:
    return thread.ask(lane, Question(prompt), sampling)


def test_what_waits_together_is_answered_together(
    thread: ModelThread, watched: WatchedModel
) -> None:
    blocker = Blocker(thread)
    futures = [ask(thread, lane, f"Who is {lane}?") for lane in ("a", "b", BASE_LANE)]
    blocker.open()
    assert all(future.result(PATIENCE_SECONDS).output_tokens for future in futures)
    # Adapters that were never trained answer as the base model does, and with it.
    assert watched.batches == [(None, ["Who is a?", "Who is b?", f"Who is {BASE_LANE}?"])]


def test_other_sampling_is_another_batch_and_the_oldest_is_answered_first(
    thread: ModelThread, watched: WatchedModel
) -> None:
    blocker = Blocker(thread)
    other = Sampling(max_new_tokens=5)
    futures = [
        ask(thread, "a", "1"),
        ask(thread, "a", "2", other),
        ask(thread, "a", "3"),
    ]
    blocker.open()
    for future in futures:
        future.result(PATIENCE_SECONDS)
    assert [prompts for _, prompts in watched.batches] == [["1", "3"], ["2"]]


def test_an_answer_waits_for_the_work_before_it_in_its_lane(thread: ModelThread) -> None:
    order: list[str] = []
    blocker = Blocker(thread)
    work = thread.do("a", lambda: in_one_piece(lambda: order.append("work")))
    answer = ask(thread, "a", "after")
    answer.add_done_callback(lambda _: order.append("answer"))
    blocker.open()
    answer.result(PATIENCE_SECONDS)
    assert work.done()
    assert order == ["work", "answer"]


def test_work_waits_for_the_answer_before_it_in_its_lane(thread: ModelThread) -> None:
    order: list[str] = []
    blocker = Blocker(thread)
    ask(thread, "a", "before").add_done_callback(lambda _: order.append("answer"))
    work = thread.do("a", lambda: in_one_piece(lambda: order.append("work")))
    blocker.open()
    work.result(PATIENCE_SECONDS)
    assert order == ["answer", "work"]


def test_others_are_answered_between_two_steps_of_a_training(thread: ModelThread) -> None:
    """The training ends only after another call was answered."""
    answered = threading.Event()
    entered = threading.Event()

    def training() -> Work:
        entered.set()
        while not answered.is_set():
            yield
        return "trained"

    done = thread.do("a", training)
    assert entered.wait(PATIENCE_SECONDS)
    ask(thread, "b", "meanwhile").add_done_callback(lambda _: answered.set())
    assert done.result(PATIENCE_SECONDS) == "trained"


def test_trainings_of_two_adapters_take_turns(thread: ModelThread) -> None:
    order: list[str] = []

    def training(name: str) -> Work:
        for _ in range(3):
            order.append(name)
            yield

    blocker = Blocker(thread)
    both = [thread.do(name, partial(training, name)) for name in ("a", "b")]
    blocker.open()
    for future in both:
        future.result(PATIENCE_SECONDS)
    assert order == ["a", "b"] * 3


def test_more_adapters_than_fit_into_memory_are_all_answered(
    bench: Workbench, thread: ModelThread
) -> None:
    """The one that is asked first must be there when its turn comes, whatever waits behind it."""
    lanes = [f"adapter-{n}" for n in range(MOST_ADAPTERS + 3)]
    for lane in lanes:
        thread.do(lane, partial(train_once, bench, lane)).result(PATIENCE_SECONDS)
    blocker = Blocker(thread)
    futures = [ask(thread, lane, "Who?") for lane in lanes]
    blocker.open()
    assert all(future.result(PATIENCE_SECONDS) for future in futures)
    assert len(bench.base.adapters) == MOST_ADAPTERS


def train_once(bench: Workbench, lane: str) -> Work:
    with bench.training(lane):
        yield


def test_a_full_queue_refuses_calls_until_it_has_room_again(thread: ModelThread) -> None:
    blocker = Blocker(thread)
    futures = [ask(thread, "a", str(n)) for n in range(19)]
    with pytest.raises(CallRefused, match="busy: 20 calls are waiting") as refused:
        ask(thread, "a", "one too many")
    assert refused.value.status == 429
    blocker.open()
    for future in futures:
        future.result(PATIENCE_SECONDS)
    assert ask(thread, "a", "again").result(PATIENCE_SECONDS)


def test_a_cancelled_question_is_not_asked(thread: ModelThread, watched: WatchedModel) -> None:
    blocker = Blocker(thread)
    cancelled, other = ask(thread, "a", "cancelled"), ask(thread, "b", "other")
    assert cancelled.cancel()
    assert thread.waiting == 2, "it makes room at once"
    blocker.open()
    other.result(PATIENCE_SECONDS)
    assert watched.batches == [(None, ["other"])]
    assert thread.waiting == 0


def test_an_error_in_one_call_reaches_its_caller_alone(thread: ModelThread) -> None:
    def fail() -> None:
        raise ValueError("of this call")

    blocker = Blocker(thread)
    failed = thread.do("a", lambda: in_one_piece(fail))
    fine = ask(thread, "b", "fine")
    blocker.open()
    with pytest.raises(ValueError, match="of this call"):
        failed.result(PATIENCE_SECONDS)
    assert fine.result(PATIENCE_SECONDS)


class Panic(BaseException):
    """What the native code of a tokenizer raises."""


def test_a_panic_of_native_code_ends_its_call_and_not_the_thread(
    thread: ModelThread, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panic(*_args: object, **_kwargs: object) -> None:
        raise Panic

    failed = thread.do("a", lambda: in_one_piece(panic))
    with pytest.raises(RuntimeError, match="Panic"):
        failed.result(PATIENCE_SECONDS)
    with monkeypatch.context() as broken:
        broken.setattr(bench.base, "answer", panic)
        with pytest.raises(RuntimeError, match="Panic"):
            ask(thread, "a", "of a broken tokenizer").result(PATIENCE_SECONDS)
    assert ask(thread, "b", "fine").result(PATIENCE_SECONDS)
    assert thread.problem is None


def test_a_thread_that_has_ended_is_a_problem_and_refuses_calls(bench: Workbench) -> None:
    thread = ModelThread(lambda: bench, most_waiting=1)
    thread.start()
    assert thread.problem is None
    thread.stop()
    assert thread.problem == "the thread of the base model has ended; see the log"
    with pytest.raises(CallRefused, match="stopping"):
        ask(thread, "a", "nobody answers")


def test_a_thread_that_makes_no_step_for_long_is_a_problem(bench: Workbench) -> None:
    now = [0.0]
    thread = ModelThread(
        lambda: bench, most_waiting=1, patience_seconds=900, seconds=lambda: now[0]
    )
    thread.start()
    now[0] += 1000
    assert thread.problem is None, "it has nothing to do"
    blocker = Blocker(thread)
    assert thread.problem is None, "it has begun just now"
    now[0] += 1000
    assert thread.problem == "the base model has made neither a step nor an answer for 1000 s"
    blocker.open()
    thread.stop()


def test_stopping_undoes_what_is_being_served_and_refuses_what_waits(bench: Workbench) -> None:
    thread = ModelThread(lambda: bench, most_waiting=20)
    thread.start()
    undone, entered = threading.Event(), threading.Event()

    def training() -> Work:
        try:
            while True:
                entered.set()
                yield
        finally:
            undone.set()

    served = thread.do("a", training)
    assert entered.wait(PATIENCE_SECONDS)
    waiting = thread.do("a", training)
    thread.stop()
    assert undone.is_set()
    for future in (served, waiting):
        with pytest.raises(CallRefused, match="stopping"):
            future.result(PATIENCE_SECONDS)
    with pytest.raises(CallRefused, match="stopping"):
        ask(thread, "a", "too late")


def test_a_base_model_that_cannot_be_loaded_is_an_error_at_the_start() -> None:
    def fail() -> Workbench:
        raise CallRefused("no such model", status=500)

    with pytest.raises(CallRefused, match="no such model"):
        ModelThread(fail, most_waiting=1).start()
