from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from sqltune.database.streaming import open_stream
from sqltune.errors import DatabaseUnavailable, DataError, QueryRefused
from sqltune.selection import read_samples, select_samples
from tests.database.selecting import Desk, never_stop, open_desk
from tests.databases import copy_sqlite
from tests.engines import SERVERS

ENDLESS = (
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
    "SELECT 'p' AS prompt, 'r' AS response FROM n AS a, n AS b, n AS c, n AS d "
    "WHERE a.i + b.i + c.i + d.i < 0"
)
GOOD = {"prompt": "p", "response": "r"}


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


@pytest.fixture
def sqlite_desk(sqlite_template: Path, tmp_path: Path) -> Iterator[Desk]:
    database = Database.open(copy_sqlite(sqlite_template, tmp_path))
    yield open_desk(database)
    database.close()


def test_what_the_database_rejects_is_reported_in_its_words(desk: Desk) -> None:
    with pytest.raises(DataError, match="no_such_table") as caught:
        desk.write(training_query="SELECT prompt, response FROM no_such_table")
    assert caught.value.code == "query_failed"


def test_a_query_that_is_refused_writes_nothing(desk: Desk) -> None:
    with pytest.raises(QueryRefused):
        desk.write(training_query="DELETE FROM training_samples")
    assert desk.rows("SELECT COUNT(*) FROM manifests") == [(0,)]


def test_large_and_wide_texts_are_read_back_byte_for_byte(desk: Desk) -> None:
    texts = [
        "😀🚀 \U0010ffff",
        "tab\tline\r\nback\\slash \\N \x1f\x1e\x1d '\"%s %% :name ?",
        "é" * 500_000,
        " padded ",
        "NULL",
    ]
    desk.add_samples([{"prompt": text, "response": text, "group_key": text[:50]} for text in texts])
    desk.write()
    samples = list(read_samples(desk.database, 1))
    # The default query has no ORDER BY: which row comes first is the engine's choice.
    assert sorted((s.prompt, s.response) for s in samples) == sorted((t, t) for t in texts)


def test_a_page_ends_with_the_rows_that_fill_it(desk: Desk) -> None:
    texts = [*("s" * 10 for _ in range(10)), *("l" * 1_500_000 for _ in range(5))]
    desk.add_samples([{"prompt": f"p{n:02}", "response": text} for n, text in enumerate(texts)])
    query = "SELECT prompt, response FROM training_samples ORDER BY prompt"
    reading = partial(open_stream, check=never_stop, timeout_seconds=60.0)
    with reading(desk.database, query, {}) as stream:
        pages = [[len(response) for _, response in page] for page in stream.pages()]
    assert [size for page in pages for size in page] == [len(text) for text in texts]
    assert max(sum(page) for page in pages) < 5_000_000


def test_a_per_cent_sign_and_a_colon_in_a_query_are_taken_literally(desk: Desk) -> None:
    desk.add_samples([{"prompt": "100% :x", "response": "a"}, {"prompt": "50", "response": "b"}])
    query = (
        "SELECT prompt, response FROM training_samples WHERE prompt LIKE '%0% :x' AND ':y' = ':y'"
    )
    assert desk.write(training_query=query).sample_count == 1


