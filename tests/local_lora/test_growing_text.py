"""The text of an answer while it grows: nothing that was shown changes, and a stop ends it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from sqltune.local_lora.growing_text import GrowingText
from tests.small_model import SMALL_MODEL

TOKENIZER: Any = AutoTokenizer.from_pretrained(SMALL_MODEL)
TEXTS = ["  Under the red stone.\n", "größer 🙂 🙃 als", "a\n\nb", "", "   ", "stop stopping sto"]


def grow(text: str, *stops: str) -> tuple[list[str], str]:
    """What is settled after each token, and the answer; a stop ends it."""
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    growing = GrowingText(TOKENIZER, [], stops)
    seen = []
    for token in ids:
        growing.ids.append(token)
        seen.append(growing.settled)
        if growing.is_stopped:
            break
    return seen, growing.final


@pytest.mark.parametrize("text", TEXTS)
def test_each_settled_text_begins_the_next_one_and_the_answer(text: str) -> None:
    seen, final = grow(text)
    assert final == text.strip()
    for earlier, later in pairwise([*seen, final]):
        assert later.startswith(earlier)
    assert all("\ufffd" not in each for each in seen)


@pytest.mark.parametrize(("stops", "answer"), [
    ((" stone",), "Under the red"), (("stone", " red"), "Under the"), (("Under",), ""),
    (("blue",), "Under the red stone."), ((".",), "Under the red stone"),
])  # fmt: skip
def test_a_stop_and_what_follows_are_not_in_the_answer(stops: tuple[str, ...], answer: str) -> None:
    seen, final = grow("Under the red stone.", *stops)
    assert final == answer
    assert all(answer.startswith(each) for each in seen)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=4), max_size=3))
def test_nothing_that_was_shown_is_taken_back(text: str, stops: list[str]) -> None:
    seen, final = grow(text, *stops)
    for earlier, later in pairwise([*seen, final]):
        assert later.startswith(earlier)
