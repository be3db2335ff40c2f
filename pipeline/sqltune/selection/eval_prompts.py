"""Freezes the evaluation prompts of a run as they will be asked, whatever is edited later.

Every prompt is answered by up to three models, so there are few of them: their keys are kept in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqltune.database.bulk import ContentRow
from sqltune.database.connection import Database
from sqltune.database.streaming import RowStream, open_stream
from sqltune.database.tables import run_prompts, runs
from sqltune.database.tables.run_prompts import FrozenPrompt
from sqltune.errors import DataError
from sqltune.records import Adapter, Claim, SelectionName
from sqltune.selection.columns import ColumnMap, map_columns
from sqltune.selection.content_hash import (
    Fingerprint,
    FingerprintSum,
    content_digest,
    prompt_digest,
    raw_digest,
)
from sqltune.selection.findings import Findings
from sqltune.selection.leaks import note_leaks
from sqltune.selection.rules import (
    Problem,
    key_problem,
    label_problem,
    scorer_problem,
    text_problem,
)
from sqltune.selection.sources import TIMEOUT_SECONDS, find_source
from sqltune.selection.training_rows import name_row

#: Prompts that one transaction stores.
_PAGE, _PAGE_BYTES = 200, 1_000_000


@dataclass(frozen=True, slots=True)
class FrozenPrompts:
    """The evaluation prompts of a run."""

    prompt_count: int
    fingerprint: str  #: of the selection, as `fingerprint_evaluation` gives it
    skipped: int


@dataclass(slots=True)
class _Reading:
    """What one reading of the evaluation query gave."""

    findings: Findings
    total: FingerprintSum
    selected: int = 0
    skipped: int = 0


def freeze_eval_prompts(
    database: Database,
    selection_database: Database,
    claim: Claim,
    run_id: int,
    adapter: Adapter,
    *,
    check: Callable[[], None],
    now: Callable[[], datetime],
    scorers: Mapping[str, bool] | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> FrozenPrompts:
    """Select, validate and store the prompts of a run, and warn of those that its samples contain.

    Args:
        check: raises when the run must not go on; asked at every page.
        now: the time, for callers that have a clock; nothing is stored with a time today.
        scorers: the scorers that a prompt may name, and whether each needs an expected text; None:
            any name, and each needs one.

    Raises:
        DataError: the query cannot be used, or gives rows that cannot be asked and the adapter's
        on_bad_row and
            max_skipped_share do not allow to leave them out.
    """
    del now
    with database.transaction(claim) as session:
        run_prompts.delete_run_prompts(session, run_id)
    source = find_source(selection_database, adapter, SelectionName.EVALUATION)
    reading = _Reading(Findings(SelectionName.EVALUATION), FingerprintSum())
    with open_stream(
        selection_database,
        source.sql,
        source.values,
        check=check,
        timeout_seconds=timeout_seconds,
    ) as stream:
        for page in _pages(_read(stream, reading, adapter, scorers)):
            run_prompts.add_prompts(database, claim, run_id, page)
    _note_leaks(database, run_id, reading.findings, check, timeout_seconds)
    reading.findings.store(database, claim, run_id)
    _judge(reading, adapter)
    return FrozenPrompts(
        reading.selected - reading.skipped, reading.total.result().text, reading.skipped
    )


def fingerprint_prompts(
    database: Database,
    adapter: Adapter,
    check: Callable[[], None],
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Fingerprint:
    """Hash an adapter's evaluation selection without validating it.

    Raises:
        DataError: the query cannot be used.
    """
    source = find_source(database, adapter, SelectionName.EVALUATION)
    total = FingerprintSum()
    with open_stream(
        database, source.sql, source.values, check=check, timeout_seconds=timeout_seconds
    ) as stream:
        columns = map_columns(stream.column_names, SelectionName.EVALUATION)
        for page in stream.pages():
            for row in _rows(columns, page):
                total.add([_row_digest(row)], 1)
    return total.result()


def _read(
    stream: RowStream, reading: _Reading, adapter: Adapter, scorers: Mapping[str, bool] | None
) -> Iterator[tuple[ContentRow, FrozenPrompt]]:
    """Give the prompts that may be asked; the others become findings."""
    columns = map_columns(stream.column_names, SelectionName.EVALUATION)
    seen: set[bytes] = set()
    for page in stream.pages():
        for row in _rows(columns, page):
            reading.selected += 1
            reading.total.add([_row_digest(row)], 1)
            problems = list(_find_problems(row, columns.gives("prompt_key"), scorers))
            if not problems:
                content, prompt = _freeze(row, adapter, scorers or {})
                if content[0] not in seen:
                    seen.add(content[0])
                    yield content, prompt
                    continue
                problems = [("prompt_key", _repeated(prompt.prompt_key))]
            reading.skipped += 1
            for column, problem in problems:
                reading.findings.add(name_row(reading.selected, row[0]), column, problem)


def _rows(columns: ColumnMap, page: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    return zip(*columns.split(page), strict=True)


def _find_problems(
    row: tuple[Any, ...], needs_key: bool, scorers: Mapping[str, bool] | None
) -> Iterator[tuple[str, Problem]]:
    key, prompt, expected, system_prompt, category, scorer = row
    checks = (
        ("prompt_key", key_problem("prompt_key", key, required=needs_key)),
        ("prompt", text_problem("prompt", prompt, required=True)),
        ("expected", text_problem("expected", expected, required=False)),
        ("system_prompt", text_problem("system_prompt", system_prompt, required=False)),
        ("category", label_problem("category", category, longest=100)),
        ("scorer", scorer_problem(scorer, scorers)),
    )
    return ((column, problem) for column, problem in checks if problem is not None)


def _freeze(
    row: tuple[Any, ...], adapter: Adapter, scorers: Mapping[str, bool]
) -> tuple[ContentRow, FrozenPrompt]:
    key, prompt, expected, system_prompt, category, scorer = row
    digest = content_digest(prompt, expected, system_prompt, None, None, None).hex()
    name = digest if key is None else _as_text(key)
    content = (
        name.encode(),
        digest.encode(),
        prompt,
        expected,
        system_prompt,
        None,
        None,
        None,
    )
    own_scorer = None if scorer is None else _as_text(scorer)
    primary = own_scorer or adapter.scorer
    return content, FrozenPrompt(
        prompt_key=name,
        content_hash=digest,
        category=None if category is None else _as_text(category),
        scorer=primary,
        is_scored=expected is not None or not scorers.get(primary, True),
    )


def _row_digest(row: tuple[Any, ...]) -> bytes:
    """Hash what an evaluation depends on: the texts and the own scorer, not key and category."""
    _, prompt, expected, system_prompt, _, scorer = row
    texts = (expected, system_prompt, scorer)
    if isinstance(prompt, bytes) and all(t is None or isinstance(t, bytes) for t in texts):
        content = content_digest(prompt, expected, system_prompt, None, None, None)
        return prompt_digest(content, scorer)
    return raw_digest((prompt, *texts))


def _note_leaks(
    database: Database,
    run_id: int,
    findings: Findings,
    check: Callable[[], None],
    timeout_seconds: float,
) -> None:
    with database.read() as session:
        run = runs.get_run(session, run_id)
    if run is not None and run.manifest_id is not None:
        note_leaks(
            database,
            run_id,
            run.manifest_id,
            findings,
            check=check,
            timeout_seconds=timeout_seconds,
        )


def _judge(reading: _Reading, adapter: Adapter) -> None:
    allowed = adapter.max_skipped_share * reading.selected if adapter.on_bad_row == "skip" else 0
    if reading.skipped > allowed:
        raise DataError(
            f"{reading.skipped:,} of {reading.selected:,} evaluation prompts cannot be asked "
            f"({reading.findings.summary()}). data_issues names them",
            table="evaluation query",
            code="bad_prompts",
        )


def _pages(
    rows: Iterator[tuple[ContentRow, FrozenPrompt]],
) -> Iterator[list[tuple[ContentRow, FrozenPrompt]]]:
    page: list[tuple[ContentRow, FrozenPrompt]] = []
    size = 0
    for row in rows:
        page.append(row)
        size += len(row[0][2])
        if len(page) == _PAGE or size > _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def _repeated(key: str) -> Problem:
    return Problem("duplicate_key", f"prompt_key {key!r} was given before: make it unique")


def _as_text(value: bytes | int) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
