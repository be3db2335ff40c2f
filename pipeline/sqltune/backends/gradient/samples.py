"""Samples as Gradient's API takes them, and how much they are, guessed from their length."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqltune.backends.prompt_template import PromptTemplate
from sqltune.records import Sample
from sqltune.wire.gradient import FineTuneRequest, FineTuneSample, FineTuningParameters, InputPart

CHARACTERS_PER_TOKEN = 4


def make_request(
    samples: Sequence[Sample], template: PromptTemplate, sample_form: str
) -> FineTuneRequest:
    """Give the body of a fine-tune.

    Args:
        samples: one batch.
        template: how a sample becomes text.
        sample_form: parts: only the response is trained; text: the whole text is.
    """
    return FineTuneRequest(samples=[_sample(s, template, sample_form) for s in samples])


def estimate_tokens(text: str) -> int:
    """Guess how many tokens a text has."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def estimate_sample(sample: Sample, template: PromptTemplate) -> int:
    """Guess how many tokens a sample has with the words of the template around it."""
    return sum(estimate_tokens(part) for part in template.trained(sample))


def estimate_untrained(
    samples: Sequence[Sample], template: PromptTemplate, sample_form: str
) -> int:
    """Guess how many tokens of a batch are only read: those the service does not count."""
    if sample_form == "text":
        return 0
    return sum(estimate_tokens(template.trained(sample)[0]) for sample in samples)


def _sample(sample: Sample, template: PromptTemplate, sample_form: str) -> FineTuneSample:
    asked, learnt = template.trained(sample)
    parts = [
        InputPart(value=asked, trainable=False),
        # A row's own "</s>" is text; the prompt is read as a query is, where nothing can be told.
        InputPart(value=learnt, trainable=True, parse_special_tokens=False),
    ]
    return FineTuneSample(
        inputs=asked + learnt if sample_form == "text" else parts,
        fine_tuning_parameters=FineTuningParameters(multiplier=sample.weight),
    )
