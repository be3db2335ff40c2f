"""What a job service runs: one sync, the runs shown, and an error where one failed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError
from singlestoredb.fusion.handlers.job import ScheduleJobHandler

from tests.databases import copy_sqlite
from tests.end_to_end.command import People
from tests.end_to_end.conftest import declare_office
from tests.notebooks.notebooks import (
    ROOT,
    SYNC_JOB,
    errors,
    everything,
    execute,
    output_text,
    read_notebook,
)
from tests.notebooks.singlestore_host import singlestore_host
from tests.sql_server import PASSWORD

PAGE = (ROOT / "docs" / "notebooks.md").read_text("utf-8")
PeopleOf = Callable[[str], People]


@pytest.fixture
def sqlite_office(sqlite_template: Path, tmp_path: Path, people_of: PeopleOf) -> str:
    """The address of a SQLite database with one adapter, never synced."""
    url = copy_sqlite(sqlite_template, tmp_path)
    declare_office(people_of(url))
    return url


@pytest.mark.parametrize("database_engine", ["mariadb-singlestoredb"], indirect=True)
def test_the_job_syncs_the_database_of_its_singlestore_notebook_and_shows_the_run(
    database_url: str, tmp_path: Path, people_of: PeopleOf
) -> None:
    people = people_of(database_url)
    declare_office(people)
    host = singlestore_host(database_url, {})
    executed = execute(read_notebook(SYNC_JOB), tmp_path, startup=host)
    assert people.rows("SELECT adapter_label, state FROM report_runs") == [
        ("office v1", "succeeded")
    ]
    shown = output_text(executed, "runs")
    assert "office v1" in shown
    assert "succeeded" in shown
    assert errors(executed) == []
    assert PASSWORD not in everything(executed)


def test_the_job_fails_after_it_has_shown_the_run_that_failed(
    sqlite_office: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.json"
    broken = {"at": "train", "code": "request_rejected", "message": "no such base model"}
    script.write_text(json.dumps({"faults": [broken]}), "utf-8")
    settings = {"SQLTUNE_DATABASE_URL": sqlite_office, "SQLTUNE_SCRIPT": str(script)}
    notebook = read_notebook(SYNC_JOB)
    with pytest.raises(CellExecutionError, match="the last run of an adapter failed"):
        execute(notebook, tmp_path, **settings)
    assert "no such base model" in output_text(notebook, "runs")
    assert errors(notebook) == ["verdict"]


def test_the_job_fails_where_the_tables_were_never_made(tmp_path: Path) -> None:
    notebook = read_notebook(SYNC_JOB)
    with pytest.raises(CellExecutionError, match="sqltune init"):
        execute(notebook, tmp_path)
    assert errors(notebook) == ["sync"]


def test_singlestores_own_grammar_takes_the_statement_of_the_documents() -> None:
    """Fusion SQL is read by the client; nothing is sent."""
    (statement,) = re.findall(r"^SCHEDULE JOB .*?;$", PAGE, re.MULTILINE | re.DOTALL)
    ScheduleJobHandler.compile()
    parsed = ScheduleJobHandler.grammar.parse(statement)
    wanted = ScheduleJobHandler(None).visit(parsed)
    assert wanted["notebook_path"] == f"{SYNC_JOB}.ipynb"
    assert wanted["execute_every"] == {"interval": 15, "time_unit": "MINUTES"}
