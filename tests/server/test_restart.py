"""However a server ended, the next one continues with what it stored."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from sqltune.database.connection import Database
from sqltune.errors import ConfigError
from tests.databases import copy_sqlite
from tests.end_to_end.command import People, await_condition
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database

SAMPLE = {"samples": [{"inputs": "Who? A writer."}]}
QUERY = {"query": "Who?", "autoTemplate": False, "maxGeneratedTokenCount": 6}

Start = Callable[[], AbstractContextManager[ServerAtWork]]


@pytest.fixture
def database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    database = open_database(copy_sqlite(sqlite_template, tmp_path))
    yield database
    database.close()


@pytest.fixture
def start(database: Database, tiny_model: Path, tmp_path: Path) -> Start:
    return lambda: start_server(database, tmp_path / "artifacts", {SLUG: str(tiny_model)})


@pytest.fixture
def people(database: Database) -> Iterator[People]:
    people = People(database.engine.url.render_as_string(hide_password=False))
    yield people
    people.close()


def make_adapter(client: httpx.Client, rate: float = 0.01) -> str:
    base = client.get("/models").json()["models"][0]["id"]
    hyper = {"trainingArguments": {"learningRate": rate}}
    body = {"model": {"baseModelId": base, "name": "a"}, "initialHyperparameters": hyper}
    return str(client.post("/models", json=body).json()["id"])


def tune(client: httpx.Client, adapter: str) -> float:
    reply = client.post(f"/models/{adapter}/fine-tune", json=SAMPLE)
    assert reply.status_code == 200, reply.text
    return float(reply.json()["sumLoss"])


def test_weights_and_optimizer_survive_a_restart(start: Start, people: People) -> None:
    """Two adapters with one seed: one is trained by one server, the other by two in turn."""
    with start() as server, server.client() as client:
        adapters = [make_adapter(client), make_adapter(client)]
        # The seed decides the first weights, and is read when an adapter is first trained.
    people.do("UPDATE served_adapters SET seed = 5")
    with start() as server, server.client() as client:
        by_one = [tune(client, adapters[0]) for _ in range(6)]
        by_two = [tune(client, adapters[1]) for _ in range(3)]
        listed = client.get("/models").json()
    with start() as server, server.client() as client:
        assert client.get("/models").json() == listed
        by_two += [tune(client, adapters[1]) for _ in range(3)]
        answers = [client.post(f"/models/{a}/complete", json=QUERY).json() for a in adapters]
    assert by_two == by_one
    assert answers[0] == answers[1]


def test_a_call_whose_server_died_after_storing_counts_as_done(
    start: Start, people: People, tmp_path: Path
) -> None:
    with start() as server, server.client() as client:
        adapter = make_adapter(client)
        tune(client, adapter)
        before = client.get(f"/models/{adapter}").json()["latestUpdateTime"]
    people.do("UPDATE served_steps SET state = 'training', optimizer_steps = NULL, ended_at = NULL")
    with start() as server, server.client() as client:
        after = client.get(f"/models/{adapter}").json()["latestUpdateTime"]
    assert after > before
    assert people.rows("SELECT state, optimizer_steps FROM served_steps") == [("done", 1)]


def test_a_call_whose_server_died_before_storing_is_lost_and_changed_nothing(
    start: Start, people: People, tmp_path: Path
) -> None:
    with start() as server, server.client() as client:
        adapter = make_adapter(client)
        tune(client, adapter)
        before = client.get(f"/models/{adapter}").json()
        answer = client.post(f"/models/{adapter}/complete", json=QUERY).json()
    people.do(
        "INSERT INTO served_steps (adapter_id, step_number, state, optimizer_steps_before, "
        "sample_count, begun_at) VALUES (:id, 2, 'training', 1, 1, '2026-11-25 01:00:00')",
        id=adapter,
    )
    people.do("UPDATE served_adapters SET last_step = 2")
    with start() as server, server.client() as client:
        assert client.get(f"/models/{adapter}").json() == before
        assert client.post(f"/models/{adapter}/complete", json=QUERY).json() == answer
        tune(client, adapter)
    rows = people.rows("SELECT step_number, state FROM served_steps ORDER BY step_number")
    assert rows == [(1, "done"), (2, "lost"), (3, "done")]


def test_a_client_that_hangs_up_does_not_stop_its_training(start: Start, people: People) -> None:
    with start() as server, server.client() as client:
        adapter = make_adapter(client)
        body = b'{"samples": [{"inputs": "Who? A writer."}]}'
        address = httpx.URL(server.base_url)
        head = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
        with socket.create_connection((address.host, address.port or 0)) as connection:
            connection.sendall(
                f"POST /api/models/{adapter}/fine-tune HTTP/1.1\r\nhost: x\r\n{head}"
                f"content-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            # The call was accepted once it is in its table; then the client disconnects.
            await_condition(lambda: people.count("served_steps") == 1, "the call to begin")
        await_condition(lambda: people.count("served_steps", "state = 'done'") == 1, "its end")
        assert tune(client, adapter) > 0


def test_damaged_weights_are_an_error_of_this_adapter_alone(start: Start, tmp_path: Path) -> None:
    with start() as server, server.client() as client:
        adapter, other = make_adapter(client), make_adapter(client)
        tune(client, adapter)
        tune(client, other)
    checkpoint = tmp_path / "artifacts" / "served" / adapter / "checkpoint.safetensors"
    checkpoint.write_bytes(b"damaged")
    with start() as server, server.client() as client:
        reply = client.post(f"/models/{adapter}/complete", json=QUERY)
        assert (reply.status_code, reply.json()["type"]) == (500, "failed")
        assert client.post(f"/models/{other}/complete", json=QUERY).status_code == 200
        assert client.delete(f"/models/{adapter}").status_code == 200


def test_an_adapter_whose_base_model_has_changed_is_neither_asked_nor_trained(
    start: Start, database: Database, people: People, tmp_path: Path
) -> None:
    with start() as server, server.client() as client:
        adapter = make_adapter(client)
        tune(client, adapter)
    people.do("UPDATE served_adapters SET base_model_revision = 'another'")
    with start() as server, server.client() as client:
        assert client.get(f"/models/{adapter}").status_code == 200
        asked = client.post(f"/models/{adapter}/complete", json=QUERY)
        assert (asked.status_code, asked.json()["type"]) == (404, "unknownBaseModel")
        tuned = client.post(f"/models/{adapter}/fine-tune", json=SAMPLE)
        assert (tuned.status_code, tuned.json()["type"]) == (400, "modelIncapableOfFineTuning")
        assert client.delete(f"/models/{adapter}").status_code == 200


def test_more_adapters_than_fit_into_memory_are_loaded_in_turn(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqltune.server.workbench.MOST_ADAPTERS", 2)
    with start() as server, server.client() as client:
        adapters = [make_adapter(client) for _ in range(4)]
        for _ in range(3):
            losses = [tune(client, adapter) for adapter in adapters]
        assert all(loss > 0 for loss in losses)
        first = client.post(f"/models/{adapters[0]}/complete", json=QUERY).json()
    with start() as server, server.client() as client:
        assert client.post(f"/models/{adapters[0]}/complete", json=QUERY).json() == first


def test_two_servers_never_use_the_same_adapters(start: Start) -> None:
    with start(), pytest.raises(ConfigError, match="another `sqltune serve` uses"), start():
        pass


def test_weights_that_cannot_be_written_undo_the_call(start: Start, tmp_path: Path) -> None:
    with start() as server, server.client() as client:
        adapter = make_adapter(client)
        tune(client, adapter)
        answer = client.post(f"/models/{adapter}/complete", json=QUERY).json()
        folder = tmp_path / "artifacts" / "served" / adapter
        kept = folder.with_name("kept")
        shutil.move(folder, kept)
        folder.write_bytes(b"in the way")
        reply = client.post(f"/models/{adapter}/fine-tune", json=SAMPLE)
        assert (reply.status_code, reply.json()["type"]) == (500, "failed")
        folder.unlink()
        shutil.move(kept, folder)
        assert client.post(f"/models/{adapter}/complete", json=QUERY).json() == answer
        tune(client, adapter)
