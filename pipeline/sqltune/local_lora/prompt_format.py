"""The text that a base model reads for a prompt, and for the response to learn. No torch.

Two forms: the plain instruction form, which is the default, and the tokenizer's chat template. A
text that is in its form already is taken raw.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqltune.errors import RequestRejected

#: The form of the samples in Gradient's tutorials, space before the line break included.
INSTRUCTION_FORM = "### Instruction: {prompt} \n\n### Response:"


class PromptFormat(StrEnum):
    """How prompts are put into words for the model."""

    #: `### Instruction: … ### Response:`, for base models without a chat template.
    PLAIN = "plain"
    #: The chat template that the tokenizer carries, for instruction-tuned models.
    CHAT = "chat"
    #: No form: the model reads the text as it is.
    RAW = "raw"


@dataclass(frozen=True)
class FormattedPair:
    """A prompt and its response as the model reads them; the response is empty when asking."""

    #: Everything before the first response token.
    prompt: str
    #: The response with what ends it, except the end-of-sequence token.
    response: str
    #: Whether the tokenizer still has to add its special tokens (begin and end of sequence).
    needs_special_tokens: bool


def format_pair(
    prompt: str,
    response: str = "",
    *,
    system_prompt: str | None = None,
    prompt_format: PromptFormat = PromptFormat.PLAIN,
    tokenizer: Any = None,
) -> FormattedPair:
    """Return the texts for one prompt, with the response where there is one to learn.

    Args:
        prompt: the user's words.
        response: what to learn; empty when the model is asked.
        system_prompt: the instruction before the prompt; None and empty mean none.
        prompt_format: plain, chat or raw.
        tokenizer: a transformers tokenizer; needed for chat only.

    Raises:
        RequestRejected: chat is asked for and the tokenizer has no chat template.
    """
    if prompt_format is PromptFormat.CHAT:
        return _format_chat(prompt, response, system_prompt, tokenizer)
    is_raw = prompt_format is PromptFormat.RAW
    text = prompt if is_raw else INSTRUCTION_FORM.replace("{prompt}", prompt)
    if system_prompt:
        text = f"{system_prompt}\n\n{text}"
    return FormattedPair(text, f" {response}" if response else "", needs_special_tokens=True)


def _format_chat(
    prompt: str, response: str, system_prompt: str | None, tokenizer: Any
) -> FormattedPair:
    if not getattr(tokenizer, "chat_template", None):
        raise RequestRejected(
            "prompt_format is 'chat' but this base model's tokenizer has no chat template; "
            "use prompt_format 'plain'",
            code="no_chat_template",
        )
    messages = [{"role": "system", "content": system_prompt}] if system_prompt else []
    messages.append({"role": "user", "content": prompt})
    asked: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    if not response:
        return FormattedPair(asked, "", needs_special_tokens=False)
    messages.append({"role": "assistant", "content": response})
    whole: str = tokenizer.apply_chat_template(messages, tokenize=False)
    # The template knows how a turn ends; one that rewrites earlier turns cannot be cut in two.
    answer = whole[len(asked) :] if whole.startswith(asked) else response
    return FormattedPair(asked, answer, needs_special_tokens=False)
