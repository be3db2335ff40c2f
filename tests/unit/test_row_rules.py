"""What a changed rule for bad rows makes of an adapter that was trained before it changed."""

from __future__ import annotations

from typing import Any

import pytest

from sqltune.database.connection import Session
from sqltune.database.tables import runs
from tests.unit.office import Office


def test_personal_data_that_was_ignored_is_looked_for_once_when_it_is_refused(
    office: Office,
) -> None:
    office.do("UPDATE adapters SET on_personal_data = 'ignore'")
    office.sync()
    office.do("UPDATE adapters SET on_personal_data = 'refuse'")
    office.sync()
    ((reason,),) = office.rows("SELECT trigger_reason FROM runs WHERE run_id = 2")
    assert reason == (
        "on_personal_data ignore -> refuse: the last run did not look for what is refused now"
    )
    office.sync()
    assert office.rows("SELECT COUNT(*) FROM runs") == [(2,)]


def test_a_plan_without_changes_reads_the_settings_of_the_last_run_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.sync()
    read: list[int] = []
    get = runs.get_run_settings

    def note(session: Session, run_id: int) -> dict[str, Any]:
        read.append(run_id)
        return get(session, run_id)

    monkeypatch.setattr(runs, "get_run_settings", note)
    office.sync()
    assert read == [1]
