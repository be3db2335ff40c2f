"""`sqltune check` says what is configured, reachable and migrated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune, statuses
from tests.end_to_end.conftest import declare_office
from tests.engines import PYMYSQL
from tests.sql_server import SqlServer
from tests.vllm_server import serve_vllm


# SingleStore's own version variable, which `check` asks for, is not there on MariaDB.
@pytest.mark.parametrize("database_engine", ["sqlite", *PYMYSQL])
def test_check_finds_a_healthy_database_healthy_and_leaves_nothing_behind(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    before = people_on.dump()
    found = statuses(sqltune_on.well("check", "--json"))
    assert {name for name, (status, _) in found.items() if status == "ok"} == {
        "database", "tables", "clock", "text", "adapter office", "training rows of office",
        "evaluation rows of office", "artifacts",
    }  # fmt: skip
    assert "simulated" in found["adapter office"][1]
    assert found["selection"][0] == "warning"
    assert "SQLTUNE_SELECTION_URL" in found["selection"][1]
    assert people_on.dump() == before


def test_a_selection_connection_of_its_own_ends_the_warning(
    sqltune: Sqltune, people: People, office: str
) -> None:
    found = statuses(sqltune.well("check", "--json", SQLTUNE_SELECTION_URL=sqltune.url))
    assert found["selection"][0] == "ok"


def test_check_names_what_an_adapter_asks_for_in_vain(
    sqltune: Sqltune, people: People, office: str
) -> None:
    declare_office(people, "attic")
    declare_office(people, "cellar")
    people.do("UPDATE adapters SET backend = 'cloud' WHERE adapter_name = 'attic'")
    people.do("UPDATE adapters SET scorer = 'vibes' WHERE adapter_name = 'cellar'")
    done = sqltune("check", "--json")
    assert done.code == 2
    found = statuses(done)
    assert found["adapter office"][0] == "ok"
    assert found["adapter attic"][0] == "failed"
    assert "unknown backend 'cloud'" in found["adapter attic"][1]
    assert "unknown scorer 'vibes'" in found["adapter cellar"][1]
    assert "failed" in sqltune("check").out


def test_check_of_a_database_without_tables_names_init(tmp_path: Path) -> None:
    done = Sqltune(tmp_path, f"sqlite:///{tmp_path}/fresh.db")("check", "--json")
    assert done.code == 2
    assert "run `sqltune init`" in statuses(done)["tables"][1]


def test_check_of_a_server_that_is_not_there_says_so(tmp_path: Path) -> None:
    done = Sqltune(tmp_path, "mysql+pymysql://a:hidden@127.0.0.1:1/x")("check", "--json")
    assert done.code == 2
    assert statuses(done)["database"][0] == "failed"
    assert "hidden" not in done.said


def test_check_finds_an_artifacts_folder_that_cannot_be_written(
    sqltune: Sqltune, people: People, office: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file, no folder")
    done = sqltune("check", "--json", SQLTUNE_ARTIFACTS="taken")
    assert done.code == 2
    assert statuses(done)["artifacts"][0] == "failed"


def test_check_without_an_adapter_warns(sqltune: Sqltune, people: People) -> None:
    assert statuses(sqltune.well("check", "--json"))["adapters"][0] == "warning"


@pytest.fixture
def reader_url(database_url: str, mariadb_server: SqlServer) -> Iterator[str]:
    """The address of a user who may read the samples of a migrated database."""
    name = database_url.rpartition("/")[2]
    mariadb_server.execute(
        "CREATE USER reader@127.0.0.1 IDENTIFIED BY 'p'",
        f"GRANT SELECT ON {name}.training_samples TO reader@127.0.0.1",
    )
    yield mariadb_server.url("mysql+pymysql", name, user="reader", password="p")
    mariadb_server.execute("DROP USER reader@127.0.0.1")


@pytest.mark.parametrize("database_engine", ["mariadb-pymysql"])
def test_check_is_content_with_a_selection_user_who_may_only_read_and_names_all_else(
    sqltune_on: Sqltune, reader_url: str, mariadb_server: SqlServer
) -> None:
    def selection(url: str) -> tuple[str, str]:
        return statuses(sqltune_on("check", "--json", SQLTUNE_SELECTION_URL=url))["selection"]

    assert selection(reader_url)[0] == "ok"
    mariadb_server.execute("GRANT FILE, PROCESS ON *.* TO reader@127.0.0.1")
    status, words = selection(reader_url)
    assert status == "warning"
    assert "FILE on *.* (reads and writes files of the server)" in words
    assert "PROCESS on *.* (sees the statements of all users)" in words
    status, words = selection(sqltune_on.url)
    assert status == "warning"
    assert "names the main user, tester@127.0.0.1" in words
    assert "ALL PRIVILEGES on *.* (may do everything)" in words


def test_check_writes_nothing_through_a_link_in_the_artifacts_folder(
    sqltune: Sqltune, people: People, office: str, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "artifacts").mkdir(exist_ok=True)
    (tmp_path / "artifacts" / ".sqltune-check").symlink_to(tmp_path / "precious")
    before = sorted((tmp_path / "artifacts").iterdir())
    assert statuses(sqltune.well("check", "--json"))["artifacts"][0] == "ok"
    assert (tmp_path / "precious").read_text() == "kept"
    assert sorted((tmp_path / "artifacts").iterdir()) == before


def test_check_runs_each_query_and_names_what_is_refused_missing_and_empty(
    sqltune: Sqltune, people: People, office: str
) -> None:
    declare_office(people, "attic")
    people.do("UPDATE adapters SET training_query = 'DELETE FROM x', eval_query = 'SELECT 1 AS n'")
    people.declare("cellar")
    people.do("UPDATE adapters SET training_query = NULL, eval_query = NULL"
              " WHERE adapter_name <> 'attic'")  # fmt: skip
    done = sqltune("check", "--json")
    assert done.code == 2
    found = statuses(done)
    assert found["training rows of office"] == ("ok", "the query runs and returns rows")
    assert found["training rows of attic"][0] == "failed"
    assert "the query begins with DELETE" in found["training rows of attic"][1]
    assert "returns no column prompt, only n" in found["evaluation rows of attic"][1]
    assert found["training rows of cellar"] == (
        "failed",
        "there is nothing to train on: training_samples has no rows with dataset = 'cellar'",
    )
    assert found["evaluation rows of cellar"][0] == "warning"


@pytest.mark.parametrize("database_engine", ["sqlite", *PYMYSQL])
def test_check_names_a_table_that_a_query_reads_in_vain(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    people_on.do("UPDATE adapters SET training_query = 'SELECT prompt, response FROM not_there'")
    done = sqltune_on("check", "--json")
    assert (done.code, statuses(done)["training rows of office"][0]) == (2, "failed")
    assert "not_there" in statuses(done)["training rows of office"][1]


def test_check_asks_the_vllm_that_the_settings_name(
    sqltune: Sqltune, people: People, office: str
) -> None:
    with serve_vllm(key="key-of-two") as vllm:
        found = statuses(sqltune("check", "--json", SQLTUNE_VLLM_URL=vllm.url))
        assert found["vllm"][0] == "failed"
        assert "HTTP 401: Unauthorized: set SQLTUNE_VLLM_API_KEY" in found["vllm"][1]
        named = {"SQLTUNE_VLLM_URL": f"{vllm.url}/v1/", "SQLTUNE_VLLM_API_KEY": "key-of-two"}
        found = statuses(sqltune.well("check", "--json", **named))
        assert found["vllm"] == ("ok", f"{vllm.url} answers, with toy")
        vllm.can_load = False
        found = statuses(sqltune.well("check", "--json", **named))
        assert found["vllm"][0] == "warning"
        assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True" in found["vllm"][1]
    done = sqltune("check", "--json", **named)
    assert done.code == 2
    assert "ConnectError" in statuses(done)["vllm"][1]
    assert "key-of-two" not in done.said
