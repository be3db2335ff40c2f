"""Freezes the evaluation prompts of a run as they will be asked, whatever is edited later.

Every prompt is answered by up to three models, so there are few of them: their keys are kept in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from sqltune.database.bulk import ContentRow
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import run_prompts, runs
from sqltune.database.tables.run_prompts import FrozenPrompt
from sqltune.records import Adapter, SelectionName
from sqltune.selection.bad_rows import RowCounts, find_prompt_fault
from sqltune.selection.columns import as_text
from sqltune.selection.content_hash import FingerprintSum, content_digest
from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.forgotten import FORGOTTEN
from sqltune.selection.leaks import AskedRow, LeakSearch, search_manifest
from sqltune.selection.markup import find_markup
from sqltune.selection.personal_data import find_private
from sqltune.selection.prompt_rows import PromptRow, digest_prompt, find_problems, read_rows
from sqltune.selection.reader import OpenSelection, SelectionReader, open_selection
from sqltune.selection.rules import Problem
from sqltune.selection.scorer_names import is_sql_scorer
from sqltune.selection.training_rows import name_row

#: Names the scorer of an expected text; None: nothing is expected.
ChooseScorer = Callable[[str | None], str]

#: Prompts that one transaction stores.
_PAGE, _PAGE_BYTES = 200, 1_000_000


@dataclass(frozen=True, slots=True)
class FrozenPrompts:
    """The evaluation prompts of a run."""

    prompt_count: int
    fingerprint: str  #: of the selection, as `fingerprint_prompts` computes it


@dataclass(frozen=True, slots=True)
class _Freezing:
    """How prompts are checked, and how the scorer of each is found."""

    adapter: Adapter
    scorers: Mapping[str, bool] | None
    choose: ChooseScorer

    def name_scorer(self, row: PromptRow) -> str:
        """Return a prompt's primary scorer: its own, else the adapter's, else one for its shape."""
        if row.scorer is not None and (own := as_text(row.scorer)):
            return own
        if self.adapter.scorer is not None:
            return self.adapter.scorer
        return self.choose(None if row.expected is None else row.expected.decode())

    def scores_alone(self, scorer: str) -> bool:
        """Whether a scorer needs no expected text."""
        return is_sql_scorer(scorer) or not (self.scorers or {}).get(scorer, True)


@dataclass(slots=True)
class PromptReading:
    """What one reading of the evaluation query found."""

    findings: Findings
    leaks: LeakSearch  #: has the prompts that can be asked, and no sample yet
    total: FingerprintSum = field(default_factory=FingerprintSum)
    counts: RowCounts = field(default_factory=RowCounts)
    #: the prompts that the gate can count: scored, and each content once
    judged: set[str] = field(default_factory=set)
    sql_scorers: set[str] = field(default_factory=set)  #: that score prompts by a view


def freeze_eval_prompts(
    scope: RunScope,
    reader: SelectionReader,
    adapter: Adapter,
    *,
    scorers: Mapping[str, bool] | None = None,
    choose_scorer: ChooseScorer | None = None,
) -> FrozenPrompts:
    """Select, validate and store the prompts of a run, and warn of those among its samples.

    Args:
        scope: the run.
        reader: where the query runs.
        adapter: its row.
        scorers: the scorers that a prompt may name, and whether each needs an expected text; None
            allows any name, and each needs one.
        choose_scorer: names the scorer of an expected text where neither the prompt nor the adapter
            does; None: exact.

    Raises:
        DataError: the query cannot be used, or more of its rows cannot be asked than the adapter's
            on_bad_row and max_skipped_share allow.
    """
    with scope.transaction() as session:
        run_prompts.delete_run_prompts(session, scope.run_id)
    reading = _begin(adapter)
    freezing = _Freezing(adapter, scorers, choose_scorer or (lambda _expected: "exact"))
    with open_selection(reader, adapter, SelectionName.EVALUATION) as selection:
        for page in _pages(_read(selection, reading, freezing)):
            run_prompts.add_prompts(scope, page)
    _note_leaks(scope, reading.leaks, reader.timeout_seconds)
    reading.findings.store(scope)
    if fault := find_prompt_fault(reading.counts, reading.findings, adapter):
        raise fault
    return FrozenPrompts(
        reading.counts.selected - reading.counts.skipped, reading.total.result().text
    )


def examine_prompts(
    reader: SelectionReader, adapter: Adapter, scorers: Mapping[str, bool]
) -> PromptReading:
    """Validate an adapter's evaluation selection without storing it; see `freeze_eval_prompts`.

    No prompt is known to be leaked before its search was given the trained samples.

    Raises:
        DataError: the query cannot be used.
    """
    reading = _begin(adapter)
    freezing = _Freezing(adapter, scorers, lambda _expected: "exact")
    with open_selection(reader, adapter, SelectionName.EVALUATION) as selection:
        for _ in _read(selection, reading, freezing):
            pass
    return reading


def count_leaked(reading: PromptReading) -> None:
    """Count the prompts that are left out of a verdict, once the trained samples were searched."""
    reading.counts.leaked = len(reading.judged & reading.leaks.leaked.keys())


def _begin(adapter: Adapter) -> PromptReading:
    findings = Findings(SelectionName.EVALUATION)
    leaks = LeakSearch(
        findings, near_duplicate_at=adapter.near_duplicate_at, train_on=adapter.train_on
    )
    return PromptReading(findings, leaks)


def _read(
    selection: OpenSelection,
    reading: PromptReading,
    freezing: _Freezing,
) -> Iterator[tuple[ContentRow, FrozenPrompt]]:
    """Yield the prompts that can be asked; the others become findings."""
    seen: set[bytes] = set()
    first_keys: dict[str, str] = {}
    for row in read_rows(selection):
        reading.counts.selected += 1
        reading.total.add([digest_prompt(row)], 1)
        problems = list(find_problems(row, selection.columns, freezing.scorers))
        if not problems:
            problems = list(_find_in_texts(row, reading, freezing.adapter.on_personal_data))
        if not problems:
            content, prompt = _freeze(row, freezing)
            if content.key not in seen:
                seen.add(content.key)
                first = first_keys.setdefault(prompt.content_hash, prompt.prompt_key)
                if first != prompt.prompt_key:
                    problem = _same_content(first)
                    reading.findings.add(prompt.prompt_key, "prompt", problem, WARNING)
                elif prompt.is_scored:
                    reading.counts.scored += 1
                    reading.judged.add(prompt.prompt_key)
                if is_sql_scorer(prompt.scorer):
                    reading.sql_scorers.add(prompt.scorer)
                reading.leaks.ask(_as_asked(content, row))
                yield content, prompt
                continue
            problems = [("prompt_key", _repeated(prompt.prompt_key))]
        reading.counts.skipped += 1
        for column, problem in problems:
            reading.findings.add(name_row(reading.counts.selected, row.key), column, problem)
    for key in selection.left_out:
        reading.findings.add(key, None, FORGOTTEN, WARNING)


def _as_asked(content: ContentRow, row: PromptRow) -> AskedRow:
    group = None if row.group_key is None else as_text(row.group_key).encode()
    return AskedRow(content.key, content.prompt, content.system_prompt, content.messages, group)


def _find_in_texts(
    row: PromptRow, reading: PromptReading, on_personal_data: str
) -> Iterator[tuple[str, Problem]]:
    """Yield what is refused of a prompt without other problems; what is reported is a warning."""
    texts: list[tuple[str, bytes | None]] = [("expected", row.expected)]
    if row.messages is not None:
        texts.append(("messages", row.messages))
    else:
        texts += [("prompt", row.prompt), ("system_prompt", row.system_prompt)]
    private = list(find_private(texts)) if on_personal_data != "ignore" else []
    if private and on_personal_data == "refuse":
        yield from private
        return
    name = name_row(reading.counts.selected, row.key)
    for column, problem in chain(find_markup(texts), private):
        reading.findings.add(name, column, problem, WARNING)


def _freeze(row: PromptRow, freezing: _Freezing) -> tuple[ContentRow, FrozenPrompt]:
    texts = (row.prompt, row.expected, row.system_prompt)
    digest = content_digest(*texts, None, None, None, row.messages).hex()
    name = digest if row.key is None else as_text(row.key)
    content = ContentRow(name.encode(), digest.encode(), *texts, row.messages)
    primary = freezing.name_scorer(row)
    return content, FrozenPrompt(
        prompt_key=name,
        content_hash=digest,
        category=None if row.category is None else as_text(row.category),
        scorer=primary,
        is_scored=row.expected is not None or freezing.scores_alone(primary),
    )


def _note_leaks(scope: RunScope, leaks: LeakSearch, timeout_seconds: float) -> None:
    """Compare the prompts with the samples of the run, and mark those that are trained on."""
    with scope.read() as session:
        run = runs.get_run(session, scope.run_id)
    if run is None or run.manifest_id is None:
        return
    search_manifest(
        scope.database,
        run.manifest_id,
        leaks,
        check=scope.check,
        timeout_seconds=timeout_seconds,
    )
    if leaks.leaked:
        with scope.transaction() as session:
            run_prompts.mark_leaked(session, scope.run_id, leaks.leaked)


def _pages(
    rows: Iterator[tuple[ContentRow, FrozenPrompt]],
) -> Iterator[list[tuple[ContentRow, FrozenPrompt]]]:
    page: list[tuple[ContentRow, FrozenPrompt]] = []
    size = 0
    for row in rows:
        page.append(row)
        size += len(row[0].prompt) + len(row[0].messages or b"")
        if len(page) == _PAGE or size > _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def _repeated(key: str) -> Problem:
    return Problem("duplicate_key", f"prompt_key {key!r} occurs more than once: make it unique")


def _same_content(first_key: str) -> Problem:
    message = (
        f"prompt {first_key} has the same texts and the same expected one: both are answered, and "
        "the gate counts them once; delete one"
    )
    return Problem("repeated_prompt", message)
