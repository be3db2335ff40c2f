"""What LangChain's ChatOpenAI makes of a server: printed as JSON. Run as `openai_sdk.py`."""

from __future__ import annotations

import json
import sys
from typing import Any

from langchain_openai import ChatOpenAI, OpenAI

URL, TOKEN, PROMPT = sys.argv[1:4]


def chat(model: str = "support-bot", **options: Any) -> ChatOpenAI:
    return ChatOpenAI(model=model, base_url=URL, api_key=TOKEN, max_retries=0, **options)


def main() -> dict[str, Any]:
    answer = chat().invoke(PROMPT)
    drawn = chat("nous-hermes2", temperature=1.2, max_tokens=8, seed=3)
    with_system = chat("nous-hermes2", max_tokens=8).invoke(
        [("system", "Be brief."), ("human", PROMPT)]
    )
    try:
        chat("no-bot").invoke(PROMPT)
        refused = "none"
    except Exception as error:
        refused = type(error).__name__
    return {
        "text": answer.content,
        "model": answer.response_metadata["model_name"],
        "finish_reason": answer.response_metadata["finish_reason"],
        "has_usage": answer.usage_metadata["output_tokens"] > 3,
        "stream": "".join(str(chunk.content) for chunk in chat().stream(PROMPT)),
        "batch": [each.content for each in chat("support-bot@v2").batch([PROMPT] * 3)],
        "seed_repeats": drawn.invoke(PROMPT).content == drawn.invoke(PROMPT).content,
        "with_system": bool(with_system.content),
        "stopped": chat().invoke(PROMPT, stop=[" stone"]).content,
        "completion": OpenAI(
            model="support-bot", base_url=URL, api_key=TOKEN, max_tokens=40
        ).invoke(PROMPT),
        "refused": refused,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
