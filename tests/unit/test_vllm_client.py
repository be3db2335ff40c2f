"""What a reply of vLLM, or of something in front of it, becomes in words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sqltune.errors import BackendError, BackendUnavailable, UnexpectedReply
from sqltune.http_replies import MOST_REPLY_BYTES
from sqltune.vllm.client import VllmClient
from tests.vllm_server import serve_vllm

OLDER = {"object": "error", "message": "no room", "type": "NoRoom", "param": None, "code": 400}


class Replies:
    """Replies to every request with one status and body."""

    url = ""
    status = 200
    body = b""


@pytest.fixture
def replies() -> Iterator[Replies]:
    found = Replies()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (400, json.dumps(OLDER).encode(), "HTTP 400: no room"),
        (502, b"<html>Bad Gateway</html>", "HTTP 502"),
        (500, b"", "HTTP 500"),
        (500, b"[1]", "HTTP 500"),
        (302, b"{}", "HTTP 302"),
        (400, b'{"error": {"message": "the key key-of-two"}}', "HTTP 400: the key ***"),
    ],
)
def test_a_refusal_is_put_into_words_whatever_sent_it(
    replies: Replies, status: int, body: bytes, text: str
) -> None:
    replies.status, replies.body = status, body
    outcome = VllmClient(replies.url, "key-of-two").load("office-v1", "/a")
    assert (outcome.is_done, outcome.text) == (False, text)


def test_a_long_message_leaves_room_for_its_cure(replies: Replies) -> None:
    replies.status, replies.body = 404, json.dumps(OLDER | {"message": "x" * 9000}).encode()
    text = VllmClient(replies.url, None).load("office-v1", "/a").text
    assert len(text) < 255
    assert text.endswith("says where vLLM sees the folder of artifacts")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": [{}]}', b"<html></html>", b"\xff"])
def test_a_server_that_is_no_vllm_is_named(replies: Replies, body: bytes) -> None:
    replies.body = body
    with pytest.raises(UnexpectedReply, match="correct SQLTUNE_VLLM_URL"):
        VllmClient(replies.url, None).list_models()
    replies.status = 503
    with pytest.raises(BackendError, match="HTTP 503"):
        VllmClient(replies.url, None).list_models()


@pytest.mark.parametrize("status", [200, 500])
def test_a_reply_without_a_bound_is_given_up(replies: Replies, status: int) -> None:
    replies.status, replies.body = status, b" " * (MOST_REPLY_BYTES + 1)
    client = VllmClient(replies.url, None)
    with pytest.raises(UnexpectedReply, match="more than 16,000,000 bytes: correct SQLTUNE"):
        client.list_models()
    outcome = client.load("office-v1", "/a")
    assert not outcome.is_done
    assert outcome.text == "the reply has more than 16,000,000 bytes: correct SQLTUNE_VLLM_URL"


def test_a_name_that_is_not_loaded_counts_as_unloaded_and_a_missing_route_does_not() -> None:
    with serve_vllm() as vllm:
        client = VllmClient(vllm.url, None)
        assert client.unload("office-v1").is_done
        vllm.can_load = False
        assert not client.unload("office-v1").is_done
        assert not client.can_load()
    assert not client.unload("office-v1").is_answered
    with pytest.raises(BackendUnavailable, match="ConnectError"):
        client.can_load()
