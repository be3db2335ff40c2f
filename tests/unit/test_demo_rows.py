"""sql/demo: the rows that `make demo` loads, as a person would paste them into `sqlite3`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

SQL = Path(__file__).parents[2] / "sql"


@pytest.fixture
def demo() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    for path in sorted((SQL / "migrations" / "sqlite").glob("*.sql")):
        connection.executescript(path.read_text("utf-8"))
    for path in sorted((SQL / "demo").glob("*.sql")):
        connection.executescript(path.read_text("utf-8"))
    yield connection
    connection.close()


def column(connection: sqlite3.Connection, query: str) -> list[str]:
    return [row[0] for row in connection.execute(query)]


def test_one_adapter_reads_all_samples_and_prompts_of_the_demo(demo: sqlite3.Connection) -> None:
    names = column(demo, "SELECT adapter_name FROM adapters")
    assert len(names) == 1
    assert set(column(demo, "SELECT dataset FROM training_samples")) == set(names)
    assert set(column(demo, "SELECT dataset FROM eval_prompts")) == set(names)


def test_demo_has_a_handful_of_samples_and_three_epochs(demo: sqlite3.Connection) -> None:
    assert column(demo, "SELECT COUNT(*) FROM training_samples") == [8]
    assert column(demo, "SELECT epochs FROM adapters") == [3]


def test_demo_asks_the_articles_question_and_others_that_no_sample_has(
    demo: sqlite3.Connection,
) -> None:
    trained = set(column(demo, "SELECT prompt FROM training_samples"))
    asked = set(column(demo, "SELECT prompt FROM eval_prompts WHERE prompt LIKE '%Belagatti%'"))
    assert "Who is Pavan Belagatti?" in asked & trained
    assert len(asked - trained) >= 2


def test_demo_asks_what_must_be_kept(demo: sqlite3.Connection) -> None:
    others = column(
        demo,
        "SELECT prompt FROM eval_prompts"
        " WHERE prompt NOT LIKE '%Belagatti%' AND expected IS NOT NULL",
    )
    assert len(others) >= 3


def test_no_right_answer_is_in_its_own_question(demo: sqlite3.Connection) -> None:
    query = "SELECT prompt, expected FROM eval_prompts WHERE expected IS NOT NULL"
    pairs = demo.execute(query).fetchall()
    assert pairs
    assert [prompt for prompt, expected in pairs if expected in prompt] == []
