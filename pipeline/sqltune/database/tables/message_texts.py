"""Conversations as the canonical JSON that `contents` stores: equal conversations, equal text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqltune.records import Message


def write_messages(messages: Iterable[Message]) -> str:
    """Return messages as JSON text; however its fields were ordered."""
    return json.dumps(
        [message.to_plain() for message in messages], ensure_ascii=False, separators=(",", ":")
    )


def read_messages(text: str | None) -> tuple[Message, ...] | None:
    """Return the messages that `write_messages` wrote; None: there are none."""
    return None if text is None else tuple(make_message(plain) for plain in json.loads(text))


def make_message(plain: dict[str, Any]) -> Message:
    """Return the message that a checked JSON object stands for.

    Raises:
        TypeError, ValueError: a further field holds what JSON has not, such as NaN or bytes.
    """
    extra = {
        name: plain[name]
        for name in sorted(plain)
        if name not in ("role", "content", "weight") and plain[name] is not None
    }
    return Message(
        role=plain["role"],
        content=plain.get("content"),
        is_trained=plain.get("weight") != 0,
        # Values keep the order of their fields: a model learns a tool's arguments as written.
        extra=_write_extra(extra) if extra else None,
    )


def _write_extra(extra: dict[str, Any]) -> str:
    return json.dumps(extra, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
