"""Decides how many bad rows an adapter tolerates: its `on_bad_row` and `max_skipped_share`."""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.errors import DataError
from sqltune.records import Adapter
from sqltune.selection.findings import Findings


@dataclass(slots=True)
class RowCounts:
    """How many rows a selection returned, and what became of them."""

    selected: int = 0
    skipped: int = 0  #: cannot be used; each has a finding
    held_out: int = 0  #: samples whose split is neither 'train' nor 'validation'
    validation: int = 0  #: samples that are never trained, and whose loss is measured

    @property
    def trained(self) -> int:
        """How many samples are trained."""
        return self.selected - self.skipped - self.held_out - self.validation


def rows_to_spare(counts: RowCounts, adapter: Adapter) -> int:
    """Return how many more rows can be skipped before the run must fail."""
    return max(0, int(_most_skipped(counts.selected, adapter)) - counts.skipped)


def find_sample_fault(counts: RowCounts, findings: Findings, adapter: Adapter) -> DataError | None:
    """Return why a run cannot be trained on what is left of its samples; None: it can."""
    if findings.has_errors and adapter.on_bad_row != "skip":
        return _refuse_samples(
            "bad_rows",
            f"{counts.skipped:,} of {counts.selected:,} rows cannot be trained on "
            f"({findings.summary()}). {findings.where()}; correct the rows, or set "
            "on_bad_row = 'skip' in adapters to leave them out",
        )
    if counts.skipped > _most_skipped(counts.selected, adapter):
        return _refuse_samples(
            "too_many_bad_rows",
            f"{counts.skipped:,} of {counts.selected:,} rows cannot be trained on, more than "
            f"max_skipped_share = {adapter.max_skipped_share:g} allows "
            f"({findings.summary()}). {findings.where()}",
        )
    if counts.trained <= 0:
        reason = _explain_emptiness(counts, adapter)
        return _refuse_samples("empty_selection", f"there is nothing to train on: {reason}")
    return None


def find_prompt_fault(counts: RowCounts, findings: Findings, adapter: Adapter) -> DataError | None:
    """Return why a run cannot ask what is left of its evaluation prompts; None: it can."""
    if counts.skipped <= _most_skipped(counts.selected, adapter):
        return None
    return DataError(
        f"{counts.skipped:,} of {counts.selected:,} evaluation prompts cannot be asked "
        f"({findings.summary()}). {findings.where()}",
        table="evaluation query",
        code="bad_prompts",
    )


def _most_skipped(selected: int, adapter: Adapter) -> float:
    return adapter.max_skipped_share * selected if adapter.on_bad_row == "skip" else 0


def _refuse_samples(code: str, message: str) -> DataError:
    return DataError(message, table="training query", code=code)


def _explain_validation(counts: RowCounts, adapter: Adapter) -> str:
    if not counts.validation:
        return ""
    share = (
        f", validation_share is {adapter.validation_share:g}" if adapter.validation_share else ""
    )
    return (
        f", and {counts.validation:,} are for validation{share}: leave some rows to be trained "
        "(rows of one group_key are on one side)"
    )


def _explain_emptiness(counts: RowCounts, adapter: Adapter) -> str:
    if counts.selected:
        return (
            f"none of the {counts.selected:,} rows can be used: {counts.held_out:,} have a split "
            f"other than 'train', {counts.skipped:,} are bad{_explain_validation(counts, adapter)}"
        )
    if adapter.training_query is None:
        return f"training_samples has no rows with dataset = '{adapter.adapter_name}'"
    return "the query returns no rows"
