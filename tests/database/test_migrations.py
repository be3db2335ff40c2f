"""`sqltune init`: the tables are made, brought up to date, and never harmed, on every engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect

from sqltune.database import migrations
from sqltune.database.connection import Database
from sqltune.database.scripts import read_migrations, read_views
from sqltune.errors import DatabaseError, DatabaseUnavailable, MigrationChanged, SchemaOutOfDate
from tests.clients import Client
from tests.database.migrating import LATER, NOW, Crash, apply, crash_before, index_names, names, run

Open = Callable[..., Database]


def everything(database: Database) -> set[str]:
    files = read_migrations(database.kind)
    return {t for file in files for t in file.tables} | {view.name for view in read_views()}


@pytest.fixture
def empty_database(empty_database_url: str, open_url: Open) -> Database:
    """A database in which `init` has not run."""
    return open_url(empty_database_url)


def test_init_makes_all_tables_and_views_and_then_has_nothing_to_do(
    empty_database: Database,
) -> None:
    applied = apply(empty_database)
    assert applied[0] == "0001_create_tables.sql"
    assert names(empty_database) == everything(empty_database)
    assert migrations.pending(empty_database) == []
    assert apply(empty_database) == []
    migrations.require_current(empty_database)


def test_the_ledger_records_what_was_applied_when_and_with_which_text(database: Database) -> None:
    with database.read() as session:
        rows = {row.number: row for row in session.fetch_all("list_migrations")}
        views = {row.view_name: row.sha256 for row in session.fetch_all("list_views")}
    file = read_migrations(database.kind)[1]
    assert (rows[1].name, rows[1].state) == ("create_tables", "applied")
    assert rows[1].sha256 == file.sha256
    assert rows[1].host != ""
    assert rows[0].state == "free"
    assert views == {view.name: view.sha256 for view in read_views()}


def test_a_database_without_tables_is_not_current(empty_database: Database) -> None:
    with pytest.raises(SchemaOutOfDate, match="sqltune init"):
        migrations.require_current(empty_database)


def test_asking_what_is_pending_makes_no_database_file(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/typo.db")
    with pytest.raises(SchemaOutOfDate):
        migrations.require_current(database)
    migrations.print_pending(database, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_an_edited_file_that_was_applied_is_refused(database: Database) -> None:
    run(database, "UPDATE schema_migrations SET sha256 = 'other' WHERE number = 1")
    for ask in (migrations.pending, migrations.require_current, apply):
        with pytest.raises(MigrationChanged, match=r"0001_create_tables\.sql was edited"):
            ask(database)


def test_a_newer_schema_is_refused(database: Database) -> None:
    run(
        database,
        "INSERT INTO schema_migrations "
        "(number, name, state, sha256, applied_at, applied_by, host) "
        "VALUES (9999, 'later', 'applied', 'x', '2027-01-01 00:00:00', 'x', 'x')",
    )
    for ask in (migrations.pending, migrations.require_current, apply):
        with pytest.raises(SchemaOutOfDate, match=r"9999.*newer sqltune"):
            ask(database)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE runs (run_number INTEGER)",
        "CREATE VIEW report_scores AS SELECT 1 AS score",
        "CREATE TABLE report_scores (score INTEGER)",
        # What Ruby on Rails and golang-migrate keep under the same name.
        "CREATE TABLE schema_migrations (version VARCHAR(255) NOT NULL PRIMARY KEY)",
    ],
)
def test_a_name_that_another_program_took_is_refused_before_the_first_statement(
    empty_database: Database, statement: str
) -> None:
    run(empty_database, statement)
    taken = names(empty_database)
    with pytest.raises(DatabaseError, match=f"{min(taken)} exists already.*database of its own"):
        apply(empty_database)
    with pytest.raises(DatabaseError, match="exists already"):
        migrations.print_pending(empty_database, now=NOW)
    assert names(empty_database) == taken


@pytest.mark.parametrize("number", [2, 14, 26])
def test_an_init_that_died_is_finished_by_the_next(
    empty_database_url: str, open_url: Open, number: int
) -> None:
    dying = open_url(empty_database_url)
    crash_before(dying, number)
    with pytest.raises(Crash):
        apply(dying)
    database = open_url(empty_database_url)
    with pytest.raises(SchemaOutOfDate):
        migrations.require_current(database)
    apply(database, at=LATER)
    assert names(database) == everything(database)
    migrations.require_current(database)


def test_while_one_init_may_be_alive_another_is_refused(
    empty_database_url: str, open_url: Open
) -> None:
    dying = open_url(empty_database_url)
    crash_before(dying, 5)
    with pytest.raises(Crash):
        apply(dying)
    with pytest.raises(DatabaseUnavailable, match="another `sqltune init`"):
        apply(open_url(empty_database_url), at=NOW + timedelta(minutes=4))


def test_an_index_that_was_not_made_yet_is_made_after_a_crash(
    empty_database_url: str, open_url: Open
) -> None:
    dying = open_url(empty_database_url)
    crash_before(dying, 4)
    with pytest.raises(Crash):
        apply(dying)
    database = open_url(empty_database_url)
    apply(database, at=LATER)
    assert "training_samples_by_dataset" in index_names(database, "training_samples")


def test_two_inits_at_once_are_safe(empty_database_url: str, open_url: Open) -> None:
    barrier = threading.Barrier(2)
    surprises: list[Exception] = []

    def init() -> None:
        database = open_url(empty_database_url)
        barrier.wait()
        try:
            apply(database)
        except DatabaseUnavailable as error:
            if "another `sqltune init`" not in str(error):
                surprises.append(error)
        except Exception as error:
            surprises.append(error)

    threads = [threading.Thread(target=init) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert surprises == []
    migrations.require_current(open_url(empty_database_url))


def test_a_view_whose_text_changed_is_made_again(database: Database) -> None:
    run(database, "UPDATE schema_views SET sha256 = 'older' WHERE view_name = 'report_runs'")
    assert migrations.pending(database) == ["report_runs"]
    assert apply(database) == ["report_runs"]
    migrations.require_current(database)


def test_a_view_that_was_dropped_by_hand_is_made_again_when_its_text_changes(
    database: Database,
) -> None:
    run(
        database,
        "DROP VIEW report_runs",
        "UPDATE schema_views SET sha256 = 'older' WHERE view_name = 'report_runs'",
    )
    apply(database)
    assert "report_runs" in names(database)


def test_what_print_writes_can_be_run_by_hand_and_leaves_nothing_pending(
    empty_database_url: str, open_url: Open, own_client: Client
) -> None:
    database = open_url(empty_database_url)
    script = migrations.print_pending(database, now=NOW)
    assert names(database) == set()
    own_client(empty_database_url, script)
    assert migrations.pending(database) == []
    assert names(database) == everything(database)
    assert migrations.print_pending(database, now=NOW) == "-- Nothing is pending.\n"


def test_a_changed_view_can_be_run_by_hand(
    database: Database, database_url: str, own_client: Client
) -> None:
    run(database, "UPDATE schema_views SET sha256 = 'older' WHERE view_name = 'report_runs'")
    own_client(database_url, migrations.print_pending(database, now=NOW))
    assert migrations.pending(database) == []


def test_applied_by_hand_or_by_init_the_tables_are_the_same(
    database: Database, empty_database_url: str, open_url: Open, own_client: Client
) -> None:
    by_hand = open_url(empty_database_url)
    own_client(empty_database_url, migrations.print_pending(by_hand, now=NOW))
    with database.engine.connect() as one, by_hand.engine.connect() as other:
        for table in sorted(everything(database)):
            expected = [str(c) for c in inspect(one).get_columns(table)]
            assert [str(c) for c in inspect(other).get_columns(table)] == expected
