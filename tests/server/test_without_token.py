"""A server without a token answers programs of this machine alone, and no page of the web."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.databases import copy_sqlite
from tests.serving import SLUG, start_server
from tests.singlestore_on_mariadb import open_database

HEADERS = {"authorization": "Bearer any-ten-characters", "x-gradient-workspace-id": "any"}


@pytest.fixture(scope="module")
def root(
    tiny_model: Path, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.URL]:
    """The address of a server without a token."""
    folder = tmp_path_factory.mktemp("open-server")
    database = open_database(copy_sqlite(sqlite_template, folder))
    models = {SLUG: str(tiny_model)}
    with start_server(database, folder / "artifacts", models, serve_token=None) as server:
        yield httpx.URL(server.base_url)
    database.close()


def ask(root: httpx.URL, path: str = "/api/models", **headers: str) -> httpx.Response:
    return httpx.get(root.copy_with(path=path), headers=HEADERS | headers, trust_env=False)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
def test_names_of_this_machine_are_answered(root: httpx.URL, name: str) -> None:
    assert ask(root, host=f"{name}:{root.port}").status_code == 200
    own = f"http://{name}:{root.port}"
    assert ask(root, host=f"{name}:{root.port}", origin=own).status_code == 200


@pytest.mark.parametrize("host", [
    "attacker.example:{port}", "attacker.example", "localhost", "localhost:1",
    "127.0.0.1.nip.io:{port}", "localhost.attacker.example:{port}", "",
    "127.0.0.1:{port}@attacker.example",
])  # fmt: skip
@pytest.mark.parametrize("path", ["/api/models", "/healthz", "/metrics", "/v1/models"])
def test_a_name_that_leads_here_from_elsewhere_is_refused(
    root: httpx.URL, host: str, path: str
) -> None:
    refused = ask(root, path, host=host.format(port=root.port))
    assert refused.status_code == 403
    assert "SQLTUNE_SERVE_TOKEN" in message_of(refused)


@pytest.mark.parametrize("origin", [
    "http://attacker.example", "https://localhost:{port}", "http://localhost:3000", "null", "",
])  # fmt: skip
@pytest.mark.parametrize("path", ["/api/models", "/v1/models"])
def test_a_page_of_another_server_is_refused(root: httpx.URL, origin: str, path: str) -> None:
    refused = ask(root, path, origin=origin.format(port=root.port))
    assert refused.status_code == 403
    assert "Origin" in message_of(refused)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_a_page_of_the_web_cannot_ask_and_reads_nothing(root: httpx.URL, path: str) -> None:
    """What a browser sends without asking first: a form's content type, and no header of ours."""
    message = {"role": "user", "content": "a"}
    body = json.dumps({"model": SLUG, "prompt": "a", "messages": [message]})
    headers = {"content-type": "text/plain", "origin": "http://attacker.example"}
    url = root.copy_with(path=path)
    for sent in (headers, headers | HEADERS, {"content-type": "text/plain"}):
        refused = httpx.post(url, content=body, headers=sent, trust_env=False)
        assert refused.status_code in (401, 403)
        assert "access-control-allow-origin" not in refused.headers
    asked = httpx.options(url, headers=headers, trust_env=False)
    assert asked.status_code == 403


def message_of(refused: httpx.Response) -> str:
    """What the client reads, in the shape of either API."""
    content = refused.json()
    return str(content["message"] if "message" in content else content["error"]["message"])
