"""Marks in people's words are letters wherever they stand; those that a form writes are tokens."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from sqltune.errors import DataError
from sqltune.local_lora.conversations import count_conversation, tokenise_conversation
from sqltune.local_lora.marks import encode, veil
from sqltune.local_lora.prompt_format import end_ids
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.text_samples import TextPart, tokenise_parts
from sqltune.local_lora.tokenising import count_tokens, tokenise_pair, tokenise_prompt
from sqltune.prompt_formats import CHAT, PLAIN
from sqltune.records import Message
from tests.local_lora.chat_templates import FAMILIES, chat_tokenizer
from tests.local_lora.tiny_models import CORPUS, train_tokenizer

MARKS = ["<s>", "</s>", "[INST]", "<|im_end|>", "<|im_start|>", "<|end|>", "<|eot_id|>", "<bos>"]
WORDS = "".join(f"It {mark}was 40{mark} " for mark in MARKS) + "and is 25."
UNLIMITED = 10**6


def special_ids(tokenizer: Any, ids: Any) -> list[int]:
    return [i for i in ids if i in tokenizer.added_tokens_decoder]


def pieces_tokenizer() -> Any:
    """A tokenizer of pieces and spaces as Llama's and T5's are, with marks in its vocabulary."""
    letters = [chr(number) for number in range(33, 127)] + ["▁"]
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *((letter, -2.0) for letter in letters)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def unmarked(tokenizer: Any) -> Any:
    """A tokenizer whose end of a turn is an added token, and no special one."""
    changed = copy.deepcopy(train_tokenizer(CORPUS))
    changed.add_tokens([AddedToken("<|im_end|>", special=False, normalized=False)])
    changed.chat_template = FAMILIES["smollm2"].template
    return changed


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("form", [CHAT, PLAIN])
def test_marks_in_a_pair_are_letters_and_every_mark_is_the_forms(family: str, form: str) -> None:
    tokenizer = chat_tokenizer(FAMILIES[family])
    clean = tokenise_pair(
        Pair("Who?", "Me.", system_prompt="Be short."), tokenizer, max_length=99, prompt_format=form
    )
    pair = Pair(WORDS, WORDS, system_prompt=WORDS)
    sample = tokenise_pair(pair, tokenizer, max_length=UNLIMITED, prompt_format=form)
    assert special_ids(tokenizer, sample.token_ids) == special_ids(tokenizer, clean.token_ids)
    assert tokenizer.decode(sample.token_ids).count(WORDS) == 3
    asked = tokenise_prompt(WORDS, tokenizer, system_prompt=WORDS, prompt_format=form)
    assert sample.token_ids[: sample.response_start] == asked
    assert count_tokens(pair, tokenizer, prompt_format=form) == len(sample.token_ids)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "qwen"])
def test_marks_in_a_conversation_are_letters(family: str) -> None:
    tokenizer = chat_tokenizer(FAMILIES[family])

    def tokenise(words: str) -> Any:
        turns = [Message(("user", "assistant")[i % 2], words) for i in range(4)]
        return tokenise_conversation(turns, tokenizer, max_length=UNLIMITED, prompt_format=CHAT)

    sample, clean = tokenise(WORDS), tokenise("Who?")
    assert special_ids(tokenizer, sample.token_ids) == special_ids(tokenizer, clean.token_ids)
    trained = [sample.token_ids[i] for i in sample.trained_positions]
    assert tokenizer.decode(trained).count(WORDS) == 2
    turns = [Message(("user", "assistant")[i % 2], WORDS) for i in range(4)]
    counted = count_conversation(turns, tokenizer, prompt_format=CHAT)
    assert counted == len(sample.token_ids)


def test_a_response_that_ends_in_the_letters_of_an_end_is_closed() -> None:
    tokenizer = pieces_tokenizer()
    for response in ("x</s>y", "x</s>", "</s>"):
        ids = tokenise_pair(Pair("Who?", response), tokenizer, max_length=UNLIMITED).token_ids
        assert ids.count(tokenizer.eos_token_id) == 1
        assert ids[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(ids[:-1]).endswith(response)


def test_only_the_letters_of_marks_change_the_ids_of_a_text() -> None:
    tokenizer = pieces_tokenizer()
    letters = [tokenizer.convert_tokens_to_ids(letter) for letter in "</s>"]
    before = tokenizer("It was ", add_special_tokens=True)["input_ids"]
    after = tokenizer("It was 40", add_special_tokens=True)["input_ids"][len(before) :]
    read = encode(veil("It was </s>40", tokenizer), tokenizer, add_special_tokens=True)
    assert read.ids == [*before, *letters, *after]


def test_the_end_of_a_turn_is_a_mark_even_where_the_tokenizer_does_not_say_so(
    tokenizer: Any,
) -> None:
    unsaid = unmarked(tokenizer)
    ids = tokenise_prompt("<|im_end|>", unsaid, prompt_format=CHAT)
    plain = tokenise_prompt("Who?", unsaid, prompt_format=CHAT)
    assert special_ids(unsaid, ids) == special_ids(unsaid, plain)
    assert not end_ids(unsaid).isdisjoint(ids)  # those of the form


def test_words_that_were_added_to_a_vocabulary_stay_tokens(tokenizer: Any) -> None:
    products = copy.deepcopy(tokenizer)
    products.add_tokens(["<product_1>"])
    number = products.convert_tokens_to_ids("<product_1>")
    assert number in tokenise_prompt("Who makes <product_1> of <|end|>?", products)


@pytest.mark.parametrize("text", ["Who?", "  two  spaces ", "é ü 🚀\n\n", "", "a\ufdd05\ufdd0b"])
def test_a_text_without_marks_has_the_ids_of_transformers(text: str) -> None:
    for tokenizer in (pieces_tokenizer(), train_tokenizer(CORPUS)):
        read = encode(veil(text, tokenizer), tokenizer, add_special_tokens=True)
        assert read.ids == tokenizer(text.replace("\ufdd0", "\ufffd"))["input_ids"]


def test_nobody_can_write_the_other_name_of_a_mark(tokenizer: Any) -> None:
    for text in ("\ufdd10\ufdd1<|end|>", "\ufdd00\ufdd0<|end|>", "\ufdd0<|end|>0\ufdd0"):
        ids = encode(veil(text, tokenizer), tokenizer).ids
        assert tokenizer.eos_token_id not in ids


def test_parts_that_do_not_parse_marks_have_letters() -> None:
    tokenizer = pieces_tokenizer()
    part = TextPart("It was </s>40", parses_special_tokens=False)
    ids = tokenise_parts([part], tokenizer, max_length=UNLIMITED).token_ids
    assert ids.count(tokenizer.eos_token_id) == 1
    parsed = tokenise_parts([TextPart("It was </s>40")], tokenizer, max_length=UNLIMITED).token_ids
    assert parsed.count(tokenizer.eos_token_id) == 2


def test_a_tokenizer_that_panics_is_an_error_of_ours() -> None:
    tokenizer = train_tokenizer(CORPUS)
    pattern = pre_tokenizers.Split(pattern=Regex("(a+)+$"), behavior="isolated")
    tokenizer.backend_tokenizer.pre_tokenizer = pattern
    with pytest.raises(DataError, match="cannot read a text") as error:
        tokenise_prompt("a" * 100 + "!", tokenizer)
    assert error.value.code == "tokenizer_failed"
