"""A query that returns other rows each time is refused, and not for what others write."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from sqltune.database.connection import Database, EngineKind
from sqltune.errors import DataError
from sqltune.records import Adapter, SelectionName
from sqltune.selection import require_stable, scan_prompts, scan_samples
from tests.database.selecting import Desk, never_stop, open_desk
from tests.engines import PYMYSQL

ALL = "SELECT prompt, response FROM training_samples"


@pytest.fixture
def desk(database: Database) -> Desk:
    """A desk with two hundred samples and prompts."""
    desk = open_desk(database)
    rows = [{"prompt": f"p{number}", "response": "r"} for number in range(200)]
    desk.add_samples(rows)
    desk.add_prompts([{"prompt": row["prompt"]} for row in rows])
    return desk


def drawn(desk: Desk, query: str) -> str:
    random = "RANDOM()" if desk.database.kind is EngineKind.SQLITE else "RAND()"
    return f"{query} ORDER BY {random} LIMIT 100"


def require(desk: Desk, adapter: Adapter, check: Any = never_stop) -> None:
    scan = scan_samples(desk.reader(), adapter)
    require_stable(desk.reader(check), adapter, SelectionName.TRAINING, scan.fingerprint.text)


def test_samples_that_are_drawn_at_random_are_refused_with_the_cure(desk: Desk) -> None:
    adapter = replace(desk.adapter, training_query=drawn(desk, ALL))
    with pytest.raises(DataError, match="allow_unstable = 1 in adapters") as caught:
        require(desk, adapter)
    assert caught.value.code == "unstable_query"
    require(desk, replace(adapter, allow_unstable=True))


def test_prompts_that_are_drawn_at_random_in_a_view_are_refused(desk: Desk) -> None:
    desk.run(f"CREATE VIEW drawn_prompts AS {drawn(desk, 'SELECT prompt FROM eval_prompts')}")
    adapter = replace(desk.adapter, eval_query="SELECT prompt FROM drawn_prompts")
    scan = scan_prompts(desk.reader(), adapter)
    try:
        with pytest.raises(DataError, match="the evaluation query returns other rows"):
            require_stable(desk.reader(), adapter, SelectionName.EVALUATION, scan.fingerprint.text)
    finally:
        desk.run("DROP VIEW drawn_prompts")


def test_an_order_at_random_of_all_rows_is_no_other_content(desk: Desk) -> None:
    require(desk, replace(desk.adapter, training_query=drawn(desk, ALL).partition(" LIMIT")[0]))


def test_a_row_that_was_written_after_the_first_reading_is_no_instability(desk: Desk) -> None:
    adapter = replace(desk.adapter, training_query=ALL)
    scan = scan_samples(desk.reader(), adapter)
    desk.add_sample("another", "row")
    require_stable(desk.reader(), adapter, SelectionName.TRAINING, scan.fingerprint.text)


@pytest.mark.parametrize("database_engine", PYMYSQL, indirect=True)
def test_rows_that_are_written_all_the_time_are_no_instability_to_a_snapshot(desk: Desk) -> None:
    numbers = count()

    def write() -> None:
        desk.add_sample(f"new {next(numbers)}", "row")

    adapter = replace(desk.adapter, training_query=ALL)
    scan = scan_samples(desk.reader(), adapter)
    desk.add_sample("another", "row")
    require_stable(desk.reader(write), adapter, SelectionName.TRAINING, scan.fingerprint.text)
    assert next(numbers) > 4
