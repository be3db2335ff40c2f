"""A selection on a server returns what the person's own client gets there, or says what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sqltune.database.connection import Database
from sqltune.errors import DataError, QueryRefused
from sqltune.selection import read_samples
from tests.database.selecting import Desk, open_desk
from tests.engines import on_servers
from tests.sql_server import SqlServer

pytestmark = on_servers
SETTINGS = ("sql_mode", "time_zone", "sql_select_limit", "group_concat_max_len")


@pytest.fixture
def server(sql_server: SqlServer) -> Iterator[SqlServer]:
    """The server, whose settings are put back after the test."""
    before = [sql_server.execute(f"SELECT @@GLOBAL.{name}")[0][0] for name in SETTINGS]
    yield sql_server
    for name, value in zip(SETTINGS, before, strict=True):
        sql_server.execute(f"SET GLOBAL {name} = {value!r}")


@pytest.fixture
def open_office(
    server: SqlServer, database_url: str, open_url: Callable[..., Database]
) -> Callable[..., Desk]:
    """Return what opens the desk once the server's own settings are set."""

    def open_it(**settings: object) -> Desk:
        for name, value in settings.items():
            server.execute(f"SET GLOBAL {name} = {value!r}")
        return open_desk(open_url(database_url))

    return open_it


def trained(desk: Desk, query: str) -> list[tuple[str, str]]:
    """Return the prompts and responses of a manifest of this query."""
    manifest = desk.write(training_query=query)
    samples = read_samples(desk.database, manifest.manifest_id)
    return [(sample.prompt, sample.response) for sample in samples]


def test_a_query_that_the_server_refuses_to_its_clients_is_refused(
    open_office: Callable[..., Desk],
) -> None:
    desk = open_office(sql_mode="ONLY_FULL_GROUP_BY")
    desk.add_samples([{"prompt": "p", "response": text} for text in "ab"])
    query = "SELECT prompt, response FROM training_samples GROUP BY prompt"
    with pytest.raises(DataError, match="GROUP BY") as caught:
        desk.write(training_query=query)
    assert caught.value.code == "query_failed"


@pytest.mark.parametrize(
    ("sql_mode", "response", "expected"),
    [
        ("", '"prompt"', "prompt"),
        ("ANSI_QUOTES", '"prompt"', "p"),
        ("ANSI_QUOTES", "'prompt'", "prompt"),
        ("", r"'a\'b'", "a'b"),
        ("NO_BACKSLASH_ESCAPES", r"'C:\'", "C:\\"),
        ("NO_BACKSLASH_ESCAPES", r"'a\nb'", r"a\nb"),
        ("", "'a' || 'b'", None),
        ("PIPES_AS_CONCAT", "'a' || 'b'", "ab"),
        ("ANSI_QUOTES,NO_BACKSLASH_ESCAPES", r"""CONCAT('\', "prompt", 'x"')""", '\\px"'),
    ],
)
def test_quotes_and_operators_mean_what_they_mean_to_the_servers_clients(
    open_office: Callable[..., Desk], sql_mode: str, response: str, expected: str | None
) -> None:
    desk = open_office(sql_mode=sql_mode)
    desk.add_sample("p", "r")
    query = f"SELECT prompt, {response} AS response FROM training_samples"
    if expected is None:
        with pytest.raises(DataError, match="not_text"):
            desk.write(training_query=query)
    else:
        assert trained(desk, query) == [("p", expected)]


@pytest.mark.parametrize(
    ("sql_mode", "query"),
    [
        ("ANSI_QUOTES", r"""SELECT "a\", SLEEP(1) AS response, "b" FROM t"""),
        ("NO_BACKSLASH_ESCAPES", r"""SELECT 'a\', SLEEP(1) AS response, '' FROM t"""),
        ("NO_BACKSLASH_ESCAPES", r"""SELECT "a\", SLEEP(1) AS response, "" FROM t"""),
    ],
)
def test_what_hides_in_a_text_by_another_sql_mode_is_refused(
    open_office: Callable[..., Desk], sql_mode: str, query: str
) -> None:
    with pytest.raises(QueryRefused, match=r"SLEEP|cannot be read to its end"):
        open_office(sql_mode=sql_mode).write(training_query=query)


@pytest.mark.parametrize("time_zone", ["+05:30", "-11:00"])
def test_a_time_is_compared_with_the_clock_that_the_servers_clients_see(
    open_office: Callable[..., Desk], server: SqlServer, database_url: str, time_zone: str
) -> None:
    desk = open_office(time_zone=time_zone)
    desk.run("CREATE TABLE answers (question TEXT, answered DATETIME, stamped TIMESTAMP)")
    server.execute(
        "INSERT INTO answers VALUES ('old', NOW() - INTERVAL 1 MINUTE, NOW()), "
        "('planned', NOW() + INTERVAL 1 MINUTE, NOW())",
        database=database_url.rpartition("/")[2],
    )
    query = (
        "SELECT question AS prompt, DATE_FORMAT(stamped, '%Y-%m-%d %H:%i:%s') AS response "
        "FROM answers WHERE answered <= NOW() AND answered > NOW() - INTERVAL 1 HOUR"
    )
    seen = server.execute(query, database=database_url.rpartition("/")[2])
    assert len(seen) == 1
    assert trained(desk, query) == seen