def test_rows_written_while_the_query_streams_are_not_part_of_it(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r" * 500} for n in range(3000)])
    before = desk.fingerprint()
    pages = []

    def write_on(rows: int) -> None:
        pages.append(rows)
        desk.add_sample(f"late {rows}", "r")

    manifest = desk.write(on_progress=write_on)
    assert len(pages) > 1
    assert manifest.fingerprint == before.text


def test_a_query_that_takes_too_long_is_stopped(desk: Desk) -> None:
    with pytest.raises(DataError, match="took longer than 1 seconds") as caught:
        desk.write(training_query=ENDLESS, timeout_seconds=1.0)
    assert caught.value.code == "selection_timeout"


def test_a_run_is_stopped_while_the_server_still_computes(desk: Desk) -> None:
    asked = []

    def stop_when_asked_again() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        desk.write(training_query=ENDLESS, check=stop_when_asked_again)


@pytest.mark.parametrize("database_engine", SERVERS, indirect=True)
def test_a_selection_whose_connection_was_lost_can_be_repeated(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r" * 2000} for n in range(4000)])

    def cut(rows: int) -> None:
        with desk.database.engine.connect() as other:
            mine = other.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
            running = other.exec_driver_sql(
                "SELECT id FROM information_schema.processlist WHERE INSTR(info, 'FROM training')"
            ).fetchall()
            for (number,) in running:
                if number != mine:
                    other.exec_driver_sql(f"KILL CONNECTION {int(number)}")

    with pytest.raises(DatabaseUnavailable):
        desk.write(on_progress=cut)
    assert desk.write().sample_count == 4000


def test_samples_are_selected_one_by_one_without_writing(desk: Desk) -> None:
    desk.add_samples([GOOD, {"prompt": "", "response": "bad"}, {"prompt": "q", "response": "s"}])
    samples = select_samples(desk.reader(), desk.adapter)
    assert [sample.prompt for sample in samples] == ["p", "q"]
    assert desk.issues() == []


def test_a_row_that_cannot_be_trained_on_still_counts_in_the_fast_fingerprint(
    desk: Desk,
) -> None:
    desk.add_samples([GOOD])
    prints = {desk.fingerprint().text}
    for text in ("", " ", "x\t", "y"):
        desk.run(f"UPDATE training_samples SET prompt = '{text}'")
        prints.add(desk.fingerprint().text)
    assert len(prints) == 5


def test_the_selection_may_run_on_another_database(
    desk: Desk, tmp_path: Path, open_url: Callable[..., Database]
) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE tickets (question TEXT, answer TEXT)")
        connection.execute("INSERT INTO tickets VALUES ('Wo?', 'Da. 😀')")
        connection.commit()
    shop = Database.open(f"sqlite:///{path}")
    desk.selection_database = shop
    query = "SELECT question AS prompt, answer AS response FROM tickets"
    desk.write(training_query=query)
    shop.close()
    assert [s.response for s in read_samples(desk.database, 1)] == ["Da. 😀"]


def test_text_that_sqlite_cannot_decode_is_a_finding_and_no_crash(sqlite_desk: Desk) -> None:
    for text in ("CAST(x'70ff70' AS TEXT)", "CAST(x'eda080' AS TEXT)", "'a' || CHAR(0) || 'b'"):
        sqlite_desk.run(
            "INSERT INTO training_samples (dataset, prompt, response) "
            f"VALUES ('helpdesk', {text}, 'r')"
        )
    with pytest.raises(DataError):
        sqlite_desk.write()
    assert sqlite_desk.issue_counts() == {"undecodable": 1, "lone_surrogate": 1, "nul": 1}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT load_extension('x') AS prompt, 'r' AS response",
        "SELECT fts3_tokenizer('simple') AS prompt, 'r' AS response",
        "SELECT name AS prompt, 'r' AS response FROM pragma_table_info('runs')",
    ],
)
def test_sqlite_itself_refuses_what_the_guard_would_have_let_through(
    sqlite_desk: Desk, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqltune.selection.sources.guard_query", lambda sql, *_: sql)
    with pytest.raises(DataError, match="not accept"):
        sqlite_desk.write(training_query=query)


def test_the_selection_connection_itself_cannot_write(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.add_samples([GOOD])
    monkeypatch.setattr("sqltune.selection.sources.guard_query", lambda sql, *_: sql)
    with pytest.raises(DataError):
        desk.write(training_query="DELETE FROM training_samples")
    assert desk.rows("SELECT COUNT(*) FROM training_samples") == [(1,)]


def test_the_selection_connection_itself_cannot_drop_a_table(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqltune.selection.sources.guard_query", lambda sql, *_: sql)
    with pytest.raises(DataError):
        desk.write(training_query="DROP TABLE runs")
    assert desk.rows("SELECT COUNT(*) FROM runs") == [(0,)]


def test_memory_does_not_grow_with_the_table(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r" * 4000} for n in range(1500)])
    again = (
        "INSERT INTO training_samples (dataset, prompt, response) SELECT dataset, prompt, response"
    )
    desk.run(f"{again} FROM training_samples", f"{again} FROM training_samples")
    tracemalloc.start()
    try:
        assert desk.fingerprint().row_count == 6000
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The texts are 24 MB; a few pages of them are in memory at a time.
    assert peak_bytes < 8_000_000
