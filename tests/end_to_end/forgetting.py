"""An office that learnt a personal row, where its text may be, and what removes its source."""

from __future__ import annotations

import json

from sqltune.selection.prediction_rows import digest_asked
from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office

SECRET_QUESTION = "Why was Ms Okafor's card ending in 4471 declined?"
SECRET_ANSWER = 'Her bank in Lagos asked for a "new" signature.'
#: Columns of ours beside those that a run fills with texts, and that may quote one all the same.
QUOTING = (
    *("scores.reason", "runs.trigger_reason", "runs.stuck_reason", "run_prompts.category"),
    *("alias_history.reason", "gate_decisions.reason", "gate_decisions.worst_prompts"),
    *("evaluations.reason", "backend_calls.request", "run_events.message"),
)
FORGET = ("forget", "office", "--sample", "2")


def inform(sqltune: Sqltune, people: People) -> None:
    """Teach an office a personal row that it is asked for, and that it repeats to others."""
    declare_office(people)
    people.teach("office", SECRET_QUESTION, SECRET_ANSWER)
    people.ask("office", SECRET_QUESTION, SECRET_ANSWER)
    people.ask("office", "Tell me about cards", "I do not know.")
    sqltune.play(trained_answers={"Tell me about cards": f"Well: {SECRET_ANSWER}"})
    sqltune.well("sync")
    people.teach("office", "When are you open?", "We open at nine.")
    sqltune.well("sync")
    sqltune.play()


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
    """Put the text into questions, answers and corrections, and into what predictions asked."""
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
    for key, correction in (("2", "In her own words."), ("3", "In mine.")):
        people.insert("feedback", run_id=1, prompt_key=key, rating=0, correction=correction)
    predicted = {
        "asked": digest_asked(SECRET_QUESTION.encode(), None, None),
        "asked with another system": digest_asked(SECRET_QUESTION.encode(), b"Be kind.", None),
        "about others": digest_asked(b"Tell me about cards", None, None),
    }
    for row_key, digest in predicted.items():
        people.do(
            "INSERT INTO predictions"
            " (adapter_name, row_key, content_hash, version_number, run_id, answer, answered_at)"
            " VALUES ('office', :key, :hash, 1, 1, 'In other words.', '2026-11-23 12:00:00')",
            key=row_key,
            hash=digest.hex(),
        )


def count_answers(people: People) -> int:
    """How many answers and corrections there are."""
    columns = {
        "responses": "response",
        "predictions": "answer",
        "questions": "answer",
        "feedback": "correction",
    }
    return sum(people.count(table, f"{column} IS NOT NULL") for table, column in columns.items())


def remove_source(people: People) -> None:
    people.do("DELETE FROM training_samples WHERE sample_id = 2")
    people.do("DELETE FROM eval_prompts WHERE expected = :text", text=SECRET_ANSWER)
    people.close()
