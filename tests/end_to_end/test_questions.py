"""Questions in rows and `sqltune ask`: what people insert is answered, once, also beside a run."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.end_to_end.command import People, Sqltune, await_condition
from tests.end_to_end.conftest import ANSWER, QUESTION, declare_office
from tests.end_to_end.runs import begin, declare_rooms, end_worker

ASKED = "SELECT state, answered_version, answer FROM questions ORDER BY question_id"


def test_a_sync_answers_with_what_it_has_just_made_live(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    people_on.insert("questions", adapter_name="office", prompt=QUESTION)
    people_on.insert("questions", adapter_name="cellar", prompt=QUESTION)
    done = sqltune_on.well("sync")
    assert "questions: 1 answered, 1 failed" in done.err
    assert people_on.rows(ASKED) == [("answered", 1, ANSWER), ("failed", None, None)]
    assert "questions:" not in sqltune_on.well("sync").err


def test_a_sync_of_named_adapters_leaves_other_questions_waiting(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    declare_office(people, "attic")
    people.insert("questions", adapter_name="office", prompt=QUESTION)
    people.insert("questions", adapter_name="attic", prompt=QUESTION)
    sqltune.well("sync", "attic")
    assert [row[0] for row in people.rows(ASKED)] == ["waiting", "answered"]


def test_a_worker_answers_while_another_adapter_is_trained(
    sqltune_on: Sqltune, office_on: People
) -> None:
    gate = sqltune_on.folder / "go-on"
    hang = {"at": "step", "number": 1, "kind": "hang", "until": str(gate)}
    sqltune_on.play(slots=1, steps_per_epoch=4, faults=[hang])
    declare_office(office_on, "attic")
    worker = sqltune_on.start("worker", "--poll-seconds", "0.1")
    office_on.insert("runs", adapter_name="attic")
    office_on.await_row("SELECT 1 FROM backend_calls WHERE state = 'intended'")
    office_on.insert("questions", adapter_name="office", prompt=QUESTION)
    office_on.insert("questions", adapter_name="office", prompt=QUESTION, alias="staging")
    office_on.await_row("SELECT 1 FROM questions WHERE state = 'answered'")
    office_on.await_row("SELECT 1 FROM questions WHERE state = 'failed'")
    assert office_on.rows("SELECT state FROM runs WHERE adapter_name = 'attic'") == [("training",)]
    gate.touch()
    office_on.await_row("SELECT 1 FROM runs WHERE adapter_name = 'attic' AND state = 'succeeded'")
    end_worker(worker)


def test_a_question_of_a_worker_that_was_killed_is_answered_by_the_next_one(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    gate = sqltune.folder / "go-on"
    sqltune.play(faults=[{"at": "answer", "prompt": QUESTION, "kind": "hang", "until": str(gate)}])
    worker = sqltune.start("worker", "--poll-seconds", "0.1", SQLTUNE_LEASE_SECONDS="1")
    people.insert("questions", adapter_name="office", prompt=QUESTION)
    people.await_row("SELECT 1 FROM questions WHERE state = 'answering'")
    worker.signal(signal.SIGKILL)
    worker.finish()
    sqltune.play()
    second = sqltune.start("worker", "--poll-seconds", "0.1", SQLTUNE_LEASE_SECONDS="1")
    people.await_row("SELECT 1 FROM questions WHERE state = 'answered'")
    end_worker(second)
    assert people.rows(ASKED) == [("answered", 1, ANSWER)]


def test_a_worker_that_is_stopped_returns_what_it_has_not_answered(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    gate = sqltune.folder / "go-on"
    fault = {"at": "answer", "prompt": "Slow?", "kind": "hang", "until": str(gate)}
    sqltune.play(faults=[fault])
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.insert("questions", adapter_name="office", prompt="Slow?")
    people.insert("questions", adapter_name="office", prompt=QUESTION)
    people.await_row("SELECT 1 FROM questions WHERE state = 'answered'")
    worker.signal(signal.SIGTERM)
    await_condition(
        lambda: people.count("questions", "state = 'waiting' OR claimed_by IS NULL") == 2,
        "the question that waits again",
    )
    gate.touch()
    assert worker.finish().code == 0


def test_four_workers_answer_each_question_once(sqltune_on: Sqltune, office_on: People) -> None:
    rows = [{"adapter_name": "office", "prompt": f"question {n}"} for n in range(300)]
    workers = [sqltune_on.start("worker", "--poll-seconds", "0.1") for _ in range(4)]
    office_on.insert_many("questions", rows)
    await_condition(
        lambda: office_on.count("questions", "state = 'answered'") == 300, "300 answers"
    )
    for worker in workers:
        end_worker(worker)
    assert office_on.count("questions", "claimed_by IS NOT NULL OR error_code IS NOT NULL") == 0


def test_corrections_are_trained_and_the_next_answer_is_the_correction(
    sqltune_on: Sqltune, office_on: People
) -> None:
    asked = "Is there coffee?"
    office_on.insert("questions", question_id=7, adapter_name="office", prompt=asked)
    sqltune_on.well("sync")
    office_on.insert("feedback", question_id=7, rating=0, correction="In the kitchen.")
    office_on.do(
        "UPDATE adapters SET training_query = :query",
        query="SELECT sample_id AS sample_key, prompt, response FROM training_samples"
        " UNION ALL SELECT -f.feedback_id, q.prompt, f.correction FROM feedback f"
        " JOIN questions q ON q.question_id = f.question_id"
        " WHERE q.adapter_name = 'office' AND f.correction IS NOT NULL",
    )
    office_on.insert("questions", question_id=8, adapter_name="office", prompt=asked)
    sqltune_on.well("sync")
    assert office_on.rows(ASKED) == [
        ("answered", 1, "I do not know."),
        ("answered", 2, "In the kitchen."),
    ]
    assert office_on.rows("SELECT version_number, answer, correction FROM report_feedback") == [
        (1, "I do not know.", "In the kitchen.")
    ]


def test_the_command_asks_a_version_and_the_base_model_and_stores_nothing(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    before = people.dump()
    assert sqltune.well("ask", "office", QUESTION).out == f"{ANSWER}\n"
    assert sqltune.well("ask", "office@live", QUESTION, "--max-new-tokens", "2").out == "Our offi\n"
    reply = sqltune.well("ask", "office@v1", QUESTION, "--base", "--json").data
    assert (reply["version_number"], reply["base_model"]) == (1, "toy")
    assert (reply["answer"]["answer"], reply["answer"]["output_tokens"]) == (ANSWER, 7)
    assert reply["base_answer"]["answer"] == "I do not know."
    shown = sqltune.well("ask", "office", QUESTION, "--base").out
    assert "office v1" in shown
    assert "I do not know." in shown
    assert people.dump() == before


def test_the_command_reads_a_question_from_stdin(
    sqltune: Sqltune, trained_office: str, tmp_path: Path
) -> None:
    (tmp_path / "question").write_text(f"{QUESTION}\n", encoding="utf-8")
    with (tmp_path / "question").open(encoding="utf-8") as stdin:
        assert sqltune.start("ask", "office", "-", stdin=stdin).finish().out == f"{ANSWER}\n"


def test_what_cannot_be_asked_is_one_line_that_says_what_to_do(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    for arguments, code, message in (
        (("office", " "), 2, "prompt is empty: write what is to be answered"),
        (("office", "\udcff"), 2, "prompt contains half of a UTF-16 pair"),
        (("cellar", "Why?"), 2, "no adapter named 'cellar' in table adapters"),
        (("office@v9", "Why?"), 2, "adapter 'office' has no version 9"),
        (("office@staging", "Why?"), 2, "no version of 'office' has the alias 'staging'"),
    ):
        done = sqltune("ask", *arguments)
        assert (done.code, message in done.err) == (code, True), done.said
    sqltune.play(faults=[{"at": "answer", "code": "prompt_too_long", "message": "too long"}])
    done = sqltune("ask", "office", "Why?")
    assert done.code == 1
    assert "the answer is an error: too long" in done.err


def test_a_run_that_is_interrupted_leaves_questions_to_the_next_sync(
    sqltune: Sqltune, people: People
) -> None:
    declare_rooms(people)
    people.insert("questions", adapter_name="office", prompt=QUESTION)
    running = begin(sqltune, people, "training")
    running.signal(signal.SIGTERM)
    running.finish()
    assert people.rows(ASKED) == [("waiting", None, None)]
    sqltune.play()
    sqltune.well("sync")
    assert people.rows(ASKED) == [("answered", 1, ANSWER)]
