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
    ("backend", "refused"), [("local", []), ("scripted", ["chat", "plain"]), ("gradient", ["chat"])]
)
def test_a_prompt_format_is_refused_where_nothing_could_use_it(
    backend: str, refused: list[str]
) -> None:
    for prompt_format in ("auto", "chat", "plain"):
        if prompt_format in refused:
            with pytest.raises(ConfigError, match=r"adapters\.prompt_format must"):
                check(backend, prompt_format=prompt_format)
        else:
            check(backend, prompt_format=prompt_format)


@pytest.mark.parametrize("backend", ["local", "scripted"])
def test_whole_texts_are_trained_by_gradient_only(backend: str) -> None:
    check("gradient", sample_form="text")
    with pytest.raises(ConfigError, match=rf"adapters\.sample_form.*{backend}"):
        check(backend, sample_form="text")


@pytest.mark.parametrize("backend", ["scripted", "gradient"])
def test_weights_are_quantised_only_where_they_are_loaded(backend: str) -> None:
    check("local", quantization="nf4")
    with pytest.raises(ConfigError, match=rf"adapters\.quantization must be 'none': .*{backend}"):
        check(backend, quantization="nf4")


@pytest.mark.parametrize(
    ("named", "columns"),
    [
        ("lora_alpha", {"lora_alpha": 16}),
        ("lora_rank", {"lora_rank": 33}),
        ("learning_rate", {"learning_rate": 1.0}),
        ("rehearsal", {"rehearsal": "on"}),
        ("max_new_tokens", {"max_new_tokens": 512}),
        ("seed", {"temperature": 0.7, "seed": 1}),
        ("prompt_format", {"prompt_format": "chat"}),
    ],
)
def test_an_option_that_gradient_does_not_support_is_refused_by_name(
    named: str, columns: dict[str, Any]
) -> None:
    check("local", **columns)
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
