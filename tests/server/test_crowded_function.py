"""Batches of `complete` while other calls fill the queue of the base model.

The thread is blocked by work that waits for an event, so that nothing depends on time.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.routing import Router

from sqltune.database.connection import Database
from sqltune.errors import CallRefused
from sqltune.local_lora.loading import load_base_model
from sqltune.server.bases import ServedBase
from sqltune.server.bodies import Bodies
from sqltune.server.external_function import PATH, ExternalFunction
from sqltune.server.lanes import in_one_piece
from sqltune.server.model_thread import ModelThread
from sqltune.server.tuned_models import TunedModels
from sqltune.server.use_recording import EndedRequest, RequestOutcome
from sqltune.server.workbench import Workbench
from sqltune.wire.external_functions import JSON
from tests.databases import copy_sqlite
from tests.server.test_model_thread import find_untrained
from tests.singlestore_on_mariadb import open_database

PATIENCE_SECONDS = 60
BODY = json.dumps({"data": [[n, "tiny", f"Who is {n}?"] for n in range(3)]}).encode()


class BusyThread(ModelThread):
    """A thread that is busy until somebody waits for room in its queue of one."""

    def be_busy(self) -> None:
        """Return once the thread is."""
        self.awaited = threading.Event()
        entered = threading.Event()

        def wait() -> None:
            entered.set()
            assert self.awaited.wait(PATIENCE_SECONDS)

        self.do("work", lambda: in_one_piece(wait))
        assert entered.wait(PATIENCE_SECONDS)

    def room(self) -> Future[None]:
        future = super().room()
        self.awaited.set()
        return future


class FullThread(BusyThread):
    """A thread that stays busy, whoever waits."""

    def room(self) -> Future[None]:
        return Future()


@dataclass(frozen=True)
class Crowd:
    """What is behind `complete` beside the thread."""

    bench: Workbench
    database: Database
    ended: list[EndedRequest]

    def post(self, thread: BusyThread, patience_seconds: float, *, hangs_up: bool = False) -> Any:
        """Send a batch to a busy thread; return the reply's content."""
        thread.start()
        thread.be_busy()
        base = ServedBase("tiny", self.bench.base, thread, self.bench)
        function = ExternalFunction(
            TunedModels(self.database, Path(), {"tiny": base}),
            Bodies(),
            count=self.ended.append,
            patience_seconds=patience_seconds,
        )
        try:
            return asyncio.run(send_batch(function, hangs_up=hangs_up))
        finally:
            thread.awaited.set()
            thread.stop()

    @property
    def outcomes(self) -> list[RequestOutcome]:
        """How the rows ended."""
        return [request.outcome for request in self.ended]


async def send_batch(function: ExternalFunction, *, hangs_up: bool) -> Any:
    """Send a batch as HTTP and return the reply's content; or hang up behind it."""
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": BODY}]

    async def receive() -> Any:
        if not messages and not hangs_up:
            await asyncio.Event().wait()
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(),
        "query_string": b"", "headers": [(b"content-type", JSON.encode())],
    }  # fmt: skip
    await Router(function.list_routes())(scope, receive, send)
    assert sent[0]["status"] == 200
    return json.loads(sent[1]["body"])


@pytest.fixture
def crowd(tiny_model: Path, sqlite_template: Path, tmp_path: Path) -> Iterator[Crowd]:
    base = load_base_model(str(tiny_model), allowed_folders=[tiny_model])
    database = open_database(copy_sqlite(sqlite_template, tmp_path))
    yield Crowd(Workbench(base, tmp_path, find_untrained), database, [])
    database.close()


def test_a_batch_waits_its_turn_in_a_full_queue(crowd: Crowd) -> None:
    reply = crowd.post(BusyThread(lambda: crowd.bench, most_waiting=1), PATIENCE_SECONDS)
    assert [row_id for row_id, _ in reply["data"]] == [0, 1, 2]
    assert all(isinstance(text, str) for _, text in reply["data"])
    assert crowd.outcomes == [RequestOutcome.ANSWERED] * 3


def test_a_batch_that_waited_too_long_fails_and_its_rows_are_counted(crowd: Crowd) -> None:
    with pytest.raises(CallRefused, match="busy: 1 calls are waiting") as refused:
        crowd.post(FullThread(lambda: crowd.bench, most_waiting=1), 0.01)
    assert refused.value.status == 429
    assert crowd.outcomes == [RequestOutcome.FAILED] * 3


def test_rows_of_a_query_that_was_ended_are_counted_as_cancelled(crowd: Crowd) -> None:
    with pytest.raises(ClientDisconnect):
        crowd.post(FullThread(lambda: crowd.bench, most_waiting=1), 60, hangs_up=True)
    assert crowd.outcomes == [RequestOutcome.CANCELLED] * 3
