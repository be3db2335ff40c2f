"""Checks the rows of adapters without a run: `sqltune validate`, and what `plan` says of rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqltune.backends.base import BaseModel
from sqltune.backends.options import check_validation
from sqltune.database.patience import with_patience
from sqltune.database.tables import row_checks
from sqltune.errors import BadRows, DataError, PipelineError, RunInterrupted
from sqltune.evaluation import NEEDS_EXPECTED
from sqltune.operations.trying_scorers import (
    UNREAD_SCORER,
    find_unread_scorers,
    note_unread_extras,
)
from sqltune.planning.refusing import refusal_of
from sqltune.planning.wanted import Wanted, find_wanted, require_stable_queries
from sqltune.records import Adapter, Issue, SelectionName
from sqltune.run.sample_limits import TokenLimit, find_limits
from sqltune.runtime import Runtime
from sqltune.selection import (
    ROW_CHECK_ISSUES,
    CheckedPrompts,
    CheckedRows,
    ModelLimits,
    SelectionReader,
    check_leaks,
    check_prompts,
    check_samples,
    join_faults,
)
from sqltune.syncing.due import choose_adapters

#: What lists the findings that a plan only counts.
_COMMAND = "sqltune validate"


@dataclass(frozen=True, slots=True)
class RowSummary:
    """How many rows of a selection can be used, and why the others cannot."""

    usable: int  #: samples for validation included
    bad: int
    held_out: int = 0  #: samples with a split that is neither trained nor for validation
    scored: int = 0  #: prompts whose answers can be scored, each content once
    leaked: int = 0  #: of these, prompts that are trained on, which the gate leaves out
    rules: dict[str, int] = field(default_factory=dict)  #: how often each rule is broken
    warnings: dict[str, int] = field(default_factory=dict)  #: the same of what stops nothing
    longest_tokens: int | None = None  #: of the samples that are too long
    most_tokens: int | None = None  #: that the base model takes


@dataclass(frozen=True, slots=True)
class RowReport:
    """What the rules found in an adapter's selections."""

    samples: RowSummary | None  #: None: nothing would be trained
    prompts: RowSummary
    fault: PipelineError | None  #: why a run would fail; None: it would not
    found: tuple[CheckedRows, ...] = ()

    def has_read(self, wanted: Wanted) -> bool:
        """Whether the rows are those that were planned with: nothing drew them at random."""
        read = {each.findings.selection: each.fingerprint for each in self.found}
        return read == {
            SelectionName.TRAINING: wanted.fingerprint,
            SelectionName.EVALUATION: wanted.eval_fingerprint,
        }


@dataclass(frozen=True, slots=True)
class RowCheck:
    """What `sqltune validate` found about one adapter."""

    adapter_name: str
    samples: RowSummary | None  #: None: the selections could not be read
    prompts: RowSummary | None
    fault: PipelineError | None
    issues: list[Issue]


def check_rows(
    runtime: Runtime, names: Sequence[str], *, stop: threading.Event | None = None
) -> list[RowCheck]:
    """Check the rows of adapters, and store what was found in place of what was found before.

    Args:
        runtime: where to read and write.
        names: adapters; none means all that are enabled.
        stop: ends the reading.

    Raises:
        ConfigError: a named adapter does not exist.
    """
    stop = stop or threading.Event()

    def check() -> None:
        if stop.is_set():
            raise RunInterrupted("stopped while rows were checked")

    return [_check_adapter(runtime, a, check, stop) for a in choose_adapters(runtime, names)]


