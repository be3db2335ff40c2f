"""The text of an answer while it grows: nothing that was shown changes, and a stop ends it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from sqltune.local_lora.growing_text import GrowingText
from tests.small_model import SMALL_MODEL

TOKENIZER: Any = AutoTokenizer.from_pretrained(SMALL_MODEL)
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_WORDS = ["<s>", "</s>", "<unk>", "▁", "▁▁", "▁Under", "red", "▁stone", ".", "é", "\ufffd", "\n"]


def make_sentencepiece() -> Any:
    """A tokenizer as Llama 2 and Mistral have it: spaces in front of words, and single bytes."""
    vocabulary = {token: i for i, token in enumerate(_WORDS + _BYTES)}
    made = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    made.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


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


def decode(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def require_same_as_whole(tokenizer: Any, ids: Iterable[int]) -> None:
    """Require that what is settled after each token is what all of them say."""
    growing = GrowingText(tokenizer, [], keeps_spaces=True)
    for token in ids:
        growing.ids.append(token)
        assert growing.settled == decode(tokenizer, growing.ids).rstrip("\ufffd")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, len(TOKENIZER) - 1), max_size=40))
def test_any_tokens_are_read_as_they_would_be_all_at_once(ids: list[int]) -> None:
    require_same_as_whole(TOKENIZER, ids)


def test_bytes_are_read_as_they_would_be_all_at_once() -> None:
    rng = random.Random(3)
    ids = TOKENIZER.convert_tokens_to_ids(pre_tokenizers.ByteLevel.alphabet())
    require_same_as_whole(TOKENIZER, rng.choices(ids, k=3000))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_WORDS) | st.characters(codec="utf-8"), max_size=40))
def test_spaces_before_words_and_bytes_of_characters_are_read_as_they_would_be_all_at_once(
    pieces: list[str],
) -> None:
    """Until a character is whole, all at once shows none of the bytes before it."""
    tokenizer = make_sentencepiece()
    tokens = [
        token
        for piece in pieces
        for token in ([piece] if piece in _WORDS else [_BYTES[byte] for byte in piece.encode()])
    ]
    growing, seen = GrowingText(tokenizer, [], keeps_spaces=True), [""]
    for token in tokenizer.convert_tokens_to_ids(tokens):
        growing.ids.append(token)
        seen.append(growing.settled)
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))
    assert seen[-1] == growing.final.rstrip("\ufffd")


class CountingTokenizer:
    """Counts the ids that are decoded."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def decode(self, ids: list[int], **how: Any) -> str:
        self.counts.append(len(ids))
        return str(TOKENIZER.decode(ids, **how))


def test_a_long_answer_is_not_decoded_as_a_whole_for_each_token() -> None:
    tokenizer = CountingTokenizer()
    growing = GrowingText(tokenizer, [], stops=["no such text"])
    for token in TOKENIZER("größer 🙂 🙃 als Under the red stone. " * 40)["input_ids"]:
        growing.ids.append(token)
        assert not growing.is_stopped
        assert growing.settled is not None
    assert len(growing.ids) > 400
    assert max(tokenizer.counts) < 12


def test_outer_spaces_belong_to_an_answer_that_continues_a_text() -> None:
    growing = GrowingText(TOKENIZER, TOKENIZER(" red stone \n")["input_ids"], keeps_spaces=True)
    assert growing.settled == growing.final == " red stone \n"
