"""What the command ends with, by what became of the adapters."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sqltune.records import Adapter, RunState, SyncDecision
from sqltune.runtime import Runtime, SilentReporter
from sqltune.settings import Settings
from sqltune.syncing import sync as sync_module
from sqltune.syncing import worker
from sqltune.syncing.outcomes import ExitCode, Outcome, exit_code
from sqltune.syncing.turn import Turn, sync_adapter
from sqltune.syncing.watcher import SilentWatcher
from sqltune.wiring import open_migrated_runtime
from tests.databases import copy_sqlite


def outcome(state: RunState | None, *, is_new: bool = True) -> Outcome:
    return Outcome("office", SyncDecision.TRAIN, "why", 1, state, None, is_new)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], ExitCode.DONE),
        ([outcome(RunState.SUCCEEDED)], ExitCode.DONE),
        ([outcome(RunState.CANCELLED)], ExitCode.DONE),
        ([outcome(None, is_new=False)], ExitCode.DONE),
        ([outcome(RunState.REJECTED)], ExitCode.GATE_REFUSED),
        ([outcome(RunState.REJECTED, is_new=False)], ExitCode.DONE),
        ([outcome(RunState.FAILED)], ExitCode.RUN_FAILED),
        ([outcome(RunState.FAILED, is_new=False)], ExitCode.RUN_FAILED),
        ([outcome(RunState.REJECTED), outcome(RunState.FAILED)], ExitCode.RUN_FAILED),
        ([outcome(RunState.SUCCEEDED), outcome(RunState.REJECTED)], ExitCode.GATE_REFUSED),
    ],
)
def test_a_failed_run_counts_more_than_a_refusing_gate_and_that_more_than_success(
    outcomes: list[Outcome], code: ExitCode
) -> None:
    assert exit_code(outcomes) is code


@pytest.fixture
def runtime(sqlite_template: Path, tmp_path: Path) -> Iterator[Runtime]:
    """A runtime with the adapters `attic` and `office`, the first of which goes wrong."""
    settings = Settings(
        database_url=copy_sqlite(sqlite_template, tmp_path), artifacts=tmp_path, poll_seconds=0.01
    )
    with open_migrated_runtime(settings, SilentReporter()) as opened:
        with opened.database.transaction() as session:
            for name in ("attic", "office"):
                columns = "adapter_name, base_model, backend, sync_every"
                values = f"'{name}', 'toy', 'scripted', '1s'"
                session.connection.execute(
                    text(f"INSERT INTO adapters ({columns}) VALUES ({values})")
                )
        yield opened


@pytest.fixture
def broken_attic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the attic raise an unexpected error."""

    def sync(runtime: Runtime, adapter: Adapter, turn: Turn, **options: Any) -> list[Outcome]:
        if adapter.adapter_name == "attic":
            raise TypeError("unexpected")
        return sync_adapter(runtime, adapter, turn, **options)

    monkeypatch.setattr(sync_module, "sync_adapter", sync)
    monkeypatch.setattr(worker, "sync_adapter", sync)


@pytest.mark.usefixtures("broken_attic")
def test_an_unexpected_error_in_one_adapter_keeps_a_sync_from_no_other(runtime: Runtime) -> None:
    attic, office = sync_module.sync(runtime, [], force=False, stop=threading.Event())
    assert (attic.adapter_name, attic.state) == ("attic", RunState.FAILED)
    assert attic.reason == "internal error: TypeError: unexpected"
    assert (office.adapter_name, office.run_id) == ("office", 1)
    assert exit_code([attic]) is ExitCode.RUN_FAILED


def test_a_run_that_ended_or_was_paused_is_news_and_a_refusal_was_said_already() -> None:
    paused = outcome(RunState.PAUSED)
    assert (str(paused), paused.is_news) == ("office: run 1 paused", True)
    waiting = outcome(RunState.FAILED, is_new=False)
    assert (str(waiting), waiting.is_news) == ("office: train, why", False)
    refused = Outcome("office", SyncDecision.REFUSED, "why", 1, RunState.FAILED, "why", True)
    assert not refused.is_news


class StoppingWatcher(SilentWatcher):
    """Stops the worker once it has reported the failure and the other adapter."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.errors: list[str] = []
        self.outcomes: list[Outcome] = []

    def turn_ended(self, outcomes: Any, seconds: float) -> None:
        self.outcomes += outcomes
        self._stop_when_done()

    def failed(self, error: BaseException) -> None:
        self.errors.append(str(error))
        self._stop_when_done()

    def _stop_when_done(self) -> None:
        if self.errors and self.outcomes:
            self.stop.set()


@pytest.mark.usefixtures("broken_attic")
def test_an_unexpected_error_in_one_adapter_keeps_a_worker_from_no_other(runtime: Runtime) -> None:
    watcher = StoppingWatcher()
    worker.Worker(runtime, [], watcher, watcher.stop, time.monotonic).run()
    assert set(watcher.errors) == {"unexpected"}
    assert {outcome.adapter_name for outcome in watcher.outcomes} == {"office"}


def test_only_the_adapter_that_failed_unexpectedly_is_left_alone_for_a_while(
    runtime: Runtime, broken_attic: None
) -> None:
    watcher = StoppingWatcher()
    made = worker.Worker(runtime, [], watcher, watcher.stop, monotonic=lambda: 0.0)
    assert made._sync_due() is False
    assert list(made.broken) == ["attic"]
    made._sync_due()
    assert watcher.errors == ["unexpected"], "its pause is not over"
