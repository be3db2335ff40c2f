"""An option that a backend does not support is refused by name, before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqltune import wanted_keys
from sqltune.backends import options
from sqltune.backends.options import check_options
from sqltune.errors import ConfigError
from sqltune.wire import gradient
from tests.unit.made_records import ADAPTER


def check(backend: str, **columns: Any) -> None:
    adapter = replace(ADAPTER, **columns)
    check_options(backend, wanted_keys.training_options(adapter), wanted_keys.decoding_of(adapter))


@pytest.mark.parametrize("backend", ["local", "scripted", "gradient"])
def test_a_row_with_its_defaults_is_accepted_by_every_backend(backend: str) -> None:
    check(backend)


@pytest.mark.parametrize(
    ("column", "value"), [("prompt_template", "{prompt} {response}"), ("sample_form", "text")]
)
def test_a_prompt_format_in_the_row_is_refused_where_the_base_model_has_one(
    column: str, value: str
) -> None:
    check("gradient", **{column: value})
    for backend in ("local", "scripted"):
        with pytest.raises(ConfigError, match=rf"adapters\.{column}.*{backend}"):
            check(backend, **{column: value})


@pytest.mark.parametrize(
    ("named", "columns"),
    [
        ("lora_alpha", {"lora_alpha": 16}),
        ("lora_rank", {"lora_rank": 33}),
        ("learning_rate", {"learning_rate": 1.0}),
        ("rehearsal", {"rehearsal": "on"}),
        ("max_new_tokens", {"max_new_tokens": 512}),
        ("seed", {"temperature": 0.7, "seed": 1}),
        ("prompt_template", {"prompt_template": "{prompt}"}),
    ],
)
def test_an_option_that_gradient_does_not_support_is_refused_by_name(
    named: str, columns: dict[str, Any]
) -> None:
    check("local", **(columns if named != "prompt_template" else {}))
    with pytest.raises(ConfigError, match=rf"adapters\.{named} "):
        check("gradient", **columns)


def test_the_scripted_backend_refuses_rehearsal() -> None:
    with pytest.raises(ConfigError, match=r"adapters\.rehearsal .*scripted"):
        check("scripted", rehearsal="on")


def test_values_at_the_limits_of_gradient_are_accepted() -> None:
    check("gradient", lora_rank=32, learning_rate=0.999, max_new_tokens=511, rehearsal="off")
    check("gradient", seed=1)
    check("gradient", temperature=0.7)


def test_the_limits_are_those_of_the_schema() -> None:
    assert options.MOST_RANK == gradient.MOST_RANK
    assert options.MOST_GENERATED_TOKENS == gradient.MOST_GENERATED_TOKENS
