"""From a complete request to a question for the base model, and from its answer to the reply."""

from __future__ import annotations

from sqltune.local_lora.asked_questions import FinishReason, GeneratedAnswer, Question
from sqltune.local_lora.prompt_format import RAW
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.text_samples import is_in_instruction_form
from sqltune.server import refusals
from sqltune.wire.gradient import CompleteReply, CompleteRequest, ErrorType

#: For a client that does not limit the answer; Gradient's own default is not on record.
DEFAULT_TOKENS = 128


def make_question(request: CompleteRequest, *, draw: int) -> Question:
    """Return the question; it gets the base model's template unless it has it or must not get it.

    Args:
        request: the request.
        draw: decides what is drawn where the temperature is above 0.
    """
    return Question(
        request.query,
        prompt_format=None if _is_templated(request) else RAW,
        draw=draw,
        max_new_tokens=request.max_generated_token_count or DEFAULT_TOKENS,
    )


def make_sampling(request: CompleteRequest) -> Sampling:
    """Return how the answer is generated: greedily, unless the request has a temperature.

    Raises:
        CallRefused: a value has no meaning.
    """
    temperature, top_k, top_p = request.temperature or 0.0, request.top_k, request.top_p
    _require(temperature >= 0, f"temperature must be 0 or more, got {temperature:g}")
    _require(top_k is None or top_k > 0, f"topK must be above 0, got {top_k}")
    _require(top_p is None or 0 <= top_p <= 1, f"topP must be between 0 and 1, got {top_p}")
    return Sampling(
        temperature=temperature, top_p=1.0 if top_p is None else top_p, top_k=top_k or 0
    )


def refuse_rag(request: CompleteRequest) -> None:
    """Refuse a request that names a collection of documents.

    Raises:
        CallRefused: the request names one.
    """
    if request.rag is None:
        return
    if not _is_templated(request):
        raise refusals.refuse(
            ErrorType.RAG_REQUIRES_TEMPLATING, "rag needs autoTemplate, and it is off"
        )
    raise refusals.refuse(
        ErrorType.UNKNOWN_RAG_COLLECTION, "this server has no collections of documents"
    )


def make_reply(answer: GeneratedAnswer) -> CompleteReply:
    """Return the reply.

    Raises:
        CallRefused: the prompt leaves no room for an answer.
        DataError: the base model cannot be asked this.
    """
    if answer.error is not None:
        raise answer.error
    if answer.finish_reason is FinishReason.PROMPT_TOO_LONG:
        raise refusals.refuse(
            ErrorType.UNPROCESSABLE,
            f"the query has {answer.prompt_tokens} tokens, which leaves no room for an answer",
        )
    return CompleteReply(
        finish_reason=answer.finish_reason.value, generated_output=answer.text or ""
    )


def _is_templated(request: CompleteRequest) -> bool:
    """Return whether to use the template.

    The schema says that null means true, but clients send texts that have it with null, too.
    """
    if request.auto_template is None:
        return not is_in_instruction_form(request.query)
    return request.auto_template


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise refusals.refuse(ErrorType.BODY_PARSING, message, payload={})
