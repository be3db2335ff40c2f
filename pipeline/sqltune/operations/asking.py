"""Ask a version once, for a person who waits: nothing is stored. Rows of `questions` are stored."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

from sqltune.backends.base import Answer, AnswerRequest, Decoding, TrainedAdapter
from sqltune.database.named_versions import find_named_version
from sqltune.errors import BackendError
from sqltune.evaluation import make_missing
from sqltune.questions.choosing import decoding_of, make_request
from sqltune.records import AdapterVersion
from sqltune.run.versions import trained_adapter
from sqltune.runtime import Runtime


@dataclass(frozen=True, slots=True)
class AskedOnce:
    """What a person asks on the command line."""

    prompt: str
    system_prompt: str | None = None
    max_new_tokens: int | None = None  #: None: the adapter's
    temperature: float | None = None  #: None: the adapter's


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What one model answered."""

    answer: str
    finish_reason: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    latency_ms: float | None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a version, and that of its base model where it was wanted."""

    adapter_name: str
    version_number: int
    answer: ModelAnswer
    base_model: str
    base_answer: ModelAnswer | None


def ask(runtime: Runtime, name: str, asked: AskedOnce, *, with_base: bool) -> Reply:
    """Return what a version answers.

    Args:
        runtime: the parts to work with.
        name: an adapter, whose live version is meant, or a version as `NAME@live` or `NAME@v3`.
        asked: the question.
        with_base: whether the base model is asked too.

    Raises:
        UnknownVersion: there is no such adapter or version.
        DataError: there is nothing to answer.
        BackendError: the version cannot be asked, or answers with an error.
    """
    with runtime.database.read() as session:
        adapter, version = find_named_version(session, name)
    request = make_request("asked", asked.prompt, asked.system_prompt)
    decoding = decoding_of(adapter, version, asked.max_new_tokens, asked.temperature)
    answer = ask_version(runtime, version, request, decoding)
    base_answer = _ask(runtime, version, None, request, decoding) if with_base else None
    return Reply(
        adapter.adapter_name, version.version_number, answer, version.base_model, base_answer
    )


def ask_version(
    runtime: Runtime, version: AdapterVersion, request: AnswerRequest, decoding: Decoding
) -> ModelAnswer:
    """Return what a version answers, which may take as long as its base model takes to load.

    Raises:
        VersionRetired: its weights were removed on purpose.
        BackendError: it cannot be asked, or answers with an error.
    """
    return _ask(runtime, version, trained_adapter(version), request, decoding)


def _ask(
    runtime: Runtime,
    version: AdapterVersion,
    trained: TrainedAdapter | None,
    request: AnswerRequest,
    decoding: Decoding,
) -> ModelAnswer:
    """Return what a version answers, or its base model alone, quantised alike."""
    backend = runtime.backend(version.backend)
    base_model = backend.describe(version.base_model, version.base_model_revision)
    alike = replace(decoding, quantization=version.quantization)
    asked = f"v{version.version_number}" if trained else version.base_model
    with (
        runtime.reporter.busy(f"asking {asked}"),
        closing(backend.answer(base_model, trained, [request], alike)) as answers,
    ):
        return _read(next(answers, make_missing(request.prompt_key)))


def _read(answer: Answer) -> ModelAnswer:
    if answer.text is None:
        raise BackendError(f"the answer is an error: {answer.error_message}")
    return ModelAnswer(
        answer.text,
        answer.finish_reason,
        answer.prompt_tokens,
        answer.output_tokens,
        answer.latency_ms,
    )
