"""From answers to the replies of OpenAI's API, whole or in the chunks of a stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqltune.local_lora.asked_questions import FinishReason, GeneratedAnswer
from sqltune.server.openai_api.errors import error_body, refuse_field
from sqltune.server.refusals import translate

#: The tokens of a request, by OpenAI's names.
Usage = dict[str, int]
#: The last event of a stream.
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class ReplyForm:
    """What all parts of one reply have in common, for one of the two routes."""

    id: str
    created: int
    model: str
    fingerprint: str
    is_chat: bool
    #: Answers to each prompt.
    choices_each: int
    #: Whether a stream ends with what it used.
    includes_usage: bool = False

    @property
    def param(self) -> str:
        """The field of the request that holds what is asked."""
        return "messages" if self.is_chat else "prompt"

    def require_answered(self, answer: GeneratedAnswer) -> None:
        """Require that the base model could be asked this.

        Raises:
            CallRefused: it could not.
        """
        if answer.error is not None:
            raise refuse_field(self.param, str(answer.error))
        if answer.finish_reason is FinishReason.PROMPT_TOO_LONG:
            raise refuse_field(
                self.param,
                f"the prompt has {answer.prompt_tokens} tokens, which leaves no room for an answer",
                code="context_length_exceeded",
            )

    def whole(self, answers: Sequence[GeneratedAnswer]) -> dict[str, Any]:
        """Return the reply to a request without a stream."""
        kind = "chat.completion" if self.is_chat else "text_completion"
        choices = [self._choice(index, answer) for index, answer in enumerate(answers)]
        return self._head(kind) | {"choices": choices, "usage": self.usage(answers)}

    def first_chunk(self, index: int) -> dict[str, Any]:
        """Return the chunk that opens an answer of a chat."""
        return self._chunk(index, {"role": "assistant", "content": ""}, None)

    def text_chunk(self, index: int, text: str) -> dict[str, Any]:
        """Return the chunk of what was added to an answer."""
        return self._chunk(index, {"content": text} if self.is_chat else text, None)

    def last_chunk(self, index: int, answer: GeneratedAnswer) -> dict[str, Any]:
        """Return the chunk that closes an answer."""
        return self._chunk(index, {} if self.is_chat else "", answer.finish_reason.value)

    def usage_chunk(self, answers: Sequence[GeneratedAnswer]) -> dict[str, Any]:
        """Return the chunk that says what the request used."""
        return self._head(self._chunk_kind) | {"choices": [], "usage": self.usage(answers)}

    def tokens(self, answers: Sequence[GeneratedAnswer]) -> tuple[int, int]:
        """Return the tokens of prompts and of answers: each prompt is read once."""
        prompt = sum(answer.prompt_tokens for answer in answers[:: self.choices_each])
        return prompt, sum(answer.output_tokens for answer in answers)

    def usage(self, answers: Sequence[GeneratedAnswer]) -> Usage:
        """Return what a request used, by OpenAI's names."""
        prompt, output = self.tokens(answers)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
        }

    @property
    def _chunk_kind(self) -> str:
        return "chat.completion.chunk" if self.is_chat else "text_completion"

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }

    def _choice(self, index: int, answer: GeneratedAnswer) -> dict[str, Any]:
        message = {"role": "assistant", "content": answer.text or "", "refusal": None}
        content = {"message": message} if self.is_chat else {"text": answer.text or ""}
        return self._end(index, content, answer.finish_reason.value)

    def _chunk(self, index: int, delta: object, reason: str | None) -> dict[str, Any]:
        name = "delta" if self.is_chat else "text"
        chunk = self._head(self._chunk_kind) | {
            "choices": [self._end(index, {name: delta}, reason)]
        }
        # As OpenAI does: where the usage comes at the end, every chunk has the field.
        return chunk | {"usage": None} if self.includes_usage else chunk

    def _end(self, index: int, content: dict[str, Any], reason: str | None) -> dict[str, Any]:
        return {"index": index, **content, "logprobs": None, "finish_reason": reason}


def event(content: dict[str, Any]) -> bytes:
    """Return an event of a stream, in ASCII."""
    return b"data: " + json.dumps(content, separators=(",", ":")).encode() + b"\n\n"


def error_event(error: Exception) -> bytes:
    """Return the event for an error after the stream has begun."""
    return event(error_body(translate(error)))
