"""Adapters as people declare them, read one by one and all together."""

from __future__ import annotations

from sqltune.database.connection import Database
from sqltune.database.tables import adapters
from tests.database.report_rows import insert


def test_an_adapter_is_found_by_exactly_its_name(database: Database) -> None:
    names = ["Office", "office", "Büro"]
    insert(database, "adapters", [{"adapter_name": name, "base_model": "toy"} for name in names])
    with database.read() as session:
        listed = {adapter.adapter_name: adapter for adapter in adapters.list_adapters(session)}
        assert sorted(listed) == sorted(names)
        for name in names:
            assert adapters.get_adapter(session, name) == listed[name]
        for other in ("OFFICE", "office ", "Buro", "", "o%"):
            assert adapters.get_adapter(session, other) is None
