"""Wrong and right requests over the local server and a worker's port.

`python -m tests.bench.fuzzing` sends seeded requests of every kind: paths, methods, headers, bodies
that are half valid, sockets that end midway. It prints the replies by status, with the first
requests that got a 5xx, of which there must be none, and the peak memory and the open files of this
process. `--requests` and `--seed` choose another run; the default takes long.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from sqltune.database import migrations
from sqltune.database.connection import Database
from sqltune.syncing.metrics import WorkerMetrics
from sqltune.syncing.metrics_port import served
from tests.serving import SLUG, TOKEN, WORKSPACE, start_server, utc_now
from tests.small_model import SMALL_MODEL

CLIENTS = 8
NAMES = ["query", "model", "samples", "inputs", "temperature", "topK", "topP", "guidance", "rag"]
NAMES += ["messages", "role", "content", "prompt", "n", "stop", "seed", "stream", "max_tokens"]
NAMES += ["tools", "response_format", "logprobs", "top_p", "stream_options", "tool_calls"]
TEXTS = [
    "",
    "a",
    "Who?",
    "\0",
    "\u202e",
    "ü" * 300,
    "### Instruction: Who?\n\n### Response:",
    "[INST]",
]
NUMBERS = [0, -1, 1, 2**31, 2**63, 10**30, 0.5, 1e-320, 1e-38, 1e308, -0.0, True, None]
METHODS = ["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH", "BREW"]


@dataclass
class Tally:
    """What came back."""

    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, status: str, request: str) -> None:
        """Count a reply; keep the first requests that are the server's failures."""
        with self.lock:
            self.statuses[status] += 1
            if status.startswith("5") and len(self.failures) < 20:
                self.failures.append(f"{status}: {request[:300]}")


@dataclass(frozen=True)
class Target:
    """A port, and what is known of it."""

    root: str
    model_ids: tuple[str, ...] = ()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        url = httpx.URL(self.root)
        return url.host, url.port or 80


def main() -> int:
    """Send the requests; return 1 if one of them got a 5xx."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with open_targets() as targets:
        tally = fuzz(targets, chosen.requests, chosen.seed)
    for status, count in sorted(tally.statuses.items()):
        print(f"{status:>8}: {count:,}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    print(f"open files {psutil.Process().num_fds():,} at the end")
    sys.stdout.writelines(f"{line}\n" for line in tally.failures)
    return 1 if tally.failures else 0


@contextmanager
def open_targets(model: Path = SMALL_MODEL) -> Iterator[list[Target]]:
    """Run both servers for the duration of the block, over a database of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database.open(f"sqlite:///{folder}/fuzz.db")
        migrations.apply(database, now=utc_now)
        metrics = WorkerMetrics(poll_seconds=1e9, monotonic=lambda: 0.0, read_adapters=list)
        models = {SLUG: str(model)}
        with (
            start_server(database, folder / "artifacts", models) as server,
            served(metrics, "127.0.0.1", 0) as address,
            server.client() as client,
        ):
            base = client.get("/models").json()["models"][0]["id"]
            body = {"model": {"baseModelId": base, "name": "fuzzed"}}
            adapter = client.post("/models", json=body).json()["id"]
            yield [Target(server.base_url.removesuffix("/api"), (base, adapter)), Target(address)]
        database.close()


def fuzz(targets: list[Target], requests: int, seed: int) -> Tally:
    """Send so many requests by several clients at a time, each by a seed of its own."""
    tally = Tally()

    def run(client: int) -> None:
        rng = random.Random(f"{seed}-{client}")
        with httpx.Client(timeout=300, trust_env=False) as http:
            for _ in range(client, requests, CLIENTS):
                send_one(http, rng.choice(targets), rng, tally)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(run, range(CLIENTS)))
    return tally


