"""Clients that hang up: questions are dropped, trainings are not, and nothing is our fault."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable

import httpx
import pytest

from tests.end_to_end.command import await_condition
from tests.serving import ServerAtWork


def counted(client: httpx.Client, status: str) -> Callable[[], float]:
    """Return a function that returns how many calls ended with a status."""

    def count() -> float:
        found = re.findall(rf'calls_total.*status="{status}".* ([0-9.]+)', metrics(client))
        return sum(map(float, found))

    return count


def metrics(client: httpx.Client) -> str:
    return client.get(str(client.base_url).removesuffix("/api/") + "/metrics").text


@pytest.fixture
def base_id(client: httpx.Client) -> str:
    return str(client.get("/models").json()["models"][0]["id"])


def test_bodies_that_are_not_sent_to_their_end_are_no_error(
    server: ServerAtWork,
    client: httpx.Client,
    base_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone, failed = counted(client, "499"), counted(client, "5..")
    before = gone(), failed()
    with caplog.at_level(logging.INFO, "sqltune"):
        for _ in range(20):
            server.begin_post(f"/models/{base_id}/complete", b'{"query": "', length=1000).close()
        await_condition(lambda: gone() == before[0] + 20, "the calls in the metrics")
    assert failed() == before[1]
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_questions_whose_clients_are_gone_leave_the_queue(
    server: ServerAtWork, client: httpx.Client, base_id: str
) -> None:
    gone = counted(client, "499")
    before = gone()
    body = {"query": "Who?", "maxGeneratedTokenCount": 500, "autoTemplate": False}
    content = json.dumps(body).encode()
    clients = [server.begin_post(f"/models/{base_id}/complete", content) for _ in range(200)]
    for abandoned in clients:
        abandoned.close()
    await_condition(lambda: gone() > before + 100, "the calls in the metrics")
    await_condition(lambda: "sqltune_serve_waiting_calls 0.0" in metrics(client), "an empty queue")
    reply = client.post(f"/models/{base_id}/complete", json={**body, "maxGeneratedTokenCount": 1})
    assert reply.status_code == 200, reply.text
