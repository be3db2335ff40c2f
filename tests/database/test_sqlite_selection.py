"""A selection on a SQLite file: names, table functions, blobs, and the process that reads it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sqltune.database import sqlite_child
from sqltune.database.connection import Database
from sqltune.errors import DataError
from sqltune.selection import read_samples
from tests.database.selecting import Desk, open_desk
from tests.databases import copy_sqlite

#: SQLite's own interrupt does not end this function.
UNINTERRUPTIBLE = (
    "SELECT instr(hex(zeroblob(40000000)), hex(zeroblob(16000000)) || '1') AS prompt, "
    "'r' AS response"
)


@pytest.fixture
def desk(sqlite_template: Path, tmp_path: Path) -> Iterator[Desk]:
    database = Database.open(copy_sqlite(sqlite_template, tmp_path))
    yield open_desk(database)
    database.close()


@pytest.fixture
def faq(desk: Desk) -> Desk:
    """A table of one question, with names that need quotes."""
    desk.run(
        'CREATE TABLE faq (id INTEGER PRIMARY KEY, question TEXT, "an `answer`" TEXT, "a""b" TEXT)',
        "INSERT INTO faq VALUES (1, 'Port?', '7419', 'c')",
    )
    return desk


def trained(desk: Desk, query: str) -> list[tuple[str, str]]:
    desk.write(training_query=query)
    return [(sample.prompt, sample.response) for sample in read_samples(desk.database, 1)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT \"qestion\" AS prompt, id || '' AS response FROM faq",
        'SELECT faq."qestion" AS prompt, question AS response FROM faq',
        'SELECT question AS prompt, "" AS response FROM faq',
        "SELECT question AS prompt, question AS response FROM faq WHERE \"qestion\" <> ''",
        'SELECT question AS prompt, question AS response FROM faq ORDER BY "qestion"',
        'SELECT question AS prompt, upper("qestion") AS response FROM faq GROUP BY question',
        'SELECT question AS prompt, /* "question" */ "qestion" AS response FROM faq -- "question"',
    ],
)
def test_a_misspelt_name_in_double_quotes_is_no_text(faq: Desk, query: str) -> None:
    with pytest.raises(DataError, match="no such column"):
        faq.write(training_query=query)
    assert faq.rows("SELECT COUNT(*) FROM manifests") == [(0,)]


def test_the_message_names_the_misspelt_column_and_the_cure(faq: Desk) -> None:
    with pytest.raises(DataError, match=r"no such column: qestion: .*single quotes"):
        faq.write(training_query='SELECT "qestion" AS prompt, question AS response FROM faq')


@pytest.mark.parametrize(
    "query",
    [
        'SELECT "question" AS prompt, "an `answer`" AS response FROM "faq"',
        'SELECT q."question" AS "prompt", q."an `answer`" AS "response" FROM "faq" AS "q"',
        "SELECT [question] AS prompt, `an ``answer``` AS response FROM faq",
        'WITH "a ""b" AS (SELECT * FROM faq) SELECT question AS prompt, "an `answer`" AS response '
        'FROM "a ""b" WHERE "a""b" = \'c\' AND \'"x"\' <> \'x\'',
    ],
)
def test_a_quoted_name_is_read_as_it_is(faq: Desk, query: str) -> None:
    assert trained(faq, query) == [("Port?", "7419")]


def test_json_is_unfolded_into_rows(desk: Desk) -> None:
    desk.run(
        "CREATE TABLE chats (id INTEGER PRIMARY KEY, turns TEXT)",
        """INSERT INTO chats VALUES (1, '[["Port?", "7419"], ["Depot?", "Ghent"]]')""",
    )
    query = (
        "SELECT c.id || '-' || t.key AS sample_key, t.value ->> 0 AS prompt, "
        "t.value ->> 1 AS response FROM chats AS c, {}(c.turns) AS t WHERE t.type = 'array' "
        "AND t.path = '$' AND t.key IS NOT NULL"
    )
    expected = [("Port?", "7419"), ("Depot?", "Ghent")]
    assert trained(desk, query.format("json_each")) == expected
    desk.write(2, training_query=query.format("json_tree"))
    assert desk.rows("SELECT COUNT(*) FROM manifests") == [(1,)]


@pytest.mark.parametrize("module", ["fts5", "fts4", "fts3"])
def test_a_full_text_table_is_searched(desk: Desk, module: str) -> None:
    desk.run(
        f'CREATE VIRTUAL TABLE "the ""notes" USING {module}(title, body)',
        """INSERT INTO "the ""notes" VALUES ('Port', 'It is 7419.'), ('Depot', 'In Ghent.')""",
    )
    query = """SELECT title AS prompt, body AS response FROM "the ""notes" """
    assert trained(desk, f"{query} WHERE body MATCH 'ghent'") == [("Depot", "In Ghent.")]
    assert desk.write(2, training_query=query).sample_count == 2


@pytest.mark.parametrize(
    "query",
    [
        "SELECT name AS prompt, path AS response FROM dbstat",
        "SELECT sql AS prompt, sql AS response FROM sqlite_stmt",
        "SELECT 'p' AS prompt, hex(\"fts3_tokenizer\"('simple')) AS response",
        "SELECT 'p' AS prompt, name AS response FROM pragma_function_list",
    ],
)
def test_what_reads_more_than_rows_is_refused_by_sqlite_itself(
    desk: Desk, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqltune.selection.sources.guard_query", lambda sql, *_: sql)
    with pytest.raises(DataError, match="does not accept"):
        desk.write(training_query=query)


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ("'p' AS prompt, x'01' AS response", "not_text"),
        ("x'00ff' AS sample_key, 'p' AS prompt, 'r' AS response", "not_text"),
        ("'p' AS prompt, 'r' AS response, x'01' AS weight", "bad_weight"),
    ],
)
def test_a_blob_that_is_no_text_is_not_taken_for_one(desk: Desk, columns: str, rule: str) -> None:
    with pytest.raises(DataError) as caught:
        desk.write(training_query=f"SELECT {columns}")
    assert desk.issue_counts() == {rule: 1}
    assert str(caught.value).isprintable()


def test_a_text_in_a_blob_and_a_text_with_controls_are_texts(desk: Desk) -> None:
    query = "SELECT CAST('a note' AS BLOB) AS prompt, 'a' || char(31) || 'b' AS response"
    assert trained(desk, query) == [("a note", "a\x1fb")]


def readers() -> list[psutil.Process]:
    """The processes in which this one reads SQLite; it has others, such as servers of databases."""
    children = psutil.Process().children()
    return [child for child in children if any("sqlite_child" in a for a in child.cmdline())]


def test_a_function_that_cannot_be_interrupted_ends_with_the_time_limit(desk: Desk) -> None:
    with pytest.raises(DataError, match="took longer than 1 seconds") as caught:
        desk.write(training_query=UNINTERRUPTIBLE, timeout_seconds=1.0)
    assert caught.value.code == "selection_timeout"
    assert readers() == []


def test_a_run_is_stopped_while_a_function_computes(desk: Desk) -> None:
    with pytest.raises(InterruptedError):
        desk.write(training_query=UNINTERRUPTIBLE, check=_raise_the_second_time())
    assert readers() == []


def _raise_the_second_time() -> Callable[[], None]:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise InterruptedError

    return check


@pytest.mark.parametrize(
    "query",
    [
        "SELECT hex(zeroblob(400000000)) AS prompt, 'r' AS response",
        "SELECT replace(hex(zeroblob(5000)), '0', hex(zeroblob(40000))) AS prompt, 'r' AS response",
        "SELECT 'p' AS prompt, 'r' AS response"
        + "".join(f", hex(zeroblob(49000000 + {n})) AS c{n}" for n in range(60)),
    ],
)
def test_a_query_that_needs_more_memory_than_it_may_is_refused(desk: Desk, query: str) -> None:
    with pytest.raises(DataError, match=r"too big|memory") as caught:
        desk.write(training_query=query)
    assert caught.value.code == "query_failed"


def test_a_reading_process_that_dies_is_the_end_of_one_query(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r" * 10_000} for n in range(2_000)])

    def kill(_rows: int) -> None:
        for process in readers():
            process.kill()

    with pytest.raises(DataError, match="ended with code -9") as caught:
        desk.write(on_progress=kill)
    assert caught.value.code == "query_failed"
    assert desk.write(2).sample_count == 2_000


def test_a_reading_process_whose_reader_takes_long_ends_without_a_word(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", sqlite_child.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        request, answer, errors = process.stdin, process.stdout, process.stderr
        assert request is not None
        assert answer is not None
        assert errors is not None
        address = f"file:{tmp_path}/any.db?mode=rwc"
        sqlite_child.write_frame(request, (address, "SELECT 1 AS one", {}))
        pages = iter(lambda: sqlite_child.read_frame(answer), None)
        assert list(pages) == [("columns", ["one"]), ("rows", [(1,)]), ("end", None)]
        # The pipe to it is still open, as it is while its rows are worked on.
        assert (process.wait(), errors.read()) == (0, b"")


def ask_limited(preparation: str, query: str, folder: Path) -> str:
    """Return the message of the error that a reading process replies to a query with."""
    program = (
        f"import sys; sys.path.insert(0, {str(Path(sqlite_child.__file__).parent)!r}); "
        f"import resource, sqlite_child; {preparation}; sqlite_child.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"SQLITE_TMPDIR": str(folder)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = f"file:{folder}/any.db?mode=rwc"
        sqlite_child.write_frame(process.stdin, (address, query, {}))
        name, content = sqlite_child.read_frame(process.stdout)
        process.kill()
    assert name == "error"
    return str(content[1])


SORTING = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
    "SELECT hex(randomblob(500000)) AS prompt FROM n ORDER BY 1"
)


@pytest.mark.parametrize(
    "preparation",
    [
        "sqlite_child._FILE_BYTES = 5_000_000",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 6_000_000))",
    ],
    ids=["ours", "inherited"],
)
def test_a_query_that_sorts_more_than_a_disk_should_hold_is_refused(
    tmp_path: Path, preparation: str
) -> None:
    assert ask_limited(preparation, SORTING, tmp_path) == (
        "disk I/O error: a temporary file needs more than 5,000,000 bytes, or the disk failed"
    )


def test_memory_is_limited_also_where_a_lower_limit_of_files_is_inherited(tmp_path: Path) -> None:
    preparation = (
        "sqlite_child._MEMORY_BYTES = 400_000_000; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))"
    )
    large = ", ".join(f"randomblob(90000000) AS c{number}" for number in range(6))
    assert ask_limited(preparation, f"SELECT {large}", tmp_path) == (
        "it needs more than 400,000,000 bytes of memory"
    )
