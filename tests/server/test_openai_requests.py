"""What a request of OpenAI's API asks, in which words, and what is refused with which field."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from transformers import AutoTokenizer

from sqltune.errors import CallRefused, DatabaseUnavailable
from sqltune.local_lora.answering import tokenise_asked
from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.conversations import tokenise_conversation
from sqltune.local_lora.prompt_format import RAW
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import tokenise_pair
from sqltune.prompt_formats import CHAT, PLAIN
from sqltune.records import Message
from sqltune.server.openai_api.asking import (
    CHAT_TOKENS,
    count_equal_choices,
    make_chat_questions,
    make_completion_questions,
    make_sampling,
)
from sqltune.server.openai_api.errors import error_body
from sqltune.server.openai_api.replying import error_event
from sqltune.server.refusals import translate
from sqltune.server.tuned_models import AskedModel
from sqltune.wire.openai import ChatRequest, CompletionRequest
from tests.end_to_end.command import await_condition
from tests.local_lora.chat_templates import CHATML
from tests.server.tuned import FIRST, PROMPT, Tuned, chat, read_events
from tests.serving import SLUG
from tests.small_model import SMALL_MODEL

TEMPLATE = "Q: {prompt}\nA: {response}"
KINDS = ("prompt", "completion")
BASE: Any = None  # no test here asks it


def model(prompt_format: str | None, version: int | None = 1) -> AskedModel:
    return AskedModel("bot", version, BASE, "", prompt_format, "0")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    made = AutoTokenizer.from_pretrained(SMALL_MODEL)
    made.chat_template = CHATML
    return made


def tokens(question: Question, tokenizer: Any) -> tuple[int, ...]:
    assert question.prompt_format is not None
    return tokenise_asked(question, tokenizer, question.prompt_format)


@pytest.mark.parametrize("form", [CHAT, PLAIN, TEMPLATE])
@pytest.mark.parametrize("system", [None, "Be brief."])
def test_a_prompt_is_put_into_words_as_in_training(
    tokenizer: Any, form: str, system: str | None
) -> None:
    messages = [{"role": "developer", "content": system}] if system else []
    messages.append({"role": "user", "content": [{"type": "text", "text": PROMPT}]})
    request = ChatRequest(model="bot", messages=messages)
    (question,) = make_chat_questions(request, model(form), seed=1)
    pair = Pair(PROMPT, FIRST, system_prompt=system)
    trained = tokenise_pair(pair, tokenizer, max_length=500, prompt_format=form)
    assert tokens(question, tokenizer) == trained.token_ids[: trained.response_start]
    assert question.max_new_tokens == CHAT_TOKENS


@pytest.mark.parametrize("form", [CHAT, PLAIN, TEMPLATE])
def test_a_conversation_is_put_into_words_as_in_training(tokenizer: Any, form: str) -> None:
    turns = [("system", "Be brief."), ("user", "Who?"), ("assistant", "Ann."), ("user", "Where?")]
    request = ChatRequest(
        model="bot", messages=[{"role": role, "content": text} for role, text in turns]
    )
    (question,) = make_chat_questions(request, model(form), seed=1)
    messages = [Message(*turn) for turn in [*turns, ("assistant", "Here.")]]
    trained = tokenise_conversation(
        messages, tokenizer, max_length=500, prompt_format=form, train_on="last"
    )
    assert tokens(question, tokenizer) == trained.token_ids[: trained.response_start]


def test_a_completion_of_a_base_model_continues_the_text_as_it_is() -> None:
    request = CompletionRequest(model="bot", prompt=["Once", "Twice"], n=2, temperature=1.0)
    plain = make_completion_questions(request, model(None, version=None), seed=1)
    asked = [(q.prompt, q.prompt_format, q.keeps_spaces) for q in plain]
    assert asked == [("Once", RAW, True)] * 2 + [("Twice", RAW, True)] * 2
    tuned = make_completion_questions(request, model(CHAT), seed=1)
    assert {(q.prompt_format, q.keeps_spaces) for q in tuned} == {(CHAT, False)}


def test_requests_that_differ_in_seed_limit_and_stops_fit_together() -> None:
    def sampling(**fields: Any) -> object:
        return make_sampling(ChatRequest(**chat(temperature=0.7), **fields))

    assert sampling(seed=1, max_tokens=3) == sampling(seed=2, stop="x", n=2)
    assert sampling() != sampling(top_p=0.5)


def test_a_drawn_choice_depends_on_the_seed_and_its_number_alone() -> None:
    def draws(own: int, **fields: Any) -> list[int | None]:
        request = ChatRequest(**chat(**fields))
        return [q.draw for q in make_chat_questions(request, model(CHAT), seed=own)]

    assert draws(1, temperature=1.0, n=3) == draws(1, temperature=0.5, n=3, top_p=0.2)
    assert len(set(draws(1, temperature=1.0, n=3) + draws(2, temperature=1.0, n=3))) == 6
    assert draws(1, temperature=1.0, seed=7) == draws(2, temperature=1.0, seed=7)


def test_an_answer_that_is_not_drawn_is_computed_once_for_all_choices() -> None:
    for fields in ({}, {"temperature": 0}, {"temperature": 1e-45}):
        request = ChatRequest(**chat(n=3, **fields))
        assert len(make_chat_questions(request, model(CHAT), seed=1)) == 1
        assert count_equal_choices(request) == 3
    assert count_equal_choices(ChatRequest(**chat(n=3, temperature=0.5))) == 1


USER = {"role": "user", "content": "Who?"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
#: Bodies, and the field that each is refused for.
WRONG: list[tuple[dict[str, Any], str | None]] = [
    ({"messages": []}, "messages"),
    ({"messages": "Who?"}, "messages"),
    ({"messages": [{"role": "user", "content": "Who?"}] * 4097}, "messages"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}] * 1025}]}, "messages[0].content"),
    ({"messages": [1] * 5000}, "messages[0]"),
    ({"messages": ["Who?"]}, "messages[0]"),
    ({"messages": [{"content": "Who?"}]}, "messages[0].role"),
    ({"messages": [{"role": "king", "content": "Who?"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "messages[0].content[0]",
    ),
    ({"messages": [USER, {"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [USER, {"role": "assistant", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"model": 7}, "model"),
    ({"model": ""}, "model"),
    ({"temperature": "1"}, "temperature"),
    ({"temperature": -0.1}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"n": 0}, "n"),
    ({"n": 17}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_completion_tokens": 10**30}, "max_completion_tokens"),
    ({"stop": [""]}, "stop"),
    ({"stop": ["a"] * 17}, "stop"),
    ({"stop": 7}, "stop"),
    ({"seed": 0.5}, "seed"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": 7}}, "stream_options.include_usage"),
    ({"presence_penalty": 0.5}, "presence_penalty"),
    ({"frequency_penalty": 0.5}, "frequency_penalty"),
    ({"logit_bias": {"1": 1}}, "logit_bias"),
    ({"logprobs": True}, "logprobs"),
    ({"tools": [CALL]}, "tools"),
    ({"functions": [{}]}, "functions"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"modalities": ["audio"]}, "modalities"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG)
def test_what_is_wrong_with_a_chat_is_named_by_its_field(
    openai: httpx.Client, fields: dict[str, Any], param: str | None
) -> None:
    reply = openai.post("/chat/completions", json=chat() | fields)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"]
    assert error["code"]


@pytest.mark.parametrize("fields", [
    {"prompt": []}, {"prompt": [1, 2]}, {"prompt": [[1]]}, {"prompt": None}, {"echo": True},
    {"suffix": "x"}, {"best_of": 2}, {"logprobs": 1}, {"prompt": ["a"] * 65},
])  # fmt: skip
def test_what_is_wrong_with_a_completion_is_named_by_its_field(
    openai: httpx.Client, fields: dict[str, Any]
) -> None:
    body = {"model": "support-bot", "prompt": PROMPT} | fields
    reply = openai.post("/completions", json=body)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] in fields


@pytest.mark.parametrize("fields", [
    {"logprobs": False, "tools": [], "response_format": {"type": "text"}, "logit_bias": {}},
    {"presence_penalty": 0, "frequency_penalty": 0.0, "user": "me", "metadata": {"a": "b"}},
    {"store": True, "service_tier": "auto", "no_such_field": [1]},
    {"temperature": None, "stop": None, "n": None, "stream_options": None, "tool_choice": "auto"},
])  # fmt: skip
def test_fields_that_ask_for_nothing_and_unknown_ones_are_ignored(
    openai: httpx.Client, fields: dict[str, Any]
) -> None:
    reply = openai.post("/chat/completions", json=chat() | fields)
    assert reply.json()["choices"][0]["message"]["content"] == FIRST


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"model": "\\ud83d"}', b"[" * 100_000])
def test_what_is_not_json_is_a_wrong_request(openai: httpx.Client, body: bytes) -> None:
    for path in ("/chat/completions", "/completions"):
        reply = openai.post(path, content=body)
        assert reply.status_code == 400
        assert reply.json()["error"]["type"] == "invalid_request_error"


def test_routes_that_are_not_there_and_wrong_tokens_have_the_same_shape(
    openai: httpx.Client,
) -> None:
    missing = [("POST", "/embeddings", 404), ("GET", "/chat/completions", 405)]
    for method, path, status in [*missing, ("DELETE", "/models/support-bot", 405)]:
        reply = openai.request(method, path)
        assert reply.status_code == status
        assert reply.json()["error"]["type"] == "invalid_request_error"
    for header in ("", "Basic abc", "Bearer", "Bearer wrong-token"):
        reply = openai.get("/models", headers={"authorization": header})
        assert reply.status_code == 401
        assert reply.json()["error"]["code"] == "invalid_api_key"


def test_the_slash_in_a_name_of_the_hub_may_be_escaped_or_not(openai: httpx.Client) -> None:
    for name in ("owner/model", "owner%2Fmodel", "owner%2fmodel"):
        reply = openai.get(f"/models/{name}")
        assert reply.status_code == 404
        assert "'owner/model'" in reply.json()["error"]["message"]


def test_answers_end_at_a_stop_and_at_the_limit(openai: httpx.Client) -> None:
    def end(**fields: Any) -> tuple[str, str]:
        (choice,) = openai.post("/chat/completions", json=chat(**fields)).json()["choices"]
        return choice["message"]["content"], choice["finish_reason"]

    assert end(stop="red") == ("Under the", "stop")
    assert end(stop=["never", "U"]) == ("", "stop")
    assert end(max_tokens=1)[1] == "length"
    assert end(max_tokens=1, max_completion_tokens=100) == (FIRST, "stop")


def test_a_call_of_a_tool_and_its_result_are_refused_by_a_form_without_a_place_for_them(
    openai: httpx.Client,
) -> None:
    calls = {"role": "assistant", "tool_calls": [CALL]}
    result = {"role": "tool", "content": "7", "tool_call_id": "c"}
    reply = openai.post("/chat/completions", json=chat() | {"messages": [USER, calls, result]})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "messages"


def test_one_prompt_that_is_too_long_is_refused_and_its_neighbours_are_answered(
    tuned: Tuned, openai: httpx.Client
) -> None:
    long = openai.post("/chat/completions", json=chat(prompt="word " * 2000))
    assert long.status_code == 400
    assert long.json()["error"]["code"] == "context_length_exceeded"
    streamed = openai.post("/chat/completions", json=chat(prompt="word " * 2000, stream=True))
    assert streamed.status_code == 400
    both = openai.post(
        "/completions", json={"model": "support-bot", "prompt": ["word " * 2000, PROMPT]}
    )
    assert both.json()["error"]["param"] == "prompt"


def test_an_answer_that_nobody_reads_any_more_is_not_finished(
    tuned: Tuned, openai: httpx.Client
) -> None:
    # Nothing ends this text but its length.
    body = {"model": SLUG, "prompt": "a", "max_tokens": 10**6, "temperature": 2, "stream": True}
    with openai.stream("POST", "/completions", json=body) as reply:
        first = next(reply.iter_text())
    assert json.loads(first.split("\n\n")[0].removeprefix("data: "))["model"] == SLUG
    count = "SELECT SUM(cancelled_count) FROM served_use"
    await_condition(lambda: tuned.people.value(count) == 1, "the row of a client that is gone")
    waiting = "sqltune_serve_waiting_calls 0.0"
    await_condition(lambda: waiting in openai.get("../metrics").text, "an empty queue")


def test_equal_choices_are_computed_once_and_given_as_often_as_asked(
    tuned: Tuned, openai: httpx.Client
) -> None:
    # More than may wait: the answers of both prompts are given sixteen times each.
    body = {"model": "support-bot", "prompt": [PROMPT, f"{PROMPT} Now."], "n": 16}
    one, other = (
        openai.post("/completions", json=body | {"prompt": prompt, "n": 1}).json()
        for prompt in body["prompt"]
    )
    reply = openai.post("/completions", json=body).json()
    texts = [one["choices"][0]["text"]] * 16 + [other["choices"][0]["text"]] * 16
    assert [choice["text"] for choice in reply["choices"]] == texts
    assert [choice["index"] for choice in reply["choices"]] == list(range(32))
    used = [sum(each["usage"][f"{kind}_tokens"] for each in (one, other)) for kind in KINDS]
    assert [reply["usage"][f"{kind}_tokens"] for kind in KINDS] == [used[0], 16 * used[1]]
    streamed = openai.post("/completions", json=body | {"stream": True})
    grown = [""] * 32
    for event in read_events(streamed.text):
        (choice,) = event["choices"]
        grown[choice["index"]] += choice["text"]
    assert grown == texts


@pytest.mark.parametrize(("path", "fields", "param"), [
    ("/chat/completions", {"n": 16, "temperature": 1}, "n"),
    ("/completions", {"prompt": [PROMPT] * 16, "n": 2}, "prompt"),
    ("/completions", {"prompt": [PROMPT] * 8, "n": 2, "temperature": 1}, "n"),
])  # fmt: skip
def test_more_answers_than_may_wait_are_refused_for_good_with_the_bound(
    openai: httpx.Client, path: str, fields: dict[str, Any], param: str
) -> None:
    for streams in (False, True):
        reply = openai.post(path, json=chat() | {"prompt": PROMPT, "stream": streams} | fields)
        assert reply.status_code == 400, reply.text
        error = reply.json()["error"]
        assert error["param"] == param
        assert "16 answers, and 15 calls may wait" in error["message"]


def test_a_text_that_a_base_model_continues_fits_what_was_sent(openai: httpx.Client) -> None:
    body = {"model": SLUG, "prompt": "The capital of France", "max_tokens": 4}
    whole = openai.post("/completions", json=body).json()["choices"][0]["text"]
    assert whole.startswith(" ")
    streamed = openai.post("/completions", json={**body, "stream": True})
    texts = [event["choices"][0]["text"] for event in read_events(streamed.text)]
    assert "".join(texts) == whole


@pytest.mark.parametrize(("error", "status", "message"), [
    (ValueError("a secret"), 500, "an unexpected error in the server; its log has the details"),
    (DatabaseUnavailable("it is away"), 503, "it is away"),
    (CallRefused("busy", status=429), 429, "busy"),
])  # fmt: skip
def test_an_error_in_a_stream_is_that_of_a_whole_reply(
    error: Exception, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = translate(error)
    assert (refusal.status, str(refusal)) == (status, message)
    streamed = json.loads(error_event(error).removeprefix(b"data: "))
    assert streamed == error_body(refusal)
    assert ("a secret" in caplog.text) is (status == 500)
