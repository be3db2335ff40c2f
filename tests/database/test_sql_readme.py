"""sql/README.md is what a DBA reads: all tables are in it, its rights are enough and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import MetaData, Table, inspect

import sqltune
from sqltune.database import migrations, rights
from sqltune.database.connection import Database, EngineKind
from sqltune.database.queries import find_sql_folder, strip_comments
from sqltune.database.scripts import View, read_migrations, read_views, split_script
from sqltune.database.tables import aliases, served, states, versions
from sqltune.database.tables.served_use import UseCounts, UseKey, save_served_use
from sqltune.errors import DatabaseError
from tests.database.not_compared_reasons import REASONS
from tests.databases import MIGRATED_AT
from tests.engines import PYMYSQL, SERVER_FIXTURES
from tests.sql_server import SqlServer

README = (find_sql_folder() / "README.md").read_text("utf-8")
PASSWORD = "choose-a-password"


def section(heading: str) -> str:
    """What stands under a heading, up to the next one of its kind."""
    level = heading.partition(" ")[0]
    return README.partition(f"\n{heading}\n")[2].partition(f"\n{level} ")[0]


def described(heading: str) -> list[str]:
    """The tables that a section describes, in order."""
    return re.findall(r"^- \*\*`(\w+)`\*\*: .+\n  \S.+\.$", section(heading), re.MULTILINE)


def listed(text: str) -> list[str]:
    """The names in the first column of the first Markdown table of a text."""
    table = re.search(r"^\| --- .*\n((?:\|.*\n?)+)", text, re.MULTILINE)
    assert table is not None
    return re.findall(r"^\| `(\w+)` \| \S.* \|$", table[1], re.MULTILINE)


def test_each_table_is_described_once_in_two_lines() -> None:
    tables = [t for m in read_migrations(EngineKind.SQLITE) for t in m.tables]
    names = described("## What people write") + described("## What the runner writes")
    assert sorted(names) == sorted(tables)


def test_each_table_says_who_writes_it() -> None:
    entries = re.findall(r"^- \*\*`\w+`\*\*: .+\n  (.+)$", README, re.MULTILINE)
    assert len(entries) == 42
    assert [line for line in entries if not line.startswith("Written by ")] == []


def test_the_views_are_described_in_their_order() -> None:
    headings = re.findall(r"^### `(\w+)`$", README, re.MULTILINE)
    assert headings == [view.name for view in read_views()]


@pytest.mark.parametrize("view", read_views(), ids=lambda view: str(view.name))
def test_each_column_of_a_view_is_described_once(view: View) -> None:
    common = listed(section("## What BI tools read"))
    own = listed(section(f"### `{view.name}`"))
    assert [name for name in view.columns if name not in common] == own


def test_a_common_column_is_one_of_several_views() -> None:
    common = listed(section("## What BI tools read"))
    assert common
    for name in common:
        assert len([view for view in read_views() if name in view.columns]) > 1, name


def test_each_reason_for_not_comparing_is_described_in_its_order() -> None:
    after = section("### `report_before_after`").partition("is the first of these that applies")[2]
    assert listed(after) == list(REASONS)


def test_each_reason_for_not_comparing_evaluations_is_described_in_its_order() -> None:
    (view,) = [view for view in read_views() if view.name == "report_evaluations"]
    reasons = re.findall(r"THEN '(\w+)'", view.select)
    after = section("### `report_evaluations`").partition("is the first of these that applies")[2]
    assert listed(after) == reasons


def test_the_way_in_which_sqlite_writes_times_is_documented() -> None:
    text = section("## Times")
    assert "`YYYY-MM-DD HH:MM:SS.ffffff`" in text
    assert "pandas.to_datetime" in text


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


def test_the_server_finds_versions_counts_use_and_reads_no_text(granted_server: SqlServer) -> None:
    with opened(granted_server, "server") as server:
        migrations.require_current(server)
        with server.transaction() as session:
            assert aliases.list_alias_versions(session) == []
            assert aliases.fetch_alias(session, "a") is None
            assert versions.get_version(session, "a", 1) is None
            assert served.list_served_adapters(session) == []
            assert served.list_unsettled_served_steps(session) == []
            key = UseKey("a", 1, MIGRATED_AT)
            for _ in range(2):
                save_served_use(session, key, UseCounts(), server_key="s", now=MIGRATED_AT)
        for table in ("training_samples", "contents", "responses", "runs"):
            assert refused(server, f"SELECT COUNT(*) FROM {table}")
        assert refused(server, "UPDATE aliases SET version_number = 1")
        assert refused(server, "DELETE FROM served_use")


def test_bi_tools_may_read_the_views_and_nothing_else(granted_server: SqlServer) -> None:
    with opened(granted_server, "bi") as bi:
        for view in read_views():
            run(bi, f"SELECT COUNT(*) FROM {view.name}")
        assert refused(bi, "SELECT COUNT(*) FROM runs")
        assert refused(bi, "SELECT COUNT(*) FROM training_samples")


def test_the_python_api_reads_the_views_as_the_user_of_bi_tools(
    granted_server: SqlServer,
) -> None:
    with opened(granted_server, "bi") as bi:
        url = bi.engine.url.render_as_string(hide_password=False)
        with sqltune.open(url) as workspace:
            assert list(workspace.view("report_runs").columns)
            with pytest.raises(sqltune.DatabaseError, match="denied"):
                workspace.plan()


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
        run(author, "INSERT INTO runs (adapter_name, run_kind) VALUES ('a', 'evaluate')")
        assert refused(author, "INSERT INTO runs (adapter_name, backend) VALUES ('a', 'gradient')")
        assert refused(author, "INSERT INTO runs (adapter_name, manifest_id) VALUES ('a', 1)")
        run(author, "UPDATE runs SET desired_state = 'cancelled'")
        assert refused(author, "UPDATE runs SET state = 'succeeded'")
        assert refused(author, "INSERT INTO adapters (adapter_name, base_model) VALUES ('a', 'b')")
        assert refused(author, "DELETE FROM runs")


def test_who_writes_samples_does_not_write_what_is_expected(granted_server: SqlServer) -> None:
    prompt = "INSERT INTO eval_prompts (dataset, prompt, expected) VALUES ('d', 'p', 'e')"
    sample = "INSERT INTO training_samples (dataset, prompt, response) VALUES ('d', 'p', 'r')"
    with opened(granted_server, "author") as author:
        run(author, sample)
        assert refused(author, prompt)
        assert refused(author, "UPDATE eval_prompts SET expected = 'anything'")
    with opened(granted_server, "examiner") as examiner:
        run(examiner, prompt)
        run(examiner, "UPDATE eval_prompts SET expected = 'e2'")
        run(examiner, "SELECT COUNT(*) FROM report_before_after")
        assert refused(examiner, sample)
        assert refused(examiner, "INSERT INTO runs (adapter_name) VALUES ('a')")
        assert refused(examiner, "SELECT COUNT(*) FROM runs")


def test_check_finds_nothing_too_much_in_the_user_of_selections(granted_server: SqlServer) -> None:
    with (
        opened(granted_server, "selection") as selection,
        opened(granted_server, "runner") as runner,
    ):
        assert rights.find_excess(selection) == []
        assert any("INSERT" in phrase for phrase in rights.find_excess(runner))
        assert rights.current_user(selection) == "sqltune_selection@%"


def test_an_author_may_read_what_the_requests_became(granted_server: SqlServer) -> None:
    readable = ["runs", "alias_changes", *(view.name for view in read_views())]
    with opened(granted_server, "author") as author:
        for name in readable:
            run(author, f"SELECT COUNT(*) FROM {name}")
        assert refused(author, "SELECT COUNT(*) FROM adapters")
        assert refused(author, "INSERT INTO alias_changes (adapter_name) VALUES ('a')")
