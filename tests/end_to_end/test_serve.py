"""`sqltune serve` as a person starts and stops it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.command import Finished, People, Running, Sqltune
from tests.small_model import SMALL_MODEL

TOKEN = "s3cr3t-token-of-the-server"
PROMPT = "who-is-the-secret-prompt"
LOUD = {"SQLTUNE_LOG_LEVEL": "debug", "SQLTUNE_LOG_FORMAT": "json"}


def await_address(running: Running) -> tuple[str, list[str]]:
    """Read what the server says until it says where it is."""
    said: list[str] = []
    assert running.process.stderr
    for line in running.process.stderr:
        said.append(line)
        found = re.search(r"GRADIENT_API_URL=(\S+)", line)
        if found:
            return found[1], said
    raise AssertionError(f"the server ended: {''.join(said)}")


@contextmanager
def serving(sqltune: Sqltune, **environment: str) -> Iterator[tuple[str, list[Finished]]]:
    """The server at work over the small model; what it was at its end lies in the list."""
    models = f"nous-hermes2={SMALL_MODEL}"
    running = sqltune.start("serve", "--port", "0", SQLTUNE_SERVE_MODELS=models, **environment)
    address, said = await_address(running)
    ended: list[Finished] = []
    yield address, ended
    running.signal(signal.SIGTERM)
    done = running.finish()
    ended.append(Finished(done.code, done.out, "".join(said) + done.err))


def headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "x-gradient-workspace-id": "w"}


def test_it_answers_until_it_is_stopped_and_logs_neither_prompts_nor_secrets(
    sqltune: Sqltune, people: People
) -> None:
    with serving(sqltune, SQLTUNE_SERVE_TOKEN=TOKEN, **LOUD) as (address, ended):
        root = address.removesuffix("/api")
        with httpx.Client(trust_env=False, timeout=60) as client:
            assert client.get(f"{root}/healthz").text == "ok\n"
            assert client.get(f"{address}/models", headers=headers("wrong")).status_code == 401
            listed = client.get(f"{address}/models", headers=headers(TOKEN)).json()
            base = listed["models"][0]
            body = {"query": PROMPT, "maxGeneratedTokenCount": 4}
            path = f"{address}/models/{base['id']}/complete"
            assert client.post(path, headers=headers(TOKEN), json=body).status_code == 200
            client.post(path, headers=headers(TOKEN), json={"query": PROMPT, "topK": PROMPT})
            chat = {"model": "nous-hermes2", "messages": [{"role": "user", "content": PROMPT}]}
            own = {"authorization": f"Bearer {TOKEN}"}
            asked = client.post(f"{root}/v1/chat/completions", headers=own, json=chat)
            assert asked.status_code == 200, asked.text
            figures = client.get(f"{root}/metrics", headers=headers(TOKEN)).text
    assert base["slug"] == "nous-hermes2"
    assert base["name"].startswith(SMALL_MODEL.name)
    assert 'route="/models/{id}/complete",status="200"} 1.0' in figures
    (done,) = ended
    assert done.code == 0, done.said
    assert "Traceback" not in done.said
    assert PROMPT not in done.said
    assert TOKEN not in done.said
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    events = [line.get("event") for line in lines]
    assert events.count("call_answered") == 7
    assert people.rows("SELECT model_name, request_count FROM report_use") == [("nous-hermes2", 1)]
    assert PROMPT not in str(people.rows("SELECT * FROM served_use"))
    assert {"serve_started", "serve_stopped"} <= set(events)


def test_without_a_token_only_this_machine_may_connect(sqltune: Sqltune) -> None:
    refused = sqltune("serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.code == 2
    assert "set SQLTUNE_SERVE_TOKEN" in refused.err


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SQLTUNE_SERVE_MODELS": "nous-hermes2"}, "SQLTUNE_SERVE_MODELS"),
        ({"SQLTUNE_SERVE_MODELS": "a=/x,a=/y"}, "each slug once"),
        ({"SQLTUNE_SERVE_MODELS": "/x/a,/y/a"}, "each slug once"),
        ({"SQLTUNE_SERVE_MODELS": f"{'a' * 101}=/x"}, "at most 100 characters"),
        ({"SQLTUNE_SERVE_TOKEN": "short"}, "SQLTUNE_SERVE_TOKEN: must have at least 10"),
        ({"SQLTUNE_SERVE_PORT": "many"}, "SQLTUNE_SERVE_PORT"),
        ({"SQLTUNE_SERVE_PORT": "0", "SQLTUNE_SERVE_MODELS": "a=/no/such/folder"}, "'/no/such"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_listens(
    sqltune: Sqltune, environment: dict[str, str], named: str
) -> None:
    done = sqltune("serve", **environment)
    assert done.code in (1, 2)
    assert named in done.err
    assert "short" not in done.err.replace("shorten", "")
    assert "Traceback" not in done.err


def test_a_base_model_without_a_slug_is_served_by_its_own_name(sqltune: Sqltune) -> None:
    running = sqltune.start("serve", "--port", "0", SQLTUNE_SERVE_MODELS=str(SMALL_MODEL))
    address, _ = await_address(running)
    listed = httpx.get(
        f"{address.removesuffix('/api')}/v1/models", headers=headers("any-token"), trust_env=False
    )
    assert [model["id"] for model in listed.json()["data"]] == [SMALL_MODEL.name]
    running.signal(signal.SIGTERM)
    assert running.finish().code == 0


def test_a_token_in_the_settings_file_is_refused(sqltune: Sqltune, tmp_path: Path) -> None:
    (tmp_path / "sqltune.toml").write_text(f'serve_token = "{TOKEN}"\n', encoding="utf-8")
    done = sqltune("serve")
    assert done.code == 2
    assert "SQLTUNE_SERVE_TOKEN of the environment" in done.err
    assert TOKEN not in done.said


def test_tables_that_are_missing_are_named_with_the_cure(sqltune: Sqltune, tmp_path: Path) -> None:
    done = sqltune("serve", SQLTUNE_DATABASE_URL=f"sqlite:///{tmp_path}/none.db")
    assert done.code == 2
    assert "run `sqltune init`" in done.err
