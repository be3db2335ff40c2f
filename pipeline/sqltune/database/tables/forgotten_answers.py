"""Removes answers, questions and corrections that hold, or are about, a forgotten text."""

from __future__ import annotations

from sqltune.database.connection import Session
from sqltune.database.tables.stored_texts import FORGOTTEN_TEXT

#: responses.error_message of an answer that was removed.
ANSWER_MESSAGE = "the answer contained, or answered, a text that `sqltune forget` removed"


def forget_answer(session: Session, run_id: int, prompt_key: str, phase: str) -> None:
    """Remove an answer that holds a forgotten text."""
    session.execute(
        "forget_answer", run_id=run_id, prompt_key=prompt_key, phase=phase, message=ANSWER_MESSAGE
    )


def forget_answers_to_content(session: Session, content_hash: str, new_hash: str) -> int:
    """Remove the answers to a prompt whose texts are removed; return how many there are."""
    answers = session.execute(
        "forget_answers_to_content", content_hash=content_hash, message=ANSWER_MESSAGE
    )
    session.execute("replace_answered_content", content_hash=content_hash, new_hash=new_hash)
    return answers


def forget_prediction(session: Session, adapter_name: str, row_key: str) -> None:
    """Remove an answer to a row that holds a forgotten text."""
    session.execute(
        "forget_prediction", adapter_name=adapter_name, row_key=row_key, message=ANSWER_MESSAGE
    )


def forget_question(session: Session, question_id: int, *, is_asked: bool) -> int:
    """Remove an answer that holds a forgotten text, or a question that does with all about it.

    Args:
        session: a transaction.
        question_id: the question.
        is_asked: whether the question holds the text itself.

    Returns:
        How many corrections were removed with it.
    """
    if not is_asked:
        session.execute(
            "forget_answer_to_question", question_id=question_id, message=ANSWER_MESSAGE
        )
        return 0
    session.execute(
        "forget_question", question_id=question_id, shown=FORGOTTEN_TEXT, message=ANSWER_MESSAGE
    )
    return session.execute("forget_corrections_of_question", question_id=question_id)


def forget_correction(session: Session, feedback_id: int) -> None:
    """Remove a correction that holds a forgotten text."""
    session.execute("forget_correction", feedback_id=feedback_id)
