"""`sqltune init` of a later release: what is new is applied in order, once, and after any crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect

from sqltune.database import migrations
from sqltune.database.connection import Database
from sqltune.errors import MigrationChanged, SchemaOutOfDate
from tests.clients import Client
from tests.database.later_release import NEW, LaterRelease
from tests.database.migrating import (
    LATER,
    NOW,
    Crash,
    apply,
    crash_before,
    index_names,
    names,
    run,
)

Open = Callable[..., Database]


@pytest.fixture
def old_database(empty_database_url: str, open_url: Open) -> Database:
    """A database that this release has made, with a row in it."""
    database = open_url(empty_database_url)
    apply(database)
    run(
        database,
        "INSERT INTO training_samples (dataset, prompt, response) VALUES ('d', 'p', 'r')",
    )
    return database


@pytest.fixture
def release(old_database: Database, tmp_path: Path) -> Iterator[LaterRelease]:
    """Install a later release beside the old database."""
    release = LaterRelease.write(tmp_path / "sql")
    with release.installed():
        yield release


def column_names(database: Database, table: str) -> list[str]:
    with database.engine.connect() as connection:
        return [column["name"] for column in inspect(connection).get_columns(table)]


def assert_is_new(database: Database) -> None:
    assert migrations.pending(database) == []
    assert {"moods", "report_moods"} <= names(database)
    assert column_names(database, "training_samples")[-1] == "mood"
    assert "training_samples_by_mood" in index_names(database, "training_samples")
    with database.read() as session:
        rows = session.connection.exec_driver_sql("SELECT prompt, mood FROM training_samples")
        assert [tuple(row) for row in rows] == [("p", None)]


def states(database: Database) -> dict[int, str]:
    with database.read() as session:
        return {row.number: row.state for row in session.fetch_all("list_migrations")}


def test_only_what_is_new_is_pending_and_applied_in_order(
    old_database: Database, release: LaterRelease
) -> None:
    assert migrations.pending(old_database) == NEW
    with pytest.raises(SchemaOutOfDate, match=r"0002_add_mood\.sql is pending.*sqltune init"):
        migrations.require_current(old_database)
    assert apply(old_database) == NEW
    assert_is_new(old_database)
    assert apply(old_database) == []


def test_a_new_database_gets_all_migrations(
    empty_database_url: str, open_url: Open, tmp_path: Path
) -> None:
    database = open_url(empty_database_url)
    with LaterRelease.write(tmp_path / "sql").installed():
        applied = apply(database)
        assert applied[:3] == ["0001_create_tables.sql", *NEW[:2]]
        assert migrations.pending(database) == []
    assert states(database) == {0: "free", 1: "applied", 2: "applied", 3: "applied"}


def test_a_migration_that_was_interrupted_is_repeated_and_what_it_made_counts_as_done(
    old_database: Database, release: LaterRelease, empty_database_url: str, open_url: Open
) -> None:
    dying = open_url(empty_database_url)
    crash_before(dying, 4)  # two statements of the ledger, the column, the index
    with pytest.raises(Crash):
        apply(dying)
    assert states(old_database)[2] == "applying"
    assert "mood" in column_names(old_database, "training_samples")
    assert apply(old_database, at=LATER) == NEW
    assert_is_new(old_database)


def test_what_was_applied_before_the_crash_is_not_repeated(
    old_database: Database, release: LaterRelease, empty_database_url: str, open_url: Open
) -> None:
    dying = open_url(empty_database_url)
    crash_before(dying, 5)
    with pytest.raises(Crash):
        apply(dying)
    assert states(old_database) == {0: "leased", 1: "applied", 2: "applied", 3: "applying"}
    assert apply(old_database, at=LATER) == NEW[1:]
    assert_is_new(old_database)


def test_the_release_before_refuses_the_newer_database(
    old_database: Database, release: LaterRelease
) -> None:
    apply(old_database)
    with pytest.MonkeyPatch.context() as patch:
        older = release.folder.parent / "older"
        LaterRelease.write(older)
        for path in older.glob("migrations/*/0003*"):
            path.unlink()
        patch.setattr("sqltune.database.scripts.find_sql_folder", lambda: older)
        with pytest.raises(SchemaOutOfDate, match=r"0003, and this sqltune knows 0002 as the last"):
            migrations.require_current(old_database)


def test_an_edited_migration_is_named_though_later_ones_are_unchanged(
    old_database: Database, release: LaterRelease
) -> None:
    apply(old_database)
    release.edit("0002_add_mood.sql")
    with pytest.raises(MigrationChanged, match=r"0002_add_mood\.sql was edited"):
        migrations.pending(old_database)


def test_print_writes_only_what_is_new(
    old_database: Database, release: LaterRelease, empty_database_url: str, own_client: Client
) -> None:
    script = migrations.print_pending(old_database, now=NOW)
    assert "CREATE TABLE runs" not in script
    own_client(empty_database_url, script)
    assert_is_new(old_database)


def test_print_after_a_crash_says_which_migration_was_begun(
    old_database: Database, release: LaterRelease, empty_database_url: str, open_url: Open
) -> None:
    dying = open_url(empty_database_url)
    crash_before(dying, 4)
    with pytest.raises(Crash):
        apply(dying)
    script = migrations.print_pending(old_database, now=NOW)
    assert "-- 0002_add_mood.sql was begun before and did not end:" in script
    assert "DELETE FROM schema_migrations WHERE number = 2;" in script
