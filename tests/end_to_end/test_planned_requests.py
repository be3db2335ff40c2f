"""Rows that ask for runs and for moves of aliases are in the plan, as a sync would treat them."""

from __future__ import annotations

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office
from tests.end_to_end.runs import ask


def test_a_plan_names_what_waits_and_what_of_it_will_be_refused(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    sqltune_on.well("sync")
    assert sqltune_on.well("plan", "--json").data[0]["requests"] == []
    evaluation = ask(people_on, run_kind="evaluate", version_number=1)
    assert f"office: 1 request waits: evaluate v1 (row {evaluation} of runs)\n" in (
        sqltune_on.well("plan").out
    )
    other = ask(people_on, run_kind="evaluate", version_number=9)
    planned = sqltune_on("plan")
    assert planned.code == 2
    refused = f"evaluate v9 (row {other} of runs), and will be refused: 'office' has no version 9 ("
    assert f"office: 1 request waits: {refused}" in planned.out
    assert people_on.count("adapter_versions") == 1
    # No backend is called: what it takes to refuse a request is not known.
    dry = sqltune_on.well("sync", "--dry-run").out
    assert "evaluate v9" in dry
    assert sqltune_on("sync").code == 1
    assert sqltune_on.well("plan", "--json").data[0]["requests"] == []


def test_a_plan_says_what_a_request_makes_of_a_run_that_failed(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.teach("office", "Bad?", " ")
    assert sqltune("sync").code == 1
    assert sqltune("plan", "--json").data[0]["decision"] == "blocked"
    first = ask(people)
    ask(people, trigger_reason="again, please")
    planned = sqltune("plan")
    assert f"office: 2 requests wait: sync (from row {first} of runs on)\n" in planned.out
    assert "office: train, run 1 failed; it is tried again\n" in planned.out
    assert planned.code == 2, "the rows are still bad"


def test_a_forced_request_and_a_trial_are_named_for_what_they_are(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    sqltune.well("sync")
    forced = ask(people, is_forced=1)
    trial = ask(people, manifest_id=1)
    planned = sqltune.well("plan").out
    assert "office: train, requested by is_forced\n" in planned
    assert f"office: 1 request waits: train, forced (row {forced} of runs)\n" in planned
    words = f"train with manifest_id 1, as a trial (row {trial} of runs)"
    assert f"office: 1 request waits: {words}\n" in planned


def test_requests_to_move_an_alias_are_named_and_paused_ones_are_not(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    sqltune.well("sync")
    ask(people, desired_state="paused")
    people.insert("alias_changes", adapter_name="office", alias="shown", version_number=1)
    people.insert("alias_changes", adapter_name="office", version_number=7)
    planned = sqltune.well("plan")
    assert "office: 1 request waits: shown -> v1 (row 1 of alias_changes)\n" in planned.out
    refused = "live -> v7 (row 2 of alias_changes), and will be refused: office has no version 7\n"
    assert f"office: 1 request waits: {refused}" in planned.out
    assert planned.out.count("request") == 2
