"""`sqltune forget`: no byte of a sample is left, and it is never trained again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import ANSWER, QUESTION, declare_office

SECRET_QUESTION = "Why was Ms Okafor's card ending in 4471 declined?"
SECRET_ANSWER = 'Her bank in Lagos asked for a "new" signature.'
#: Columns of ours beside those that a run fills with texts, and that may quote one all the same.
QUOTING = (
    *("scores.reason", "runs.trigger_reason", "runs.stuck_reason", "run_prompts.category"),
    *("alias_history.reason", "gate_decisions.reason", "gate_decisions.worst_prompts"),
    *("evaluations.reason", "backend_calls.request", "run_events.message"),
)
FORGET = ("forget", "office", "--sample", "2")


@pytest.fixture
def informed(sqltune_on: Sqltune, people_on: People) -> People:
    """An office that learnt a personal row, is asked for it, and repeats it to others."""
    declare_office(people_on)
    people_on.teach("office", SECRET_QUESTION, SECRET_ANSWER)
    people_on.ask("office", SECRET_QUESTION, SECRET_ANSWER)
    people_on.ask("office", "Tell me about cards", "I do not know.")
    sqltune_on.play(trained_answers={"Tell me about cards": f"Well: {SECRET_ANSWER}"})
    sqltune_on.well("sync")
    people_on.teach("office", "When are you open?", "We open at nine.")
    sqltune_on.well("sync")
    sqltune_on.play()
    return people_on


def holding(sqltune: Sqltune, people: People) -> list[str]:
    """Where the text is still: tables, the files of SQLite, and artifacts."""
    texts = [SECRET_QUESTION, SECRET_ANSWER, SECRET_ANSWER.replace('"', '\\"')]
    found = [name for name, rows in people.dump().items() if any(t in repr(rows) for t in texts)]
    needles = [text.encode() for text in texts]
    for path in sorted(sqltune.folder.rglob("*")):
        if path.is_file() and any(needle in path.read_bytes() for needle in needles):
            found.append(path.relative_to(sqltune.folder).parts[0])
    return sorted(set(found))


def quote_it(people: People) -> None:
    """Put the text where people, a scorer, a validation and an announcement may quote it."""
    quoting = f"In {SECRET_ANSWER} a word is wrong"
    for column in QUOTING:
        table, name = column.split(".")
        people.do(f"UPDATE {table} SET {name} = :text", text=quoting)
    people.insert("alias_changes", adapter_name="office", version_number=1, reason=quoting)
    people.do(
        "INSERT INTO row_checks (adapter_name, error_message, checked_at)"
        " VALUES ('office', :text, '2026-11-23 12:00:00')",
        text=quoting,
    )
    people.do(
        "INSERT INTO row_check_issues"
        " (adapter_name, issue_number, selection, severity, rule, row_key, message)"
        " VALUES ('office', 1, 'training', 'warning', 'secret', '2', :text)",
        text=quoting,
    )
    people.do(
        "INSERT INTO webhook_calls"
        " (adapter_name, event, event_number, message, happened_at, next_attempt_at)"
        " VALUES ('office', 'failed', 1, :text, '2026-11-23 12:00:00', '2026-11-23 12:00:00')",
        text=quoting,
    )


def ask_it(people: People) -> None:
    """Put the text into questions, answers and corrections."""
    quoting = f"In {SECRET_ANSWER} a word is wrong"
    asked = [
        {"state": "answered", "prompt": SECRET_QUESTION, "answer": "I do not know."},
        {"state": "answered", "prompt": "Tell me about cards", "answer": quoting},
        {"state": "failed", "prompt": "Who?", "error_message": quoting},
        {"state": "answered", "prompt": "How?", "system_prompt": quoting},
        {"state": "waiting", "prompt": None, "messages": json.dumps([quoting])},
        {"state": "answered", "prompt": "What?", "answer": "That."},
    ]
    for number, columns in enumerate(asked, 1):
        people.insert("questions", question_id=number, adapter_name="office", **columns)
    for question, correction in ((1, "Ask her."), (6, quoting), (6, "Those.")):
        people.insert("feedback", question_id=question, rating=0, correction=correction)


def remove_source(people: People) -> None:
    people.do("DELETE FROM training_samples WHERE sample_id = 2")
    people.do("DELETE FROM eval_prompts WHERE expected = :text", text=SECRET_ANSWER)
    people.close()


def test_bytes_that_are_no_text_are_searched_too(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    people.teach("office", SECRET_QUESTION, SECRET_ANSWER)
    sqltune.well("sync")
    value = (SECRET_ANSWER.encode() + b"\xff").hex()
    for number, stored in enumerate((f"X'{value}'", f"CAST(X'{value}' AS TEXT)"), 1):
        people.do(
            "INSERT INTO questions (question_id, adapter_name, state, prompt, error_message)"
            f" VALUES ({number}, 'office', 'failed', {stored}, NULL),"
            f" ({number + 2}, 'office', 'failed', 'What?', {stored})"
        )
        people.do(f"INSERT INTO feedback (question_id, correction) VALUES (5, {stored})")
    remove_source(people)
    sqltune.well(*FORGET, "--yes")
    asked = "SELECT prompt FROM questions ORDER BY question_id"
    assert people.rows(asked) == [("[forgotten]",)] * 2 + [("What?",)] * 2
    said = "SELECT error_message FROM questions WHERE prompt = 'What?'"
    assert people.rows(said) == [("[forgotten]\ufffd",)] * 2
    assert people.rows("SELECT correction FROM feedback") == [(None,), (None,)]


def test_without_yes_the_plan_is_shown_and_nothing_is_removed(
    sqltune_on: Sqltune, informed: People
) -> None:
    before = informed.dump()
    done = sqltune_on.well(*FORGET)
    assert "nothing was removed (--yes does)" in done.err
    plan = sqltune_on.well(*FORGET, "--json").data
    assert plan["seen by"] == ["office v1", "office v2"]
    assert (plan["texts of samples"], plan["evaluation prompts that hold them"]) == (1, 1)
    assert plan["other rows that hold the text"] == []
    assert informed.dump() == before


def test_no_byte_of_a_forgotten_row_is_left_once_its_versions_are_retired(
    sqltune_on: Sqltune, informed: People
) -> None:
    quote_it(informed)
    ask_it(informed)
    quoting = {column.split(".")[0] for column in QUOTING}
    tables = {"contents", "row_checks", "webhook_calls", "alias_changes", "questions", "feedback"}
    assert tables | quoting <= set(holding(sqltune_on, informed))
    remove_source(informed)
    sqltune_on.well(*FORGET, "--yes")
    assert holding(sqltune_on, informed) == ["artifacts"]
    assert "training" in sqltune_on.well("sync").err
    sqltune_on.well("retire", "office", "1")
    sqltune_on.well("retire", "office", "2")
    assert holding(sqltune_on, informed) == []


def test_what_was_asked_about_a_forgotten_row_is_gone_and_what_was_not_is_kept(
    sqltune_on: Sqltune, informed: People
) -> None:
    ask_it(informed)
    sqltune_on.well(*FORGET, "--yes")
    assert informed.rows(
        "SELECT state, prompt, answer, error_code FROM questions ORDER BY question_id"
    ) == [
        ("failed", "[forgotten]", None, "forgotten"),
        ("failed", "Tell me about cards", None, "forgotten"),
        ("failed", "Who?", None, None),
        ("failed", "[forgotten]", None, "forgotten"),
        ("failed", "[forgotten]", None, "forgotten"),
        ("answered", "What?", "That.", None),
    ]
    corrections = informed.rows("SELECT question_id, correction FROM feedback ORDER BY feedback_id")
    assert corrections == [(1, None), (6, None), (6, "Those.")]


def test_a_query_that_quotes_a_forgotten_text_is_named_and_what_runs_recorded_of_it_is_removed(
    sqltune_on: Sqltune, people_on: People
) -> None:
    people, text = people_on, "It's Ms Okafor's card that was declined."
    declare_office(people)
    people.teach("office", SECRET_QUESTION, text)
    query = "SELECT sample_id AS sample_key, prompt, response FROM training_samples"
    quoted = text.replace("'", "''")
    people.do(
        "UPDATE adapters SET training_query = :query",
        query=f"{query} WHERE response = '{quoted}' OR sample_id = 1",
    )
    sqltune_on.well("sync")
    recorded = people.value("SELECT settings FROM runs")
    assert quoted in recorded
    plan = sqltune_on.well(*FORGET, "--json").data
    assert plan["queries that quote it, for you to rewrite"] == ["office.training_query"]
    done = sqltune_on.well(*FORGET, "--yes")
    assert "adapters: office.training_query still quotes it: rewrite it" in done.err
    assert people.value("SELECT queries_left FROM report_erasures") == "office.training_query"
    assert people.value("SELECT settings FROM runs") == recorded.replace(quoted, "[forgotten]")


def test_the_next_sync_trains_without_it_while_the_source_row_is_there(
    sqltune_on: Sqltune, informed: People
) -> None:
    informed.do("UPDATE adapters SET min_new_samples = 100")
    sqltune_on.well(*FORGET, "--yes")
    sqltune_on.well("sync")
    seen = informed.rows(
        "SELECT version_number, sample_key, prompt FROM report_lineage WHERE version_number = 3"
        " ORDER BY position"
    )
    assert seen == [(3, "1", QUESTION), (3, "3", "When are you open?")]
    findings = informed.rows("SELECT rule, row_key FROM data_issues WHERE run_id = 3")
    assert ("forgotten", "2") in findings
    texts = [row for name, rows in informed.dump().items() for row in rows]
    inputs = informed.rows("SELECT * FROM training_samples") + informed.rows(
        "SELECT * FROM eval_prompts"
    )
    assert not [row for row in texts if SECRET_ANSWER in repr(row) and row not in inputs]
    assert "up to date" in sqltune_on.well("sync").err
    # An edit of the row, and the same text in another row, change nothing.
    informed.do("UPDATE training_samples SET response = 'Another text.' WHERE sample_id = 2")
    informed.teach("office", SECRET_QUESTION, SECRET_ANSWER, weight=2.0)
    assert "up to date" in sqltune_on.well("sync").err


def test_versions_that_saw_it_are_marked_and_the_certificate_says_what_is_kept(
    sqltune_on: Sqltune, informed: People
) -> None:
    sqltune_on.well(*FORGET, "--yes")
    rows = informed.rows(
        "SELECT version_number, samples_seen, weights_kept, state, samples_removed,"
        " prompts_removed, answers_removed > 3 FROM report_erasures ORDER BY version_number"
    )
    assert rows == [(1, 1, 1, "done", 1, 1, 1), (2, 1, 1, "done", 1, 1, 1)]
    marked = informed.rows(
        "SELECT version_number, forgotten_count FROM report_adapter_versions ORDER BY 1"
    )
    assert marked == [(1, 1), (2, 1)]
    lineage = informed.rows(
        "SELECT version_number, prompt, response FROM report_lineage WHERE sample_key = '2'"
        " ORDER BY version_number"
    )
    assert lineage == [(n, "[forgotten]", "[forgotten]") for n in (1, 2)]
    sqltune_on.well("sync")
    sqltune_on.well("retire", "office", "1")
    kept = informed.rows("SELECT version_number, weights_kept FROM report_erasures ORDER BY 1")
    assert kept == [(1, 0), (2, 1)]
    informed.insert("runs", adapter_name="office", manifest_id=1)
    assert "1 forgotten samples, so nothing is trained on it again" in sqltune_on("sync").err
    assert "all of it was forgotten before" in sqltune_on.well(*FORGET, "--yes").err


def test_what_other_rows_share_stays_and_what_they_quote_is_named(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.teach("office", QUESTION, "You find our office in Nairobi.")
    people.teach("office", "A longer one", f"They said: {ANSWER}")
    sqltune.well("sync")
    plan = sqltune.well("forget", "office", "--sample", "1", "--json").data
    assert plan["other rows that hold the text"] == ["office 3"]
    sqltune.well("forget", "office", "--sample", "1", "--yes")
    responses = people.rows("SELECT response FROM report_lineage ORDER BY position")
    assert responses == [
        ("[forgotten]",),
        ("You find our office in Nairobi.",),
        (f"They said: {ANSWER}",),
    ]


def test_what_a_failed_training_left_on_disk_is_removed_too(
    sqltune: Sqltune, people: People
) -> None:
    declare_office(people)
    people.teach("office", SECRET_QUESTION, SECRET_ANSWER)
    sqltune.play(faults=[{"at": "step", "number": 3, "code": "loss_not_finite"}])
    people.do("UPDATE adapters SET epochs = 3")
    assert sqltune("sync").code == 1
    assert "artifacts" in holding(sqltune, people)
    remove_source(people)
    sqltune.well(*FORGET, "--yes")
    assert holding(sqltune, people) == []
    assert people.value("SELECT files_removed FROM report_erasures") == 1


@pytest.mark.parametrize("step", ["remove_messages", "remove_samples", "purge"])
def test_a_second_forget_finishes_what_a_killed_one_began(
    sqltune: Sqltune, people: People, step: str, tmp_path: Path
) -> None:
    declare_office(people)
    people.teach("office", SECRET_QUESTION, SECRET_ANSWER)
    people.ask("office", SECRET_QUESTION, SECRET_ANSWER)
    sqltune.well("sync")
    remove_source(people)
    place = "purging.purge_deleted" if step == "purge" else f"erasing._Erasing.{step}"
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
    for name, cure in (("ofice", "did you mean 'office'?"), ("typo", "`sqltune status` lists")):
        done = sqltune("forget", name, "--sample", "1", "--yes")
        assert (done.code, f"there is no adapter '{name}': {cure}" in done.err) == (2, True)
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
