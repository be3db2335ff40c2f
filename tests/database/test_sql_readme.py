"""sql/README.md is what a DBA reads: all tables are in it, its rights are enough and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import MetaData, Table, inspect

from sqltune.database import migrations
from sqltune.database.connection import Database, EngineKind
from sqltune.database.queries import find_sql_folder, strip_comments
from sqltune.database.scripts import read_migrations, read_views, split_script
from sqltune.database.tables import states
from sqltune.errors import DatabaseError
from tests.databases import MIGRATED_AT
from tests.engines import PYMYSQL, SERVER_FIXTURES
from tests.sql_server import SqlServer

README = (find_sql_folder() / "README.md").read_text("utf-8")
PASSWORD = "choose-a-password"


def described(heading: str) -> list[str]:
    """The names that a section describes, in order."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^- \*\*`(\w+)`\*\*: .+\n  \S.+\.$", section, re.MULTILINE)


def test_each_table_is_described_once_in_two_lines() -> None:
    tables = [t for m in read_migrations(EngineKind.SQLITE) for t in m.tables]
    found = described("What people write") + described("What the runner writes")
    assert sorted(found) == sorted(tables)


def test_each_table_says_who_writes_it() -> None:
    entries = re.findall(r"^- \*\*`(\w+)`\*\*: .+\n  (.+)$", README, re.MULTILINE)
    views = {view.name for view in read_views()}
    assert all("ritten by" in line for name, line in entries if name not in views)


def test_each_view_is_described_once() -> None:
    assert described("What BI tools read") == [view.name for view in read_views()]


def grants() -> list[str]:
    """The statements of the block for MySQL and MariaDB."""
    section = README.partition("### MySQL and MariaDB\n")[2]
    return split_script(strip_comments(re.findall(r"```sql\n(.*?)```", section, re.DOTALL)[0]))


def drop_all(server: SqlServer) -> None:
    users = re.findall(r"CREATE USER ('\w+'@'%')", README)
    server.execute("DROP DATABASE IF EXISTS sqltune", f"DROP USER IF EXISTS {', '.join(users)}")


@contextmanager
def opened(server: SqlServer, user: str) -> Iterator[Database]:
    url = server.url("mysql+pymysql", "sqltune", user=f"sqltune_{user}", password=PASSWORD)
    database = Database.open(url)
    yield database
    database.close()


def run(database: Database, statement: str) -> None:
    with database.transaction() as session:
        session.run_script(statement)


def refused(database: Database, statement: str) -> bool:
    try:
        run(database, statement)
    except DatabaseError as error:
        return "refuses this user" in str(error)
    return False


@pytest.fixture(scope="module", params=PYMYSQL)
def granted_server(request: pytest.FixtureRequest) -> Iterator[SqlServer]:
    """The server after a DBA has followed the README from top to bottom."""
    server: SqlServer = request.getfixturevalue(SERVER_FIXTURES[request.param])
    drop_all(server)
    statements = grants()
    on_tables = [s for s in statements if re.search(r"ON sqltune\.\w+ TO", s)]
    server.execute(*[s for s in statements if s not in on_tables])
    with opened(server, "owner") as owner:
        migrations.apply(owner, now=lambda: MIGRATED_AT)
    server.execute(*on_tables)
    yield server
    drop_all(server)


def test_the_owner_may_install_and_later_replace_a_view(granted_server: SqlServer) -> None:
    with opened(granted_server, "owner") as owner:
        assert migrations.pending(owner) == []
        run(owner, "ALTER VIEW report_datasets AS SELECT 1 AS one")
        run(owner, "DELETE FROM schema_views WHERE view_name = 'report_datasets'")
        assert migrations.apply(owner, now=lambda: MIGRATED_AT) == ["report_datasets"]


def test_the_runner_may_work_but_not_change_the_schema(granted_server: SqlServer) -> None:
    with opened(granted_server, "runner") as runner:
        migrations.require_current(runner)
        claim = states.claim_adapter(runner, "a", owner="me", lease_seconds=60, now=MIGRATED_AT)
        assert claim is not None
        with runner.transaction(claim) as session:
            session.fetch_all("list_status")
        assert refused(runner, "DROP TABLE runs")
        assert refused(runner, "CREATE TABLE more (id INT)")


def test_bi_tools_may_read_the_views_and_nothing_else(granted_server: SqlServer) -> None:
    with opened(granted_server, "bi") as bi:
        for view in read_views():
            run(bi, f"SELECT COUNT(*) FROM {view.name}")
        assert refused(bi, "SELECT COUNT(*) FROM runs")
        assert refused(bi, "SELECT COUNT(*) FROM training_samples")


def test_bi_tools_can_reflect_the_views_and_see_no_table(granted_server: SqlServer) -> None:
    """What Superset asks of SQLAlchemy's inspector when a data set is made of a view."""
    names = sorted(view.name for view in read_views())
    with opened(granted_server, "bi") as bi, opened(granted_server, "owner") as owner:
        seen, known = inspect(bi.engine), inspect(owner.engine)
        assert sorted(seen.get_view_names()) == names
        assert seen.get_table_names() == []
        for name in names:
            columns = [(c["name"], str(c["type"])) for c in known.get_columns(name)]
            assert [(c["name"], str(c["type"])) for c in seen.get_columns(name)] == columns
            reflected = Table(name, MetaData(), autoload_with=bi.engine)
            assert [(c.name, str(c.type)) for c in reflected.columns] == columns
            assert seen.get_pk_constraint(name)["constrained_columns"] == []
            assert seen.get_indexes(name) == seen.get_foreign_keys(name) == []
            assert "CREATE" in str(seen.get_view_definition(name))


def test_the_selection_may_only_read_what_it_was_given(granted_server: SqlServer) -> None:
    with opened(granted_server, "selection") as selection:
        run(selection, "SELECT COUNT(*) FROM training_samples")
        assert refused(selection, "DELETE FROM training_samples")
        assert refused(selection, "SELECT COUNT(*) FROM adapters")


def test_an_author_may_write_rows_ask_for_runs_and_cancel_them(
    granted_server: SqlServer,
) -> None:
    with opened(granted_server, "author") as author:
        run(
            author,
            "INSERT INTO training_samples (dataset, prompt, response) VALUES ('d', 'p', 'r')",
        )
        run(author, "INSERT INTO runs (adapter_name, is_forced) VALUES ('a', 1)")
        assert refused(author, "INSERT INTO runs (adapter_name, backend) VALUES ('a', 'gradient')")
        assert refused(author, "INSERT INTO runs (adapter_name, manifest_id) VALUES ('a', 1)")
        run(author, "UPDATE runs SET desired_state = 'cancelled'")
        assert refused(author, "UPDATE runs SET state = 'succeeded'")
        assert refused(author, "INSERT INTO adapters (adapter_name, base_model) VALUES ('a', 'b')")
        assert refused(author, "DELETE FROM runs")


def test_an_author_may_read_what_the_requests_became(granted_server: SqlServer) -> None:
    readable = ["runs", "alias_changes", *(view.name for view in read_views())]
    with opened(granted_server, "author") as author:
        for name in readable:
            run(author, f"SELECT COUNT(*) FROM {name}")
        assert refused(author, "SELECT COUNT(*) FROM adapters")
        assert refused(author, "INSERT INTO alias_changes (adapter_name) VALUES ('a')")
