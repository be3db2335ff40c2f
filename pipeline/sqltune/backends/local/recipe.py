"""The recipe of a local training, as a plan shows it: options, steps, tokens and time. No torch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqltune.backends.base import TrainingOptions
from sqltune.backends.local.options import fill_in, make_order
from sqltune.backends.recipes import Recipe
from sqltune.local_lora.cores import usable_cores
from sqltune.local_lora.measured_rates import Rates
from sqltune.local_lora.model_facts import FileFacts
from sqltune.local_lora.rehearsal.options import RehearsalMode
from sqltune.local_lora.rehearsal.questions import PROMPTS_READ, rehearsal_questions
from sqltune.local_lora.steps import StepOrder
from sqltune.local_lora.tuning_profiles import MANY_SAMPLES, Tuning, find_profile
from sqltune.records import Sample

#: Products of a parameter and a token per second and core, for models that were not trained here
#: yet: two thirds of what SmolLM2 reaches on an AMD EPYC that multiplies bf16 in hardware.
_TRAINED_PRODUCTS_PER_SECOND = 30e9
_ANSWERED_PRODUCTS_PER_SECOND = 15e9
#: Where the Linux driver of CUDA shows itself.
_CUDA_DRIVER = Path("/proc/driver/nvidia")


@dataclass(frozen=True, slots=True)
class RecipeInputs:
    """What a recipe follows from."""

    options: TrainingOptions  #: of the row
    facts: FileFacts
    sample_count: int
    epoch_tokens: int | None  #: of all samples, once; None: not counted
    read_samples: Callable[[], Iterable[Sample]]  #: called if something is rehearsed
    #: yields the tokens of each sample, as training sees them
    count_tokens: Callable[[Iterable[Sample]], Iterator[int]]
    rates: Rates | None  #: of an earlier training of this base model here
    is_on_processor: bool  #: whether it is trained without a graphics processor


def make_recipe(inputs: RecipeInputs) -> Recipe:
    """Return the recipe."""
    asked, count = inputs.options, inputs.sample_count
    profile = find_profile(inputs.facts.model)
    tuning = profile.tune_for(count, asked.epochs)
    options = fill_in(asked, profile, count, asked.prompt_format)
    questions = _questions(inputs, tuning) if options.rehearsal == RehearsalMode.ON else []
    order = make_order(options, tuning, count, len(questions))
    rehearsal_tokens = _rehearsal_tokens(inputs, questions, order, tuning)
    return Recipe(
        samples=count,
        steps=len(order),
        rehearsal_steps=len(order) - options.epochs * order.batches_per_epoch,
        batch_size=order.batch_size,
        learning_rate=options.learning_rate or 0.0,
        warmup_share=tuning.warmup_share,
        lora_rank=options.lora_rank or 0,
        lora_alpha=options.lora_alpha or 0,
        rehearsal_pairs=len(questions),
        rehearsal_tokens=rehearsal_tokens,
        reasons=tuple(_reasons(inputs, options)),
        seconds=_estimate_seconds(inputs, len(questions), rehearsal_tokens, tuning),
        is_measured=inputs.rates is not None,
    )


def is_on_processor(device: str) -> bool:
    """Return whether a setting of the device leads to the processor here, without asking torch."""
    if device != "auto":
        return device == "cpu"
    return not _CUDA_DRIVER.exists() and sys.platform != "darwin"


def _questions(inputs: RecipeInputs, tuning: Tuning) -> list[str]:
    samples = islice(inputs.read_samples(), PROMPTS_READ)
    prompts = [sample.prompt for sample in samples]
    return rehearsal_questions(prompts, tuning.rehearsal, seed=inputs.options.seed)


def _rehearsal_tokens(
    inputs: RecipeInputs, questions: list[str], order: StepOrder, tuning: Tuning
) -> int | None:
    if not questions:
        return 0
    if inputs.epoch_tokens is None:
        return None
    asked = [Sample(q, q, "", None, 1.0, None, None) for q in questions]
    counted = sum(inputs.count_tokens(asked)) / len(asked)
    pairs = len(order) * order.rehearsal_per_step
    return round(pairs * (counted + tuning.rehearsal.answer_tokens))


def _estimate_seconds(
    inputs: RecipeInputs, answers: int, rehearsal_tokens: int | None, tuning: Tuning
) -> float | None:
    """Return the seconds of the base model's answers and of all steps; None: nobody knows."""
    if inputs.epoch_tokens is None or rehearsal_tokens is None:
        return None
    rates = inputs.rates or _rough_rates(inputs, tuning)
    if rates is None or (answers and rates.answers_per_second is None):
        return None
    tokens = inputs.epoch_tokens * inputs.options.epochs + rehearsal_tokens
    answering = answers / rates.answers_per_second if rates.answers_per_second else 0.0
    return tokens / rates.trained_tokens_per_second + answering


def _rough_rates(inputs: RecipeInputs, tuning: Tuning) -> Rates | None:
    parameters = inputs.facts.parameters
    if parameters is None or not inputs.is_on_processor:
        return None
    answered = _ANSWERED_PRODUCTS_PER_SECOND * usable_cores() / parameters
    return Rates(
        trained_tokens_per_second=_TRAINED_PRODUCTS_PER_SECOND * usable_cores() / parameters,
        answers_per_second=answered / tuning.rehearsal.answer_tokens,
    )


def _reasons(inputs: RecipeInputs, options: TrainingOptions) -> Iterator[str]:
    """Yield why each option that the row leaves open is what it is."""
    asked, model, count = inputs.options, inputs.facts.model, inputs.sample_count
    if asked.learning_rate is None and model.hidden_size:
        yield f"the rate follows from a hidden size of {model.hidden_size:,} ({model.family})"
    elif asked.learning_rate is None:
        yield "the rate is a careful one, because the hidden size is not known"
    if asked.lora_rank is None:
        yield f"rank {options.lora_rank} and alpha {options.lora_alpha} are the usual ones"
    if asked.batch_size is None:
        yield f"{_number(count, 'sample')} in batches of {options.batch_size} make enough steps"
    if asked.rehearsal == RehearsalMode.AUTO:
        rehearses = options.rehearsal == RehearsalMode.ON
        yield (
            f"up to {MANY_SAMPLES} samples are trained with rehearsal"
            if rehearses
            else f"more than {MANY_SAMPLES} samples are trained without rehearsal"
        )


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