def examine_rows(
    runtime: Runtime,
    adapter: Adapter,
    base_model: BaseModel | None,
    check: Callable[[], None],
    *,
    manifest_id: int | None = None,
    listed_in: str = _COMMAND,
) -> RowReport:
    """Apply the rules of a run to an adapter's selections; nothing is written.

    Args:
        runtime: where to read.
        adapter: its row.
        base_model: what reads the samples; None: its limit is not checked.
        check: called while rows are read; what it raises passes through.
        manifest_id: of the version that would be evaluated; None: a version would be trained.
        listed_in: where people read the findings.

    Raises:
        DataError: a query cannot be used.
    """
    reader = runtime.selection_reader(check)
    prompts = check_prompts(reader, adapter, scorers=NEEDS_EXPECTED, listed_in=listed_in)
    if manifest_id is not None:
        check_leaks(runtime.database, reader, manifest_id, prompts)
        note_unread_extras(reader, adapter, prompts)
        fault = prompts.rows.fault or _find_scoring_fault(reader, adapter, prompts)
        return RowReport(None, _summarise(prompts.rows), fault, (prompts.rows,))
    limits, tokens = ModelLimits(), None
    if base_model is not None:
        limits, tokens = find_limits(runtime.backend(adapter.backend), base_model, adapter)
    samples = check_samples(reader, adapter, prompts, limits=limits, listed_in=listed_in)
    note_unread_extras(reader, adapter, prompts)
    fault = samples.fault or prompts.rows.fault
    if isinstance(samples.fault, BadRows) and isinstance(prompts.rows.fault, BadRows):
        fault = join_faults(samples.fault, prompts.rows.fault, adapter)
    fault = fault or _find_scoring_fault(reader, adapter, prompts)
    found = (samples, prompts.rows)
    return RowReport(_summarise(samples, tokens), _summarise(prompts.rows), fault, found)


def _find_scoring_fault(
    reader: SelectionReader, adapter: Adapter, prompts: CheckedPrompts
) -> DataError | None:
    """Return why the gate would refuse any version, before it is trained; None: it need not."""
    if adapter.gate_without_prompts == "refuse" and not prompts.rows.counts.scored:
        return DataError(
            "no evaluation prompt can be scored, so the gate would refuse whatever is trained: "
            "give prompts an expected text, or set gate_without_prompts = 'accept'",
            code="nothing_to_compare",
        )
    for message in find_unread_scorers(reader, adapter, prompts.sql_scorers):
        return DataError(message, code=UNREAD_SCORER)
    return None


def _check_adapter(
    runtime: Runtime, adapter: Adapter, check: Callable[[], None], stop: threading.Event
) -> RowCheck:
    report, fault = None, None
    try:
        wanted = find_wanted(runtime, adapter, check)
        check_validation(adapter, wanted.validation)
        report = examine_rows(
            runtime, adapter, wanted.base_model, check, listed_in=ROW_CHECK_ISSUES
        )
        if not report.has_read(wanted):
            require_stable_queries(runtime, adapter, wanted, None, check)
        fault = report.fault
    except BaseException as error:
        fault = refusal_of(error)
    row = _row(runtime, adapter, report, fault)
    found = [each.findings for each in report.found] if report else []
    issues = [issue for findings in found for issue in findings.issues]
    counts = [(findings.selection, count) for findings in found for count in findings.counts]
    with_patience(
        lambda: row_checks.replace_row_check(runtime.database, row, issues, counts),
        stop,
        runtime.pauses_seconds,
    )
    samples, prompts = (report.samples, report.prompts) if report else (None, None)
    return RowCheck(adapter.adapter_name, samples, prompts, fault, issues)


def _row(
    runtime: Runtime, adapter: Adapter, report: RowReport | None, fault: PipelineError | None
) -> row_checks.RowCheckRow:
    samples, prompts = (report.samples, report.prompts) if report else (None, None)
    return row_checks.RowCheckRow(
        adapter_name=adapter.adapter_name,
        samples_usable=samples.usable if samples else None,
        samples_bad=samples.bad if samples else None,
        samples_held_out=samples.held_out if samples else None,
        prompts_usable=prompts.usable if prompts else None,
        prompts_bad=prompts.bad if prompts else None,
        error_code=fault.code if fault else None,
        error_message=str(fault) if fault else None,
        checked_at=runtime.now(),
    )


def _summarise(rows: CheckedRows, limit: TokenLimit | None = None) -> RowSummary:
    counts = rows.counts
    by_severity: dict[str, dict[str, int]] = {"error": {}, "warning": {}}
    for each in rows.findings.counts:
        by_severity[each.severity][each.rule] = each.count
    return RowSummary(
        usable=counts.selected - counts.skipped - counts.held_out,
        bad=counts.skipped,
        held_out=counts.held_out,
        scored=counts.scored,
        leaked=counts.leaked,
        rules=by_severity["error"],
        warnings=by_severity["warning"],
        longest_tokens=limit.longest_tokens or None if limit else None,
        most_tokens=limit.most_tokens if limit else None,
    )
