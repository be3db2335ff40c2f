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
from sqltune.selection.rules import Problem, is_blank


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
    known: dict[VersionName, tuple[Adapter, AdapterVersion] | ConfigError] = {}
    return [_choose(session, question, known) for question in questions]


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
    known: dict[VersionName, tuple[Adapter, AdapterVersion] | ConfigError],
) -> AskedQuestion | RefusedQuestion:
    name = VersionName(question.adapter_name, question.alias, question.version_number)
    if name not in known:
        known[name] = _find(session, name)
    found = known[name]
    if isinstance(found, ConfigError):
        return RefusedQuestion(question.question_id, found)
    adapter, version = found
    try:
        decoding = decoding_of(
            adapter,
            version,
            _check_number("max_new_tokens", question.max_new_tokens, least=1),
            _check_number("temperature", question.temperature, least=0),
        )
        request = make_request(question)
    except DataError as error:
        return RefusedQuestion(question.question_id, error)
    return AskedQuestion(question.question_id, version, decoding, request)


def _find(session: Session, name: VersionName) -> tuple[Adapter, AdapterVersion] | ConfigError:
    try:
        adapter, version = find_version(session, name)
        trained_adapter(version)  # one whose weights are gone is refused
    except ConfigError as error:
        return error
    return adapter, version


def make_request(question: QuestionRow) -> AnswerRequest:
    """Return what a model is asked.

    Raises:
        DataError: neither a prompt nor a conversation that can be asked.
    """
    key, messages = str(question.question_id), question.messages
    if messages is None:
        prompt = _check_text("prompt", question.prompt, required=True)
        system = _check_text("system_prompt", question.system_prompt, required=False)
        return AnswerRequest(key, prompt, system or None)
    for column in ("prompt", "system_prompt"):
        if getattr(question, column) is not None:
            raise _bad(column, f"{column} and messages are both given: leave one of them NULL")
    turns = _read_conversation(messages)
    return AnswerRequest(key, last_text(turns, "user") or "", last_text(turns, "system"), turns)


def _read_conversation(messages: object) -> tuple[Message, ...]:
    text = _check_text("messages", messages, required=True)
    turns = parse_conversation(text.encode(), SelectionName.EVALUATION)
    if isinstance(turns, Problem):
        raise _bad("messages", turns.message)
    return turns


def _check_text(column: str, value: object, *, required: bool) -> str:
    if value is None and not required:
        return ""
    if value is None:
        raise _bad(column, "prompt and messages are both NULL: give one of them")
    if not isinstance(value, str):
        raise _bad(column, f"{column} is {type(value).__name__}, not text: write a text")
    if required and is_blank(value):
        raise _bad(column, f"{column} is empty: write what is to be answered")
    if "\x00" in value:
        raise _bad(column, f"{column} contains a NUL character: remove it")
    return value


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
