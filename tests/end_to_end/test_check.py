"""`sqltune check` says what is configured, reachable and migrated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune, statuses
from tests.end_to_end.conftest import declare_office
from tests.engines import PYMYSQL


# SingleStore's own version variable, which `check` asks for, is not there on MariaDB.
@pytest.mark.parametrize("database_engine", ["sqlite", *PYMYSQL])
def test_check_finds_a_healthy_database_healthy_and_leaves_nothing_behind(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    before = people_on.dump()
    found = statuses(sqltune_on.well("check", "--json"))
    assert {name for name, (status, _) in found.items() if status == "ok"} == {
        "database", "tables", "clock", "text", "adapter office", "artifacts"
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
