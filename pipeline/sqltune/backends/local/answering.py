"""One batch of answers of the local backend: requests become questions, answers keep their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqltune.backends.base import Answer, AnswerRequest, Decoding
from sqltune.errors import DataError
from sqltune.local_lora.answering import FinishReason, GeneratedAnswer, Question
from sqltune.local_lora.conversations import tokenise_question, words_of
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.prompt_format import resolve_format
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.text_bounds import count_at_least
from sqltune.local_lora.tokenising import tokenise_prompt


def answer_batch(
    base: LoadedModel, adapter: str | None, requests: Sequence[AnswerRequest], decoding: Decoding
) -> Iterator[Answer]:
    """Yield each answer as it is known, of the base model or of the adapter of this name on it."""
    form = resolve_format(decoding.prompt_format, base.tokenizer)
    checked = [(request, _refuse(base, request, form)) for request in requests]
    yield from (answer for _, answer in checked if answer is not None)
    asked = [request for request, answer in checked if answer is None]
    questions = [Question(r.prompt, r.system_prompt, form, r.messages) for r in asked]
    sampling = Sampling(
        max_new_tokens=decoding.max_new_tokens,
        temperature=decoding.temperature,
        seed=decoding.seed,
    )
    for answer in base.answer(questions, adapter=adapter, sampling=sampling):
        yield _answer(asked[answer.index], answer)


def _refuse(base: LoadedModel, request: AnswerRequest, form: str) -> Answer | None:
    """Return an error for a prompt that the base model cannot be asked; None: it can."""
    messages, tokenizer = request.messages, base.tokenizer
    words = words_of(messages) if messages else [request.system_prompt or "", request.prompt]
    try:
        if count_at_least(words, tokenizer, base.max_length) is not None:
            return None  # the answer says so
        if messages is not None:
            tokenise_question(messages, tokenizer, prompt_format=form)
        else:
            tokenise_prompt(
                request.prompt, tokenizer, system_prompt=request.system_prompt, prompt_format=form
            )
    except DataError as error:
        key, code, message = request.prompt_key, error.code, str(error)
        return Answer(key, None, None, None, None, 0.0, error_code=code, error_message=message)
    return None


def _answer(request: AnswerRequest, answer: GeneratedAnswer) -> Answer:
    is_too_long = answer.finish_reason is FinishReason.PROMPT_TOO_LONG
    return Answer(
        prompt_key=request.prompt_key,
        text=answer.text,
        finish_reason=None if is_too_long else answer.finish_reason.value,
        prompt_tokens=answer.prompt_tokens,
        output_tokens=answer.output_tokens,
        latency_ms=round(answer.latency_seconds * 1000, 3),
        error_code="prompt_too_long" if is_too_long else None,
        error_message=(
            f"the prompt has {answer.prompt_tokens} tokens, which leaves no room for an answer"
            if is_too_long
            else None
        ),
    )
