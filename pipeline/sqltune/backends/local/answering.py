"""One batch of answers of the local backend: requests become questions, answers keep their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqltune.backends.base import Answer, AnswerRequest, Decoding
from sqltune.local_lora.asked_questions import FinishReason, GeneratedAnswer, Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.prompt_format import resolve_format
from sqltune.local_lora.sampling import Sampling


def answer_batch(
    base: LoadedModel, adapter: str | None, requests: Sequence[AnswerRequest], decoding: Decoding
) -> Iterator[Answer]:
    """Yield each answer as it is known, of the base model or of the adapter of this name on it."""
    form = resolve_format(decoding.prompt_format, base.tokenizer)
    questions = [Question(r.prompt, r.system_prompt, form, r.messages) for r in requests]
    sampling = Sampling(
        max_new_tokens=decoding.max_new_tokens,
        temperature=decoding.temperature,
        seed=decoding.seed,
    )
    for answer in base.answer(questions, adapter=adapter, sampling=sampling):
        yield _answer(requests[answer.index], answer)


def _answer(request: AnswerRequest, answer: GeneratedAnswer) -> Answer:
    if answer.error is not None:
        key, code, message = request.prompt_key, answer.error.code, str(answer.error)
        return Answer(key, None, None, None, None, None, error_code=code, error_message=message)
    is_too_long = answer.finish_reason is FinishReason.PROMPT_TOO_LONG
    return Answer(
        prompt_key=request.prompt_key,
        text=answer.text,
        finish_reason=None if is_too_long else answer.finish_reason.value,
        prompt_tokens=answer.prompt_tokens,
        output_tokens=answer.output_tokens,
        latency_ms=None if is_too_long else round(answer.latency_seconds * 1000, 3),
        error_code="prompt_too_long" if is_too_long else None,
        error_message=(
            f"the prompt has {answer.prompt_tokens} tokens, which leaves no room for an answer"
            if is_too_long
            else None
        ),
    )
