"""Which answers cannot be stored, and what every database can store of a foreign message."""

from __future__ import annotations

#: A longer answer is an error: it could not be stored on every server.
MAX_ANSWER_CHARACTERS = 4_000_000
#: Longest error message that is stored.
MAX_MESSAGE_CHARACTERS = 4_000
#: Stored in place of an answer that may not be stored.
FORGOTTEN_ANSWER = "the answer is a text that `sqltune forget` removed, so it is not stored"


def clean_message(message: str) -> str:
    """Return what every database can store of a foreign message."""
    return message[:MAX_MESSAGE_CHARACTERS].encode("utf-8", "replace").decode()


def find_fault(text: str | None) -> str | None:
    """Return why an answer cannot be stored; None: it can."""
    if text is None:
        return "the backend returned neither an answer nor an error"
    if len(text) > MAX_ANSWER_CHARACTERS:
        return (
            f"the answer has {len(text):,} characters; at most {MAX_ANSWER_CHARACTERS:,} are stored"
        )
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        return f"the answer is not valid Unicode: lone surrogate at character {exc.start}"
    return None
