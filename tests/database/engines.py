"""Marks for tests that are about one kind of engine."""

from __future__ import annotations

import pytest

on_sqlite = pytest.mark.parametrize("database_engine", ["sqlite"], indirect=True)
on_servers = pytest.mark.parametrize(
    "database_engine",
    [
        "mariadb-pymysql",
        "mariadb-singlestoredb",
        pytest.param("singlestore", marks=pytest.mark.singlestore),
    ],
    indirect=True,
)
