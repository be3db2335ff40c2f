"""A model is asked and trained in the form that it was tuned in: its chat template, or plain."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sqltune.errors import DataError, RequestRejected
from sqltune.local_lora.prompt_format import end_ids, format_pair, resolve_format
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import tokenise_pair, tokenise_prompt
from tests.local_lora.chat_templates import FAMILIES, THINKING, Family, chat_tokenizer

SYSTEMS = [None, "Be short."]


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


def conversation(family: Family, pair: Pair) -> list[dict[str, str]]:
    """Return a pair as messages; a template without system messages gets it in the user's turn."""
    prompt = pair.prompt
    messages = []
    if pair.system_prompt and family.takes_system:
        messages.append({"role": "system", "content": pair.system_prompt})
    elif pair.system_prompt:
        prompt = f"{pair.system_prompt}\n\n{prompt}"
    messages.append({"role": "user", "content": prompt})
    return [*messages, {"role": "assistant", "content": pair.response}]


def applied(tokenizer: Any, messages: list[dict[str, str]], **options: Any) -> list[int]:
    """Return the token ids that transformers itself makes of a conversation."""
    ids = tokenizer.apply_chat_template(messages, tokenize=True, enable_thinking=False, **options)
    return list(ids["input_ids"])


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_trained_sample_is_what_transformers_makes_of_the_whole_conversation(
    family: Family, system: str | None
) -> None:
    tokenizer = chat_tokenizer(family)
    pair = Pair("Who is Pavan?", "A writer.", system)
    sample = tokenise_pair(pair, tokenizer, max_length=256, prompt_format="chat")
    assert list(sample.token_ids) == applied(tokenizer, conversation(family, pair))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_prompt_is_asked_as_its_sample_was_trained(family: Family, system: str | None) -> None:
    tokenizer = chat_tokenizer(family)
    pair = Pair("Who is Pavan?", "A writer.", system)
    sample = tokenise_pair(pair, tokenizer, max_length=256, prompt_format="chat")
    asked = tokenise_prompt(pair.prompt, tokenizer, system_prompt=system, prompt_format="chat")
    messages = conversation(family, pair)[:-1]
    assert list(asked) == applied(tokenizer, messages, add_generation_prompt=True)
    assert sample.token_ids[: sample.response_start] == asked


def test_the_end_of_a_turn_is_learnt_and_ends_an_answer(family: Family) -> None:
    tokenizer = chat_tokenizer(family)
    sample = tokenise_pair(Pair("Who?", "Me."), tokenizer, max_length=256, prompt_format="chat")
    end = tokenizer.convert_tokens_to_ids(family.turn_end)
    assert end in [sample.token_ids[i] for i in sample.trained_positions]
    assert end_ids(tokenizer) == {end, tokenizer.eos_token_id}


def test_the_end_of_a_response_that_was_cut_off_is_not_learnt(family: Family) -> None:
    tokenizer = chat_tokenizer(family)
    for prompt_format in ("chat", "plain"):
        whole, cut = (
            tokenise_pair(
                Pair("Who?", "Me and", is_cut=is_cut),
                tokenizer,
                max_length=256,
                prompt_format=prompt_format,
            )
            for is_cut in (False, True)
        )
        learnt = tokenizer.decode([cut.token_ids[i] for i in cut.trained_positions])
        assert learnt.strip() == "Me and"
        assert whole.token_ids[: len(cut.token_ids)] == cut.token_ids
        assert len(whole.token_ids) > len(cut.token_ids)


def test_no_mark_at_the_front_is_doubled(family: Family) -> None:
    tokenizer = chat_tokenizer(family)
    first, second, *_ = tokenise_prompt("Who?", tokenizer, prompt_format="chat")
    assert first != second


def test_a_thought_that_is_opened_for_the_answer_stays_before_it(tokenizer: Any) -> None:
    thinking = copy.deepcopy(tokenizer)
    thinking.chat_template = THINKING
    pair = format_pair("Who?", "Me.", prompt_format="chat", tokenizer=thinking)
    assert pair.prompt == "<|user|>Who?<|assistant|><think>\n"
    assert pair.response == "Me.<|end|>"


def test_a_template_that_changes_a_response_is_refused(tokenizer: Any) -> None:
    shouting = copy.deepcopy(tokenizer)
    shouting.chat_template = (
        "{% for m in messages %}{{ m.content | upper }};{% endfor %}"
        "{% if add_generation_prompt %}!{% endif %}"
    )
    with pytest.raises(DataError, match="changes the text of a response"):
        format_pair("Who?", "Me.", prompt_format="chat", tokenizer=shouting)


def test_a_template_that_refuses_a_prompt_is_a_clear_error(tokenizer: Any) -> None:
    refusing = copy.deepcopy(tokenizer)
    refusing.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(DataError, match=r"roles must alternate; set adapters\.prompt_format"):
        format_pair("Who?", prompt_format="chat", tokenizer=refusing)


def test_auto_is_the_chat_template_where_there_is_one_else_plain(tokenizer: Any) -> None:
    chatting = chat_tokenizer(FAMILIES["smollm2"])
    assert resolve_format("auto", chatting) == "chat"
    assert resolve_format("auto", tokenizer) == "plain"
    for prompt_format in ("plain", "Q: {prompt}\nA: {response}"):
        assert resolve_format(prompt_format, chatting) == prompt_format


def test_chat_without_a_template_is_a_clear_error(tokenizer: Any) -> None:
    with pytest.raises(RequestRejected, match="use 'auto' or 'plain'"):
        resolve_format("chat", tokenizer)


def test_the_plain_form_is_that_of_gradients_tutorials(tokenizer: Any) -> None:
    pair = format_pair("Who is Pavan?", "A writer.", tokenizer=tokenizer)
    assert pair.prompt == "### Instruction: Who is Pavan? \n\n### Response:"
    assert pair.response == " A writer."


def test_a_template_of_the_row_is_used_for_prompt_and_response(tokenizer: Any) -> None:
    form = "Q: {prompt}\nA: {response}"
    pair = format_pair(
        "Who?", "Me.", system_prompt="Be short.", prompt_format=form, tokenizer=tokenizer
    )
    assert (pair.prompt, pair.response) == ("Be short.\n\nQ: Who?\nA:", " Me.")


def test_a_system_prompt_is_a_paragraph_before_the_instruction(tokenizer: Any) -> None:
    plain, empty, short = (
        format_pair("a", system_prompt=system, tokenizer=tokenizer)
        for system in (None, "", "Be short.")
    )
    assert short.prompt.startswith("Be short.\n\n### Inst")
    assert empty == plain


def test_braces_in_a_prompt_stay_as_they_are(tokenizer: Any) -> None:
    assert (
        "{response} {0} {prompt}"
        in format_pair("{response} {0} {prompt}", tokenizer=tokenizer).prompt
    )
