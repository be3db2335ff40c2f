"""The questions that a row asks a model, so that a trained one is recognised in another spelling.

Each has what the model reads before it answers, whether the row has a prompt or messages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from sqltune.database.tables.message_texts import read_messages
from sqltune.records import Message

#: To order the marks of one letter takes time that grows with the square of their number.
MARKS_ON_A_LETTER = 100
_LONG_RUN = re.compile(rb"[^\0]{%d}" % (MARKS_ON_A_LETTER + 1))

#: The text for the system, and the turns of a conversation before its answer.
_Context = tuple[bytes | None, tuple[Message, ...]]


@dataclass(frozen=True, slots=True)
class FoldedQuestion:
    """What is asked, and everything that the model reads with it."""

    prompt: str  #: folded
    context: tuple[tuple[str, str, str], ...]  #: role, folded text and further fields of each turn


def find_asked(
    prompt: bytes, system_prompt: bytes | None, messages: bytes | None
) -> FoldedQuestion:
    """Return the question of an evaluation prompt."""
    turns = _read_turns(prompt, system_prompt, messages)
    return FoldedQuestion(fold_prompt(prompt.decode()), _fold_turns(_without_answer(turns)))


def find_trained(
    prompt: bytes, system_prompt: bytes | None, messages: bytes | None, *, train_on: str
) -> Iterator[FoldedQuestion]:
    """Yield the questions of a sample: one before each turn of the assistant that is trained.

    Args:
        prompt: of the sample; of a conversation, its last user's text.
        system_prompt: what it says to the system; None: nothing.
        messages: the conversation; None: the sample is the prompt and its response.
        train_on: of a conversation, `all` turns of the assistant, or the `last`.
    """
    if messages is None:
        yield find_asked(prompt, system_prompt, None)
        return
    turns = _read_turns(prompt, system_prompt, messages)
    folded = _fold_turns(turns)
    answers = [i for i, turn in enumerate(turns) if turn.role == "assistant" and turn.is_trained]
    for answer in answers[-1:] if train_on == "last" else answers:
        asked = [text for role, text, _ in folded[:answer] if role == "user"]
        if asked:
            yield FoldedQuestion(asked[-1], folded[:answer])


def read_context(system_prompt: bytes | None, messages: bytes | None) -> _Context:
    """Return what a model reads beside the prompt; the answer that is trained is none of it."""
    turns = () if messages is None else read_messages(messages.decode()) or ()
    return system_prompt, _without_answer(turns)


def fold_prompt(text: str) -> str:
    """Return a text without regard to case, blanks and the Unicode form of its letters."""
    if not text.isascii() and not has_too_many_marks(text):
        composed = unicodedata.normalize("NFC", text)
        text = unicodedata.normalize("NFC", composed.casefold())
    return " ".join(text.casefold().split())


def has_too_many_marks(text: str) -> bool:
    """Whether some letter has more combining marks than any language writes, in any plain form."""
    if text.isascii():
        return False
    return _LONG_RUN.search(b"".join(map(_mark_classes, text))) is not None


@cache
def _mark_classes(character: str) -> bytes:
    """Return the classes by which what a character becomes is ordered; 0 is no mark.

    Marks come out of characters that are none, and come together where invisible ones are dropped.
    """
    if unicodedata.category(character) == "Cf":
        return b""
    return bytes(map(unicodedata.combining, unicodedata.normalize("NFKD", character)))


def _read_turns(
    prompt: bytes, system_prompt: bytes | None, messages: bytes | None
) -> tuple[Message, ...]:
    if messages is not None:
        return read_messages(messages.decode()) or ()
    system = () if system_prompt is None else (Message("system", system_prompt.decode()),)
    return (*system, Message("user", prompt.decode()))


def _without_answer(turns: tuple[Message, ...]) -> tuple[Message, ...]:
    is_answered = bool(turns) and turns[-1].role == "assistant"
    return turns[:-1] if is_answered else turns


def _fold_turns(turns: tuple[Message, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((each.role, fold_prompt(each.content or ""), each.extra or "") for each in turns)
