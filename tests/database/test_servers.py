"""Which server answers: one of another engine than its address says is named and refused."""

from __future__ import annotations

import pytest
from pymysql import OperationalError

from sqltune.database.connection import Database
from sqltune.database.servers import FoundServer, identify_server
from sqltune.database.urls import EngineKind
from sqltune.errors import ConfigError
from tests.sql_server import PASSWORD, SqlServer

SINGLESTORE = "SingleStoreDB source distribution (compatible; MySQL Enterprise & MySQL Commercial)"


def read_once(url: str) -> None:
    database = Database.open(url)
    try:
        with database.read():
            pass
    finally:
        database.close()


def refusal(url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_once(url)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_singlestores_scheme_on_mariadb_is_refused_with_the_url_to_use(
    mariadb_server: SqlServer,
) -> None:
    message = refusal(mariadb_server.url("singlestoredb", "mysql") + "?local_infile=true")
    address = f"tester:***@127.0.0.1:{mariadb_server.port}/mysql"
    assert "begins with singlestoredb://, but the server at 127.0.0.1 is MariaDB (1" in message
    assert message.endswith(f"use mysql+pymysql://{address}")


@pytest.mark.mysql
def test_singlestores_scheme_on_mysql_is_refused_with_the_url_to_use(
    mysql_server: SqlServer,
) -> None:
    message = refusal(mysql_server.url("singlestoredb", "mysql"))
    version = mysql_server.execute("SELECT VERSION()")[0][0]
    assert f"the server at 127.0.0.1 is MySQL ({version}): use mysql+pymysql://" in message


def test_mysqls_scheme_on_singlestore_is_refused_with_the_url_to_use(
    singlestore_player: SqlServer,
) -> None:
    message = refusal(singlestore_player.url("mysql+pymysql", "mysql"))
    address = f"tester:***@127.0.0.1:{singlestore_player.port}/mysql"
    assert "begins with mysql+pymysql://, but the server at 127.0.0.1 is SingleStore" in message
    assert message.endswith(f"use singlestoredb://{address}")


def test_a_server_that_was_refused_is_refused_again(mariadb_server: SqlServer) -> None:
    database = Database.open(mariadb_server.url("singlestoredb", "mysql"))
    for _attempt in range(2):
        with pytest.raises(ConfigError), database.read():
            pass
    database.close()


class AnsweringServer:
    """A connection, and its cursor, to a server that answers two questions and no other."""

    def __init__(self, version: str, comment: str, memsql_version: str | None) -> None:
        self.rows = {"SELECT VERSION(), @@version_comment": (version, comment)}
        if memsql_version is not None:
            self.rows["SELECT @@memsql_version"] = (memsql_version,)
        self.answer: tuple[str, ...] = ()

    def cursor(self) -> AnsweringServer:
        return self

    def execute(self, query: str) -> None:
        if query not in self.rows:
            raise OperationalError(1193, "Unknown system variable 'memsql_version'")
        self.answer = self.rows[query]

    def fetchone(self) -> tuple[str, ...]:
        return self.answer

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("version", "comment", "memsql_version", "found"),
    [
        ("5.7.32", SINGLESTORE, "8.9.10", ("SingleStore", EngineKind.SINGLESTORE, "5.7.32")),
        ("5.5.58", SINGLESTORE.replace("SingleStoreDB", "MemSQL"), None,
         ("SingleStore", EngineKind.SINGLESTORE, "5.5.58")),
        ("5.7.32", "", "8.9.10", ("SingleStore", EngineKind.SINGLESTORE, "8.9.10")),
        ("8.4.7", "MySQL Community Server - GPL", None, ("MySQL", EngineKind.MYSQL, "8.4.7")),
        ("8.0.39", "Source distribution", None, ("MySQL", EngineKind.MYSQL, "8.0.39")),
        ("10.11.14-MariaDB-0+deb12u2", "Debian 12", None,
         ("MariaDB", EngineKind.MYSQL, "10.11.14-MariaDB-0+deb12u2")),
        ("11.8.3", "mariadb.org binary distribution", None,
         ("MariaDB", EngineKind.MYSQL, "11.8.3")),
    ],
)  # fmt: skip
def test_a_server_is_identified_by_its_version_its_comment_or_singlestores_own_variable(
    version: str, comment: str, memsql_version: str | None, found: tuple[str, EngineKind, str]
) -> None:
    server = AnsweringServer(version, comment, memsql_version)
    assert identify_server(server, OperationalError) == FoundServer(*found)
