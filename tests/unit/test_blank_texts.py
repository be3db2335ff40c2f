"""A text in which nothing can be seen is empty, by the column, by the row and in a conversation."""

from __future__ import annotations

import json

import pytest

from sqltune.records import SelectionName
from sqltune.selection.conversations import parse_conversation
from sqltune.selection.rules import Problem, clean_text, is_blank, text_problem

BLANK = (
    *("", " ", "\t\n\r\x0b\x0c", "\x1c", "\x7f", "\u0085", "\u00a0", "\u00ad", "\u034f", "\u061c"),
    *("\u115f", "\u1680", "\u180e", "\u2003", "\u200b", "\u200d", "\u2028", "\u2029", "\u202e"),
    *(
        "\u2060",
        "\u2800",
        "\u3000",
        "\u3164",
        "\ufe0f",
        "\ufeff",
        "\uffa0",
        "\u00a0 \u200b\u3000" * 40,
    ),
)
SEEN = ("a", " a", "\u00a0a", "\u3000" * 100 + "日", "é", "日", "🚀", "\u200bא", "\u0301", "…")


@pytest.mark.parametrize("text", BLANK, ids=ascii)
def test_a_text_that_shows_nothing_is_empty(text: str) -> None:
    assert is_blank(text)
    assert not clean_text([b"a", text.encode()], required=True)
    problem = text_problem("prompt", text.encode(), required=True)
    assert problem is not None
    assert problem.rule == "empty"
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "a"}]
    found = parse_conversation(json.dumps(turns).encode(), SelectionName.TRAINING)
    assert isinstance(found, Problem)
    assert found.rule == "empty"


@pytest.mark.parametrize("text", SEEN, ids=ascii)
def test_a_text_that_shows_something_is_not_empty(text: str) -> None:
    assert not is_blank(text)
    assert clean_text([text.encode()], required=True)
    assert text_problem("prompt", text.encode(), required=True) is None
