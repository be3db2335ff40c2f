"""How many bad rows an adapter tolerates, and what the run fails with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqltune.errors import BadRows
from sqltune.records import SelectionName
from sqltune.selection.bad_rows import (
    RowCounts,
    find_prompt_fault,
    find_sample_fault,
    join_faults,
    rows_to_spare,
)
from sqltune.selection.findings import Findings
from sqltune.selection.rules import Problem
from tests.database.selecting import ADAPTER


def found(errors: int, selection: SelectionName = SelectionName.TRAINING) -> Findings:
    findings = Findings(selection)
    for number in range(errors):
        findings.add(f"row {number}", "prompt", Problem("empty", "prompt is empty"))
    return findings


@pytest.mark.parametrize(
    ("on_bad_row", "share", "skipped", "spare"),
    [
        ("stop", 0.5, 0, 0),
        ("skip", 0.0, 0, 0),
        ("skip", 0.05, 0, 5),
        ("skip", 0.05, 3, 2),
        ("skip", 0.05, 9, 0),
        ("skip", 0.019, 0, 1),
    ],
)
def test_what_is_left_to_skip_is_the_share_less_what_was_skipped(
    on_bad_row: str, share: float, skipped: int, spare: int
) -> None:
    adapter = replace(ADAPTER, on_bad_row=on_bad_row, max_skipped_share=share)
    assert rows_to_spare(RowCounts(selected=100, skipped=skipped), adapter) == spare


@pytest.mark.parametrize(
    ("on_bad_row", "share", "counts", "code"),
    [
        ("stop", 1.0, RowCounts(selected=100), None),
        ("stop", 1.0, RowCounts(selected=100, skipped=1), "bad_rows"),
        ("skip", 0.01, RowCounts(selected=100, skipped=1), None),
        ("skip", 0.01, RowCounts(selected=100, skipped=2), "too_many_bad_rows"),
        ("skip", 1.0, RowCounts(selected=100, skipped=100), "empty_selection"),
        ("skip", 1.0, RowCounts(selected=100, skipped=40, held_out=60), "empty_selection"),
        ("stop", 1.0, RowCounts(selected=100, held_out=100), "empty_selection"),
        ("stop", 1.0, RowCounts(), "empty_selection"),
    ],
)
def test_samples_are_used_only_if_few_enough_are_bad_and_some_are_left(
    on_bad_row: str, share: float, counts: RowCounts, code: str | None
) -> None:
    adapter = replace(ADAPTER, on_bad_row=on_bad_row, max_skipped_share=share)
    fault = find_sample_fault(counts, found(counts.skipped), adapter)
    assert (None if fault is None else fault.code) == code


@pytest.mark.parametrize(
    ("on_bad_row", "skipped", "is_refused"),
    [("stop", 0, False), ("stop", 1, True), ("skip", 1, False), ("skip", 2, True)],
)
def test_prompts_are_asked_only_if_few_enough_are_bad(
    on_bad_row: str, skipped: int, is_refused: bool
) -> None:
    adapter = replace(ADAPTER, on_bad_row=on_bad_row, max_skipped_share=0.01)
    findings = found(skipped, SelectionName.EVALUATION)
    fault = find_prompt_fault(RowCounts(selected=100, skipped=skipped), findings, adapter)
    assert (fault is not None) is is_refused


def test_the_error_counts_the_bad_rows_names_the_first_and_says_where_all_are_listed() -> None:
    fault = find_sample_fault(RowCounts(selected=100, skipped=2), found(2), ADAPTER)
    assert str(fault) == (
        "2 of 100 rows cannot be trained on (2 empty; first: row 0: prompt is empty). data_issues "
        "lists them; correct the rows, or set on_bad_row = 'skip' and max_skipped_share = 0.02 in "
        "adapters to leave them out"
    )


@pytest.mark.parametrize("on_bad_row", ["stop", "skip"])
def test_who_follows_the_cure_is_not_refused_again(on_bad_row: str) -> None:
    adapter = replace(ADAPTER, on_bad_row=on_bad_row, max_skipped_share=0)
    for selected in range(2, 200):
        for skipped in range(1, selected):
            counts = RowCounts(selected=selected, skipped=skipped)
            fault = find_sample_fault(counts, found(1), adapter)
            assert isinstance(fault, BadRows)
            assert fault.share is not None
            cured = replace(adapter, on_bad_row="skip", max_skipped_share=fault.share)
            assert find_sample_fault(counts, found(1), cured) is None
            assert rows_to_spare(replace(counts, skipped=0), cured) >= skipped


def test_the_cure_of_both_selections_is_enough_for_both() -> None:
    samples = find_sample_fault(RowCounts(selected=100, skipped=2), found(2), ADAPTER)
    prompts = find_prompt_fault(
        RowCounts(selected=10, skipped=1), found(1, SelectionName.EVALUATION), ADAPTER
    )
    assert isinstance(samples, BadRows)
    assert prompts is not None
    joined = str(join_faults(samples, prompts, ADAPTER))
    assert joined.startswith("2 of 100 rows cannot be trained on")
    assert "1 of 10 evaluation prompts cannot be asked" in joined
    assert "set on_bad_row = 'skip' and max_skipped_share = 0.1 in adapters" in joined


def test_no_setting_is_advised_where_none_is_left() -> None:
    fault = find_sample_fault(RowCounts(selected=2, skipped=2), found(2), ADAPTER)
    assert str(fault).endswith("lists them; correct the rows: none is left without them")
