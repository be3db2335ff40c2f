"""What OpenAI's SDK of 2023, release 0.28, makes of a server: printed as JSON.

Run as `openai_sdk.py`. Many scripts still have its interface.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import openai

openai.api_base, openai.api_key, PROMPT, LARGE = *sys.argv[1:4], int(sys.argv[4])
MESSAGES: Any = [{"role": "user", "content": PROMPT}]


def ask(model: str = "support-bot", messages: Any = MESSAGES, **fields: Any) -> Any:
    return openai.ChatCompletion.create(model=model, messages=messages, **fields)


def error(call: Callable[[], object]) -> dict[str, Any]:
    try:
        call()
    except openai.error.OpenAIError as refused:
        found = {"status_code": refused.http_status, "code": refused.code}
        return {"class": type(refused).__name__, **found, "param": getattr(refused, "param", None)}
    return {"class": "none"}


def main() -> dict[str, Any]:
    whole = ask()
    chunks = [chunk["choices"][0]["delta"].get("content", "") for chunk in ask(stream=True)]
    completed = openai.Completion.create(model="support-bot", prompt=PROMPT, max_tokens=40)
    return {
        "models": [model["id"] for model in openai.Model.list()["data"]],
        "retrieved": openai.Model.retrieve("support-bot@v2")["id"],
        "text": whole["choices"][0]["message"]["content"],
        "model": whole["model"],
        "stream": "".join(chunks),
        "completion": completed["choices"][0]["text"],
        "errors": {
            "key": error(lambda: ask(api_key="another-token")),
            "model": error(lambda: ask("no-bot")),
            "temperature": error(lambda: ask(temperature=3)),
            "load": error(lambda: ask(messages=[{"role": "user", "content": "a" * LARGE}])),
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
