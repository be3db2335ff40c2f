"""A template writes a query as its sample was trained; an invalid one is refused with the rule."""

from __future__ import annotations

import pytest

from sqltune.errors import ConfigError
from sqltune.prompt_formats import PLAIN, check_format, read_template

RESPONSE = "A developer advocate."


@pytest.mark.parametrize("prompt_format", ["auto", "plain"])
def test_the_plain_form_writes_a_sample_as_the_article_does(prompt_format: str) -> None:
    template = read_template(prompt_format)
    query = template.query("Who is Pavan?", None)
    assert query + template.learned(RESPONSE) == (
        "### Instruction: Who is Pavan? \n\n### Response: A developer advocate."
    )
    assert not query.endswith(" ")


def test_whitespace_that_is_trained_before_a_response_is_removed_from_an_answer() -> None:
    template = read_template("Q: {prompt}\nA:\n  {response}")
    learned = template.learned(RESPONSE)
    assert learned == "\n  A developer advocate."
    assert template.answer(learned) == RESPONSE
    assert template.answer("As it is.") == "As it is."


def test_a_system_prompt_comes_first() -> None:
    assert read_template("[{prompt}]{response}").query("Why?", "Be short.") == "Be short.\n\n[Why?]"


def test_a_prompt_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    template = read_template("{prompt} -> {response}")
    assert template.query("{response} {prompt}", None) == "{response} {prompt} ->"


@pytest.mark.parametrize(
    ("template", "rule"),
    [
        ("", r"\{prompt\} exactly once"),
        ("{promt} {response}", r"\{prompt\} exactly once"),
        ("{prompt} {prompt} {response}", r"\{prompt\} exactly once"),
        ("{prompt}", r"\{response\} exactly once"),
        ("{prompt} {response} {response}", r"\{response\} exactly once"),
        ("{prompt} {response} </s>", r"end with \{response\}"),
        ("{response} {prompt}", r"end with \{response\}"),
    ],
)
def test_an_invalid_template_is_refused_with_the_rule(template: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rf"adapters\.prompt_format .* must (contain )?{rule}"):
        check_format(template)


@pytest.mark.parametrize("prompt_format", ["auto", "chat", PLAIN, "Q: {prompt} A: {response}"])
def test_words_and_templates_are_formats(prompt_format: str) -> None:
    check_format(prompt_format)


@pytest.mark.parametrize("prompt_format", ["", "Chat", "chatml"])
def test_a_word_that_is_none_is_refused_with_the_words_that_are(prompt_format: str) -> None:
    with pytest.raises(ConfigError, match="'auto', 'chat', 'plain' or a template"):
        check_format(prompt_format)
