"""OpenAI's API over what `sync` trained: which model answers, and what it is asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.server.tuned import FIRST, OTHER, PROMPT, SECOND, Tuned, chat, read_events
from tests.serving import SLUG
from tests.small_model import SMALL_MODEL


def answer(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    reply = client.post("/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    content: dict[str, Any] = reply.json()
    return content


def text_of(client: httpx.Client, model: str, **fields: Any) -> str:
    return str(answer(client, chat(model, **fields))["choices"][0]["message"]["content"])


@pytest.mark.parametrize(("model", "text"), [
    ("support-bot", FIRST), ("support-bot@live", FIRST), ("support-bot@v1", FIRST),
    ("support-bot@v2", SECOND), ("other-bot", OTHER), ("other-bot@v1", OTHER),
])  # fmt: skip
def test_a_name_means_the_live_version_an_alias_or_a_number(
    openai: httpx.Client, model: str, text: str
) -> None:
    assert text_of(openai, model) == text


def test_a_name_with_an_at_sign_is_read_as_by_sqltune_ask(
    tuned: Tuned, openai: httpx.Client
) -> None:
    rename(tuned, "other-bot", "other@home")
    try:
        for name in ("other@home", "other@home@live", "other@home@v1"):
            assert text_of(openai, name) == OTHER
        assert openai.get("/models/other").status_code == 404
    finally:
        rename(tuned, "other@home", "other-bot")


def rename(tuned: Tuned, old: str, new: str) -> None:
    for table in ("adapters", "adapter_versions", "aliases"):
        tuned.people.do(
            f"UPDATE {table} SET adapter_name = :new WHERE adapter_name = :old", new=new, old=old
        )


def test_the_reply_names_the_version_that_answered_and_what_it_used(openai: httpx.Client) -> None:
    reply = answer(openai, chat())
    assert reply["model"] == "support-bot@v1"
    assert reply["object"] == "chat.completion"
    (choice,) = reply["choices"]
    assert choice["finish_reason"] == "stop"
    used = reply["usage"]
    assert used["prompt_tokens"] > 5
    assert used["completion_tokens"] > 3
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"]


def test_a_base_model_answers_by_its_slug_and_otherwise_than_its_adapters(
    openai: httpx.Client,
) -> None:
    assert answer(openai, chat(SLUG))["model"] == SLUG
    assert answer(openai, chat(SMALL_MODEL.name))["model"] == SLUG, "its own name means it too"
    assert text_of(openai, SLUG) not in (FIRST, SECOND, OTHER)


def test_a_promotion_counts_from_the_next_request_without_a_restart(
    tuned: Tuned, openai: httpx.Client
) -> None:
    assert text_of(openai, "support-bot") == FIRST
    tuned.promote(2)
    assert text_of(openai, "support-bot") == SECOND
    tuned.promote(1)
    assert text_of(openai, "support-bot@live") == FIRST


def test_models_are_listed_by_the_names_that_can_be_asked(
    tuned: Tuned, openai: httpx.Client
) -> None:
    tuned.people.insert(
        "aliases",
        adapter_name="support-bot",
        alias="staging",
        version_number=2,
        changed_at="2026-11-27 09:00:00.000000",
    )
    listed = openai.get("/models").json()
    tuned.people.do("DELETE FROM aliases WHERE alias = 'staging'")
    assert listed["object"] == "list"
    names = [model["id"] for model in listed["data"]]
    assert names == [SLUG, "other-bot", "support-bot", "support-bot@staging"]
    for name in names[:-1]:
        assert openai.get(f"/models/{name}").json()["id"] == name
    assert openai.get("/models/support-bot@v2").json()["object"] == "model"
    assert openai.get("/models/no-bot").status_code == 404


def test_a_stream_has_the_answer_in_pieces_and_ends_with_what_it_used(
    openai: httpx.Client,
) -> None:
    whole = answer(openai, chat())
    reply = openai.post(
        "/chat/completions", json=chat(stream=True, stream_options={"include_usage": True})
    )
    assert reply.headers["content-type"].startswith("text/event-stream")
    *chunks, last = read_events(reply.text)
    deltas = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(deltas) == FIRST
    assert sum(map(bool, deltas)) > 2
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (last["choices"], last["usage"]) == ([], whole["usage"])


def test_a_completion_of_an_adapter_is_put_into_words_as_in_training(
    openai: httpx.Client,
) -> None:
    body = {"model": "support-bot", "prompt": [PROMPT, PROMPT], "max_tokens": 40}
    reply = openai.post("/completions", json=body).json()
    assert [choice["text"] for choice in reply["choices"]] == [FIRST, FIRST]
    assert [choice["index"] for choice in reply["choices"]] == [0, 1]
    streamed = openai.post("/completions", json={**body, "prompt": PROMPT, "stream": True})
    texts = [event["choices"][0]["text"] for event in read_events(streamed.text)]
    assert "".join(texts) == FIRST
