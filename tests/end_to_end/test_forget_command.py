"""`sqltune forget` as a command: its plan, what it refuses, and how a killed one is finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office
from tests.end_to_end.forgetting import (
    FORGET,
    SECRET_ANSWER,
    SECRET_QUESTION,
    holding,
    inform,
    remove_source,
)


def test_without_yes_the_plan_is_shown_and_nothing_is_removed(
    sqltune_on: Sqltune, people_on: People
) -> None:
    inform(sqltune_on, people_on)
    before = people_on.dump()
    done = sqltune_on.well(*FORGET)
    assert "nothing was removed (--yes does)" in done.err
    plan = sqltune_on.well(*FORGET, "--json").data
    assert plan["seen by"] == ["office v1", "office v2"]
    assert (plan["texts of samples"], plan["evaluation prompts that hold them"]) == (1, 1)
    assert plan["other rows that hold the text"] == []
    assert people_on.dump() == before


@pytest.mark.parametrize("step", ["remove_messages", "remove_samples", "purge"])
def test_a_second_forget_finishes_what_a_killed_one_began(
    sqltune: Sqltune, people: People, step: str, tmp_path: Path
) -> None:
    declare_office(people)
    people.teach("office", SECRET_QUESTION, SECRET_ANSWER)
    people.ask("office", SECRET_QUESTION, SECRET_ANSWER)
    sqltune.well("sync")
    remove_source(people)
    place = "purging.purge_deleted" if step == "purge" else f"removing.Removal.{step}"
    module = "sqltune.database" if step == "purge" else "sqltune.operations.forgetting"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os\nfrom {module} import {place.split('.')[0]}\n{place} = lambda *_: os._exit(9)\n"
    )
    assert sqltune(*FORGET, "--yes", PYTHONPATH=str(tmp_path)).code == 9
    (tmp_path / "sitecustomize.py").unlink()
    assert people.rows("SELECT state FROM erasures") == [("erasing",)]
    people.do("UPDATE adapter_states SET lease_until_ms = 0")
    people.close()
    sqltune.well(*FORGET, "--yes")
    assert people.rows("SELECT state FROM erasures") == [("done",)]
    assert holding(sqltune, people) == ["artifacts"]


def test_rows_are_chosen_by_a_query_and_in_every_adapter(sqltune: Sqltune, people: People) -> None:
    for name in ("office", "attic"):
        people.declare(name, training_query="SELECT * FROM letters")
    people.do("CREATE TABLE letters (sample_key TEXT, prompt TEXT, response TEXT, person TEXT)")
    for number, person in enumerate(("ann", "bob", "ann")):
        people.insert(
            "letters",
            sample_key=f"letter-{number}",
            prompt=f"What is in letter {number} of us?",
            response=f"Letter {number} is about {person}.",
            person=person,
        )
    sqltune.well("sync")
    done = sqltune(
        "forget", "--all", "--yes", "--query", "SELECT sample_key FROM letters WHERE person = 'ann'"
    )
    assert done.code == 0, done.said
    keys = people.rows(
        "SELECT DISTINCT sample_key FROM report_lineage WHERE prompt <> '[forgotten]'"
    )
    assert keys == [("letter-1",)]
    sqltune.well("sync")
    count = people.rows(
        "SELECT adapter_name, COUNT(*) FROM report_lineage WHERE version_number = 2"
        " GROUP BY adapter_name ORDER BY 1"
    )
    assert count == [("attic", 1), ("office", 1)]
    refused = sqltune("forget", "--all", "--query", "DELETE FROM letters")
    assert refused.code == 2
    assert "name the key with AS sample_key" in (
        sqltune("forget", "--all", "--query", "SELECT prompt FROM letters").err
    )


def test_with_a_key_of_the_environment_nothing_is_trained_without_it(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    key = {"SQLTUNE_FORGET_KEY": "a secret of our own, kept elsewhere"}
    sqltune.well("forget", "office", "--sample", "1", "--yes", **key)
    assert people.rows("SELECT made_key FROM forget_keys") == [(None,)]
    done = sqltune("sync")
    assert done.code == 1
    assert "forgotten under another SQLTUNE_FORGET_KEY" in done.said
    assert "a secret of our own" not in done.said
    assert "a secret of our own" not in repr(people.dump())
    people.teach("office", "When are you open?", "We open at nine.")
    sqltune.well("sync", **key)
    assert people.rows("SELECT sample_key FROM report_lineage WHERE version_number = 2") == [("2",)]


def test_a_forgotten_prompt_is_a_finding_and_where_all_was_forgotten_the_message_says_so(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    sqltune.well("forget", "office", "--sample", "1", "--yes")
    people.teach("office", "When are you open?", "We open at nine.")
    sqltune.well("sync")
    findings = people.rows("SELECT selection, row_key FROM data_issues WHERE rule = 'forgotten'")
    assert sorted(findings) == [("evaluation", "1"), ("training", "1")]
    people.do("DELETE FROM training_samples WHERE sample_id > 1")
    for command in (("sync",), ("check",), ("validate", "office")):
        said = sqltune(*command).said
        assert "every row was forgotten (`sqltune forget`)" in " ".join(said.split())


def test_a_misspelt_adapter_is_refused_and_a_misspelt_key_is_named(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.teach("office", "When?", "At nine.")
    people.teach("attic", "What is there?", "Dust.")
    for name, cure in (("ofice", "did you mean 'office'?"), ("typo", "(there are: office)")):
        done = sqltune("forget", name, "--sample", "1", "--yes")
        assert done.code == 2
        assert f"no adapter named '{name}' in table adapters" in done.err
        assert cure in done.err
    assert people.rows("SELECT * FROM erasures") == []
    keys = [text for key in ("1", "2", "3", "x") for text in ("--sample", key)]
    done = sqltune.well("forget", "office", *keys)
    for key, is_unknown in (("1", False), ("2", False), ("3", True), ("x", True)):
        assert (f"no stored sample has the key '{key}'" in done.err) == is_unknown
    people.do("DELETE FROM adapters")
    sqltune.well("forget", "office", "--sample", "1", "--yes")


def test_what_cannot_be_forgotten_now_says_what_to_do(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.insert("runs", adapter_name="office", run_key="k", state="training", manifest_id=1)
    done = sqltune("forget", "office", "--sample", "1", "--yes")
    assert done.code == 2
    assert "cancel it with `sqltune cancel" in done.err
    people.do("DELETE FROM runs WHERE run_key = 'k'")
    assert "name an adapter, or give --all" in sqltune("forget", "--sample", "1").err
    assert "say which rows" in sqltune("forget", "office").err
