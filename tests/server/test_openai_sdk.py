"""OpenAI's own SDK, in four majors, and LangChain's ChatOpenAI work with the server unchanged.

Each release runs the same script in an environment of its own, with no package of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server.sdk_environments import PINNED, python_of
from tests.server.tuned import FIRST, OTHER, PROMPT, SECOND, Tuned
from tests.serving import SLUG

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SCRIPTS = Path(__file__).parent / "sdk_scripts"
_LARGE = 60 * 1024 * 1024
NAMES = [SLUG, "other-bot", "support-bot"]


@contextmanager
def hold_bodies(tuned: Tuned) -> Iterator[None]:
    """Keep so many bytes of unfinished bodies in the server that no large call is accepted."""
    path = f"/models/{'0' * 36}_model_adapter/fine-tune"
    half = [tuned.server.begin_post(path, b" " * _LARGE, _LARGE + 1) for _ in range(3)]
    yield
    for one in half:
        one.close()


def run(tuned: Tuned, environment: str, script: str) -> dict[str, Any]:
    """Return what a script printed, run by the interpreter of an environment."""
    tuned.promote(1)
    try:
        python = python_of(environment)
    except RuntimeError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"pip cannot install {PINNED[environment]}: {error}")
    with hold_bodies(tuned):
        done = subprocess.run(
            [python, SCRIPTS / script, tuned.url, tuned.server.token, PROMPT, str(_LARGE)],
            capture_output=True,
            text=True,
            timeout=600,
            env={"PATH": os.environ["PATH"], "NO_PROXY": "*", "PYTHONWARNINGS": "ignore"},
        )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("environment", ["openai-3", "openai-2", "openai-1"])
def test_the_sdk_lists_asks_streams_and_branches_on_errors(tuned: Tuned, environment: str) -> None:
    found = run(tuned, environment, "openai_sdk.py")
    errors = found.pop("errors")
    assert found == {
        "models": NAMES,
        "retrieved": "support-bot@v2",
        "text": FIRST,
        "model": "support-bot@v1",
        "finish_reason": "stop",
        "adds_up": True,
        "is_same_use": True,
        "stream": {"text": FIRST, "is_in_pieces": True, "finish_reason": "stop"},
        "cut": ["length", True],
        "stopped": "Under the red",
        "choices": [0, 1, 2],
        "choices_differ": True,
        "seed_repeats": True,
        "seeds_differ": True,
        "unknown_is_ignored": FIRST,
        "completion": [FIRST, "text_completion"],
        "at_once": [FIRST, SECOND, OTHER, FIRST],
    }
    assert all(error.pop("has_id") for error in errors.values())
    wrong, bad = "invalid_request_error", ("BadRequestError", 400)
    assert {name: tuple(error.values()) for name, error in errors.items()} == {
        "key": ("AuthenticationError", 401, "invalid_api_key", None, wrong),
        "model": ("NotFoundError", 404, "model_not_found", "model", wrong),
        "temperature": (*bad, "invalid_value", "temperature", wrong),
        "tools": (*bad, "unsupported_value", "tools", wrong),
        "response_format": (*bad, "unsupported_value", "response_format", wrong),
        "logprobs": (*bad, "unsupported_value", "logprobs", wrong),
        "messages": (*bad, "invalid_value", "messages", wrong),
        "length": (*bad, "context_length_exceeded", "messages", wrong),
        "choices": (*bad, "invalid_value", "n", wrong),
        "load": ("RateLimitError", 429, "rate_limit_exceeded", None, "rate_limit_error"),
        "streamed": ("NotFoundError", 404, "model_not_found", "model", wrong),
    }


def test_the_sdk_of_2023_works_too(tuned: Tuned) -> None:
    found = run(tuned, "openai-0", "openai_sdk_of_2023.py")
    errors = found.pop("errors")
    assert found == {
        "models": NAMES,
        "retrieved": "support-bot@v2",
        "text": FIRST,
        "model": "support-bot@v1",
        "stream": FIRST,
        "completion": FIRST,
    }
    assert {name: tuple(error.values())[:2] for name, error in errors.items()} == {
        "key": ("AuthenticationError", 401),
        "model": ("InvalidRequestError", 404),
        "temperature": ("InvalidRequestError", 400),
        "load": ("RateLimitError", 429),
    }


def test_langchains_chat_model_works(tuned: Tuned) -> None:
    assert run(tuned, "langchain", "langchain_chat.py") == {
        "text": FIRST,
        "model": "support-bot@v1",
        "finish_reason": "stop",
        "has_usage": True,
        "stream": FIRST,
        "batch": [SECOND] * 3,
        "seed_repeats": True,
        "with_system": True,
        "stopped": "Under the red",
        "completion": FIRST,
        "refused": "OpenAIModelNotFoundError",
    }
