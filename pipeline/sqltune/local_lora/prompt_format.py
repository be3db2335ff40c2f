"""The text that a base model reads for a prompt, and for the response to learn. No torch.

Training, asking, serving and counting all use `format_pair`, so that a model is asked in the form
in which it was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqltune.errors import DataError, RequestRejected
from sqltune.local_lora.chat_template import render_chat
from sqltune.local_lora.marks import turn_end, veil
from sqltune.prompt_formats import AUTO, CHAT, PLAIN, read_template

#: No form: the model reads the text as it is. For the server's clients; no row can ask for it.
RAW = "raw"


@dataclass(frozen=True)
class FormattedPair:
    """A prompt and its response as the model reads them; the response is empty when asking.

    Marks in people's words are veiled (marks.py).
    """

    #: Everything before the first response token.
    prompt: str
    #: The response with what ends it, except an end-of-sequence token that the form does not write.
    response: str
    #: Whether the tokenizer still has to add its special tokens (begin and end of sequence).
    needs_special_tokens: bool


def resolve_format(prompt_format: str, tokenizer: Any) -> str:
    """Return what `auto` means for this tokenizer; every other format as it is.

    Raises:
        RequestRejected: it is `chat`, and the tokenizer has no chat template.
    """
    has_template = bool(getattr(tokenizer, "chat_template", None))
    if prompt_format == AUTO:
        return CHAT if has_template else PLAIN
    if prompt_format == CHAT and not has_template:
        raise RequestRejected(
            "adapters.prompt_format is 'chat', and this base model's tokenizer has no chat "
            "template: use 'auto' or 'plain', or a base model that was tuned on instructions",
            code="no_chat_template",
        )
    return prompt_format


def format_pair(
    prompt: str,
    response: str = "",
    *,
    tokenizer: Any,
    system_prompt: str | None = None,
    prompt_format: str = PLAIN,
) -> FormattedPair:
    """Return the texts for one prompt, with the response where there is one to learn.

    Args:
        prompt: the user's words.
        response: what to learn; empty when the model is asked.
        system_prompt: the instruction before the prompt; None and empty mean none.
        prompt_format: a resolved format: `chat`, `plain`, `raw` or a template. What is `raw` has
            its form, and so its marks, already.
        tokenizer: a transformers tokenizer.

    Raises:
        DataError: the chat template does not accept the prompt, or changes the response.
    """
    if prompt_format == RAW:
        front = f"{system_prompt}\n\n" if system_prompt else ""
        return FormattedPair(front + prompt, response, needs_special_tokens=True)
    prompt, response = veil(prompt, tokenizer), veil(response, tokenizer)
    system_prompt = veil(system_prompt, tokenizer) if system_prompt else None
    if prompt_format == CHAT:
        return _format_chat(prompt, response, system_prompt, tokenizer)
    template = read_template(prompt_format)
    learned = template.learned(response) if response else ""
    return FormattedPair(template.query(prompt, system_prompt), learned, needs_special_tokens=True)


def end_ids(tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer: the end of a sequence, and of a template's turn."""
    ends = (tokenizer.eos_token_id, turn_end(tokenizer))
    return frozenset(i for i in ends if i is not None)


def _format_chat(
    prompt: str, response: str, system_prompt: str | None, tokenizer: Any
) -> FormattedPair:
    messages = [{"role": "system", "content": system_prompt}] if system_prompt else []
    messages.append({"role": "user", "content": prompt})
    asked = render_chat(tokenizer, messages, asks=True)
    if not response:
        return FormattedPair(asked, "", needs_special_tokens=False)
    answered = [*messages, {"role": "assistant", "content": response}]
    whole = render_chat(tokenizer, answered, asks=False)
    if whole.startswith(asked):
        return FormattedPair(asked, whole[len(asked) :], needs_special_tokens=False)
    # A template that opens a thought when it asks, and shows none where the answer is known.
    begin = whole.rfind(response.strip())
    if begin < 0:
        raise DataError(
            "the chat template of this base model changes the text of a response, so that it "
            "cannot be trained: set adapters.prompt_format to 'plain' or to a template",
            column="response",
            code="template_changes_text",
        )
    return FormattedPair(asked, whole[begin:], needs_special_tokens=False)
