"""What a plan and a validation find in rows is what the run finds in them."""

from __future__ import annotations

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import QUESTION, declare_office

ISSUES = "selection, severity, rule, row_key, column_name, message"
STEPS = "Open the settings, choose security, and press the button that resets your password."
PROMPT_WARNINGS = "warnings: 3 leak, 1 group leak, 1 markup, 1 near leak"


def insert_sample(people: People, prompt: str, response: str, **columns: object) -> None:
    people.insert("training_samples", dataset="office", prompt=prompt, response=response, **columns)


def declare_findings(people: People) -> None:
    """Declare an adapter whose rows have a finding of every rule on several rows at once."""
    people.declare("office")
    insert_sample(people, "How do I reset my password?", STEPS)
    insert_sample(people, "How do I reset my password?", f"{STEPS} !")
    insert_sample(people, "Open?", "Until six.")
    insert_sample(people, "Open?", "Until six.")
    insert_sample(people, "Open?", "Never.")
    insert_sample(people, "Open?", "Until six.", split="validation")
    insert_sample(people, "Who pays?", "You do.", group_key="acme")
    insert_sample(people, "Who ships?", "We do.<br>", group_key="acme")
    people.ask("office", "OPEN?", "Until six.")
    people.ask("office", "How do I reset my password", STEPS)
    people.ask("office", "What did Acme order?", "Paper.", group_key="acme")
    people.ask("office", "What did Bolt order?", "Ink&nbsp;", group_key="bolt")


def test_a_validation_finds_what_the_run_finds_word_for_word(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_findings(people_on)
    validated = sqltune_on.well("validate").out
    sqltune_on.well("sync")
    found = people_on.rows(f"SELECT {ISSUES} FROM row_check_issues")
    assert sorted(found, key=repr) == sorted(
        people_on.rows(f"SELECT {ISSUES} FROM data_issues"), key=repr
    )
    assert {row[2] for row in found} == {
        *("contradiction", "duplicate_content", "near_duplicate", "validation_leak"),
        *("leak", "near_leak", "group_leak", "markup"),
    }
    assert f"office: prompts: 4 usable; {PROMPT_WARNINGS}\n" in validated


def test_a_plan_says_how_many_prompts_the_verdict_will_rest_on(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_findings(people_on)
    planned = sqltune_on.well("plan").out
    assert "office: gate: 4 prompts, 2 of them trained on: judged on 2; with fewer than " in planned
    assert "office: samples: 8 usable; warnings: 1 contradiction, 1 duplicate content" in planned
    assert f"office: prompts: 4 usable; {PROMPT_WARNINGS}\n" in planned
    rows = sqltune_on.well("plan", "--json").data[0]["prompt_rows"]
    assert (rows["scored"], rows["leaked"]) == (4, 2)
    sqltune_on.well("sync")
    assert people_on.rows("SELECT prompts_compared, leaked_count FROM gate_decisions") == [(2, 2)]


def test_where_only_prompts_changed_a_plan_finds_leaks_by_what_the_version_was_trained_on(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.ask("office", "Who is our CEO?", "Ada Byron.")
    sqltune.well("sync")
    people.ask("office", "Where are you?", "In Utrecht.")
    planned = sqltune.well("plan").out
    assert "evaluate" in planned
    assert "gate: 3 prompts, 1 of them trained on: judged on 2; " in planned


def test_a_plan_says_where_the_verdict_will_show_nothing(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    words = "gate: 1 prompt, which is trained on: the verdict will say nothing about other"
    assert words in sqltune.well("plan").out
    people.ask("office", QUESTION.upper(), "In Utrecht.")
    assert "gate: 2 prompts, all of them trained on: " in sqltune.well("plan").out


def test_a_prompt_whose_group_is_trained_on_is_left_out_of_the_verdict(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    insert_sample(people_on, "Who pays?", "You do.", group_key="7")
    insert_sample(people_on, "Who ships?", "We do.", group_key="8", split="test")
    people_on.do(
        "UPDATE adapters SET eval_query = 'SELECT 1 AS prompt_key, ''Seven?'' AS prompt,"
        " ''a'' AS expected, 7 AS group_key UNION ALL SELECT 2, ''Eight?'', ''b'', 8"
        " UNION ALL SELECT 3, ''None?'', ''c'', NULL'"
    )
    sqltune_on.well("sync")
    leaked = "SELECT prompt_key FROM run_prompts WHERE is_leaked = 1"
    assert people_on.value("SELECT MAX(leaked_by) FROM run_prompts") == "group"
    assert people_on.rows(leaked) == [("1",)]
    message = people_on.value("SELECT message FROM data_issues WHERE rule = 'group_leak'")
    assert message.startswith("sample 2 with the same group_key, '7', is trained on: ")
    # A group that is added to a prompt changes what the verdict rests on.
    people_on.do("UPDATE adapters SET eval_query = REPLACE(eval_query, ', NULL', ', 7')")
    assert "only the evaluation prompts changed" in sqltune_on.well("sync").said
    assert sorted(people_on.rows(f"{leaked} AND run_id = 2")) == [("1",), ("3",)]
    # One that is lost would make leaked prompts clean.
    people_on.do(
        "UPDATE adapters SET eval_query = 'SELECT 1 AS prompt_key, ''Seven?'' AS prompt,"
        " ''a'' AS expected'"
    )
    assert "the evaluation query no longer returns group_key" in sqltune_on("sync").said


def test_every_view_that_a_prompt_names_as_scorer_is_tried_before_a_run(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.ask("office", "Who is our CEO?", None, scorer="sql:my_scores")
    for command in ("plan", "validate", "check"):
        refused = sqltune(command)
        assert refused.code != 0, command
        assert "sql:my_scores cannot be read: " in " ".join(refused.said.split())
    people.do(
        "CREATE VIEW my_scores AS SELECT run_id, phase, prompt_key, 1.0 AS score FROM responses"
    )
    for command in ("plan", "validate", "check"):
        sqltune.well(command)
    # The gate does not read the scores of a further scorer.
    people.do("UPDATE adapters SET extra_scorers = 'sql:other_scores'")
    for command in ("plan", "validate", "check"):
        said = " ".join(sqltune.well(command).said.split())
        assert "1 scorer not readable" in said or "sql:other_scores cannot be read" in said
