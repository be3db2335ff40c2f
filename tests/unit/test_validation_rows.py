"""Which samples are for validation: stable, and part of the fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sqltune.records import SelectionName
from sqltune.selection.bad_rows import RowCounts, find_sample_fault
from sqltune.selection.batches import digest_refused
from sqltune.selection.columns import map_columns
from sqltune.selection.findings import Findings
from sqltune.selection.scan import digest_page
from sqltune.selection.training_rows import TrainingRows
from sqltune.selection.validation_rows import find_validation, mark_digests
from tests.unit.made_records import ADAPTER

NAMES = ("sample_key", "prompt", "response", "group_key", "split")
Row = tuple[Any, ...]


def choose(rows: Sequence[Row], share: float | None, names: Sequence[str] = NAMES) -> set[Any]:
    """Return the keys of the rows of a page that are for validation."""
    columns = map_columns(names, SelectionName.TRAINING)
    batch = TrainingRows(columns, None, validation_share=share).accept(rows)
    return {batch.keys[index] for index in batch.validation}


def rows_of(count: int, group: bytes | None = None) -> list[Row]:
    return [(number, b"p%d" % number, b"r", group, None) for number in range(count)]


def test_nothing_is_chosen_by_default_and_a_split_chooses_without_a_share() -> None:
    rows = rows_of(50)
    assert choose(rows, None) == choose(rows, 0.0) == set()
    assert choose([*rows, (99, b"p", b"r", None, b"validation")], None) == {b"99"}


def test_a_share_chooses_about_as_many_and_a_larger_one_keeps_them() -> None:
    rows = rows_of(5000)
    few, many = choose(rows, 0.1), choose(rows, 0.3)
    assert few < many
    assert len(few) == pytest.approx(500, abs=75)
    assert len(many) == pytest.approx(1500, abs=120)


def test_a_row_does_not_change_sides_as_the_table_grows_or_the_row_is_edited() -> None:
    rows = rows_of(200)
    before = choose(rows, 0.2)
    edited = [(key, b"edited", response, group, split) for key, _, response, group, split in rows]
    assert choose([*edited, *rows_of(900)[200:]], 0.2) & {b"%d" % n for n in range(200)} == before


def test_the_rows_of_a_group_are_on_one_side() -> None:
    groups = [b"g%d" % (number % 20) for number in range(400)]
    rows = [(*row[:3], group, None) for row, group in zip(rows_of(400), groups, strict=True)]
    chosen = choose(rows, 0.3)
    sides = {
        group: {b"%d" % row[0] in chosen for row in rows if row[3] == group} for group in groups
    }
    assert all(len(side) == 1 for side in sides.values())
    assert {True, False} == set.union(*sides.values())


def test_a_number_and_its_digits_are_one_key() -> None:
    numbers = rows_of(300)
    texts = [(b"%d" % row[0], *row[1:]) for row in numbers]
    assert choose(numbers, 0.3) == choose(texts, 0.3)


def test_rows_without_key_and_group_are_chosen_by_their_content() -> None:
    rows = [row[1:] for row in rows_of(300)]
    chosen = choose(rows, 0.3, NAMES[1:])
    assert 40 < len(chosen) < 140
    assert choose(rows[::-1], 0.3, NAMES[1:]) == chosen


@pytest.mark.parametrize("share", [None, 0.4])
def test_the_scan_of_a_plan_and_the_writing_of_a_manifest_choose_alike(
    share: float | None,
) -> None:
    rows: list[Row] = [
        *rows_of(60),
        *((n, b"p", b"r", b"g%d" % n, b"train") for n in range(60, 90)),
        (b"text", b"p", b"r", None, b"validation"),
        (91, b"", b"r", None, None),
        (b"no prompt", None, b"r", 7, b"validation"),
        (None, b"p\x00", b"r", None, None),
    ]
    columns = map_columns(NAMES, SelectionName.TRAINING)
    fields = columns.split(rows)
    digests = digest_page(fields)
    planned = mark_digests(
        digests, find_validation(fields[0], fields[-2], fields[-1], digests, share)
    )
    training = TrainingRows(columns, None, validation_share=share)
    batch = training.accept(rows)
    written = [*mark_digests(batch.digests, batch.validation)]
    written += digest_refused(training.refused, share)[0]
    assert sorted(written) == sorted(planned)
    assert len(training.refused) == 3


def test_a_row_that_changes_sides_has_another_hash() -> None:
    digests = [b"a" * 32, b"b" * 32]
    marked = mark_digests(digests, frozenset({1}))
    assert (marked[0] == digests[0], marked[1] == digests[1]) == (True, False)


def test_a_run_with_nothing_left_to_train_is_refused_with_the_reason() -> None:
    counts = RowCounts(selected=3, validation=3)
    adapter = replace(ADAPTER, validation_share=0.5)
    fault = find_sample_fault(counts, Findings(SelectionName.TRAINING), adapter)
    assert fault is not None
    assert fault.code == "empty_selection"
    assert "3 are for validation, validation_share is 0.5" in str(fault)
