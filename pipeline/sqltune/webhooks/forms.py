"""What a call of the webhook says, in the form that its receiver reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqltune.database.tables.webhook_calls import Notice
from sqltune.database.times import format_time

#: Receivers cut or refuse longer texts; the row has the whole.
MOST_CHARACTERS = 2_000


def write_body(notice: Notice, form: str) -> bytes:
    """Return the body of a call as JSON in UTF-8.

    Args:
        notice: what happened.
        form: json, slack or teams.
    """
    return json.dumps(_FORMS[form](notice), ensure_ascii=False).encode("utf-8", "replace")


def name_call(notice: Notice) -> str:
    """Return the name by which a receiver knows a call that it gets twice."""
    return f"{notice.adapter_name}/{notice.event}/{notice.event_number}"


def _plain(notice: Notice) -> dict[str, Any]:
    happened_at = notice.happened_at
    return {
        "id": name_call(notice),
        "adapter": notice.adapter_name,
        "event": notice.event,
        "run_id": notice.run_id,
        "message": notice.message,
        "happened_at": format_time(happened_at) if happened_at is not None else None,
    }


def _slack(notice: Notice) -> dict[str, Any]:
    """Return a text; Slack reads <...> in it as links and mentions, unless they are escaped."""
    text = _sentence(notice)
    for mark, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(mark, escape)
    return {"text": text}


def _teams(notice: Notice) -> dict[str, Any]:
    """Return an adaptive card whose text is a TextRun, in which no Markdown is read."""
    run = {"type": "TextRun", "text": _sentence(notice)}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [run]}],
    }
    content_type = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": content_type, "content": card}]}


def _sentence(notice: Notice) -> str:
    run = "" if notice.run_id is None else f" (run {notice.run_id})"
    event = notice.event.replace("_", " ")
    text = f"sqltune: {notice.adapter_name} {event}{run}: {notice.message}"
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


_FORMS: dict[str, Callable[[Notice], dict[str, Any]]] = {
    "json": _plain,
    "slack": _slack,
    "teams": _teams,
}
