"""Samples as Gradient's API takes them, and their token counts, estimated from their lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqltune.errors import DataError
from sqltune.prompt_formats import PromptTemplate
from sqltune.records import Sample
from sqltune.wire.gradient import FineTuneRequest, FineTuneSample, FineTuningParameters, InputPart

CHARACTERS_PER_TOKEN = 4


def make_request(
    samples: Sequence[Sample], template: PromptTemplate, sample_form: str
) -> FineTuneRequest:
    """Return the body of a fine-tune call for one batch.

    Args:
        samples: the batch.
        template: turns a sample into text.
        sample_form: parts: only the response is trained; text: sent as one text.
    """
    return FineTuneRequest(samples=[_sample(s, template, sample_form) for s in samples])


def require_plain_text(sample: Sample) -> None:
    """Refuse a conversation of several turns: the API takes plain text alone.

    Raises:
        DataError: names the sample.
    """
    if sample.messages is not None:
        name = f"sample {sample.sample_key!r}: " if sample.sample_key else ""
        raise DataError(
            f"{name}messages is a conversation of several turns, and backend 'gradient' sends "
            "plain text: use prompt and response, or backend 'local'",
            key=sample.sample_key or None,
            column="messages",
            code="plain_text_only",
        )


def estimate_tokens(text: str) -> int:
    """Estimate the number of tokens of a text."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def estimate_sample(sample: Sample, template: PromptTemplate) -> int:
    """Estimate the number of tokens of a sample, including the text of the template."""
    return sum(estimate_tokens(part) for part in _parts(sample, template))


def estimate_untrained(
    samples: Sequence[Sample], template: PromptTemplate, sample_form: str
) -> int:
    """Estimate the number of tokens of a batch that are not trained; the service omits them."""
    if sample_form == "text":
        return 0
    return sum(estimate_tokens(_parts(sample, template)[0]) for sample in samples)


def _parts(sample: Sample, template: PromptTemplate) -> tuple[str, str]:
    """Return the query of a sample, and the text that is learned."""
    query = template.query(sample.prompt, sample.system_prompt)
    return query, template.learned(sample.response)


def _sample(sample: Sample, template: PromptTemplate, sample_form: str) -> FineTuneSample:
    require_plain_text(sample)
    query, response = _parts(sample, template)
    parts = [
        # Special tokens are parsed in the prompt as they are in a query, where the API has no
        # option. In the response, a "</s>" that a row contains is plain text.
        InputPart(value=query, trainable=False),
        InputPart(value=response, trainable=True, parse_special_tokens=False),
    ]
    return FineTuneSample(
        inputs=query + response if sample_form == "text" else parts,
        fine_tuning_parameters=FineTuningParameters(multiplier=sample.weight),
    )
