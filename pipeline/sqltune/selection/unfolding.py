"""Puts the messages of a page's rows into the columns that all other rules and hashes read.

A conversation of a single turn becomes the prompt and response that it is, so that both forms have
one content hash. Another one keeps its messages as canonical JSON, and repeats its last user's,
last assistant's and system's text in the columns of prompt, response and system prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqltune.database.tables.message_texts import write_messages
from sqltune.records import Message, SelectionName
from sqltune.selection.columns import MESSAGES, Column
from sqltune.selection.conversations import as_single_turn, last_text, parse_conversation
from sqltune.selection.rules import Problem


@dataclass(frozen=True, slots=True)
class BadMessages:
    """What the column of messages gets where they cannot be used."""

    value: Any  #: as the query returned it; what a hash of the row is made of
    problem: Problem = field(repr=False)


def unfold_messages(columns: Sequence[Column], selection: SelectionName) -> list[Column]:
    """Return the columns of a page with every conversation read and checked."""
    given = columns[MESSAGES]
    if given.count(None) == len(given):
        return list(columns)
    rows = zip(*columns, strict=True)
    return list(zip(*(_unfold_row(row, selection) for row in rows), strict=True))


def unfold(
    messages: Sequence[Message],
) -> tuple[bytes | None, bytes | None, bytes | None, bytes | None]:
    """Return a conversation as prompt, response, system prompt and messages."""
    single = as_single_turn(messages)
    if single is not None:
        system, prompt, response = single
        return _encode(prompt), _encode(response), _encode(system), None
    roles = ("user", "assistant", "system")
    prompt_, response_, system_ = (_encode(last_text(messages, role)) for role in roles)
    return prompt_, response_, system_, write_messages(messages).encode()


def _unfold_row(row: tuple[Any, ...], selection: SelectionName) -> tuple[Any, ...]:
    key, prompt, response, system_prompt, value, *rest = row
    if value is None:
        return row
    is_prompt = selection is not SelectionName.TRAINING
    others = {"prompt": prompt, "system_prompt": system_prompt}
    if not is_prompt:
        others["response"] = response
    read = _read(value, [name for name, text in others.items() if text is not None], selection)
    if isinstance(read, Problem):
        return key, prompt, response, system_prompt, BadMessages(value, read), *rest
    asked, answered, system, kept = unfold(read)
    return key, asked, response if is_prompt else answered, system, kept, *rest


def _read(
    value: Any, also_given: Sequence[str], selection: SelectionName
) -> tuple[Message, ...] | Problem:
    if also_given:
        names = " and ".join(also_given)
        message = f"messages and {names} are both given: set messages or {names} to NULL"
        return Problem("two_forms", message)
    if not isinstance(value, bytes):
        return Problem("not_text", f"messages is of type {type(value).__name__}: CAST it to CHAR")
    return parse_conversation(value, selection)


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
