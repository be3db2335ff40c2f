"""The texts of forgotten samples, to be found in other texts.

A text counts from 16 characters on: shorter ones, such as "Yes", are in texts of others too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from sqltune.database.reading_cursor import BinaryValue
from sqltune.database.tables.message_texts import read_messages
from sqltune.database.tables.stored_texts import FORGOTTEN_TEXT, StoredText

#: A shorter text is not looked for in others.
LEAST_CHARACTERS = 16
#: So many texts are looked for one by one; of more, their beginnings are looked for all at once.
_FEW = 50
_FORGOTTEN = FORGOTTEN_TEXT.encode()
#: How a text between quotes is written in SQL: MySQL and SingleStore take backslashes too
#: (https://dev.mysql.com/doc/refman/8.4/en/string-literals.html).
_BACKSLASHES = {"\\": r"\\"}
_LINES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_QUOTES: tuple[dict[str, str], ...] = (
    {},
    *({"'": "''"}, {'"': '""'}),
    *({"'": r"\'"}, {'"': r"\""}, {"'": r"\'", '"': r"\""}),
)
_SPELLINGS = [
    str.maketrans(written | quotes)
    for written in ({}, _BACKSLASHES, _BACKSLASHES | _LINES)
    for quotes in _QUOTES
]


class Needles:
    """Texts to find in others."""

    def __init__(self, texts: frozenset[bytes]) -> None:
        """Find these texts."""
        self.texts = texts
        # They are looked for in every stored text, so they are put into JSON and SQL once.
        self._forms = {needle: _forms(needle) for needle in texts}
        self._by_beginning: dict[bytes, list[tuple[bytes, bytes]]] = defaultdict(list)
        for needle, forms in self._forms.items():
            for form in forms:
                self._by_beginning[form[:LEAST_CHARACTERS]].append((form, needle))

    def find_in(self, *texts: bytes | BinaryValue | None) -> set[bytes]:
        """Return those that are part of one of the texts, or of a binary value in place of one."""
        given = [_bytes_of(text) for text in texts if text]
        if len(self.texts) > _FEW:
            return {needle for text in given for needle in self._find_by_beginnings(text)}
        return {
            needle
            for needle, forms in self._forms.items()
            if any(form in text for form in forms for text in given)
        }

    def remove_from(self, value: bytes | BinaryValue) -> bytes:
        """Return a text without them."""
        text = _bytes_of(value)
        for needle in sorted(self.find_in(text), key=len, reverse=True):
            for form in sorted(self._forms[needle], key=len, reverse=True):
                text = text.replace(form, _FORGOTTEN)
        return text

    def _find_by_beginnings(self, text: bytes) -> set[bytes]:
        """Return those that are part of a text, in a time that does not grow with their number."""
        beginnings, found = self._by_beginning, set[bytes]()
        for start in range(len(text) - LEAST_CHARACTERS + 1):
            # Not the default of the dictionary, which would keep every piece of every text.
            if text[start : start + LEAST_CHARACTERS] in beginnings:
                for form, needle in beginnings[text[start : start + LEAST_CHARACTERS]]:
                    if text.startswith(form, start):
                        found.add(needle)
        return found


def needles_of(samples: Iterable[StoredText]) -> set[bytes]:
    """Return the texts of samples that are to be found in others: every turn, no system's."""
    return {
        text.strip().encode()
        for sample in samples
        for text in _own_texts(sample)
        if len(text.strip()) >= LEAST_CHARACTERS
    }


def _bytes_of(value: bytes | BinaryValue) -> bytes:
    return value.value if isinstance(value, BinaryValue) else value


def _own_texts(sample: StoredText) -> list[str]:
    turns = () if sample.messages is None else read_messages(sample.messages.decode()) or ()
    said = [turn.content for turn in turns if turn.role != "system" and turn.content]
    return [sample.prompt.decode(), (sample.response or b"").decode(), *said]


def _forms(needle: bytes) -> set[bytes]:
    """Return a text as it is, as SQL quotes it, and each as JSON has it."""
    plain = needle.decode()
    spelt = {plain.translate(spelling) for spelling in _SPELLINGS}
    in_json = {
        json.dumps(text, ensure_ascii=ascii)[1:-1] for text in spelt for ascii in (True, False)
    }
    return {text.encode() for text in spelt | in_json}
