"""The engines that tests run on: their ids, and the server and driver that each id means."""

from __future__ import annotations

import pytest

ON_MYSQL = pytest.param("mysql-pymysql", marks=pytest.mark.mysql)
#: MariaDB and MySQL by pymysql.
PYMYSQL = ["mariadb-pymysql", ON_MYSQL]
#: Every server that the tests start themselves.
SERVERS = [*PYMYSQL, "mariadb-singlestoredb"]
on_sqlite = pytest.mark.parametrize("database_engine", ["sqlite"], indirect=True)
on_servers = pytest.mark.parametrize("database_engine", SERVERS, indirect=True)
ENGINES = ["sqlite", *SERVERS, pytest.param("singlestore", marks=pytest.mark.singlestore)]
#: The fixture of an engine's server.
SERVER_FIXTURES = {
    "mariadb-pymysql": "mariadb_server",
    "mysql-pymysql": "mysql_server",
    "mariadb-singlestoredb": "singlestore_player",
}


def driver_of(engine: str) -> str:
    """Return the scheme of an engine's addresses."""
    return "singlestoredb" if engine.endswith("singlestoredb") else "mysql+pymysql"
