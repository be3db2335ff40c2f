"""Answers as every database can store them: what cannot be stored is an error in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqltune.backends.base import Answer

#: A longer answer is an error: it could not be stored on every server.
MAX_ANSWER_CHARACTERS = 4_000_000
#: Longest error message that is stored.
MAX_MESSAGE_CHARACTERS = 4_000
#: Longest word of a service for why an answer ended that is stored.
_REASON_CHARACTERS = 32
_FORGOTTEN = "the answer is a text that `sqltune forget` removed, so it is not stored"


def make_storable(answer: Answer, is_forgotten: Callable[[str], bool]) -> Answer:
    """Return an answer as it is stored: a text, or an error with its code and a message."""
    reason = clean_message(answer.finish_reason or "")[:_REASON_CHARACTERS]
    answer = replace(answer, finish_reason=reason or None)
    if answer.error_code is not None:
        return make_error(answer, answer.error_code, answer.error_message)
    if fault := _find_fault(answer.text):
        return make_error(answer, "unexpected_reply", fault)
    if is_forgotten(answer.text or ""):
        return make_error(answer, "forgotten", _FORGOTTEN)
    return answer


def make_error(answer: Answer, code: str, message: str | None) -> Answer:
    """Return an answer without its text, and with what every database can store of an error."""
    cleaned = clean_message(message or code)
    return replace(answer, text=None, error_code=code[:64], error_message=cleaned)


def clean_message(message: str) -> str:
    """Return what every database can store of a foreign message."""
    return message[:MAX_MESSAGE_CHARACTERS].encode("utf-8", "replace").decode()


def make_missing(key: str) -> Answer:
    """Return the error for a prompt that the backend did not answer."""
    message = "the backend returned no answer to this prompt"
    return Answer(key, None, None, None, None, None, "no_answer", message)


def _find_fault(text: str | None) -> str | None:
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
