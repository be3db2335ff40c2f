"""Which columns of a selection count as used."""

from __future__ import annotations

from typing import Any

import pytest

from sqltune.records import SelectionName
from sqltune.selection.columns import map_columns
from sqltune.selection.used_columns import ColumnWatch, join_names, split_names


def used(name: str, *pages: list[Any]) -> tuple[str, ...]:
    columns = map_columns(["prompt", "response", name], SelectionName.TRAINING)
    watch = ColumnWatch(SelectionName.TRAINING)
    watch.open(columns)
    for page in pages:
        watch.add(columns.split([(b"p", b"r", value) for value in page]))
    return watch.result.used


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("split", [None, b"train"]),
        ("weight", [None, 1, 1.0]),
        ("group_key", [None]),
        ("system_prompt", [None, None]),
        ("something_else", [b"x"]),
    ],
)
def test_a_column_whose_values_change_nothing_is_not_used(name: str, values: list[Any]) -> None:
    assert used(name, values, values) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("split", b"test"), ("weight", 2.0), ("group_key", 7), ("messages", b"[]")],
)
def test_one_value_of_a_later_page_makes_a_column_used(name: str, value: Any) -> None:
    assert used(name, [None, None], [None, value]) == (name,)


def test_a_query_without_rows_gives_its_columns_all_the_same() -> None:
    watch = ColumnWatch(SelectionName.EVALUATION)
    watch.open(map_columns(["Prompt", "EXPECTED"], SelectionName.EVALUATION))
    assert (watch.result.used, watch.result.find_gone(["expected", "scorer"])) == ((), ["scorer"])


@pytest.mark.parametrize("names", [(), ("split",), ("split", "weight")])
def test_stored_names_are_read_back(names: tuple[str, ...]) -> None:
    assert tuple(split_names(join_names(names))) == names
