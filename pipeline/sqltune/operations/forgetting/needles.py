"""The texts of forgotten samples, to be found in other texts.

A text counts from 16 characters on: shorter ones, such as "Yes", are in texts of others too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqltune.database.tables.erasures import FORGOTTEN_TEXT, StoredText
from sqltune.database.tables.message_texts import read_messages

#: A shorter text is not looked for in others.
LEAST_CHARACTERS = 16
_FORGOTTEN = FORGOTTEN_TEXT.encode()


class Needles:
    """Texts to find in others."""

    def __init__(self, texts: frozenset[bytes]) -> None:
        """Find these texts."""
        self.texts = texts
        # They are looked for in every stored text, so they are put into JSON once.
        self._forms = {needle: _forms(needle) for needle in texts}

    def find_in(self, *texts: bytes | None) -> set[bytes]:
        """Return those that are part of one of the texts."""
        given = [text for text in texts if text]
        return {
            needle
            for needle, forms in self._forms.items()
            if any(form in text for form in forms for text in given)
        }

    def remove_from(self, text: bytes) -> bytes:
        """Return a text without them."""
        for needle in sorted(self.texts, key=len, reverse=True):
            for form in self._forms[needle]:
                text = text.replace(form, _FORGOTTEN)
        return text


def needles_of(samples: Iterable[StoredText]) -> set[bytes]:
    """Return the texts of samples that are to be found in others: every turn, no system's."""
    return {
        text.strip().encode()
        for sample in samples
        for text in _own_texts(sample)
        if len(text.strip()) >= LEAST_CHARACTERS
    }


def _own_texts(sample: StoredText) -> list[str]:
    turns = () if sample.messages is None else read_messages(sample.messages.decode()) or ()
    said = [turn.content for turn in turns if turn.role != "system" and turn.content]
    return [sample.prompt.decode(), (sample.response or b"").decode(), *said]


def _forms(needle: bytes) -> set[bytes]:
    """Return a text as it is, and as JSON has it."""
    return {needle, json.dumps(needle.decode(), ensure_ascii=False)[1:-1].encode()}
