"""The engines' own command-line clients, as users and DBAs run them."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable

from sqltune.database.scripts import split_script
from tests.singlestore_on_mariadb import translate_ddl
from tests.sql_server import SqlServer

#: Runs a script against the database at a URL, and returns what the client printed.
Client = Callable[[str, str], str]


def run_sqlite(url: str, script: str) -> str:
    """Run a script with `sqlite3`, or with Python's module if the program is not installed."""
    path = url.removeprefix("sqlite:///")
    program = shutil.which("sqlite3")
    if program is not None:
        return _run([program, "-bail", path], script)
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(script)
    connection.close()
    return ""


def run_sql_client(server: SqlServer, url: str, script: str, *, time_zone: str = "SYSTEM") -> str:
    """Run a script with `mariadb` or `mysql`; SingleStore's DDL is translated for MariaDB."""
    if url.startswith("singlestoredb"):
        script = ";\n".join([*(translate_ddl(part) for part in split_script(script)), ""])
    options = ["--default-character-set=utf8mb4", "--batch", "--skip-column-names"]
    options += [f"--init-command=SET time_zone = '{time_zone}'"]
    return _run(server.client(*options, url.rpartition("/")[2]), script)


def _run(command: list[str], script: str) -> str:
    done = subprocess.run(command, input=script.encode(), capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8")
