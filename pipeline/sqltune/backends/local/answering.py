"""One batch of answers of the local backend: requests become questions, answers come back with
their keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqltune.backends.base import Answer, AnswerRequest, Decoding
from sqltune.local_lora import answering
from sqltune.local_lora.models import LoadedModel


def answer_batch(
    base: LoadedModel, adapter: str | None, requests: Sequence[AnswerRequest], decoding: Decoding
) -> list[Answer]:
    """Answer the requests with the base model, or with the adapter of this name on it."""
    questions = [answering.Question(r.prompt, r.system_prompt) for r in requests]
    settings = answering.Sampling(
        max_new_tokens=decoding.max_new_tokens,
        temperature=decoding.temperature,
        seed=decoding.seed,
    )
    answers = base.answer(questions, adapter=adapter, decoding=settings)
    return [_answer(requests[answer.index], answer) for answer in answers]


def _answer(request: AnswerRequest, answer: answering.GeneratedAnswer) -> Answer:
    is_too_long = answer.finish_reason is answering.FinishReason.PROMPT_TOO_LONG
    return Answer(
        prompt_key=request.prompt_key,
        text=answer.text,
        finish_reason=None if is_too_long else answer.finish_reason.value,
        prompt_tokens=answer.prompt_tokens,
        output_tokens=answer.output_tokens,
        latency_ms=round(answer.latency_seconds * 1000, 3),
        error_code="prompt_too_long" if is_too_long else None,
        error_message=(
            f"the prompt has {answer.prompt_tokens} tokens: no room is left to answer"
            if is_too_long
            else None
        ),
    )
