"""What a complete request means: template, defaults, sampling."""

from __future__ import annotations

import httpx
import pytest

from sqltune.errors import CallRefused
from sqltune.local_lora.asked_questions import FinishReason, GeneratedAnswer
from sqltune.local_lora.prompt_format import RAW
from sqltune.local_lora.sampling import Sampling
from sqltune.server.completing import make_question, make_reply, make_sampling
from sqltune.server.openai_api.asking import make_sampling as openai_sampling
from sqltune.wire.gradient import CompleteRequest
from sqltune.wire.openai import CompletionRequest

FORMED = "### Instruction: Who? \n\n### Response:"


@pytest.mark.parametrize(
    ("query", "auto_template", "prompt_format"),
    [
        ("Who?", None, None),
        ("Who?", True, None),
        ("Who?", False, RAW),
        (FORMED, None, RAW),
        (FORMED, False, RAW),
        (FORMED, True, None),
    ],
)
def test_a_query_gets_the_template_unless_it_has_it_or_wants_none(
    query: str, auto_template: bool | None, prompt_format: str | None
) -> None:
    request = CompleteRequest(query=query, auto_template=auto_template)
    assert make_question(request, draw=7).prompt_format == prompt_format


def test_null_everywhere_means_greedy_and_128_tokens() -> None:
    request = CompleteRequest(query="Who?")
    assert make_sampling(request) == Sampling()
    assert make_question(request, draw=7).max_new_tokens == 128


def test_drawn_answers_have_a_draw_and_the_requests_own_limits() -> None:
    request = CompleteRequest(query="Who?", temperature=0.7, top_k=3, top_p=0.0)
    assert make_question(request, draw=7).draw == 7
    assert make_sampling(request) == Sampling(temperature=0.7, top_k=3, top_p=0.0)


def test_requests_that_differ_in_length_and_come_by_either_api_fit_together() -> None:
    sampling = make_sampling(CompleteRequest(query="Who?", max_generated_token_count=7))
    assert sampling == make_sampling(CompleteRequest(query="Who?"))
    assert sampling == openai_sampling(CompletionRequest(model="bot", prompt="Who?", max_tokens=9))


@pytest.mark.parametrize("temperature", [1e-320, 1e-45, 1e-38, 1e-7])
def test_a_temperature_that_divides_nothing_is_greedy(
    client: httpx.Client, temperature: float
) -> None:
    assert make_sampling(CompleteRequest(query="Who?", temperature=temperature)).is_greedy
    base = client.get("/models").json()["models"][0]["id"]
    body = {"query": "Who?", "temperature": temperature, "topK": 10**30}
    assert client.post(f"/models/{base}/complete", json=body).status_code == 200


@pytest.mark.parametrize("top_k", [2**31, 2**63, 10**30])
def test_a_top_k_beyond_every_vocabulary_is_all_of_it(client: httpx.Client, top_k: int) -> None:
    base = client.get("/models").json()["models"][0]["id"]
    body = {"query": "Who?", "temperature": 1.0, "topK": top_k, "maxGeneratedTokenCount": 3}
    assert client.post(f"/models/{base}/complete", json=body).status_code == 200


def test_an_answer_that_has_no_room_is_refused_and_an_empty_one_is_not() -> None:
    refused = GeneratedAnswer(0, None, FinishReason.PROMPT_TOO_LONG, 300, 0, 0.0)
    with pytest.raises(CallRefused, match="300 tokens"):
        make_reply(refused)
    empty = GeneratedAnswer(0, "", FinishReason.STOP, 3, 0, 0.0)
    assert make_reply(empty).generated_output == ""


def test_greedy_answers_repeat_and_drawn_ones_differ(client: httpx.Client) -> None:
    base = client.get("/models").json()["models"][0]["id"]

    def ask(temperature: float | None) -> str:
        body = {"query": "Who?", "temperature": temperature, "maxGeneratedTokenCount": 16}
        return str(client.post(f"/models/{base}/complete", json=body).json()["generatedOutput"])

    assert len({ask(None) for _ in range(3)}) == 1
    assert ask(0) == ask(None)
    assert len({ask(1.5) for _ in range(6)}) > 1


def test_a_query_in_the_form_and_one_that_gets_it_are_answered_alike(client: httpx.Client) -> None:
    base = client.get("/models").json()["models"][0]["id"]
    path = f"/models/{base}/complete"
    bare = client.post(path, json={"query": "Who?", "maxGeneratedTokenCount": 9}).json()
    formed = client.post(path, json={"query": FORMED, "maxGeneratedTokenCount": 9}).json()
    assert bare == formed
