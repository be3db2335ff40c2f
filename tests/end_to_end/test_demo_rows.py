"""sql/demo pasted into the own client of MariaDB or MySQL, as people do who have a server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.engines import PYMYSQL
from tests.sql_server import SqlServer

DEMO = Path(__file__).parents[2] / "sql" / "demo"


@pytest.mark.parametrize("database_engine", PYMYSQL)
def test_demo_rows_can_be_pasted_into_the_client_of_the_server(
    sql_server: SqlServer, database_url: str
) -> None:
    name = database_url.rpartition("/")[2]
    for path in sorted(DEMO.glob("*.sql")):
        pasted = subprocess.run(
            sql_server.client("--show-warnings", name),
            input=path.read_text("utf-8"),
            text=True,
            capture_output=True,
            check=False,
        )
        assert (pasted.returncode, pasted.stdout, pasted.stderr) == (0, "", "")
    counted = sql_server.execute(
        "SELECT COUNT(*), MAX(response) FROM training_samples WHERE dataset IN"
        " (SELECT adapter_name FROM adapters)",
        database=name,
    )
    assert counted[0][0] == 8
    assert "DevOps" in str(counted[0][1])
