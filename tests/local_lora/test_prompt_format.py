"""Prompts in the form of the tutorials, or in the model's own chat form."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sqltune.errors import RequestRejected
from sqltune.local_lora.prompt_format import PromptFormat, format_pair

CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture
def chat_tokenizer(tokenizer: Any) -> Any:
    chatting = copy.deepcopy(tokenizer)
    chatting.chat_template = CHAT
    return chatting


def test_the_plain_form_is_that_of_gradients_tutorials() -> None:
    pair = format_pair("Who is Pavan?", "A writer.")
    assert pair.prompt == "### Instruction: Who is Pavan? \n\n### Response:"
    assert pair.response == " A writer."


def test_a_system_prompt_is_a_paragraph_before_the_instruction() -> None:
    assert format_pair("a", system_prompt="Be short.").prompt.startswith("Be short.\n\n### Inst")
    assert format_pair("a", system_prompt="").prompt == format_pair("a").prompt


def test_braces_in_a_prompt_stay_as_they_are() -> None:
    assert "{response} {0} {prompt}" in format_pair("{response} {0} {prompt}").prompt


def test_chat_uses_the_tokenizers_template_and_its_end_of_turn(chat_tokenizer: Any) -> None:
    pair = format_pair(
        "Who?", "Me.", system_prompt="S", prompt_format=PromptFormat.CHAT, tokenizer=chat_tokenizer
    )
    assert pair.prompt == "<system>S</system><user>Who?</user><assistant>"
    assert pair.response == "Me.</assistant>"
    assert not pair.needs_special_tokens


def test_chat_without_a_template_is_a_clear_error(tokenizer: Any) -> None:
    with pytest.raises(RequestRejected, match="use prompt_format 'plain'"):
        format_pair("Who?", prompt_format=PromptFormat.CHAT, tokenizer=tokenizer)
