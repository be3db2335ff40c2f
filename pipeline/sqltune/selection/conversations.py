"""Reads conversations: JSON in the form of OpenAI's chat becomes messages, or what is wrong.

Which turn must come last depends on what the conversation is for: a sample ends with the
assistant's, a prompt with the user's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from sqltune.database.tables.message_texts import make_message
from sqltune.records import Message, SelectionName
from sqltune.selection.rules import Problem, describe, is_blank, text_problem

_ROLES = ("system", "user", "assistant", "tool")
#: OpenAI's newer name of the system's role, which chat templates do not know.
_SAME_ROLES = {"developer": "system"}
_LAST_ROLE = {
    SelectionName.TRAINING: "assistant",
    SelectionName.EVALUATION: "user",
    SelectionName.PREDICTION: "user",
}
_FORM = '[{"role": "user", "content": "..."}, ...]'


class _Unusable(Exception):
    """Raised where a conversation cannot be used; ends in its Problem."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(rule, message)


def parse_conversation(text: bytes, selection: SelectionName) -> tuple[Message, ...] | Problem:
    """Return the messages of a conversation, or the first thing that is wrong with it."""
    try:
        return _check_turns([*_read(_parse(text))], selection)
    except _Unusable as unusable:
        return unusable.problem


def check_conversation(
    items: Sequence[object], selection: SelectionName
) -> tuple[Message, ...] | Problem:
    """Do the same with JSON that is parsed already."""
    try:
        return _check_turns([*_read(items)], selection)
    except _Unusable as unusable:
        return unusable.problem


def last_text(messages: Sequence[Message], role: str) -> str | None:
    """Return what this role said last; of an assistant that only calls tools, the calls."""
    said = [message for message in messages if message.role == role]
    return (said[-1].content or said[-1].extra) if said else None


def as_single_turn(messages: Sequence[Message]) -> tuple[str | None, str, str | None] | None:
    """Return system prompt, prompt and response of a conversation that is no more than those.

    The response is None where the conversation ends with the user. None: it has several turns, or
    fields that a prompt and a response do not have.
    """
    roles = [message.role for message in messages]
    is_plain = all(message.is_trained and message.extra is None for message in messages)
    start = 1 if roles[0] == "system" else 0
    if not is_plain or roles[start:] not in (["user"], ["user", "assistant"]):
        return None
    system = messages[0].content if start else None
    texts = [message.content or "" for message in messages[start:]]
    return system, texts[0], texts[1] if len(texts) == 2 else None


def _parse(text: bytes) -> list[object]:
    try:
        value = json.loads(text, object_pairs_hook=_make_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _Unusable("not_json", f"messages is not JSON ({error}): write {_FORM}") from None
    if not isinstance(value, list):
        raise _Unusable("bad_message", f"messages is {_kind(value)}, not a list: write {_FORM}")
    return value


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Unusable("bad_message", f"messages has an object with two fields {twice!r}")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _read(items: Sequence[object]) -> Iterator[Message]:
    for position, item in enumerate(items):
        place = f"messages[{position}]"
        if not isinstance(item, dict):
            raise _Unusable("bad_message", f"{place} is {_kind(item)}, not an object: see {_FORM}")
        role = _read_role(place, item.get("role"))
        plain = {**item, "role": role, "content": _read_content(place, role, item)}
        _check_weight(place, role, item.get("weight"))
        message = _make_message(place, plain)
        _check_text(f"{place}.content", message.content)
        _check_text(place, message.extra)
        yield message


def _make_message(place: str, plain: dict[str, Any]) -> Message:
    try:
        return make_message(plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise _Unusable(
            "bad_message", f"{place} holds a value that JSON has not ({error}): write it as a text"
        ) from None


def _read_role(place: str, role: object) -> str:
    name = _SAME_ROLES.get(role, role) if isinstance(role, str) else role
    if name not in _ROLES:
        given = "missing" if role is None else repr(role)
        wanted = f"{', '.join(_ROLES[:-1])} or {_ROLES[-1]}"
        raise _Unusable("bad_message", f"{place}.role is {given}: use {wanted}")
    return str(name)


def _read_content(place: str, role: str, item: dict[str, Any]) -> str | None:
    content = item.get("content")
    if isinstance(content, list):
        content = "".join(_read_part(f"{place}.content[{i}]", p) for i, p in enumerate(content))
    if content is not None and not isinstance(content, str):
        raise _Unusable("bad_message", f"{place}.content is {_kind(content)}, not a text")
    calls_tools = role == "assistant" and bool(item.get("tool_calls"))
    if calls_tools:
        return content or None
    if is_blank(content or "") and role != "tool":
        state = "missing" if content is None else "empty"
        raise _Unusable("empty", f"{place}.content is {state}: fill it in, or leave it out")
    return content or ""


def _read_part(place: str, part: object) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    text = part.get("text") if isinstance(part, dict) else None
    if kind != "text" or not isinstance(text, str):
        given = repr(kind) if isinstance(kind, str) else _kind(part)
        raise _Unusable(
            "bad_message", f"{place} is of type {given}: only parts of type 'text' can be trained"
        )
    return text


def _check_weight(place: str, role: str, weight: object) -> None:
    is_known = weight is None or (role == "assistant" and weight in (0, 1))
    if not is_known:
        raise _Unusable(
            "bad_message", f"{place}.weight is {weight!r}: it is 0 or 1, of the assistant alone"
        )


def _check_text(place: str, text: str | None) -> None:
    encoded = None if text is None else text.encode("utf-8", "surrogatepass")
    problem = text_problem(place, encoded, required=False)
    if problem is not None:
        raise _Unusable(problem.rule, problem.message)


def _check_turns(messages: list[Message], selection: SelectionName) -> tuple[Message, ...]:
    roles = [message.role for message in messages]
    last = _LAST_ROLE[selection]
    if not messages:
        raise _Unusable("bad_turns", f"messages is an empty list: write {_FORM}")
    for role in ("user", last):
        if role not in roles:
            raise _Unusable("bad_turns", f"messages has no turn of the {role}: add one")
    if roles[-1] != last:
        raise _Unusable(
            "bad_turns",
            f"messages[{len(roles) - 1}] is the last and its role is {roles[-1]!r}: "
            f"{_WANTED_END[selection]}",
        )
    if last == "assistant" and not any(m.is_trained for m in messages if m.role == last):
        raise _Unusable("bad_turns", "every turn of the assistant has weight 0: train one of them")
    return tuple(messages)


def _kind(value: object) -> str:
    names: dict[type, str] = {dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value)) or describe(value)


_WANTED_END = {
    SelectionName.TRAINING: "a sample must end with the assistant's turn",
    SelectionName.EVALUATION: "an evaluation prompt must end with the user's turn",
    SelectionName.PREDICTION: "a conversation to answer must end with the user's turn",
}
