"""Which version a question is for, and whether it can be asked as the row has it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqltune import wanted_keys
from sqltune.backends.base import AnswerRequest, Decoding
from sqltune.database.connection import Session
from sqltune.database.named_versions import VersionName, find_version
from sqltune.database.tables.questions import QuestionRow
from sqltune.errors import ConfigError, DataError, PipelineError
from sqltune.records import Adapter, AdapterVersion, Message, SelectionName
from sqltune.run.versions import trained_adapter
from sqltune.selection.conversations import last_text, parse_conversation
from sqltune.selection.rules import Problem, is_blank, text_problem


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question that a version can be asked."""

    question_id: int
    version: AdapterVersion
    decoding: Decoding
    request: AnswerRequest

    @property
    def group(self) -> tuple[str, int, Decoding]:
        """What is equal for questions that can be answered together."""
        return self.version.adapter_name, self.version.version_number, self.decoding


@dataclass(frozen=True, slots=True)
class RefusedQuestion:
    """A question that cannot be asked, and why."""

    question_id: int
    error: PipelineError


def choose_versions(
    session: Session, questions: Iterable[QuestionRow]
) -> list[AskedQuestion | RefusedQuestion]:
    """Return the questions with the version that each is for, or with what is wrong."""
    known: dict[VersionName, tuple[Adapter, AdapterVersion] | PipelineError] = {}
    return [_choose(session, question, known) for question in questions]


def refuse_name(question_id: int, name: object) -> RefusedQuestion:
    """Return a question whose adapter_name is no text, as SQLite may store it."""
    error = _bad("adapter_name", f"adapter_name is {name!r}, not text: write the adapter's name")
    return RefusedQuestion(question_id, error)


def decoding_of(
    adapter: Adapter,
    version: AdapterVersion,
    max_new_tokens: int | None = None,
    temperature: float | None = None,
) -> Decoding:
    """Return how a version answers: in the form of its training, else as its adapter's row says."""
    decoding = wanted_keys.decoding_of(adapter)
    return replace(
        decoding,
        prompt_format=version.prompt_format,
        max_new_tokens=decoding.max_new_tokens if max_new_tokens is None else max_new_tokens,
        temperature=decoding.temperature if temperature is None else temperature,
    )


def _choose(
    session: Session,
    question: QuestionRow,
    known: dict[VersionName, tuple[Adapter, AdapterVersion] | PipelineError],
) -> AskedQuestion | RefusedQuestion:
    name = VersionName(question.adapter_name, question.alias, question.version_number)
    if name not in known:
        known[name] = _find(session, name)
    found = known[name]
    if isinstance(found, PipelineError):
        return RefusedQuestion(question.question_id, found)
    adapter, version = found
    try:
        decoding = decoding_of(
            adapter,
            version,
            _check_number("max_new_tokens", question.max_new_tokens, least=1),
            _check_number("temperature", question.temperature, least=0),
        )
        request = make_request(
            str(question.question_id), question.prompt, question.system_prompt, question.messages
        )
    except DataError as error:
        return RefusedQuestion(question.question_id, error)
    return AskedQuestion(question.question_id, version, decoding, request)


def _find(session: Session, name: VersionName) -> tuple[Adapter, AdapterVersion] | PipelineError:
    try:
        alias = _check_text("alias", name.alias)
        adapter, version = find_version(session, replace(name, alias=alias))
        trained_adapter(version)  # one whose weights are gone is refused
    except (ConfigError, DataError) as error:
        return error
    return adapter, version


def make_request(
    key: str, prompt: Any, system_prompt: Any = None, messages: Any = None
) -> AnswerRequest:
    """Return what a model is asked.

    Raises:
        DataError: neither a prompt nor a conversation that can be asked.
    """
    if messages is None:
        if prompt is None:
            raise _bad("prompt", "prompt and messages are both NULL: give one of them")
        text = _check_text("prompt", prompt)
        if is_blank(text):
            raise _bad("prompt", "prompt is empty: write what is to be answered")
        return AnswerRequest(key, text, _check_text("system_prompt", system_prompt) or None)
    for column, value in (("prompt", prompt), ("system_prompt", system_prompt)):
        if value is not None:
            raise _bad(column, f"{column} and messages are both given: leave one of them NULL")
    turns = _read_conversation(messages)
    return AnswerRequest(key, last_text(turns, "user") or "", last_text(turns, "system"), turns)


def _read_conversation(messages: object) -> tuple[Message, ...]:
    text = _check_text("messages", messages)
    turns = parse_conversation(text.encode(), SelectionName.EVALUATION)
    if isinstance(turns, Problem):
        raise _bad("messages", turns.message)
    return turns


def _check_text(column: str, value: Any) -> str:
    """Return a text, empty for NULL; on SQLite it may be a BLOB, or bytes that are no text."""
    text = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    problem = text_problem(column, text, required=False)
    if problem is not None:
        raise _bad(column, problem.message)
    return "" if text is None else str(text, "utf-8")


def _check_number(column: str, value: Any, *, least: int) -> Any:
    if value is None:
        return None
    is_number = isinstance(value, int | float) and math.isfinite(value)
    is_whole = column != "max_new_tokens" or isinstance(value, int)
    if not is_number or not is_whole or value < least:
        raise _bad(column, f"{column} is {value!r}: it must be at least {least}, or NULL")
    return value


def _bad(column: str, message: str) -> DataError:
    return DataError(message, table="questions", column=column, code=f"bad_{column}")
