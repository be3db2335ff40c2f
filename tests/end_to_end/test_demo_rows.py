"""sql/demo pasted into MariaDB's own client, as people do who have a server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.databases import ServerDatabases
from tests.mariadb_server import MariadbServer

DEMO = Path(__file__).parents[2] / "sql" / "demo"


def test_demo_rows_can_be_pasted_into_the_client_of_the_server(
    mariadb_server: MariadbServer, server_databases: Callable[[str], ServerDatabases]
) -> None:
    databases = server_databases("mariadb-pymysql")
    name = databases.make_migrated()
    for path in sorted(DEMO.glob("*.sql")):
        pasted = subprocess.run(
            mariadb_server.client("--show-warnings", name),
            input=path.read_text("utf-8"),
            text=True,
            capture_output=True,
            check=False,
        )
        assert (pasted.returncode, pasted.stdout, pasted.stderr) == (0, "", "")
    counted = mariadb_server.execute(
        "SELECT COUNT(*), MAX(response) FROM training_samples WHERE dataset IN"
        " (SELECT adapter_name FROM adapters)",
        database=name,
    )
    databases.give_back(name)
    assert counted[0][0] == 8
    assert "DevOps" in str(counted[0][1])
