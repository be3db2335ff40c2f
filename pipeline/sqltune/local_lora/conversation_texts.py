"""Conversations as the text that a base model reads, with the places of the assistant's turns.

The chat template renders the whole conversation, and growing beginnings of it show where each turn
of the assistant begins and ends. A template that renders an earlier turn otherwise once more
messages follow would be cut wrongly and is refused. Without a chat template, each turn has the form
of a prompt or a response.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqltune.errors import DataError
from sqltune.local_lora.chat_template import render_chat
from sqltune.local_lora.marks import Span, veil
from sqltune.local_lora.prompt_format import format_pair
from sqltune.prompt_formats import CHAT
from sqltune.records import Message


@dataclass(frozen=True)
class RenderedConversation:
    """A conversation as one text, in which people's words are veiled (marks.py)."""

    text: str
    #: Places of the wanted turns in it, in order: after the words that open one, to its end.
    turns: tuple[Span, ...]
    #: Whether the tokenizer still has to add its special tokens.
    needs_special_tokens: bool


def render_conversation(
    messages: Sequence[Message],
    turns: Sequence[int],
    tokenizer: Any,
    prompt_format: str,
) -> RenderedConversation:
    """Return the text of a conversation, and where these turns of the assistant are in it.

    Raises:
        DataError: the template does not accept it, or renders a turn otherwise than alone.
    """
    is_chat = prompt_format == CHAT
    if is_chat:
        text = _apply(tokenizer, messages, asks=False)
        spans = [_find_turn(messages, turn, text, tokenizer) for turn in turns]
    else:
        text, spans = _render_pairs(messages, turns, tokenizer, prompt_format)
    return RenderedConversation(text, tuple(spans), needs_special_tokens=not is_chat)


def render_question(
    messages: Sequence[Message], tokenizer: Any, prompt_format: str
) -> RenderedConversation:
    """Return the text of a conversation that the assistant is to continue.

    Raises:
        DataError: the template does not accept it.
    """
    is_chat = prompt_format == CHAT
    if is_chat:
        text = _apply(tokenizer, messages, asks=True)
    else:
        text, _ = _render_pairs(messages, (), tokenizer, prompt_format)
    return RenderedConversation(text, (), needs_special_tokens=not is_chat)


def list_marks(tokenizer: Any) -> list[str]:
    """Return the texts that are single tokens by decree, among them all that end a turn."""
    added = (str(token) for token in tokenizer.get_added_vocab())
    return [mark for mark in {*map(str, tokenizer.all_special_tokens), *added} if mark.strip()]


def _find_turn(messages: Sequence[Message], turn: int, whole: str, tokenizer: Any) -> Span:
    """Return where a turn of the assistant begins and ends in the rendered conversation."""
    asked = _apply(tokenizer, messages[:turn], asks=True)
    answered = _apply(tokenizer, messages[: turn + 1], asks=False)
    text = answered.rstrip()
    if not whole.startswith(text):
        # Some templates write the end of the text only behind the last turn.
        text = _strip_marks(text, list_marks(tokenizer))
    if not (whole.startswith(text) and text.startswith(asked)):
        raise DataError(
            f"the chat template of this base model renders messages[{turn}] otherwise once more "
            "messages follow, so that it cannot be trained as it would be answered: train on the "
            "last turn alone (adapters.train_on = 'last'), or split the conversation",
            column="messages",
            code="template_rewrites_turns",
        )
    return len(asked), len(text)


def _strip_marks(text: str, marks: Sequence[str]) -> str:
    while (mark := next(filter(text.rstrip().endswith, marks), None)) is not None:
        text = text.rstrip().removesuffix(mark)
    return text.rstrip()


def _apply(tokenizer: Any, messages: Sequence[Message], *, asks: bool) -> str:
    plain = [_veil_texts(_for_template(message), tokenizer) for message in messages]
    return render_chat(tokenizer, plain, asks=asks)


def _veil_texts(value: Any, tokenizer: Any) -> Any:
    """Return a value as JSON has it, with every text in it veiled."""
    if isinstance(value, str):
        return veil(value, tokenizer)
    if isinstance(value, dict):
        return {key: _veil_texts(each, tokenizer) for key, each in value.items()}
    return [_veil_texts(each, tokenizer) for each in value] if isinstance(value, list) else value


def _for_template(message: Message) -> dict[str, Any]:
    """Return a message as templates expect it: a tool's arguments as an object, not as text.

    See https://huggingface.co/docs/transformers/chat_extras, where OpenAI's form has JSON text.
    """
    plain = message.to_plain() | {"content": message.content or ""}
    plain.pop("weight", None)
    if "tool_calls" in plain:
        plain["tool_calls"] = [_parse_arguments(call) for call in plain["tool_calls"]]
    return plain


def _parse_arguments(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        return call
    return {**call, "function": {**function, "arguments": arguments}}


def _render_pairs(
    messages: Sequence[Message], turns: Sequence[int], tokenizer: Any, prompt_format: str
) -> tuple[str, list[Span]]:
    text, spans = "", []
    for turn, piece in _render_turns(messages, tokenizer, prompt_format):
        if turn in turns:
            spans.append((len(text), len(text) + len(piece)))
        text += piece
    return text, spans


def _render_turns(
    messages: Sequence[Message], tokenizer: Any, prompt_format: str
) -> Iterator[tuple[int, str]]:
    """Yield the position and the text of each turn; the system's opens the first of the user's."""
    start = 1 if messages[0].role == "system" else 0
    for position in range(start, len(messages)):
        message = messages[position]
        asks = (position - start) % 2 == 0
        if message.role != ("user" if asks else "assistant") or message.extra is not None:
            raise _no_place(position, message)
        if asks:
            system = messages[0].content if position == start == 1 else None
            pair = format_pair(
                message.content or "",
                tokenizer=tokenizer,
                system_prompt=system,
                prompt_format=prompt_format,
            )
            yield position, ("\n\n" if position > start else "") + pair.prompt
        else:
            pair = format_pair(
                "", message.content or "", tokenizer=tokenizer, prompt_format=prompt_format
            )
            yield position, pair.response + (tokenizer.eos_token or "")


def _no_place(position: int, message: Message) -> DataError:
    return DataError(
        f"messages[{position}] of role {message.role!r} has no place in the plain form, where "
        "user and assistant take turns: use a base model with a chat template",
        column="messages",
        code="no_chat_template",
    )
