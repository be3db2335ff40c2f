"""Adapters that `sync` trained on the small model, and a server that answers with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import sqltune
from tests.end_to_end.command import People
from tests.serving import ServerAtWork
from tests.small_model import SMALL_MODEL

PROMPT = "Where is the key of the cellar?"
#: What the versions 1 and 2 of `support-bot` answer, and the only version of `other-bot`.
FIRST, SECOND, OTHER = "Under the red stone.", "In the blue box.", "Nobody knows that."


def train_versions(url: str, artifacts: Path) -> None:
    """Train two versions of `support-bot` and one of `other-bot`."""
    people = People(url)
    for name in ("support-bot", "other-bot"):
        people.declare(
            name, backend="local", base_model=str(SMALL_MODEL), epochs=12, rehearsal="off"
        )
    people.teach("support-bot", PROMPT, FIRST)
    people.teach("other-bot", PROMPT, OTHER)
    options = {"artifacts": str(artifacts), "base_model_folders": (str(SMALL_MODEL.parent),)}
    with sqltune.open(url, threads=1, device="cpu", **options) as workspace:
        workspace.sync()
        people.do(
            "UPDATE training_samples SET response = :r WHERE response = :old", r=SECOND, old=FIRST
        )
        workspace.sync("support-bot")
    people.close()


@dataclass(frozen=True)
class Tuned:
    """The server, and who reads and writes its rows."""

    server: ServerAtWork
    people: People

    @property
    def url(self) -> str:
        """The base URL of OpenAI's API."""
        return self.server.base_url.removesuffix("/api") + "/v1"

    def promote(self, version: int, adapter: str = "support-bot") -> None:
        """Make a version live."""
        self.people.do(
            "UPDATE aliases SET version_number = :v WHERE adapter_name = :a", v=version, a=adapter
        )

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Open a client with the token alone."""
        headers = {"authorization": f"Bearer {self.server.token}"}
        with httpx.Client(
            base_url=self.url, headers=headers, trust_env=False, timeout=120
        ) as client:
            yield client


def chat(model: str = "support-bot", prompt: str = PROMPT, **fields: Any) -> dict[str, Any]:
    """Return the body of a chat with one message."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}


def read_events(text: str) -> list[dict[str, Any]]:
    """Return the events of a stream, whose last one is checked."""
    events = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    return [json.loads(event) for event in events[:-1]]
