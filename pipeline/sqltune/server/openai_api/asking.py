"""From a request of OpenAI's API to questions for a base model.

What is asked is put into words as in training: `local_lora` does both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.sampling import Sampling
from sqltune.records import Message
from sqltune.server.openai_api.errors import refuse_field
from sqltune.server.tuned_models import AskedModel
from sqltune.wire.openai import (
    AnsweringRequest,
    ChatMessage,
    ChatRequest,
    CompletionRequest,
)

#: For a client that does not limit the answer.
CHAT_TOKENS = 512
#: OpenAI's own default of this route.
COMPLETION_TOKENS = 16
_SAME_ROLES = {"developer": "system"}
_ROLES = ("system", "user", "assistant", "tool")


def make_sampling(request: AnsweringRequest) -> Sampling:
    """Return how tokens are chosen: greedily, unless the request has a temperature.

    Requests with equal temperature and top_p are answered together, whatever their seeds.
    """
    top_p = 1.0 if request.top_p is None else request.top_p
    return Sampling(temperature=request.temperature or 0.0, top_p=top_p)


def count_equal_choices(request: AnsweringRequest) -> int:
    """Return how often each answer is given: one that is not drawn is computed once for all."""
    return (request.n or 1) if make_sampling(request).is_greedy else 1


def make_chat_questions(request: ChatRequest, model: AskedModel, seed: int) -> list[Question]:
    """Return the questions of a request, one for each choice that may differ.

    Args:
        request: the request.
        model: whose format is used.
        seed: decides the draws where the request has no seed.

    Raises:
        CallRefused: the request asks for what this server does not do, or has no question.
    """
    _refuse_penalties(request)
    _refuse_chat(request)
    messages = [_read_message(i, message) for i, message in enumerate(request.messages)]
    _check_turns(messages)
    limit = request.max_completion_tokens or request.max_tokens or CHAT_TOKENS
    asked = _as_pair(messages) or Question(_last_text(messages), messages=tuple(messages))
    return _choices(request, replace(asked, prompt_format=model.prompt_format), limit, seed)


def make_completion_questions(
    request: CompletionRequest, model: AskedModel, seed: int
) -> list[Question]:
    """Return the questions of a request, those of each prompt next to each other.

    Args:
        request: the request.
        model: whose format is used.
        seed: decides the draws where the request has no seed.

    Raises:
        CallRefused: the request asks for what this server does not do.
    """
    _refuse_penalties(request)
    _refuse_completion(request)
    limit = request.max_tokens or COMPLETION_TOKENS
    return [
        question
        for prompt in _prompts(request)
        for question in _choices(request, model.continue_text(prompt), limit, seed)
    ]


def _choices(request: AnsweringRequest, asked: Question, limit: int, seed: int) -> list[Question]:
    """Return the question as often as it is answered, each drawn otherwise."""
    stops = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    chosen = seed if request.seed is None else request.seed
    return [
        replace(asked, draw=_draw(chosen, number), max_new_tokens=limit, stops=stops)
        for number in range((request.n or 1) // count_equal_choices(request))
    ]


def _draw(seed: int, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:8])


def _as_pair(messages: Sequence[Message]) -> Question | None:
    """Return what is no more than a prompt and a system prompt; None: it is a conversation."""
    start = 1 if messages[0].role == "system" else 0
    if [message.role for message in messages[start:]] != ["user"]:
        return None
    system = messages[0].content if start else None
    return Question(messages[start].content or "", system)


def _read_message(position: int, message: ChatMessage) -> Message:
    role = _SAME_ROLES.get(message.role, message.role)
    place = f"messages[{position}]"
    if role not in _ROLES:
        allowed = ", ".join(_ROLES)
        raise refuse_field(f"{place}.role", f"{place}.role must be one of {allowed}")
    calls = message.tool_calls if role == "assistant" else None
    extra: dict[str, object] = {"tool_calls": calls} if calls else {}
    if role == "tool" and message.tool_call_id is not None:
        extra = {"tool_call_id": message.tool_call_id}
    content = _read_content(f"{place}.content", message.content)
    if content is None and not calls:
        raise refuse_field(f"{place}.content", f"{place}.content is missing")
    return Message(role, content, extra=json.dumps(extra, ensure_ascii=False) if extra else None)


def _read_content(place: str, content: str | list[dict[str, object]] | None) -> str | None:
    if content is None or isinstance(content, str):
        return content
    texts = []
    for number, part in enumerate(content):
        text = part.get("text")
        if part.get("type") != "text" or not isinstance(text, str):
            name = f"{place}[{number}]"
            raise refuse_field(name, f"{name}: only parts of type 'text' can be read here")
        texts.append(text)
    return "".join(texts)


def _check_turns(messages: Sequence[Message]) -> None:
    roles = [message.role for message in messages]
    if "system" in roles[1:]:
        raise refuse_field("messages", "a message of role system can only be the first")
    if "user" not in roles or roles[-1] not in ("user", "tool"):
        raise refuse_field("messages", "the last message must be the user's or a tool's result")


def _last_text(messages: Sequence[Message]) -> str:
    return next(m.content or "" for m in reversed(messages) if m.role == "user")


def _prompts(request: CompletionRequest) -> list[str]:
    prompts = [request.prompt] if isinstance(request.prompt, str) else request.prompt
    if not all(isinstance(prompt, str) for prompt in prompts):
        raise refuse_field("prompt", "prompt must be a text or a list of texts: no token ids here")
    return prompts


def _refuse_penalties(request: AnsweringRequest) -> None:
    for name in ("presence_penalty", "frequency_penalty"):
        _require(not getattr(request, name), name, "only 0 is supported")
    _require(not request.logit_bias, "logit_bias", "it is not supported")


def _refuse_chat(request: ChatRequest) -> None:
    _require(not request.logprobs and not request.top_logprobs, "logprobs", "it is not supported")
    _require(not request.tools, "tools", "models here are not trained to call tools by definition")
    _require(not request.functions, "functions", "it is not supported")
    form = (request.response_format or {}).get("type", "text")
    _require(form == "text", "response_format", "only the type 'text' is supported")
    _require(set(request.modalities or ()) <= {"text"}, "modalities", "only 'text' is supported")


def _refuse_completion(request: CompletionRequest) -> None:
    _require(request.logprobs is None, "logprobs", "it is not supported")
    _require(not request.echo, "echo", "it is not supported")
    _require(not request.suffix, "suffix", "it is not supported")
    only_n = request.best_of is None or request.best_of == (request.n or 1)
    _require(only_n, "best_of", "only as many as n are supported")


def _require(is_met: bool, param: str, message: str) -> None:
    if not is_met:
        raise refuse_field(param, f"{param}: {message}", code="unsupported_value")
