"""Texts become tokens with exactly the parts in the loss that are to be trained."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqltune.errors import DataError
from sqltune.local_lora.text_samples import (
    TextPart,
    find_prompts,
    split_instructions,
    tokenise_parts,
)

FORM = "### Instruction: Who is Pavan? \n\n### Response:"


def decode(tokenizer: Any, ids: Any) -> str:
    return str(tokenizer.decode(list(ids)))


def trained_text(sample: Any, tokenizer: Any) -> str:
    return decode(tokenizer, [sample.token_ids[place] for place in sample.trained_positions])


def test_a_plain_text_is_trained_as_a_whole_and_closed(tokenizer: Any) -> None:
    sample = tokenise_parts([TextPart("Who? He.")], tokenizer, max_length=99)
    assert decode(tokenizer, sample.token_ids) == "Who? He.<|end|>"
    assert sample.trained_tokens == len(sample.token_ids) - 1


def test_a_text_that_is_closed_already_is_not_closed_again(tokenizer: Any) -> None:
    sample = tokenise_parts([TextPart("He.<|end|>")], tokenizer, max_length=99)
    assert sample.token_ids.count(tokenizer.eos_token_id) == 1


def test_parts_that_are_not_trained_are_left_out_wherever_they_stand(tokenizer: Any) -> None:
    parts = [TextPart("ab", False), TextPart(" cd"), TextPart(" ef", False), TextPart(" gh")]
    sample = tokenise_parts(parts, tokenizer, max_length=99)
    assert decode(tokenizer, sample.token_ids) == "ab cd ef gh<|end|>"
    assert trained_text(sample, tokenizer) == " cd gh<|end|>"


def test_the_end_counts_as_the_last_part_does(tokenizer: Any) -> None:
    sample = tokenise_parts([TextPart("ab cd"), TextPart(" ef", False)], tokenizer, max_length=99)
    assert trained_text(sample, tokenizer).endswith("cd")


def test_neighbours_that_are_treated_alike_are_read_as_one_text(tokenizer: Any) -> None:
    whole = tokenise_parts([TextPart("developer")], tokenizer, max_length=99)
    pieces = [TextPart(letter) for letter in "developer"]
    assert tokenise_parts(pieces, tokenizer, max_length=99) == whole


@pytest.mark.parametrize("text", ["<|end|>", "a<|end|>b"])
def test_special_tokens_may_be_letters(tokenizer: Any, text: str) -> None:
    part = TextPart(text, parses_special_tokens=False)
    sample = tokenise_parts([part], tokenizer, max_length=99)
    assert sample.token_ids.count(tokenizer.eos_token_id) == 1
    assert decode(tokenizer, sample.token_ids[:-1]) == text


def test_no_part_is_no_token(tokenizer: Any) -> None:
    assert tokenise_parts([], tokenizer, max_length=9).trained_tokens == 0


def test_a_text_that_is_too_long_is_refused_without_showing_it(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="a sample has") as refused:
        tokenise_parts([TextPart("secret " * 20)], tokenizer, max_length=9)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([TextPart(f"{FORM} An advocate.")], ["Who is Pavan?"]),
        ([TextPart("### Instruction:\nWho?\n\n###Response:\nHe.")], ["Who?"]),
        ([TextPart(f"{FORM} A. {FORM} B.")], ["Who is Pavan?"] * 2),
        ([TextPart(FORM, False), TextPart(" A.")], ["Who is Pavan?"]),
        ([TextPart("Who? ", False), TextPart("He.")], ["Who?"]),
        ([TextPart("He is a writer.")], []),
        ([], []),
    ],
)
def test_what_is_asked_in_a_text_is_found(parts: list[TextPart], expected: list[str]) -> None:
    assert find_prompts(parts) == expected


@pytest.mark.parametrize(
    ("text", "trained"),
    [
        (f"{FORM} An advocate.", " An advocate.<|end|>"),
        (f"Be short. {FORM} A.", " A.<|end|>"),
        (f"{FORM} A. {FORM} B.", " A.  B.<|end|>"),
        ("### Instruction:\nWho?\n\n### Input:\nPavan\n\n### Response:\nHe.", "\nHe.<|end|>"),
    ],
)
def test_of_an_instruction_with_its_answer_only_the_answer_is_trained(
    tokenizer: Any, text: str, trained: str
) -> None:
    sample = tokenise_parts(split_instructions(text), tokenizer, max_length=300)
    assert decode(tokenizer, sample.token_ids) == f"{text}<|end|>"
    assert trained_text(sample, tokenizer) == trained


@pytest.mark.parametrize("text", ["Who? A writer.", FORM, f"{FORM} ", "### Response: A writer."])
def test_a_text_that_answers_no_instruction_is_trained_as_a_whole(text: str) -> None:
    assert split_instructions(text) == [TextPart(text)]


@pytest.mark.parametrize(
    "repeated", ["### Instruction:", "### Instruction: ", "###", "### Response", "#", "###\n"]
)
def test_a_text_of_marks_without_an_end_is_read_in_one_pass(repeated: str) -> None:
    """By a pattern for a whole instruction, the first of these takes hours."""
    text = "### Instruction:" + " " * 100_000 + repeated * 100_000
    assert split_instructions(text) == [TextPart(text)]
    assert find_prompts([TextPart(text)]) == []


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["###", "#", " ", "\n", "Instruction:", "Response:", "a", "\u2003", "\x1c"]
        ),
        max_size=14,
    )
)
def test_instructions_are_what_one_pattern_would_find(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole = re.compile(r"###\s*Instruction:\s*(.*?)\s*###\s*Response:", re.DOTALL)
    expected = [words for words in map(str.strip, whole.findall(text)) if words]
    assert find_prompts([TextPart(text)]) == expected
    asked = [part.text for part in split_instructions(text) if not part.is_trained]
    assert [len(whole.findall(part)) for part in asked] == [1] * len(asked)
