"""What is wrong with rows is known before a run: by `plan`, by `validate` and by its rows."""

from __future__ import annotations

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office

FOUND = (
    "SELECT selection, rule, row_key FROM report_data_issues"
    " WHERE found_by = 'row_check' AND severity = 'error'"
)


def declare_bad_rows(people: People) -> None:
    """Declare an adapter with two bad samples of twenty and one bad prompt of four."""
    people.declare("office")
    for number in range(20):
        response = {3: None, 4: " "}.get(number, f"Room {number} is blue.")
        people.insert(
            "training_samples",
            dataset="office",
            prompt=f"What is room {number}?",
            response=response,
        )
    for number in range(4):
        scorer = "vibes" if number == 0 else None
        people.ask("office", f"What is room {number}?", "Blue.", scorer=scorer)


def test_a_plan_counts_what_is_bad_and_its_cure_is_enough(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_bad_rows(people_on)
    planned = sqltune_on("plan")
    assert planned.code == 2
    assert "office: samples: 18 usable, 2 bad: 1 empty, 1 missing\n" in planned.out
    found = "3 usable, 1 bad: 1 unknown scorer; warnings: 2 leak\n"
    assert f"office: prompts: {found}" in planned.out
    cure = "set on_bad_row = 'skip' and max_skipped_share = 0.25 in adapters to leave them out"
    assert cure in planned.out
    assert people_on.count("runs") == people_on.count("row_checks") == 0
    assert sqltune_on("sync").code == 1
    assert cure in people_on.value("SELECT error_message FROM runs")
    people_on.do("UPDATE adapters SET on_bad_row = 'skip', max_skipped_share = 0.25")
    sqltune_on.well("plan")
    sqltune_on.well("sync")
    assert "nothing changed" in sqltune_on.well("plan", "--json").data[0]["reason"]


def test_validate_stores_what_it_finds_and_replaces_it_the_next_time(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_bad_rows(people_on)
    done = sqltune_on("validate", "office")
    assert (done.code, people_on.count("runs")) == (2, 0)
    assert "office: a run would fail: 2 of 20 rows cannot be trained on" in done.out
    assert "report_data_issues lists them" in done.out
    assert sorted(row[:2] for row in people_on.rows(FOUND)) == [
        ("evaluation", "unknown_scorer"),
        ("training", "empty"),
        ("training", "missing"),
    ]
    assert people_on.rows("SELECT samples_usable, samples_bad, error_code FROM row_checks") == [
        (18, 2, "bad_rows")
    ]
    people_on.do("DELETE FROM training_samples WHERE response IS NULL OR response = ' '")
    people_on.do("UPDATE eval_prompts SET scorer = NULL")
    assert "office: samples: 18 usable\n" in sqltune_on.well("validate").out
    assert people_on.rows(FOUND) == []
    counts = "SELECT COUNT(*) FROM row_check_counts WHERE severity = 'error'"
    assert people_on.value(counts) == 0
    assert people_on.rows("SELECT samples_bad, error_message FROM row_checks") == [(0, None)]


def test_the_findings_of_a_run_and_of_a_validation_are_in_one_view(
    sqltune: Sqltune, people: People
) -> None:
    declare_bad_rows(people)
    assert (sqltune("sync").code, sqltune("validate").code) == (1, 2)
    found = "SELECT found_by, run_id, rule FROM report_data_issues WHERE severity = 'error'"
    assert sorted(people.rows(found), key=repr) == sorted(
        [
            (by, run, rule)
            for by, run in (("run", 1), ("row_check", None))
            for rule in ("missing", "empty", "unknown_scorer")
        ],
        key=repr,
    )


def test_validate_finds_the_keys_that_a_run_would_find_repeated(
    sqltune: Sqltune, people: People
) -> None:
    query = (
        "SELECT 'a' AS sample_key, 'p' AS prompt, 'r' AS response"
        " UNION ALL SELECT 'b', 'p2', 'r' UNION ALL SELECT 'a', 'p3', 'r'"
    )
    people.declare("office", training_query=query)
    found = sqltune("validate", "--json").data[0]
    assert (found["samples"]["usable"], found["samples"]["rules"]) == (2, {"duplicate_key": 1})
    assert sqltune("sync").code == 1
    issues = people.rows("SELECT row_key, column_name, message FROM data_issues")
    assert issues == people.rows("SELECT row_key, column_name, message FROM row_check_issues")
    # What is left out by the cure is what was called usable.
    people.do("UPDATE adapters SET on_bad_row = 'skip', max_skipped_share = 0.334")
    sqltune.well("validate")
    sqltune.well("sync")
    assert people.value("SELECT sample_count FROM adapter_versions") == 2


def test_what_cannot_be_read_is_a_validation_too(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    people.do("UPDATE adapters SET training_query = 'SELECT prompt FROM training_samples'")
    done = sqltune("validate")
    assert done.code == 2
    assert "returns no column response" in done.out
    assert people.rows("SELECT samples_usable, error_code FROM row_checks") == [
        (None, "missing_column")
    ]
    assert sqltune("plan").code == 2


def test_a_plan_says_how_long_the_longest_sample_is(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    people.teach("office", "word " * 700, "long")
    sqltune.play(base_models=["toy"], max_tokens=512)
    planned = sqltune("plan")
    assert planned.code == 2
    assert "office: samples: 1 usable, 1 bad: 1 too long (" in planned.out
    assert " tokens of 512)\n" in planned.out


def test_a_plan_whose_last_run_failed_exits_with_2_until_something_changes(
    sqltune: Sqltune, people: People
) -> None:
    declare_bad_rows(people)
    assert sqltune("sync").code == 1
    blocked = sqltune("plan", "--json")
    assert (blocked.code, blocked.data[0]["decision"]) == (2, "blocked")
    assert "2 of 20 rows" in blocked.data[0]["fault"]
    assert sqltune("sync", "--dry-run").code == 2


def test_a_plan_counts_the_prompts_that_can_be_scored_and_names_a_refusal_that_is_certain(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.do("DELETE FROM eval_prompts")
    for number in range(6):
        people.ask("office", f"What is number {number}?", None)
    said = sqltune.well("plan").said
    assert "gate: no prompt that can be scored, so nothing will be compared" in said
    people.do("UPDATE adapters SET gate_without_prompts = 'refuse'")
    refused = sqltune("plan")
    assert refused.code == 2
    assert "the gate would refuse whatever is trained: give prompts an expected text" in " ".join(
        refused.said.split()
    )
    people.do("UPDATE eval_prompts SET expected = 'One.' WHERE prompt_id <= 6")
    assert "gate: 5 prompts; " in sqltune.well("plan").said


def test_a_scorers_view_that_is_gone_is_named_before_anything_is_trained(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.do("UPDATE adapters SET scorer = 'sql:my_scores'")
    for command in ("plan", "validate"):
        refused = sqltune(command)
        assert refused.code == 2, command
        said = " ".join(refused.said.split())
        assert "sql:my_scores cannot be read: " in said
        assert "no such table: my_scores" in said
    people.do(
        "CREATE VIEW my_scores AS SELECT run_id, phase, prompt_key, 1.0 AS score FROM responses"
    )
    sqltune.well("plan")
    sqltune.well("validate")
