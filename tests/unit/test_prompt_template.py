"""A template writes a query as its sample was trained; an invalid one is refused with the rule."""

from __future__ import annotations

import pytest

from sqltune.backends.prompt_template import read_template
from sqltune.errors import ConfigError
from sqltune.records import Sample

SAMPLE = Sample("s1", "Who is Pavan?", "A developer advocate.", None, 1.0, None, None)


def test_the_default_template_writes_a_sample_as_the_article_does() -> None:
    prompt, response = read_template(None).trained(SAMPLE)
    assert prompt + response == (
        "### Instruction: Who is Pavan? \n\n### Response: A developer advocate."
    )
    assert prompt == read_template(None).query("Who is Pavan?", None)
    assert not prompt.endswith(" ")


def test_whitespace_that_is_trained_before_a_response_is_removed_from_an_answer() -> None:
    template = read_template("Q: {prompt}\nA:\n  {response}")
    _, response = template.trained(SAMPLE)
    assert response == "\n  A developer advocate."
    assert template.answer(response) == SAMPLE.response
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
    with pytest.raises(ConfigError, match=rf"adapters\.prompt_template must (contain )?{rule}"):
        read_template(template)
