"""OpenAI's API for asking models: `/v1/models`, `/v1/chat/completions`, `/v1/completions`.

These are the requests that sqltune's server reads. Fields that the API does not have, and those
that change no answer here, are ignored; values are strict: a number in quotes is not a number.

Source: releases 1.109.1 to 3.57.0 of the Python package openai, openai.types.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

#: Answers to one prompt, prompts of one request, and texts that end an answer.
MOST_CHOICES, MOST_PROMPTS, MOST_STOPS = 16, 64, 16
#: Messages of one conversation, and parts or calls of tools of one message.
MOST_MESSAGES, MOST_PARTS = 4096, 1024
#: Characters of a model's name, and of a text that ends an answer.
MOST_NAME, MOST_STOP = 400, 400
#: Larger numbers have no meaning, and no column that could store them.
_MOST_TOKENS = 2**31 - 1

Stop = Annotated[str, Field(min_length=1, max_length=MOST_STOP)]
#: Of a list whose length is not bounded first, only the first wrong item is named (fail_fast): an
#: error for each would take gigabytes.
Parts = Annotated[list[dict[str, Any]], Field(max_length=MOST_PARTS, fail_fast=True)]
Tokens = Annotated[int, Field(ge=1, le=_MOST_TOKENS)]


class _StrictRequest(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class StreamOptions(_StrictRequest):
    """What a stream says beside the answer."""

    include_usage: bool | None = None


class AnsweringRequest(_StrictRequest):
    """What both kinds of requests have; null is the default of every field."""

    model: Annotated[str, Field(min_length=1, max_length=MOST_NAME)]
    max_tokens: Tokens | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = None
    seed: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    # Refused unless they ask for nothing.
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None


class ChatMessage(_StrictRequest):
    """One message of a conversation."""

    role: str
    content: str | Parts | None = None
    tool_calls: Parts | None = None
    tool_call_id: str | None = None


class ChatRequest(AnsweringRequest):
    """Body of `POST /v1/chat/completions`."""

    messages: Annotated[
        list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES, fail_fast=True)
    ]
    max_completion_tokens: Tokens | None = None
    # Refused unless they ask for nothing.
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    response_format: dict[str, Any] | None = None
    modalities: Annotated[list[str], Field(fail_fast=True)] | None = None


class CompletionRequest(AnsweringRequest):
    """Body of `POST /v1/completions`."""

    prompt: str | Annotated[list[Any], Field(min_length=1, max_length=MOST_PROMPTS)]
    # Refused unless they ask for nothing.
    logprobs: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None
