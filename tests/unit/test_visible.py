"""No text of others steers a terminal, hides, or adds a line, and letters stay as they are."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from sqltune.visible import visible, visible_json

STEERING = {
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x1b[2J\x1b[H": r"\x1b[2J\x1b[H",
    "\x9b2J": r"\x9b2J",
    "two\nlines": r"two\nlines",
    "over\rwritten": r"over\rwritten",
    "\u202egnp.exe": r"\u202egnp.exe",
    "a\u200bb\u2060c\ufeffd": r"a\u200bb\u2060c\ufeffd",
    "line\u2028para\u2029": r"line\u2028para\u2029",
    "\U000e0041\U000e0042": r"\U000e0041\U000e0042",
    "\u3164\u034f": r"\u3164\u034f",
    "\ud83d": r"\ud83d",
}


@pytest.mark.parametrize("text", STEERING, ids=ascii)
def test_what_steers_or_hides_is_shown_as_an_escape(text: str) -> None:
    assert visible(text) == STEERING[text]


@pytest.mark.parametrize(
    "text",
    [
        "Größe: 7 µm",
        "日本\u3000東京",
        "שלום",
        "e\u0301",
        "❤\ufe0f \U0001f680",
        r"C:\temp",
        "1\u00a0k",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == text


def test_no_control_or_format_character_of_unicode_passes() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert {unicodedata.category(c) for c in visible(every)} & {
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    } == set()


def test_a_document_with_escapes_has_the_same_values_and_no_such_character() -> None:
    value = {text: [text] for text in (*STEERING, "Größe \U0001f680")}
    document = visible_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(document) == value
    assert "Größe \U0001f680" in document
    assert visible(document, keep="\n") == document
