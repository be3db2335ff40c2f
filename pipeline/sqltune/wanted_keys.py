"""The wanted keys: hashes of everything that training, and that evaluation, depends on.

Equal keys mean that there is nothing to do. Fingerprints stand for the selected rows, so a query's
text does not count.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from sqltune.backends.base import BaseModel, Decoding, TrainedAdapter, TrainingOptions
from sqltune.errors import PipelineError, SelectionTimeout
from sqltune.prompt_formats import AUTO
from sqltune.records import Adapter
from sqltune.verdicts import GateRules


def training_options(adapter: Adapter) -> TrainingOptions:
    """Return the training options of an adapter's row."""
    return TrainingOptions(
        epochs=adapter.epochs,
        learning_rate=adapter.learning_rate,
        lora_rank=adapter.lora_rank,
        lora_alpha=adapter.lora_alpha,
        batch_size=adapter.batch_size,
        rehearsal=adapter.rehearsal,
        seed=adapter.seed,
        prompt_format=adapter.prompt_format,
        sample_form=adapter.sample_form,
        train_on=adapter.train_on,
        quantization=adapter.quantization,
        early_stop_patience=adapter.early_stop_patience,
        keep_epochs=adapter.keep_epochs,
    )


def decoding_of(adapter: Adapter) -> Decoding:
    """Return the decoding settings of an adapter's row."""
    return Decoding(
        max_new_tokens=adapter.max_new_tokens,
        temperature=adapter.temperature,
        seed=adapter.seed,
        prompt_format=adapter.prompt_format,
        quantization=adapter.quantization,
    )


def training_key(adapter: Adapter, base_model: BaseModel, fingerprint: str) -> str:
    """Hash everything that the weights depend on: samples, options, base model and backend.

    The fingerprint covers the samples for validation and their part, since their loss chooses the
    epoch; the share that chose them is therefore left out.
    """
    options = training_options(adapter)
    return _hash(
        "training",
        fingerprint,
        adapter.backend,
        base_model.name,
        base_model.revision,
        options.epochs,
        options.learning_rate,
        options.lora_rank,
        options.lora_alpha,
        options.batch_size,
        options.rehearsal,
        options.seed,
        *_form(options.prompt_format, options.sample_form),
        *_turns(options.train_on),
        *_weights(options.quantization),
        *_stopping(options.early_stop_patience),
    )


def evaluation_key(adapter: Adapter, eval_fingerprint: str) -> str:
    """Hash everything that only evaluation depends on: prompts, scorers, decoding and gate."""
    return _hash(
        "evaluation",
        eval_fingerprint,
        adapter.scorer,
        list(adapter.extra_scorers),
        adapter.pass_threshold,
        adapter.max_new_tokens,
        adapter.temperature,
        adapter.min_gain,
        *_gate(adapter),
        *_form(adapter.prompt_format),
    )


def refusal_key(adapter: Adapter, error: PipelineError) -> str:
    """Hash what was refused and why, so that the same refusal is recorded once only."""
    # A timeout may name a connection of the server, which is another one each time.
    message = "" if isinstance(error, SelectionTimeout) else str(error)
    return _hash("refused", repr(adapter), error.code, message)


def model_key(base_model: BaseModel, backend: str, adapter: TrainedAdapter | None) -> str:
    """Hash which model answers: the base model alone, or one adapter on it."""
    weights = (adapter.artifact_sha256 or adapter.external_id) if adapter else None
    return _hash("model", backend, base_model.name, base_model.revision, weights)


def decoding_key(decoding: Decoding) -> str:
    """Hash the decoding settings; answers under unequal ones are not compared."""
    # A greedy answer does not depend on the seed.
    seed = decoding.seed if decoding.temperature > 0 else None
    form = [*_form(decoding.prompt_format), *_weights(decoding.quantization)]
    return _hash("decoding", decoding.max_new_tokens, decoding.temperature, seed, *form)


def _gate(adapter: Adapter) -> list[str]:
    """Return what the gate asks besides min_gain; a default adds nothing to a key."""
    return [
        f"{rule.name} {getattr(adapter, rule.name)}"
        for rule in fields(GateRules)
        if rule.name != "min_gain" and getattr(adapter, rule.name) != rule.default
    ]


def _form(prompt_format: str, sample_form: str = "parts") -> list[str]:
    """Return the form of a row's texts; the default one adds nothing to a key."""
    form = [] if prompt_format == AUTO else [f"prompt format {prompt_format}"]
    return form if sample_form == "parts" else [*form, f"form {sample_form}"]


def _turns(train_on: str) -> list[str]:
    """Return which turns of a conversation are trained; the default adds nothing to a key."""
    return [] if train_on == "all" else [f"train on {train_on}"]


def _weights(quantization: str) -> list[str]:
    """Return how the base model's weights are kept; the default adds nothing to a key."""
    return [] if quantization == "none" else [f"quantization {quantization}"]


def _stopping(patience: int | None) -> list[str]:
    """Return when training stops early; never, the default, adds nothing to a key."""
    return [] if patience is None else [f"patience {patience}"]


def _hash(*parts: object) -> str:
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
