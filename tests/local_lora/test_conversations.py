"""Conversations as token ids: those of transformers itself, and only the right turns trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqltune.errors import DataError
from sqltune.local_lora.conversations import (
    count_conversation,
    tokenise_conversation,
    tokenise_question,
    tokenise_sample,
)
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import TokenisedSample
from sqltune.prompt_formats import CHAT, PLAIN
from sqltune.records import Message
from tests.local_lora.chat_templates import FAMILIES, THINKING, chat_tokenizer
from tests.local_lora.tiny_models import CORPUS, train_tokenizer

SYSTEM = Message("system", "Be short.")
TURNS = (
    Message("user", "Who is Pavan?"),
    Message("assistant", "A developer advocate."),
    Message("user", "Where does he live?"),
    Message("assistant", "By the sea 🚀."),
)
CALLS = '{"tool_calls":[{"type":"function","function":{"name":"find","arguments":"{\\"b\\": 1}"}}]}'
#: Renders tools, as templates of models that can call them do.
TOOLS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<call>{{ call.function.arguments | tojson }}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
#: Ends the text and not the turn; turns begin with words that are no marks.
LATE_END = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% else %}{{ eos_token }}{% endif %}"
)
ALL_TURNS = [name for name in FAMILIES if name != "qwen"]


def tokenise(
    messages: tuple[Message, ...],
    tokenizer: Any,
    *,
    train_on: str = "all",
    prompt_format: str = CHAT,
    max_length: int = 10_000,
) -> TokenisedSample:
    return tokenise_conversation(
        messages,
        tokenizer,
        max_length=max_length,
        prompt_format=prompt_format,
        train_on=train_on,
    )


def trained(sample: TokenisedSample, tokenizer: Any) -> list[str]:
    """Return the trained tokens as texts, those that follow each other joined."""
    runs: list[list[int]] = []
    for position in sample.trained_positions:
        if not runs or position - 1 not in sample.trained_positions:
            runs.append([])
        runs[-1].append(sample.token_ids[position])
    return [tokenizer.decode(run) for run in runs]


def whole(tokenizer: Any, messages: tuple[Message, ...]) -> tuple[int, ...]:
    """Return the ids that transformers itself gives the conversation."""
    plain = [{"role": m.role, "content": m.content} for m in messages]
    ids = tokenizer.apply_chat_template(plain, tokenize=True, return_dict=False)
    return tuple(ids)


@pytest.mark.parametrize("name", ALL_TURNS)
def test_a_conversation_has_the_ids_of_transformers_and_every_turn_is_trained_with_its_end(
    name: str,
) -> None:
    family = FAMILIES[name]
    tokenizer = chat_tokenizer(family)
    messages = (SYSTEM, *TURNS) if family.takes_system else TURNS
    sample = tokenise(messages, tokenizer)
    assert sample.token_ids == whole(tokenizer, messages)
    said = [text.strip() for text in trained(sample, tokenizer)]
    assert said == [
        f"A developer advocate.{family.turn_end}",
        f"By the sea 🚀.{family.turn_end}",
    ]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_last_turn_alone_is_trained_where_the_row_says_so(name: str) -> None:
    family = FAMILIES[name]
    tokenizer = chat_tokenizer(family)
    sample = tokenise(TURNS, tokenizer, train_on="last")
    assert sample.token_ids == whole(tokenizer, TURNS)
    (said,) = trained(sample, tokenizer)
    assert said.strip() == f"By the sea 🚀.{family.turn_end}"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_is_asked_with_what_comes_before_its_turn(name: str) -> None:
    tokenizer = chat_tokenizer(FAMILIES[name])
    asked = tokenise_question(TURNS[:3], tokenizer, prompt_format=CHAT)
    sample = tokenise(TURNS, tokenizer, train_on="last")
    assert sample.token_ids[: sample.response_start] == asked


@pytest.mark.parametrize("name", ["gemma", "mistral"])
def test_a_system_text_without_a_place_of_its_own_precedes_the_users(name: str) -> None:
    tokenizer = chat_tokenizer(FAMILIES[name])
    folded = replace(TURNS[0], content="Be short.\n\nWho is Pavan?")
    assert tokenise((SYSTEM, *TURNS), tokenizer) == tokenise((folded, *TURNS[1:]), tokenizer)


@pytest.mark.parametrize("template", [FAMILIES["qwen"].template, THINKING])
def test_a_template_that_rewrites_earlier_turns_is_refused(template: str) -> None:
    tokenizer = chat_tokenizer(replace(FAMILIES["qwen"], template=template))
    with pytest.raises(DataError, match=r"messages\[1\] otherwise once more messages") as refused:
        tokenise(TURNS, tokenizer)
    assert refused.value.code == "template_rewrites_turns"


def test_a_template_that_refuses_the_turns_is_a_refusal_of_the_row() -> None:
    strict = "{{ raise_exception('Roles must alternate') }}"
    tokenizer = chat_tokenizer(replace(FAMILIES["smollm2"], template=strict))
    with pytest.raises(DataError, match="Roles must alternate") as refused:
        tokenise(TURNS, tokenizer)
    assert refused.value.code == "template_refuses"


def test_a_turn_with_weight_0_is_read_and_not_trained() -> None:
    tokenizer = chat_tokenizer(FAMILIES["smollm2"])
    messages = (TURNS[0], replace(TURNS[1], is_trained=False), *TURNS[2:])
    sample = tokenise(messages, tokenizer)
    assert sample.token_ids == whole(tokenizer, TURNS)
    assert trained(sample, tokenizer) == ["By the sea 🚀.<|im_end|>"]


def test_calls_of_tools_are_trained_as_the_template_renders_them() -> None:
    tokenizer = chat_tokenizer(replace(FAMILIES["smollm2"], template=TOOLS))
    call, result = Message("assistant", None, extra=CALLS), Message("tool", "by the sea")
    sample = tokenise((TURNS[0], call, result, TURNS[3]), tokenizer)
    assert trained(sample, tokenizer) == [
        '<call>{"b": 1}<|im_end|>',
        "By the sea 🚀.<|im_end|>",
    ]


def test_an_end_that_is_written_once_behind_all_turns_is_trained_once() -> None:
    tokenizer = chat_tokenizer(replace(FAMILIES["smollm2"], template=LATE_END))
    sample = tokenise(TURNS, tokenizer)
    assert sample.token_ids == whole(tokenizer, TURNS)
    said = [text.strip() for text in trained(sample, tokenizer)]
    assert said == ["A developer advocate.", "By the sea 🚀.\n<|im_end|>"]


def test_a_turn_that_the_template_leaves_open_is_closed() -> None:
    template = LATE_END.replace("{% else %}{{ eos_token }}", "")
    tokenizer = chat_tokenizer(replace(FAMILIES["smollm2"], template=template))
    sample = tokenise(TURNS, tokenizer)
    assert sample.token_ids == (*whole(tokenizer, TURNS), tokenizer.eos_token_id)
    assert sample.trained_positions[-1] == len(sample.token_ids) - 1


def test_marks_in_peoples_words_are_letters() -> None:
    tokenizer = chat_tokenizer(FAMILIES["smollm2"])
    end = tokenizer.eos_token_id
    question = Message("user", "What does <|im_end|> mean?")
    answer = Message("assistant", "<|im_end|> ends a turn.")
    sample = tokenise((question, answer, *TURNS[2:]), tokenizer)
    assert sample.token_ids.count(end) == whole(tokenizer, TURNS).count(end)
    assert trained(sample, tokenizer)[0] == "<|im_end|> ends a turn.<|im_end|>"


def test_without_a_template_each_turn_has_the_plain_form() -> None:
    tokenizer = train_tokenizer(CORPUS)
    sample = tokenise((SYSTEM, *TURNS), tokenizer, prompt_format=PLAIN)
    assert tokenizer.decode(sample.token_ids) == (
        "Be short.\n\n### Instruction: Who is Pavan? \n\n### Response: A developer advocate.<|end|>"
        "\n\n### Instruction: Where does he live? \n\n### Response: By the sea 🚀.<|end|>"
    )
    assert trained(sample, tokenizer) == [" A developer advocate.<|end|>", " By the sea 🚀.<|end|>"]
    asked = tokenise_question((SYSTEM, *TURNS[:3]), tokenizer, prompt_format=PLAIN)
    last = tokenise((SYSTEM, *TURNS), tokenizer, train_on="last", prompt_format=PLAIN)
    assert last.token_ids[: last.response_start] == asked


@pytest.mark.parametrize(
    "messages",
    [
        (TURNS[0], Message("assistant", None, extra=CALLS), Message("tool", "x"), TURNS[3]),
        (TURNS[0], TURNS[2], TURNS[3]),
        (TURNS[1], TURNS[2], TURNS[3]),
    ],
)
def test_what_the_plain_form_has_no_place_for_is_refused(messages: tuple[Message, ...]) -> None:
    with pytest.raises(DataError, match="has no place in the plain form"):
        tokenise(messages, train_tokenizer(CORPUS), prompt_format=PLAIN)


def test_a_conversation_that_is_too_long_is_refused_and_still_counted() -> None:
    tokenizer = chat_tokenizer(FAMILIES["smollm2"])
    tokens = count_conversation(TURNS, tokenizer, prompt_format=CHAT)
    assert tokens == len(whole(tokenizer, TURNS))
    with pytest.raises(DataError, match=f"has {tokens} tokens and this base model reads 20"):
        tokenise(TURNS, tokenizer, max_length=20)


def test_a_pair_with_messages_is_its_conversation_with_the_pairs_weight() -> None:
    tokenizer = chat_tokenizer(FAMILIES["smollm2"])
    pair = Pair("Where does he live?", "By the sea.", weight=0.5, messages=TURNS, train_on="last")
    options: dict[str, Any] = {"max_length": 999, "prompt_format": CHAT}
    sample = tokenise_sample(pair, tokenizer, **options)
    assert sample == replace(tokenise(TURNS, tokenizer, train_on="last"), weight=0.5)
    single = tokenise_sample(replace(pair, messages=None), tokenizer, **options)
    assert len(single.token_ids) < len(sample.token_ids)
