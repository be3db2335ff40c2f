"""A statement that its server does not stop is named, and not started a second time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from sqltune.errors import SelectionTimeout
from tests.database.selecting import Desk, open_desk
from tests.databases import copy_sqlite
from tests.mariadb_server import AS_SINGLESTORE, start_server
from tests.sql_server import SqlServer

#: One step of MariaDB's, of hours; the letters are some that it lists otherwise.
COMPUTING = (
    "SELECT LOCATE(CONCAT(REPEAT('a', 4000000), 'b'), REPEAT('a', 8000000)) AS prompt, "
    "'é 100 % 😀' AS response"
)


@pytest.fixture(params=["mysql+pymysql", "singlestoredb"])
def driver(request: pytest.FixtureRequest) -> str:
    """The scheme of the server's address."""
    return str(request.param)


@pytest.fixture
def busy_server(driver: str) -> Iterator[SqlServer]:
    """A server of one test, which ends with all that it still computes."""
    with start_server(*([AS_SINGLESTORE] if driver == "singlestoredb" else [])) as server:
        server.execute(
            "CREATE USER 'reader'@'127.0.0.1' IDENTIFIED BY 'pass'",
            "GRANT SELECT ON mysql.help_topic TO 'reader'@'127.0.0.1'",
        )
        yield server


@pytest.fixture
def reading_desk(
    driver: str, busy_server: SqlServer, sqlite_template: Path, tmp_path: Path
) -> Iterator[Desk]:
    """A desk whose selections are read from that server by a user who may only read."""
    desk = open_desk(Database.open(copy_sqlite(sqlite_template, tmp_path)))
    url = busy_server.url(driver, "mysql", user="reader", password="pass")
    desk.selection_database = Database.open(url)
    yield desk
    desk.selection_database.close()
    desk.database.close()


def computing(server: SqlServer) -> list[int]:
    """Return the connections that compute."""
    found = server.execute(
        "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT LOCATE%'"
    )
    return [int(str(number)) for (number,) in found]


def test_a_statement_that_the_server_does_not_stop_is_named_and_not_started_again(
    reading_desk: Desk, busy_server: SqlServer
) -> None:
    with pytest.raises(SelectionTimeout, match="the server has not stopped it: its connection"):
        reading_desk.write(training_query=COMPUTING, timeout_seconds=1.0)
    (number,) = computing(busy_server)
    with pytest.raises(SelectionTimeout, match=f"not started again: its connection {number} "):
        reading_desk.write(training_query=COMPUTING, timeout_seconds=1.0)
    other = "SELECT name AS prompt, 'r' AS response FROM mysql.help_topic LIMIT 2"
    assert reading_desk.write(training_query=other).sample_count == 2
    assert computing(busy_server) == [number]


@pytest.mark.parametrize("driver", ["mysql+pymysql"], indirect=True)
def test_a_statement_left_by_a_run_that_was_stopped_is_not_started_again(
    reading_desk: Desk, busy_server: SqlServer
) -> None:
    with pytest.raises(InterruptedError):
        reading_desk.write(training_query=COMPUTING, check=stop_at(2))
    with pytest.raises(SelectionTimeout, match="it is not started again"):
        reading_desk.write(training_query=COMPUTING)
    assert len(computing(busy_server)) == 1


def stop_at(call: int) -> Callable[[], None]:
    """Return a check that stops the work at this call of it."""
    calls = iter(range(1, call))

    def check() -> None:
        if next(calls, None) is None:
            raise InterruptedError

    return check
