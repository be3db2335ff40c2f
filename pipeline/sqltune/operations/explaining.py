"""Which trained samples an answer of a version is most like.

Likeness is that of the texts, by RapidFuzz. It is no attribution: what a sample really did to the
weights is not measured, and an answer may come from the base model alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqltune.database.named_versions import find_named_version
from sqltune.operations.asking import ask_version
from sqltune.questions.choosing import decoding_of, make_request
from sqltune.records import Adapter, AdapterVersion, Sample
from sqltune.runtime import Runtime
from sqltune.selection import read_samples

#: Samples between two reports of the progress.
_REPORTED_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class AskedPrompt:
    """What was asked, and what was answered where that is known."""

    prompt: str
    system_prompt: str | None = None
    answer: str | None = None  #: None: the version is asked


@dataclass(frozen=True, slots=True)
class NearSample:
    """A trained sample and how like it is to a question and its answer, from 0 to 1."""

    sample_key: str
    similarity: float  #: the mean of the two others
    prompt_similarity: float
    answer_similarity: float
    prompt: str
    response: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer of a version, and the trained samples that are most like it, nearest first."""

    adapter_name: str
    version_number: int
    answer: str
    samples: list[NearSample]


def explain(runtime: Runtime, name: str, question: AskedPrompt, *, limit: int) -> Explanation:
    """Return the trained samples nearest to what a version answers; memory does not grow with them.

    Args:
        runtime: the parts to work with.
        name: an adapter, whose live version is meant, or a version as `NAME@live` or `NAME@v3`.
        question: what to ask.
        limit: how many samples to return.

    Raises:
        UnknownVersion: there is no such adapter or version.
        DataError: there is nothing to answer.
        BackendError: the version cannot be asked, or answers with an error.
    """
    with runtime.database.read() as session:
        adapter, version = find_named_version(session, name)
    answer = question.answer
    if answer is None:
        answer = _ask(runtime, adapter, version, question)
    samples = _report(runtime, version.manifest_id)
    measured = _measure(samples, question.prompt, answer)
    nearest = heapq.nlargest(limit, measured, key=lambda sample: sample.similarity)
    return Explanation(adapter.adapter_name, version.version_number, answer, nearest)


def _ask(runtime: Runtime, adapter: Adapter, version: AdapterVersion, asked: AskedPrompt) -> str:
    request = make_request("why", asked.prompt, asked.system_prompt)
    return ask_version(runtime, version, request, decoding_of(adapter, version)).answer


def _report(runtime: Runtime, manifest_id: int) -> Iterator[Sample]:
    """Yield the trained samples of a manifest, and show how many are read."""
    samples = read_samples(runtime.database, manifest_id)
    for number, sample in enumerate(samples, start=1):
        yield sample
        if number % _REPORTED_EVERY == 0:
            runtime.reporter.progress("comparing samples", number, len(samples))
    runtime.reporter.finish()


def _measure(samples: Iterable[Sample], prompt: str, answer: str) -> Iterator[NearSample]:
    to_prompt, to_answer = _likeness_to(prompt), _likeness_to(answer)
    for sample in samples:
        yield max(
            (
                _near(sample.sample_key, texts, to_prompt(texts[0]), to_answer(texts[1]))
                for texts in _turns(sample)
            ),
            key=lambda near: near.similarity,
        )


def _near(key: str, texts: tuple[str, str], to_prompt: float, to_answer: float) -> NearSample:
    mean = (to_prompt + to_answer) / 2
    return NearSample(key, round(mean, 4), round(to_prompt, 4), round(to_answer, 4), *texts)


def _turns(sample: Sample) -> Iterator[tuple[str, str]]:
    """Yield each text of the user with the trained one of the assistant that follows it."""
    if sample.messages is None:
        yield sample.prompt, sample.response
        return
    asked, is_trained = sample.prompt, False
    for message in sample.messages:
        if message.role == "user":
            asked = message.content or ""
        elif message.role == "assistant" and message.is_trained:
            is_trained = True
            yield asked, message.content or ""
    if not is_trained:
        yield sample.prompt, sample.response


def _likeness_to(text: str) -> Callable[[str], float]:
    """Return a measure from 0 to 1: the share of equal characters once words are sorted.

    Neither case, punctuation nor the order of words count.
    https://rapidfuzz.github.io/RapidFuzz/Usage/fuzz.html#token-sort-ratio
    """
    from rapidfuzz import fuzz, utils

    processed = utils.default_process(text)

    def measure(other: str) -> float:
        return fuzz.token_sort_ratio(processed, utils.default_process(other)) / 100

    return measure
