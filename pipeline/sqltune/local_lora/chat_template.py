"""Renders messages with a tokenizer's chat template, for pairs and conversations. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from jinja2.exceptions import TemplateError

from sqltune.errors import DataError

#: Nothing in a template ends like it or contains it by chance.
PROBE = "xyzzyx"


def render_chat(tokenizer: Any, messages: Sequence[dict[str, Any]], *, asks: bool) -> str:
    """Return the text of messages.

    A system's text that the template has no place for precedes the first text of the user.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        messages: as the template expects them.
        asks: whether the assistant is to continue; False: the messages are all there is.

    Raises:
        DataError: the template does not accept them.
    """
    is_opened = [message["role"] for message in messages[:2]] == ["system", "user"]
    if is_opened and not _shows_system(tokenizer, tokenizer.chat_template):
        system, first, *rest = messages
        folded = {**first, "content": f"{system['content']}\n\n{first['content']}"}
        messages = [folded, *rest]
    return _render(tokenizer, messages, asks=asks)


@lru_cache(maxsize=8)
def _shows_system(tokenizer: Any, template: str) -> bool:
    """Whether the template, which is part of the key, shows a system message at all."""
    messages = [{"role": "system", "content": PROBE}, {"role": "user", "content": "?"}]
    try:
        return PROBE in _render(tokenizer, messages, asks=False)
    except DataError:
        return False


def _render(tokenizer: Any, messages: Sequence[dict[str, Any]], *, asks: bool) -> str:
    try:
        text: str = tokenizer.apply_chat_template(
            list(messages),
            tokenize=False,
            add_generation_prompt=asks,
            # Models that can think answer at once: the samples show no thoughts.
            enable_thinking=False,
        )
    except (TemplateError, TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"the chat template of this base model does not accept the messages: {error}; set "
            "adapters.prompt_format to 'plain' or to a template, or correct the row",
            column="messages",
            code="template_refuses",
        ) from error
    return text
