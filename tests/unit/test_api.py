"""The public Python API: open, init, plan, sync, and views as DataFrames with real times."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

import sqltune
from sqltune.database.tables.reports import view_columns
from sqltune.syncing import turn
from sqltune.syncing.lease import AdapterLease
from tests.unit.office import ADAPTER, PROMPT, SAMPLE


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[sqltune.Workspace]:
    """A workspace over a new SQLite database with one adapter."""
    url = f"sqlite:///{tmp_path}/sqltune.db"
    with sqltune.open(url, artifacts=tmp_path / "artifacts") as opened:
        opened.init()
        with opened._runtime.database.transaction() as session:
            for statement in (ADAPTER, SAMPLE, PROMPT):
                session.connection.execute(text(statement))
        yield opened


def test_everything_public_is_importable_and_nothing_else_is_offered() -> None:
    assert all(getattr(sqltune, name) is not None for name in sqltune.__all__)
    package: Any = sqltune
    with pytest.raises(AttributeError, match="no attribute 'Database'"):
        package.Database  # noqa: B018


def test_importing_the_package_imports_neither_pandas_nor_sqlalchemy() -> None:
    code = "import sys, sqltune; print([m for m in ('pandas', 'sqlalchemy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_is_marked_as_typed() -> None:
    assert sqltune.__file__ is not None
    assert (Path(sqltune.__file__).parent / "py.typed").is_file()


def test_plan_says_what_sync_does_and_sync_does_it(workspace: sqltune.Workspace) -> None:
    (planned,) = workspace.plan()
    assert (planned.adapter_name, planned.decision, planned.reason) == (
        "office", "train", "never trained",
    )  # fmt: skip
    assert (planned.samples, planned.prompts) == (1, 1)
    (outcome,) = workspace.sync("office")
    assert (outcome.decision, outcome.state, outcome.run_id) == ("train", "succeeded", 1)
    assert workspace.plan()[0].decision == "up_to_date"


def test_a_view_is_a_frame_with_real_times_and_dates(workspace: sqltune.Workspace) -> None:
    workspace.sync()
    runs = workspace.view("report_runs")
    assert list(runs.columns) == list(view_columns()["report_runs"].names)
    assert runs["queued_at"].dtype == "datetime64[us]"
    assert runs["lease_expires_at"].dtype == "datetime64[us]"  # NULL in every row
    age = pd.Timestamp.now("UTC").tz_localize(None) - runs["queued_at"].iloc[0]
    assert abs(age) < pd.Timedelta(hours=1)
    assert isinstance(runs["queued_date"].iloc[0], datetime.date)
    assert runs["run_id"].dtype == "Int64"


@pytest.mark.parametrize("name", sorted(view_columns()))
def test_every_view_can_be_read_empty_and_filled(workspace: sqltune.Workspace, name: str) -> None:
    for _ in range(2):
        frame = workspace.view(name)
        columns = view_columns()[name]
        assert tuple(frame.columns) == columns.names
        for column in columns.times:
            assert frame[column].dtype == "datetime64[us]", column
        for column in columns.dates:
            assert {type(value) for value in frame[column].dropna()} <= {datetime.date}, column
        workspace.sync()


def test_a_view_is_filtered_by_its_columns(workspace: sqltune.Workspace) -> None:
    workspace.sync()
    assert len(workspace.view("report_before_after", adapter_name="office", is_latest=1)) == 1
    assert workspace.view("report_before_after", adapter_name="attic").empty
    assert len(workspace.view("report_runs", error_code=None)) == 1


def test_an_unknown_view_or_column_is_refused_with_those_that_there_are(
    workspace: sqltune.Workspace,
) -> None:
    with pytest.raises(sqltune.ConfigError, match=r"no view 'runs' .*report_runs"):
        workspace.view("runs")
    with pytest.raises(sqltune.ConfigError, match=r"no column 'adapter' .*adapter_name"):
        workspace.view("report_runs", adapter="office")
    with pytest.raises(sqltune.ConfigError, match="no view"):
        workspace.view("report_runs; DROP TABLE runs")


@pytest.mark.parametrize(
    "value", [2**70, -(2**70), float("inf"), "\ud800", Decimal("Infinity"), np.uint64(2**63)]
)
def test_a_value_that_no_column_has_is_refused_in_words(
    workspace: sqltune.Workspace, value: object
) -> None:
    with pytest.raises(sqltune.ConfigError, match="run_id is compared with"):
        workspace.view("report_runs", run_id=value)


@pytest.mark.parametrize("name", ["\ud800", "office\udcff"])
def test_half_of_a_character_is_no_name(workspace: sqltune.Workspace, name: str) -> None:
    for call in (workspace.plan, workspace.sync, workspace.view):
        with pytest.raises(sqltune.ConfigError, match="a name has half of a character"):
            call(name)


def test_force_is_a_yes_or_a_no(workspace: sqltune.Workspace) -> None:
    workspace.sync()
    no: Any = "no"
    assert workspace.plan(force=no)[0].decision.value == "up_to_date"
    ja: Any = "ja"
    for call in (workspace.plan, workspace.sync):
        with pytest.raises(sqltune.ConfigError, match="force must be True or False, got 'ja'"):
            call(force=ja)


@pytest.mark.parametrize(("word", "count"), [("no", 0), ("false", 0), ("off", 0), ("yes", 1)])
def test_a_text_in_place_of_a_flag_means_what_it_says(
    workspace: sqltune.Workspace, word: str, count: int
) -> None:
    with workspace._runtime.database.transaction() as session:
        session.connection.execute(text("UPDATE adapters SET is_enabled = :word"), {"word": word})
    assert len(workspace.plan()) == count


@pytest.mark.parametrize(
    ("word", "decision"), [("no", "up_to_date"), ("true", "train"), ("ja", "refused")]
)
def test_a_request_is_forced_only_by_a_flag_that_says_so(
    workspace: sqltune.Workspace, word: str, decision: str
) -> None:
    workspace.sync()
    request = "INSERT INTO runs (adapter_name, is_forced) VALUES ('office', :word)"
    with workspace._runtime.database.transaction() as session:
        session.connection.execute(text(request), {"word": word})
    assert workspace.sync()[0].decision.value == decision


def test_before_init_every_method_says_what_to_do(tmp_path: Path) -> None:
    with sqltune.open(f"sqlite:///{tmp_path}/new.db") as workspace:
        for call in (workspace.plan, workspace.sync, lambda: workspace.view("report_runs")):
            with pytest.raises(sqltune.DatabaseError, match="sqltune init"):
                call()


def test_an_unknown_setting_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(sqltune.ConfigError, match="'artifact': did you mean artifacts"):
        sqltune.open("sqlite://", artifact="weights")


def test_events_are_reported_as_sentences(tmp_path: Path) -> None:
    said: list[str] = []
    with sqltune.open(f"sqlite:///{tmp_path}/new.db", report=said.append) as workspace:
        workspace.init()
        with workspace._runtime.database.transaction() as session:
            session.connection.execute(text(ADAPTER))
        (outcome,) = workspace.sync()
    assert outcome.state == "failed"
    assert said[0].startswith("office: train, never trained")


def test_the_password_is_not_in_what_a_workspace_shows_of_itself() -> None:
    with sqltune.open("mysql+pymysql://user:s3cret@127.0.0.1:9/db") as workspace:
        assert "s3cret" not in repr(workspace)
        assert "127.0.0.1" in repr(workspace)


def test_an_interrupt_asks_the_sync_to_stop_and_waits_for_it(
    workspace: sqltune.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a notebook's stop button does; what was begun can be resumed."""
    stopped: list[bool] = []

    def wait_for_stop(lease: AdapterLease, planned: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        stopped.append(lease.keeper._stop.wait(30))

    monkeypatch.setattr(turn, "execute", wait_for_stop)
    with pytest.raises(KeyboardInterrupt):
        workspace.sync()
    assert stopped
    assert all(stopped)
    assert not [t for t in threading.enumerate() if t.name.startswith("sync")]


@pytest.mark.parametrize("name", sorted(view_columns()))
def test_the_types_of_a_view_do_not_depend_on_its_rows(
    workspace: sqltune.Workspace, name: str
) -> None:
    empty = workspace.view(name).dtypes
    workspace.sync()
    assert workspace.view(name).dtypes.equals(empty)


@pytest.mark.parametrize("column", ["run_id", "queued_at", "is_trial", "queued_date", "error_code"])
def test_a_view_is_filtered_by_what_a_frame_contains(
    workspace: sqltune.Workspace, column: str
) -> None:
    workspace.sync()
    runs = workspace.view("report_runs")
    value = runs[column].iloc[0]
    assert workspace.view("report_runs", **{column: value}).equals(runs)
    assert len(workspace.view("report_runs", run_id=runs["run_id"].to_numpy("int64")[0])) == 1


@pytest.mark.parametrize("value", [[1], (1,), {}, b"office", object(), int])
def test_a_value_that_no_column_has_is_refused(workspace: sqltune.Workspace, value: object) -> None:
    with pytest.raises(sqltune.ConfigError, match="run_id is compared with a"):
        workspace.view("report_runs", run_id=value)


def test_a_closed_workspace_refuses_every_call(workspace: sqltune.Workspace) -> None:
    workspace.close()
    for call in (workspace.init, workspace.plan, workspace.sync):
        with pytest.raises(sqltune.ConfigError, match="this workspace is closed"):
            call()
    with pytest.raises(sqltune.ConfigError, match="this workspace is closed"):
        workspace.view("report_runs")


def test_names_are_texts(workspace: sqltune.Workspace) -> None:
    names: Any = ["office"]
    for call in (workspace.plan, workspace.sync, workspace.view):
        with pytest.raises(sqltune.ConfigError, match=r"must be a text, got \['office'\]"):
            call(names)


def test_a_listener_that_fails_changes_nothing_about_the_run(tmp_path: Path) -> None:
    def report(_: str) -> None:
        raise OSError("the log is full")

    with sqltune.open(f"sqlite:///{tmp_path}/x.db", report=report) as workspace:
        workspace.init()
        with pytest.warns(UserWarning, match="`report` failed: OSError"):
            workspace._runtime.reporter.say("1 sample")
    no_function: Any = 5
    with pytest.raises(sqltune.ConfigError, match="report must be a function"):
        sqltune.open(f"sqlite:///{tmp_path}/x.db", report=no_function)


def test_a_misspelt_variable_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLTUNE_ARTIFACT", "weights")
    with pytest.warns(UserWarning, match="SQLTUNE_ARTIFACT .*did you mean SQLTUNE_ARTIFACTS"):
        sqltune.open(f"sqlite:///{tmp_path}/x.db").close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(sqltune.ConfigError, match="names a database in memory"):
        sqltune.open(url)
