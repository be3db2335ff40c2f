from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from sqltune.database.connection import Database
from sqltune.database.loading import can_load
from sqltune.database.pace import Pace
from sqltune.selection import read_samples
from tests.database.selecting import Desk, open_desk
from tests.databases import copy_sqlite


@pytest.fixture
def path(sqlite_template: Path, tmp_path: Path) -> Path:
    return Path(copy_sqlite(sqlite_template, tmp_path).removeprefix("sqlite:///"))


@pytest.fixture
def loading_desk(database_url: str, open_url: Callable[..., Database]) -> Desk:
    separator = "&" if "?" in database_url else "?"
    return open_desk(open_url(f"{database_url}{separator}local_infile=true"))


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    database = Database.open(f"sqlite:///{path}")
    yield open_desk(database)
    database.close()


@pytest.mark.parametrize(
    ("seconds_per_row", "rows"), [(1e-6, 20_000), (1e-5, 6_000), (1e-4, 600), (2e-3, 30)]
)
def test_a_transaction_grows_and_shrinks_to_a_fraction_of_the_limit(
    seconds_per_row: float, rows: int
) -> None:
    moment = [0.0]
    pace = Pace(clock=lambda: moment[0])
    for _transaction in range(30):
        pace.begin()
        moment[0] += pace.rows * seconds_per_row
        pace.end(pace.rows)
    assert pace.rows == pytest.approx(rows, rel=0.05)


def test_a_server_that_is_suddenly_slow_meets_one_long_transaction_and_not_two() -> None:
    moment = [0.0]
    pace = Pace(clock=lambda: moment[0])
    pace.begin()
    moment[0] += 10.0
    pace.end(pace.rows)
    assert pace.rows == 20


def test_a_short_last_transaction_says_nothing_about_the_pace() -> None:
    moment = [0.0]
    pace = Pace(clock=lambda: moment[0])
    before = pace.rows
    pace.begin()
    moment[0] += 0.001
    pace.end(10)
    assert pace.rows == before


def test_a_persons_inserts_succeed_while_a_large_selection_is_written(
    desk: Desk, path: Path
) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r" * 300} for n in range(20_000)])
    inserted, stop = [0], Event()

    def insert_until_the_end() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as person:
            while not stop.wait(0.002):
                person.execute(
                    "INSERT INTO training_samples (dataset, prompt, response) "
                    "VALUES ('late', 'p', 'r')"
                )
                inserted[0] += 1

    person = Thread(target=insert_until_the_end)
    person.start()
    try:
        manifest = desk.write()
    finally:
        stop.set()
        person.join()
    assert manifest.sample_count == 20_000
    assert inserted[0] > 0
    assert desk.rows("SELECT COUNT(*) FROM training_samples WHERE dataset = 'late'") == [
        (inserted[0],)
    ]


@pytest.mark.parametrize("database_engine", ["mariadb-singlestoredb"], indirect=True)
def test_load_data_stores_what_single_inserts_would(loading_desk: Desk) -> None:
    assert can_load(loading_desk.database)
    texts = [
        "😀 é \U0010ffff",
        "tab\tline\r\nback\\slash \\N \\0 \x1f\x1e\x1d '\"%s %% :name ?",
        "\\",
        "\\N",
        "NULL",
        " padded ",
        "x" * 3_000_000,
    ]
    rows = [
        {
            "prompt": texts[number % 7],
            "response": texts[number % 7][::-1],
            "system_prompt": (None, "", "s")[number % 3],
            "group_key": texts[number % 7][:9],
            "weight": (1.0, 0.1, 2.5, 1e-300)[number % 4],
        }
        for number in range(14)
    ]
    loading_desk.add_samples(rows)
    assert loading_desk.write().sample_count == 14
    samples = sorted(read_samples(loading_desk.database, 1), key=lambda s: int(s.sample_key))
    assert [{name: getattr(sample, name) for name in rows[0]} for sample in samples] == rows


@pytest.mark.parametrize("database_engine", ["mariadb-singlestoredb"], indirect=True)
def test_load_data_leaves_contents_that_are_there_alone(loading_desk: Desk) -> None:
    loading_desk.add_samples([{"prompt": f"p{n % 3}", "response": "r"} for n in range(7)])
    loading_desk.write(1)
    assert loading_desk.issue_counts() == {"duplicate_content": 4}
    loading_desk.add_sample("p9", "r")
    loading_desk.write(2)
    assert loading_desk.rows("SELECT COUNT(*) FROM contents") == [(4,)]
    assert loading_desk.rows("SELECT COUNT(*) FROM manifest_samples") == [(15,)]
