"""Turns at the model of the local backend: questions are answered between a training's steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sqltune.backends.base import Backend, TrainedAdapter
from sqltune.backends.local import epochs
from sqltune.backends.local.backend import LocalBackend
from sqltune.backends.local.turns import ModelKey, ModelTurns
from sqltune.errors import BackendUnavailable
from sqltune.local_lora.training import LoraTrainer
from tests.backends.cases import BackendCase, ask, train
from tests.backends.journals import KeptJournal
from tests.backends.test_local import make_case
from tests.backends.validating import VALIDATION
from tests.local_lora.tiny_models import save_tiny_llama

ONE: ModelKey = ("one", None, "none")
TWO: ModelKey = ("two", None, "none")


@pytest.fixture
def others() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def await_waiting(turns: ModelTurns, count: int, *asked: Future[Any]) -> None:
    """Wait until so many wait for a turn; raise what kept those who asked from it."""
    pause = threading.Event()
    while len(turns._waiting) < count:
        for future in asked:
            if future.done():
                future.result()
                raise AssertionError("who is to wait for a turn has had it")
        pause.wait(0.01)


def use(turns: ModelTurns, key: ModelKey, done: list[str], name: str) -> None:
    with turns.take(key):
        done.append(name)


def test_who_needs_the_same_model_is_let_in_and_who_needs_another_waits_for_the_end(
    others: ThreadPoolExecutor,
) -> None:
    turns, done = ModelTurns(), list[str]()
    with turns.take(ONE) as give_way:
        other = others.submit(use, turns, TWO, done, "other")
        await_waiting(turns, 1, other)
        same = others.submit(use, turns, ONE, done, "same")
        await_waiting(turns, 2, other, same)
        give_way()
        same.result()
        done.append("the rest")
        with (
            pytest.raises(BackendUnavailable, match="'one' is in use"),
            turns.take(TWO, waits=False),
        ):
            pass
        give_way()
    other.result()
    assert done == ["same", "the rest", "other"]
    with turns.take(TWO, waits=False):
        done.append("at once")
    assert done[-1] == "at once"


def test_who_gave_way_works_as_long_as_it_waited(others: ThreadPoolExecutor) -> None:
    clock = [0.0]
    turns, done = ModelTurns(lambda: clock[0]), list[str]()

    def take_long() -> None:
        with turns.take(ONE):
            clock[0] += 10

    with turns.take(ONE) as give_way:
        await_waiting(turns, 1, others.submit(take_long))
        give_way()
        await_waiting(turns, 1, others.submit(use, turns, ONE, done, "second"))
        clock[0] += 9
        give_way()
        assert done == []
        clock[0] += 1
        give_way()
        assert done == ["second"]


@dataclass
class AskingJournal(KeptJournal):
    """A journal whose training is asked a question in another thread before each step."""

    ask: Callable[[], Future[dict[str, str | None]]] | None = None
    turns: ModelTurns | None = None
    asked: list[Future[dict[str, str | None]]] = field(default_factory=list)

    def check(self) -> None:
        super().check()
        assert self.ask is not None
        assert self.turns is not None
        if all(future.done() for future in self.asked):
            self.asked.append(self.ask())
            await_waiting(self.turns, 1, self.asked[-1])


def answer_in_between(
    backend: LocalBackend, case: BackendCase, earlier: TrainedAdapter, pool: ThreadPoolExecutor
) -> tuple[TrainedAdapter, AskingJournal]:
    journal = AskingJournal(
        ask=lambda: pool.submit(ask, backend, case, earlier), turns=backend._memory._turns
    )
    return train(backend, case, journal, run_key="questioned"), journal


def test_a_training_between_whose_steps_questions_are_answered_ends_with_the_same_weights(
    tmp_path: Path, others: ThreadPoolExecutor
) -> None:
    folder = save_tiny_llama(tmp_path / "models" / "tiny-llama")
    case = make_case(folder, tmp_path / "artifacts", "cpu")
    backend: Backend = case.open()
    assert isinstance(backend, LocalBackend)
    # However long the answers take, the next step is followed by the next question.
    backend._memory._turns = ModelTurns(lambda: 0.0)
    earlier = train(backend, case, run_key="earlier", epochs=1)
    whole = train(backend, case, run_key="whole")
    expected = ask(backend, case, earlier)
    questioned, journal = answer_in_between(backend, case, earlier, others)
    answers = [future.result() for future in journal.asked]
    assert len(answers) >= len(journal.steps) > 2
    assert answers == [expected] * len(answers)
    assert case.content_of(questioned) == case.content_of(whole)
    backend.close()


@dataclass
class RehearsingJournal(KeptJournal):
    """A journal whose training is asked a question when it rehearses, and one when it validates."""

    ask: Callable[[], Future[dict[str, str | None]]] = field(kw_only=True)
    turns: ModelTurns = field(kw_only=True)
    asked: list[Future[dict[str, str | None]]] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)

    def submit(self) -> None:
        self.asked.append(self.ask())
        await_waiting(self.turns, 1, self.asked[-1])

    def event(self, event: str, message: str) -> None:
        super().event(event, message)
        if event == "rehearsal_begun":
            self.submit()
        if event == "rehearsal":
            self.waited.append(len(self.turns._waiting))


def test_questions_are_answered_while_a_training_rehearses_and_while_it_validates(
    tmp_path: Path, others: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_tiny_llama(tmp_path / "models" / "tiny-llama")
    case = make_case(folder, tmp_path / "artifacts", "cpu")
    backend = case.open()
    assert isinstance(backend, LocalBackend)
    turns = backend._memory._turns = ModelTurns(lambda: 0.0)
    monkeypatch.setattr(epochs, "_PAGE", 1)
    options: dict[str, Any] = {"epochs": 1, "rehearsal": "on", "validation": VALIDATION}
    whole = train(backend, case, run_key="whole", **options)
    expected = ask(backend, case, whole)
    journal = RehearsingJournal(ask=lambda: others.submit(ask, backend, case, whole), turns=turns)
    measure = LoraTrainer.measure

    def ask_and_measure(trainer: LoraTrainer, *args: Any, **named: Any) -> tuple[float, int]:
        if len(journal.asked) == 1:
            journal.submit()
        else:
            journal.waited.append(len(turns._waiting))
        return measure(trainer, *args, **named)

    monkeypatch.setattr(LoraTrainer, "measure", ask_and_measure)
    questioned = train(backend, case, journal, run_key="questioned", **options)
    assert journal.waited == [0, 0]
    assert [future.result() for future in journal.asked] == [expected] * 2
    assert case.content_of(questioned) == case.content_of(whole)
    assert questioned.eval_loss == whole.eval_loss
    backend.close()
