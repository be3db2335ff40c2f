"""Reads the scores that a person's view gives to a run's answers: scorer 'sql:my_scores'.

The view returns `run_id`, `phase`, `prompt_key` and `score`, and may return `reason`. It is read
like a selection: guarded, on a connection that can only read, with a time limit. What it returns
for single answers may be wrong without stopping the run: that is an error of those answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqltune.database.streaming import open_connection
from sqltune.errors import DataError, QueryRefused
from sqltune.selection.columns import as_text
from sqltune.selection.guard import guard_query
from sqltune.selection.reader import SelectionReader
from sqltune.selection.rules import describe
from sqltune.selection.scorer_names import view_of

#: Characters of a reason that are stored.
_REASON_CHARACTERS = 4_000
_REQUIRED = ("run_id", "phase", "prompt_key", "score")


@dataclass(frozen=True, slots=True)
class GivenScore:
    """What a scorer says of one answer."""

    score: float | None  #: in [0, 1]; None: error_message says why
    reason: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class SqlScores:
    """What a view says of the answers of one phase."""

    scorer: str
    by_key: Mapping[str, GivenScore]
    error_message: str | None = None  #: why the view cannot be read: then of every answer

    def find(self, prompt_key: str) -> GivenScore:
        """Return the score of an answer, or its error."""
        if self.error_message is not None:
            return GivenScore(None, error_message=self.error_message)
        missing = (
            f"{self.scorer} has no row for this answer: return one for each run_id, phase and "
            "prompt_key of responses whose error_code is NULL"
        )
        return self.by_key.get(prompt_key) or GivenScore(None, error_message=missing)


def read_sql_scores(reader: SelectionReader, scorer: str, run_id: int, phase: str) -> SqlScores:
    """Read what a view says of a run's answers in one phase.

    Raises:
        DatabaseUnavailable: the database cannot be reached; nothing is wrong with the view.
    """
    found: dict[str, GivenScore] = {}
    try:
        with open_connection(
            reader.database, check=reader.check, timeout_seconds=reader.timeout_seconds
        ) as connection:
            sql = _name_query(scorer, reader, connection.sql_modes)
            stream = connection.run(sql, {"run_id": run_id, "phase": phase})
            places = _find_columns(scorer, stream.column_names)
            for page in stream.pages():
                for row in page:
                    _add(found, scorer, [None if at is None else row[at] for at in places])
    except (DataError, QueryRefused) as error:
        return SqlScores(scorer, {}, f"{scorer} cannot be read: {error}")
    return SqlScores(scorer, found)


def _name_query(scorer: str, reader: SelectionReader, sql_modes: frozenset[str]) -> str:
    name = view_of(scorer)
    view = guard_query(f"SELECT * FROM {name}", reader.database.kind, sql_modes)  # noqa: S608  only letters
    return f"{view} WHERE run_id = :run_id AND phase = :phase"


def _find_columns(scorer: str, names: Sequence[str]) -> list[int | None]:
    """Return where prompt_key, score and reason are."""
    given = [name.lower() for name in names]
    for column in _REQUIRED:
        if column not in given:
            raise DataError(
                f"it returns no column {column}, only {', '.join(given)}: name one AS {column}",
                column=column,
                code="missing_column",
            )
    return [given.index(name) if name in given else None for name in (*_REQUIRED[2:], "reason")]


def _add(found: dict[str, GivenScore], scorer: str, row: Sequence[Any]) -> None:
    key, score, reason = row
    name = as_text(key)
    if name in found:
        message = f"{scorer} returns more than one row for this answer: group by prompt_key"
        found[name] = GivenScore(None, error_message=message)
        return
    fault = _find_fault(score)
    if fault is not None:
        found[name] = GivenScore(None, error_message=f"{scorer} returns {fault}")
        return
    text = None if reason is None else as_text(reason)[:_REASON_CHARACTERS]
    found[name] = GivenScore(float(score), text)


def _find_fault(score: Any) -> str | None:
    if score is None:
        return "NULL as score: return a number from 0 to 1, or COALESCE it"
    if not isinstance(score, int | float):
        shown = f"the text {as_text(score)[:40]!r}" if isinstance(score, bytes) else describe(score)
        return f"{shown} as score: CAST it to a number from 0 to 1"
    if not (math.isfinite(score) and 0 <= score <= 1):
        return f"{score:g} as score: divide it, so that it is from 0 to 1"
    return None
