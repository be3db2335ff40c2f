"""Texts that cannot fit are refused by their bytes, and long ones are read only up to the limit."""

from __future__ import annotations

from typing import Any

import pytest

from sqltune.errors import DataError
from sqltune.local_lora import text_bounds
from sqltune.local_lora.asked_questions import FinishReason, Question
from sqltune.local_lora.conversations import tokenise_conversation
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.text_bounds import count_at_least
from sqltune.local_lora.text_samples import TextPart, tokenise_parts
from sqltune.local_lora.tokenising import count_tokens, tokenise_pair
from sqltune.prompt_formats import PLAIN
from sqltune.records import Message

#: Longer than any prompt of a person; tokenised as a whole it would take gigabytes.
HUGE = "Where does he live? " * 3_000_000


@pytest.fixture
def unread(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be tokenised."""

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the text was tokenised")

    monkeypatch.setattr(type(tokenizer), "__call__", refuse)


@pytest.mark.usefixtures("unread")
def test_a_text_of_too_many_bytes_is_refused_unread(tokenizer: Any) -> None:
    turns = [Message("user", HUGE), Message("assistant", "Yes.")]
    parts = [TextPart(HUGE)]
    for tokenise in (
        lambda: tokenise_pair(Pair(HUGE, "Yes."), tokenizer, max_length=256),
        lambda: tokenise_pair(Pair("Who?", HUGE), tokenizer, max_length=256),
        lambda: tokenise_parts(parts, tokenizer, max_length=256),
        lambda: tokenise_conversation(turns, tokenizer, max_length=256, prompt_format=PLAIN),
    ):
        with pytest.raises(DataError, match="this base model reads 256") as error:
            tokenise()
        assert error.value.code == "sample_too_long"
    assert count_tokens(Pair(HUGE, "Yes."), tokenizer, most=256) > 256


def test_a_question_of_too_many_bytes_has_no_answer_and_holds_nobody_up(llama: LoadedModel) -> None:
    long, short = llama.answer([Question(HUGE), Question("Who?")])
    assert long.finish_reason is FinishReason.PROMPT_TOO_LONG
    assert long.prompt_tokens > llama.max_length
    assert short.text is not None


def test_a_long_text_is_read_in_slices_up_to_the_limit(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, read = "Where does he live? " * 50_000, 0
    encode = text_bounds.encode

    def counting(part: str, *arguments: Any, **options: Any) -> Any:
        nonlocal read
        read += len(part)
        return encode(part, *arguments, **options)

    monkeypatch.setattr(text_bounds, "encode", counting)
    least = count_at_least([text], tokenizer, 100_000)
    assert least is not None
    assert 100_000 < least <= len(tokenizer(text)["input_ids"])
    assert read < len(text)


def test_a_text_that_fits_is_never_refused(tokenizer: Any) -> None:
    text = "Where does he live? 🚀 " * 10_000
    tokens = len(tokenizer(text)["input_ids"])
    assert count_at_least([text], tokenizer, tokens) is None
    assert count_at_least(["word"], tokenizer, 4) is None
