"""Which options of an adapter's row a backend supports; others are refused, never ignored.

The check runs before anything is sent, and without importing the libraries that a backend needs.
"""

from __future__ import annotations

from sqltune.backends.base import Decoding, TrainingOptions
from sqltune.errors import ConfigError, DataError
from sqltune.prompt_formats import AUTO, CHAT, check_format
from sqltune.records import Adapter

#: Limits of Gradient's published schema, as in sqltune/wire/gradient.py, which needs pydantic.
MOST_RANK, MOST_GENERATED_TOKENS = 32, 511
#: Backends that cannot measure a loss without training on the samples.
_NOT_VALIDATING = frozenset({"gradient"})
CANNOT_VALIDATE = "cannot measure a loss without training"


def check_options(backend: str, options: TrainingOptions, decoding: Decoding) -> None:
    """Refuse options that the backend does not support.

    Raises:
        ConfigError: a column of the adapter's row has a value that the backend does not support.
    """
    check_format(options.prompt_format)
    if backend == "gradient":
        _check_gradient(options, decoding)
    else:
        _require(
            options.sample_form == "parts",
            f"sample_form must be 'parts': backend {backend!r} trains responses only",
        )
    if backend != "local":
        _require(
            options.quantization == "none",
            f"quantization must be 'none': backend {backend!r} loads no base model here",
        )
    if backend == "scripted":
        _check_scripted(options)


def can_validate(backend: str) -> bool:
    """Whether a backend measures the loss of samples that are for validation."""
    return backend not in _NOT_VALIDATING


def check_validation(adapter: Adapter, validation_count: int) -> None:
    """Refuse what a row asks for and the samples selected for validation do not allow.

    Args:
        adapter: its row.
        validation_count: how many samples are for validation.

    Raises:
        ConfigError: early_stop_patience is set and no sample is for validation.
        DataError: samples are for validation and the backend cannot measure their loss.
    """
    if validation_count and not can_validate(adapter.backend):
        raise DataError(
            f"{validation_count:,} samples of {adapter.adapter_name!r} have the split "
            f"'validation', and backend {adapter.backend!r} {CANNOT_VALIDATE}: write another split "
            "such as 'test', leave the rows out of the query, or use backend 'local'",
            table="training query",
            column="split",
            code="cannot_validate",
        )
    if adapter.early_stop_patience is not None and not validation_count:
        raise ConfigError(
            f"adapters.early_stop_patience of {adapter.adapter_name!r} is "
            f"{adapter.early_stop_patience}, but none of its samples is for validation: set "
            "a larger validation_share, write 'validation' into the split of some samples, or set "
            "early_stop_patience to NULL"
        )


def _check_scripted(options: TrainingOptions) -> None:
    _require(
        options.rehearsal != "on",
        "rehearsal must be 'auto' or 'off': backend 'scripted' does not rehearse",
    )
    _require(
        options.prompt_format == AUTO,
        "prompt_format must be 'auto': backend 'scripted' has no model that reads it",
    )


def _check_gradient(options: TrainingOptions, decoding: Decoding) -> None:
    rank, rate = options.lora_rank or 1, options.learning_rate or 0.0
    tokens = decoding.max_new_tokens
    _require(
        options.prompt_format != CHAT,
        "prompt_format must not be 'chat': Gradient's API takes plain text and shows no template",
    )
    _require(
        options.lora_alpha is None, "lora_alpha must be NULL: Gradient's API has no such field"
    )
    _require(rank <= MOST_RANK, f"lora_rank must be at most {MOST_RANK} for Gradient, got {rank}")
    _require(rate < 1, f"learning_rate must be below 1 for Gradient, got {rate}")
    _require(
        options.rehearsal != "on", "rehearsal must be 'auto' or 'off': Gradient's API has none"
    )
    _require(
        options.early_stop_patience is None,
        f"early_stop_patience must be NULL: backend 'gradient' {CANNOT_VALIDATE}",
    )
    _require(
        not options.keep_epochs,
        "keep_epochs must be 0: Gradient's API cannot copy an adapter after an epoch",
    )
    _require(
        tokens <= MOST_GENERATED_TOKENS,
        f"max_new_tokens must be at most {MOST_GENERATED_TOKENS} for Gradient, got {tokens}",
    )
    _require(
        decoding.temperature == 0 or options.seed == 0,
        "seed must be 0 if temperature is above 0: Gradient's API has no seed for sampling",
    )


def _require(is_met: bool, rule: str) -> None:
    if not is_met:
        raise ConfigError(f"adapters.{rule}")
