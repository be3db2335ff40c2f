"""A Hub that cannot be reached is one line of ours, after one request and a short wait."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sqltune.local_lora import hub
from tests.end_to_end.command import People, Sqltune

pytest.importorskip("torch")

LINE = (
    "the Hugging Face Hub does not answer and base model 'owner/model' is not in its local cache: "
    "download it there, or name a folder"
)


@pytest.fixture
def hub_adapter(sqltune: Sqltune, people: People) -> Sqltune:
    people.declare("office", base_model="owner/model", backend="local")
    people.teach("office", "Who?", "A writer.")
    # Nothing of the machine's own cache or settings.
    sqltune.environment |= {"HF_HOME": str(sqltune.folder / "hub"), "HF_HUB_ETAG_TIMEOUT": "1"}
    return sqltune


@contextmanager
def silent_server() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the address of a server that takes connections and never answers, and what it read."""
    requests: list[bytes] = []
    open_connections: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_connections.append(connection)
            requests.append(connection.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in open_connections:
        connection.close()


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_sync_says_one_line_where_the_hub_refuses_connections(hub_adapter: Sqltune) -> None:
    done = hub_adapter("sync", HF_ENDPOINT=closed_port())
    assert (done.code, done.out) == (1, "")
    said, summary = done.err.splitlines()
    assert said == f"office: refused, {LINE}"
    assert summary.startswith("1 adapter: 1 failed, in ")


@pytest.mark.parametrize("command", ["check", "plan", "sync"])
def test_a_hub_that_never_answers_is_asked_once_and_no_library_says_a_word(
    hub_adapter: Sqltune, command: str
) -> None:
    with silent_server() as (address, requests):
        done = hub_adapter(command, "--json", HF_ENDPOINT=address)
    assert [request.split(b" ")[0] for request in requests] == [b"HEAD"]
    assert done.err == ""
    assert done.out.count(LINE) == (1 if command == "check" else 2)


def test_the_wait_is_short_unless_the_hubs_own_setting_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_HUB_ETAG_TIMEOUT", raising=False)
    assert hub.answer_seconds() == hub.ANSWER_SECONDS <= 3
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "20")
    assert hub.answer_seconds() == 20