def test_a_limit_of_the_servers_clients_applies_to_their_queries_and_not_to_a_dataset(
    open_office: Callable[..., Desk],
) -> None:
    desk = open_office(sql_select_limit=2)
    desk.add_samples([{"prompt": f"p{n}", "response": "r"} for n in range(4)])
    assert len(trained(desk, "SELECT prompt, response FROM training_samples")) == 2
    assert desk.write(2).sample_count == 4
    assert len(list(read_samples(desk.database, 2))) == 4


CONCATENATED = "SELECT 'p' AS prompt, GROUP_CONCAT(response) AS response FROM training_samples"


def test_a_text_that_group_concat_cut_stops_the_run(open_office: Callable[..., Desk]) -> None:
    desk = open_office(group_concat_max_len=1024)
    desk.add_sample("p", "x" * 1000)
    assert trained(desk, CONCATENATED) == [("p", "x" * 1000)]
    desk.add_sample("p", "x" * 1000)
    with pytest.raises(DataError, match="group_concat_max_len") as caught:
        desk.write(2, training_query=CONCATENATED)
    assert caught.value.code == "value_cut"
    with pytest.raises(DataError, match="group_concat_max_len"):
        desk.freeze(2, eval_query=CONCATENATED)


def test_a_cut_text_is_found_behind_many_warnings_that_change_no_value(
    open_office: Callable[..., Desk],
) -> None:
    desk = open_office(group_concat_max_len=1024)
    desk.add_samples([{"prompt": f"no number {n}", "response": "x" * 100} for n in range(100)])
    compared = "SELECT prompt, response FROM training_samples WHERE prompt = 0"
    assert len(trained(desk, compared)) == 100
    with pytest.raises(DataError, match="group_concat_max_len"):
        desk.write(2, training_query=f"{CONCATENATED} WHERE prompt = 0")


@pytest.mark.parametrize(
    ("response", "cure"),
    [
        ("CAST('abcdef' AS CHAR(3))", "LEFT"),
        ("COALESCE(REPEAT('x', 1073741825), 'none')", "max_allowed_packet"),
    ],
)
def test_whatever_else_the_server_cuts_stops_the_run(
    open_office: Callable[..., Desk], response: str, cure: str
) -> None:
    with pytest.raises(DataError, match=cure) as caught:
        open_office().write(training_query=f"SELECT 'p' AS prompt, {response} AS response")
    assert caught.value.code == "value_cut"


@pytest.fixture
def flags(open_office: Callable[..., Desk]) -> Desk:
    """A table with a bit, a binary key and a text in a BLOB."""
    desk = open_office()
    desk.run(
        "CREATE TABLE flags (solved BIT(1), mask BIT(12), id BINARY(16), note BLOB, q TEXT)",
        "INSERT INTO flags VALUES (b'1', b'100000000001', UNHEX('0102FF00112233445566778899AABBCC')"
        ", 'a note', 'q')",
    )
    return desk


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ("q AS prompt, solved AS response", "not_text"),
        ("q AS prompt, id AS response", "not_text"),
        ("solved AS prompt, q AS response", "not_text"),
        ("id AS sample_key, q AS prompt, q AS response", "not_text"),
        ("q AS prompt, q AS response, id AS weight", "bad_weight"),
        ("q AS prompt, q AS response, id AS group_key", "not_text"),
        ("q AS prompt, q AS response, solved AS system_prompt", "not_text"),
    ],
)
def test_a_bit_or_a_binary_value_is_no_text(flags: Desk, columns: str, rule: str) -> None:
    with pytest.raises(DataError) as caught:
        flags.write(training_query=f"SELECT {columns} FROM flags")
    assert flags.issue_counts() == {rule: 1}
    assert str(caught.value).isprintable()


def test_a_bit_is_the_number_that_it_is(flags: Desk) -> None:
    query = "SELECT mask AS sample_key, q AS prompt, q AS response, mask AS weight FROM flags"
    flags.write(training_query=query)
    (sample,) = read_samples(flags.database, 1)
    assert (sample.sample_key, sample.weight) == ("2049", 2049.0)


def test_a_text_of_a_binary_type_is_the_text_that_the_client_shows(flags: Desk) -> None:
    query = "SELECT note AS prompt, CONCAT(note, CHAR(10), q) AS response FROM flags"
    assert trained(flags, query) == [("a note", "a note\nq")]


def test_a_time_limit_of_the_servers_own_is_named(
    open_office: Callable[..., Desk], sql_server: SqlServer
) -> None:
    limit = "max_statement_time" if _is_mariadb(sql_server) else "max_execution_time"
    before = sql_server.execute(f"SELECT @@GLOBAL.{limit}")[0][0]
    sql_server.execute(f"SET GLOBAL {limit} = {'0.5' if _is_mariadb(sql_server) else 500}")
    try:
        desk = open_office()
        with pytest.raises(DataError, match=limit) as caught:
            desk.write(training_query=ENDLESS)
    finally:
        sql_server.execute(f"SET GLOBAL {limit} = {before}")
    assert caught.value.code == "selection_timeout"


ENDLESS = (
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
    "SELECT 'p' AS prompt, 'r' AS response FROM n AS a, n AS b, n AS c, n AS d "
    "WHERE a.i + b.i + c.i + d.i < 0"
)


def _is_mariadb(server: SqlServer) -> bool:
    return "MariaDB" in str(server.execute("SELECT VERSION()")[0][0])
