"""Token ids of samples: what is asked later is exactly how a sample began."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tokenizers import processors

from sqltune.errors import DataError
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import count_tokens, tokenise_pair, tokenise_prompt

PAIR = Pair("Who is Pavan?", "A writer.", weight=2.0)


@pytest.fixture
def framing_tokenizer(tokenizer: Any) -> Any:
    """A tokenizer that opens and closes every text automatically."""
    framing = copy.deepcopy(tokenizer)
    framing.add_special_tokens({"bos_token": "<|begin|>"})
    framing._tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A <|end|>",
        special_tokens=[
            ("<|begin|>", framing.bos_token_id),
            ("<|end|>", framing.eos_token_id),
        ],
    )
    return framing


def test_a_sample_begins_with_its_prompt_and_ends_with_the_end_mark(tokenizer: Any) -> None:
    sample = tokenise_pair(PAIR, tokenizer, max_length=256)
    prompt = tokenise_prompt(PAIR.prompt, tokenizer)
    assert sample.token_ids[: sample.response_start] == prompt
    assert tokenizer.decode(sample.token_ids[sample.response_start :]) == " A writer.<|end|>"
    assert sample.weight == 2.0


def test_a_tokenizers_own_frame_is_not_put_between_prompt_and_response(
    framing_tokenizer: Any,
) -> None:
    ids = tokenise_pair(PAIR, framing_tokenizer, max_length=256).token_ids
    assert ids.count(framing_tokenizer.eos_token_id) == 1
    assert ids.count(framing_tokenizer.bos_token_id) == 1
    prompt = tokenise_prompt(PAIR.prompt, framing_tokenizer)
    assert prompt == ids[: len(prompt)]
    assert framing_tokenizer.eos_token_id not in prompt


def test_a_too_long_prompt_is_named_as_the_column_to_shorten(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="reads 20") as error:
        tokenise_pair(Pair("word " * 50, "Yes."), tokenizer, max_length=20)
    assert error.value.column == "prompt"


def test_tokens_are_counted_without_a_limit(tokenizer: Any) -> None:
    long = Pair("word " * 500, "Yes.")
    expected = [len(tokenise_pair(p, tokenizer, max_length=10**6).token_ids) for p in (PAIR, long)]
    assert [count_tokens(p, tokenizer) for p in (PAIR, long)] == expected
