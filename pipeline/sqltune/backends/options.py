"""Which options of an adapter's row a backend honours; the others are refused, never left out.

Called before anything is sent, and without importing what a backend needs.
"""

from __future__ import annotations

from sqltune.backends.base import Decoding, TrainingOptions
from sqltune.backends.prompt_template import read_template
from sqltune.errors import ConfigError

#: Backends that are sent plain text, so that a row may say how a prompt becomes text.
TEMPLATED_BACKENDS = ("gradient",)
#: Bounds of Gradient's published schema, see pipeline/wire/gradient.py (which needs pydantic).
MOST_RANK, MOST_GENERATED_TOKENS = 32, 511


def check_options(backend: str, options: TrainingOptions, decoding: Decoding) -> None:
    """Refuse what the backend could only leave out.

    Raises:
        ConfigError: a column of the adapter's row asks for what the backend does not have.
    """
    if backend in TEMPLATED_BACKENDS:
        read_template(options.prompt_template)
    else:
        _refuse_templates(backend, options)
    if backend == "scripted":
        _require(options.rehearsal != "on", "rehearsal must be 'auto' or 'off': scripted has none")
    if backend == "gradient":
        _check_gradient(options, decoding)


def _refuse_templates(backend: str, options: TrainingOptions) -> None:
    has_own_form = f"backend {backend!r} uses the base model's own prompt form"
    _require(options.prompt_template is None, f"prompt_template must be NULL: {has_own_form}")
    _require(options.sample_form == "parts", f"sample_form must be 'parts': {has_own_form}")


def _check_gradient(options: TrainingOptions, decoding: Decoding) -> None:
    rank, rate = options.lora_rank or 1, options.learning_rate or 0.0
    tokens = decoding.max_new_tokens
    _require(
        options.lora_alpha is None, "lora_alpha must be NULL: Gradient's API has no such field"
    )
    _require(rank <= MOST_RANK, f"lora_rank may be {MOST_RANK} at most for Gradient, got {rank}")
    _require(rate < 1, f"learning_rate must be below 1 for Gradient, got {rate}")
    _require(
        options.rehearsal != "on", "rehearsal must be 'auto' or 'off': a service cannot be told to"
    )
    _require(
        tokens <= MOST_GENERATED_TOKENS,
        f"max_new_tokens may be {MOST_GENERATED_TOKENS} at most for Gradient, got {tokens}",
    )
    _require(
        decoding.temperature == 0 or options.seed == 0,
        "seed must be 0 with a temperature above 0: Gradient draws answers without a seed",
    )


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ConfigError(f"adapters.{rule}")
