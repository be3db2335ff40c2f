"""Which versions can be asked by name, which cannot and why, and what a promotion does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sqltune.errors import CallRefused, DatabaseError
from sqltune.local_lora.loading import load_base_model
from sqltune.server.tuned_models import TunedModels
from sqltune.server.version_shelf import VersionShelf, VersionWeights
from tests.server.tuned import FIRST, OTHER, SECOND, Tuned, chat, read_events
from tests.singlestore_on_mariadb import open_database
from tests.small_model import SMALL_MODEL


def text(client: httpx.Client, model: str) -> str:
    reply = client.post("/chat/completions", json=chat(model))
    assert reply.status_code == 200, reply.text
    return str(reply.json()["choices"][0]["message"]["content"])


def refusal(client: httpx.Client, model: str) -> str:
    """Why a model is not found, in words."""
    reply = client.post("/chat/completions", json=chat(model))
    assert reply.status_code == 404, reply.text
    error = reply.json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert client.get(f"/models/{model}").status_code == 404
    return str(error["message"])


@contextmanager
def changed(tuned: Tuned, column: str, value: object) -> Iterator[None]:
    """Version 2 with another value in a column."""
    where = "WHERE adapter_name = 'support-bot' AND version_number = 2"
    before = tuned.people.value(f"SELECT {column} FROM adapter_versions {where}")
    change = f"UPDATE adapter_versions SET {column} = :value {where}"
    tuned.people.do(change, value=value)
    yield
    tuned.people.do(change, value=before)


@pytest.mark.parametrize("model", [
    "no-bot", "support-bot@v3", "support-bot@v0", "support-bot@V1", "support-bot@staging",
    "support-bot@", "@live", "Support-Bot", "support-bot@v99999999999999999999", "a" * 400,
])  # fmt: skip
def test_a_name_that_means_nothing_is_not_found(openai: httpx.Client, model: str) -> None:
    assert "there is no model" in refusal(openai, model)


@pytest.mark.parametrize(("column", "value", "reason"), [
    ("retired_at", "2026-11-27 09:00:00.000000", "it is retired"),
    ("backend", "gradient", "backend 'gradient' trained it"),
    ("quantization", "nf4", "it was trained on weights in nf4"),
    ("base_model_revision", "another", "not among those of SQLTUNE_SERVE_MODELS"),
    ("base_model_revision", None, "revision unknown, is not among"),
    ("artifact_uri", "/etc", "not in this server's SQLTUNE_ARTIFACTS"),
])  # fmt: skip
def test_a_version_that_cannot_be_asked_here_is_refused_with_the_reason(
    tuned: Tuned, openai: httpx.Client, column: str, value: object, reason: str
) -> None:
    with changed(tuned, column, value):
        said = refusal(openai, "support-bot@v2")
        tuned.promote(2)
        assert refusal(openai, "support-bot") == said
        listed = [model["id"] for model in openai.get("/models").json()["data"]]
        assert ("support-bot" in listed) is (column == "artifact_uri")
    assert reason in said
    assert "/etc" not in said
    assert text(openai, "support-bot@v2") == SECOND


def test_weights_that_are_gone_or_changed_are_the_servers_fault_and_paths_stay_here(
    tuned: Tuned, openai: httpx.Client
) -> None:
    gone = str(tuned.server.artifacts / "adapters" / "gone")
    for column, value in (("artifact_sha256", "0" * 64), ("artifact_uri", gone)):
        # What is in memory needs no files; with a hash of its own it is another version's.
        with changed(tuned, "artifact_sha256", "1" * 64), changed(tuned, column, value):
            reply = openai.post("/chat/completions", json=chat("support-bot@v2"))
        assert reply.status_code == 500
        assert reply.headers["x-should-retry"] == "false"
        assert reply.json()["error"]["type"] == "server_error"
        assert str(tuned.server.artifacts) not in reply.text


def test_no_request_is_dropped_while_versions_are_promoted(
    tuned: Tuned, openai: httpx.Client
) -> None:
    is_done = False

    def ask(_: int) -> set[str]:
        texts = set()
        with tuned.client() as client:
            while not is_done:
                texts.add(text(client, "support-bot"))
        return texts

    with ThreadPoolExecutor(3) as pool:
        asking = pool.map(ask, range(3))
        for n in range(30):
            tuned.promote(n % 2 + 1)
            live = SECOND if n % 2 else FIRST
            assert text(openai, "support-bot") == live, "from the next request on"
        is_done = True
        assert set().union(*asking) == {FIRST, SECOND}


def test_a_stream_ends_with_the_version_that_it_began_with(
    tuned: Tuned, openai: httpx.Client
) -> None:
    body = chat(stream=True)
    with openai.stream("POST", "/chat/completions", json=body) as reply:
        chunks = reply.iter_text()
        begun = next(chunks)
        tuned.promote(2)
        whole = begun + "".join(chunks)
    events = read_events(whole)
    assert {event["model"] for event in events} == {"support-bot@v1"}
    assert "".join(e["choices"][0]["delta"].get("content", "") for e in events) == FIRST


def test_versions_and_base_model_are_asked_at_the_same_time(
    tuned: Tuned, openai: httpx.Client
) -> None:
    models = ["support-bot@v1", "support-bot@v2", "other-bot"] * 4
    with ThreadPoolExecutor(12) as pool:
        texts = list(pool.map(lambda model: text(openai, model), models))
    assert texts == [FIRST, SECOND, OTHER] * 4


def weights_of(tuned: Tuned, label: str) -> VersionWeights:
    query = "SELECT artifact_uri, artifact_sha256 FROM adapter_versions WHERE adapter_label = :l"
    ((uri, sha256),) = tuned.people.rows(query, l=label)
    return VersionWeights(Path(uri), sha256)


def test_versions_leave_memory_by_least_recent_use(tuned: Tuned) -> None:
    base = load_base_model(str(SMALL_MODEL), allowed_folders=[SMALL_MODEL.parent], threads=1)
    first, second, other = (
        weights_of(tuned, label) for label in ("support-bot v1", "support-bot v2", "other-bot v1")
    )
    shelf = VersionShelf(base, most=2)
    for version in (first, second, first, other):
        shelf.load(version)
    assert set(base.adapters) == {first.sha256, other.sha256}
    shelf.load(second)
    assert set(base.adapters) == {other.sha256, second.sha256}
    with pytest.raises(CallRefused):
        shelf.load(VersionWeights(first.folder, "2" * 64))
    assert set(base.adapters) == {other.sha256, second.sha256}


def test_a_version_is_asked_as_it_was_while_the_database_does_not_answer(
    tuned: Tuned, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    shutil.copyfile(tuned.server.database.engine.url.database or "", file)
    database = open_database(f"sqlite:///{file}")
    base = load_base_model(str(SMALL_MODEL), allowed_folders=[SMALL_MODEL.parent], threads=1)

    class Served:
        """What is known of a base model that nobody asks."""

        model, slug, public_name = base, "small", "small"

    bases: Any = {"small": Served()}
    models = TunedModels(database, tuned.server.artifacts, bases)
    known = models.find("support-bot@v2")
    database.close()
    file.unlink()
    file.mkdir()
    assert models.find("support-bot@v2") == known
    with pytest.raises(DatabaseError):
        models.find("support-bot@v1")
    database.close()