def send_one(http: httpx.Client, target: Target, rng: random.Random, tally: Tally) -> None:
    """Send one request, by the HTTP library or as bytes that end anywhere."""
    path, body, headers = make_path(target, rng), make_body(target, rng), make_headers(rng)
    posts = path.endswith(("/models", "/complete", "/fine-tune", "/completions"))
    method = rng.choice(METHODS) if rng.random() < 0.1 else "POST" if posts else "GET"
    shown = f"{method} {path} {headers} {body!r}"
    if rng.random() < 0.1:
        tally.count(send_raw(target, method, path, body, rng), shown)
        return
    try:
        reply = http.request(method, target.root + path, content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        tally.count(type(error).__name__, shown)
    else:
        tally.count(str(reply.status_code), shown)


def send_raw(target: Target, method: str, path: str, body: bytes, rng: random.Random) -> str:
    """Send a request with something broken in it, or a part of one; return the status."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {':'.join(map(str, target.address))}"]
    lines += [f"Authorization: Bearer {TOKEN}", f"x-gradient-workspace-id: {WORKSPACE}"]
    length = rng.choice([len(body), len(body) + 5, -1, 10**20, "x"])
    lines.append(
        rng.choice(["Transfer-Encoding: chunked", "Expect: 100-continue", "Connection: close"])
    )
    lines.append(f"Content-Length: {length}")
    rng.shuffle(lines) if rng.random() < 0.1 else None
    content = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
    if rng.random() < 0.2:
        content = content[: rng.randrange(len(content))]
    with socket.create_connection(target.address, timeout=60) as client:
        try:
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
            reply = client.recv(65536)
        except OSError as error:
            return type(error).__name__
    return reply[9:12].decode("latin-1") if reply.startswith(b"HTTP/1.1 ") else "closed"


def make_path(target: Target, rng: random.Random) -> str:
    """Return a path that exists, or nearly."""
    model = rng.choice([*target.model_ids, "0" * 36 + "_model_adapter", "x", "..%2f..", "%00", "ü"])
    routes = ["/models", f"/models/{model}", f"/models/{model}/complete", "/healthz", "/metrics"]
    routes += [f"/models/{model}/fine-tune", f"/models/{model}/complete", "/nothing", "/%2e%2e/"]
    routes.append("/singlestore/complete")
    query = rng.choice(["", "", "", "?onlyBase=true", "?onlyBase=x", "?capability=any", "?%ff=%00"])
    if rng.random() < 0.5:
        routes = [f"/models/{SLUG}", f"/models/{SLUG}@v1", "/models/a@live", "/models/%40%00"]
        routes += ["/models", "/nothing", *["/chat/completions"] * 8, *["/completions"] * 4]
        return rng.choice(["/v1", "/v1", "/api/v1", "//v1/"]) + rng.choice(routes) + query
    return rng.choice(["/api", "/api", "", "//api/"]) + rng.choice(routes) + query


def make_headers(rng: random.Random) -> dict[bytes, bytes]:
    """Return the right headers in nine of ten requests."""
    headers = {
        b"authorization": f"Bearer {TOKEN}".encode(),
        b"x-gradient-workspace-id": WORKSPACE.encode(),
    }
    if rng.random() < 0.5:
        headers[b"content-type"] = rng.choice([b"application/json", b"application/octet-stream"])
    if rng.random() < 0.1:
        headers.pop(rng.choice(list(headers)))
        other = rng.choice([b"origin", b"content-type", b"expect", b"x"])
        headers[other] = rng.choice([b"", b"a", b"\xff"])
    return headers


def make_body(target: Target, rng: random.Random) -> bytes:
    """Return a body that is right, right but for one value, any JSON, or any bytes."""
    makers: list[Callable[[], bytes]] = [
        lambda: _json(_mutated(_right_body(target, rng), rng)),
        lambda: _json(_right_body(target, rng)),
        lambda: _json(_value(rng, depth=4)),
        lambda: rng.randbytes(rng.randrange(200)),
        lambda: b"[" * rng.randrange(5000),
        lambda: b"",
    ]
    return rng.choices(makers, [5, 2, 2, 1, 0.2, 1])[0]()


def _right_body(target: Target, rng: random.Random) -> dict[str, Any]:
    base = target.model_ids[0] if target.model_ids else "x"
    return rng.choice(
        [
            {
                "query": "Who?",
                "maxGeneratedTokenCount": 2,
                "temperature": 0.5,
                "topK": 3,
                "topP": 0.9,
            },
            {"query": "Who?", "guidance": {"type": "choice", "value": ["a", "b"]}},
            {"samples": [{"inputs": "Who? A writer."}]},
            {"samples": [{"inputs": [{"value": "Who?", "trainable": False}, {"value": " A."}]}]},
            {"model": {"baseModelId": base, "name": "fuzzed"}},
            *_openai_bodies(rng),
            {"data": [[1, SLUG, None], [2, "a", "Who?"]]},
        ]
    )


def _openai_bodies(rng: random.Random) -> list[dict[str, Any]]:
    """Return bodies of OpenAI's API, most of them for a model that is there."""
    common = {
        "model": rng.choice([SLUG, SLUG, SLUG, "a@v1", "a", "@", "\0"]),
        "max_tokens": 2,
        "temperature": rng.choice([None, 0.5, 2]),
        "n": rng.choice([None, 2]),
        "stop": rng.choice([None, "a", ["a", "b"]]),
        "stream": rng.random() < 0.3,
        "stream_options": {"include_usage": True},
    }
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "A."}]
    parts = [{"type": "text", "text": "Who?"}, {"type": "image_url", "image_url": {}}]
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "content": "7", "tool_call_id": "c"}
    return [
        {**common, "messages": [turns[0]]},
        {**common, "messages": [{"role": "system", "content": "Be brief."}, *turns, turns[0]]},
        {**common, "messages": [{"role": "user", "content": parts[: rng.randrange(3)]}]},
        {**common, "messages": [turns[0], called, result]},
        {**common, "prompt": rng.choice(["Who?", ["Who?", "Where?"], [1, 2], [[1]], []])},
    ]


def _mutated(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        return {**value, key: _mutated(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        return [_mutated(value[0], rng), *value[1:]]
    return _value(rng, depth=2)


def _value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(4 if depth else 2)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice(TEXTS)
    children = [_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return children if kind == 2 else dict(zip(rng.sample(NAMES, 4), children, strict=False))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


if __name__ == "__main__":
    sys.exit(main())
