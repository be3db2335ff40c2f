"""Decides how many bad rows an adapter tolerates: its `on_bad_row` and `max_skipped_share`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqltune.errors import BadRows, DataError
from sqltune.records import Adapter
from sqltune.selection.findings import DATA_ISSUES, Findings


@dataclass(slots=True)
class RowCounts:
    """How many rows a selection returned, and what became of them."""

    selected: int = 0
    skipped: int = 0  #: cannot be used; each has a finding
    held_out: int = 0  #: samples whose split is neither 'train' nor 'validation'
    forgotten: int = 0  #: the first rows that were forgotten; they are not selected
    validation: int = 0  #: samples that are never trained, and whose loss is measured
    scored: int = 0  #: prompts whose answers can be scored, each content once
    leaked: int = 0  #: of these, prompts that are trained on

    @property
    def trained(self) -> int:
        """How many samples are trained."""
        return self.selected - self.skipped - self.held_out - self.validation


def rows_to_spare(counts: RowCounts, adapter: Adapter) -> int:
    """Return how many more rows can be skipped before the run must fail."""
    return max(0, int(most_skipped(counts.selected, adapter)) - counts.skipped)


def find_sample_fault(
    counts: RowCounts, findings: Findings, adapter: Adapter, listed_in: str = DATA_ISSUES
) -> DataError | None:
    """Return why a run cannot be trained on what is left of its samples; None: it can.

    Args:
        counts: of the selection.
        findings: what is wrong with its rows.
        adapter: its row.
        listed_in: where the findings are to be read.
    """
    code, limit = None, ""
    if findings.has_errors and adapter.on_bad_row != "skip":
        code = "bad_rows"
    elif counts.skipped > most_skipped(counts.selected, adapter):
        code = "too_many_bad_rows"
        limit = f", more than max_skipped_share = {adapter.max_skipped_share:g} allows"
    if code is not None:
        found = (
            f"{counts.skipped:,} of {counts.selected:,} rows cannot be trained on{limit} "
            f"({findings.summary()}). {findings.where(listed_in)}"
        )
        share = _share_to_skip(counts) if counts.trained > 0 else None
        return _refuse_rows(found, share, adapter, table="training query", code=code)
    return find_emptiness(counts, adapter)


def find_emptiness(counts: RowCounts, adapter: Adapter) -> DataError | None:
    """Return why nothing is left to train on; None: something is."""
    if counts.trained > 0:
        return None
    message = f"there is nothing to train on: {_explain_emptiness(counts, adapter)}"
    return DataError(message, table="training query", code="empty_selection")


def find_prompt_fault(
    counts: RowCounts, findings: Findings, adapter: Adapter, listed_in: str = DATA_ISSUES
) -> BadRows | None:
    """Return why a run cannot ask what is left of its evaluation prompts; None: it can.

    The arguments are those of `find_sample_fault`.
    """
    if counts.skipped <= most_skipped(counts.selected, adapter):
        return None
    found = (
        f"{counts.skipped:,} of {counts.selected:,} evaluation prompts cannot be asked "
        f"({findings.summary()}). {findings.where(listed_in)}"
    )
    share = _share_to_skip(counts)
    return _refuse_rows(found, share, adapter, table="evaluation query", code="bad_prompts")


def join_faults(samples: BadRows, prompts: BadRows, adapter: Adapter) -> BadRows:
    """Return one error for both selections, whose cure is enough for both."""
    share = None if samples.share is None else max(samples.share, prompts.share or 0)
    found = f"{samples.found}. {prompts.found}"
    return _refuse_rows(found, share, adapter, table=samples.table, code=samples.code)


def most_skipped(selected: int, adapter: Adapter) -> float:
    """Return how many of the selected rows an adapter's row allows to be left out."""
    return adapter.max_skipped_share * selected if adapter.on_bad_row == "skip" else 0


def _share_to_skip(counts: RowCounts) -> float:
    """Return the max_skipped_share that leaves out all bad rows, with at most three digits."""
    thousandths = math.ceil(1000 * counts.skipped / counts.selected)
    # 0.29 * 100 is less than 29 to a computer.
    if thousandths / 1000 * counts.selected < counts.skipped:
        thousandths += 1
    return thousandths / 1000


def _refuse_rows(
    found: str, share: float | None, adapter: Adapter, *, table: str | None, code: str
) -> BadRows:
    message = f"{found}; correct the rows{_describe_skipping(share, adapter)}"
    return BadRows(message, found=found, share=share, table=table, code=code)


def _describe_skipping(share: float | None, adapter: Adapter) -> str:
    """Return how the adapter's row leaves bad rows out: every setting that it takes."""
    if share is None:
        return ": none is left without them"
    settings = [] if adapter.on_bad_row == "skip" else ["on_bad_row = 'skip'"]
    if share > adapter.max_skipped_share:
        settings.append(f"max_skipped_share = {share:g}")
    return f", or set {' and '.join(settings)} in adapters to leave them out"


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
    if counts.forgotten:
        return (
            "every row was forgotten (`sqltune forget`): delete these rows at their source, and "
            "add others"
        )
    if adapter.training_query is None:
        return f"training_samples has no rows with dataset = '{adapter.adapter_name}'"
    return "the query returns no rows"
