"""What OpenAI's SDK, from release 1 on, makes of a server: printed as JSON.

Run by the interpreter of an environment that has the SDK, with the server's address, a token, and a
prompt. Imports nothing of ours.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import openai

URL, TOKEN, PROMPT, LARGE = *sys.argv[1:4], int(sys.argv[4])
MESSAGES: Any = [{"role": "user", "content": PROMPT}]
CLIENT = openai.OpenAI(base_url=URL, api_key=TOKEN, max_retries=0, timeout=120)


def ask(model: str = "support-bot", **fields: Any) -> Any:
    return CLIENT.chat.completions.create(model=model, messages=MESSAGES, **fields)


def text(**fields: Any) -> Any:
    return ask(**fields).choices[0].message.content


def stream() -> dict[str, Any]:
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    pieces = [
        c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content
    ]
    return {
        "text": "".join(pieces),
        "is_in_pieces": len(pieces) > 1,
        "finish_reason": chunks[-2].choices[0].finish_reason,
        "total_tokens": chunks[-1].usage.total_tokens,
    }


def error(call: Callable[[], object]) -> dict[str, Any]:
    try:
        call()
    except openai.APIStatusError as refused:
        names = ("status_code", "code", "param", "type")
        found = {name: getattr(refused, name) for name in names}
        return {"class": type(refused).__name__, **found, "has_id": bool(refused.request_id)}
    return {"class": "none"}


async def ask_at_once() -> list[Any]:
    async with openai.AsyncOpenAI(base_url=URL, api_key=TOKEN, timeout=120) as client:
        names = ["support-bot@v1", "support-bot@v2", "other-bot", "support-bot@v1"]
        calls = [client.chat.completions.create(model=n, messages=MESSAGES) for n in names]
        replies = await asyncio.gather(*calls)
    return [reply.choices[0].message.content for reply in replies]


def main() -> dict[str, Any]:
    whole = ask()
    cut = ask(max_tokens=2).choices[0]
    drawn = {"temperature": 1.5, "top_p": 0.9, "max_completion_tokens": 12, "model": "nous-hermes2"}
    several = ask(n=3, seed=1, **drawn).choices
    completed = CLIENT.completions.create(model="support-bot", prompt=PROMPT, max_tokens=40)
    wrong_key = CLIENT.with_options(api_key="another-token")
    return {
        "models": [model.id for model in CLIENT.models.list()],
        "retrieved": CLIENT.models.retrieve("support-bot@v2").id,
        "text": whole.choices[0].message.content,
        "model": whole.model,
        "finish_reason": whole.choices[0].finish_reason,
        "adds_up": whole.usage.total_tokens
        == whole.usage.prompt_tokens + whole.usage.completion_tokens,
        "is_same_use": stream()["total_tokens"] == whole.usage.total_tokens,
        "stream": {k: v for k, v in stream().items() if k != "total_tokens"},
        "cut": [cut.finish_reason, bool(cut.message.content)],
        "stopped": text(stop=[" stone", "never"]),
        "choices": [choice.index for choice in several],
        "choices_differ": len({choice.message.content for choice in several}) > 1,
        "seed_repeats": text(seed=7, **drawn) == text(seed=7, **drawn),
        "seeds_differ": len({text(seed=n, **drawn) for n in range(4)}) > 1,
        "unknown_is_ignored": text(extra_body={"no_such_field": {"a": 1}}, user="me"),
        "completion": [completed.choices[0].text, completed.object],
        "at_once": asyncio.run(ask_at_once()),
        "errors": {
            "key": error(lambda: wrong_key.models.list()),
            "model": error(lambda: ask("no-bot")),
            "temperature": error(lambda: ask(temperature=3)),
            "tools": error(lambda: ask(tools=[{"type": "function", "function": {"name": "f"}}])),
            "response_format": error(lambda: ask(response_format={"type": "json_object"})),
            "logprobs": error(lambda: ask(logprobs=True)),
            "messages": error(
                lambda: CLIENT.chat.completions.create(model="support-bot", messages=[])
            ),
            "length": error(
                lambda: CLIENT.chat.completions.create(
                    model="support-bot", messages=[{"role": "user", "content": "word " * 2000}]
                )
            ),
            "choices": error(lambda: ask(n=16, temperature=1)),
            "load": error(
                lambda: CLIENT.chat.completions.create(
                    model="support-bot", messages=[{"role": "user", "content": "a" * LARGE}]
                )
            ),
            "streamed": error(lambda: ask("no-bot", stream=True)),
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
