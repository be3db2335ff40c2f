"""Runners that claim questions: none is asked twice, and none is lost with a runner."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from sqltune.backends.scripted.backend import ScriptedBackend
from sqltune.database.clocks import utc_now
from sqltune.database.connection import Session
from sqltune.database.tables import questions
from sqltune.database.times import format_time
from sqltune.errors import DatabaseUnavailable, RunInterrupted
from sqltune.evaluation import asking
from sqltune.questions.answering import Answering
from sqltune.questions.claims import QuestionClaims
from tests.database.asking_office import ANSWER, HOUR, QUESTION, Office, await_rows
from tests.end_to_end.command import await_condition


def asked_by(answering: Answering) -> int:
    """How many prompts were sent to the backend of a process."""
    backend = answering.runtime.backend("scripted")
    assert isinstance(backend, ScriptedBackend)
    return next(backend._answer_numbers) - 1


def test_two_runners_never_ask_one_question_twice(office: Office) -> None:
    for number in range(100):
        office.ask(f"question {number}")
    runners = [office.answering() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(runner.answer_waiting) for runner in runners]:
            done.result()
    assert office.rows("state, COUNT(*)", "questions GROUP BY state") == [("answered", 100)]
    assert sum(runner.answered for runner in runners) == 100
    assert sum(asked_by(runner) for runner in runners) == 100


def die_with(office: Office, owner: str = "dead") -> None:
    """Leave a question as a runner that was killed leaves it."""
    office.do(
        "UPDATE questions SET state = 'answering', claimed_by = :owner, claim_expires_at = :then",
        owner=owner,
        then=format_time(utc_now() - HOUR),
    )


def test_a_question_of_a_runner_that_died_is_asked_again_after_its_claim(office: Office) -> None:
    office.ask()
    office.do(
        "UPDATE questions SET state = 'answering', claimed_by = 'alive', claim_expires_at = :then",
        then=format_time(utc_now() + timedelta(seconds=30)),
    )
    office.answering().answer_waiting()
    assert office.rows("state") == [("answering",)]
    die_with(office)
    office.answering().answer_waiting()
    assert office.rows("state, answer, crash_count") == [("answered", ANSWER, 0)]


def test_a_claim_that_a_wrong_clock_wrote_ends_too(office: Office) -> None:
    office.ask()
    office.do(
        "UPDATE questions SET state = 'answering', claimed_by = 'odd', claim_expires_at = :then",
        then=format_time(utc_now() + 24 * HOUR),
    )
    office.answering().answer_waiting()
    assert office.rows("state") == [("answered",)]


def test_a_question_with_which_runners_die_fails_in_the_end(office: Office) -> None:
    office.ask()
    office.ask("another")
    office.do("UPDATE questions SET crash_count = 2 WHERE prompt = 'another'")
    die_with(office)
    office.answering().answer_waiting()
    first, second = office.rows("state, error_code")
    assert (first, second) == (("answered", None), ("failed", "runner_died"))


def test_a_question_with_which_a_runner_died_is_claimed_alone(office: Office) -> None:
    gate = office.folder / "go-on"
    office.play(faults=[{"at": "answer", "prompt": "fatal", "kind": "hang", "until": str(gate)}])
    for number, prompt in enumerate(("fatal", QUESTION, "another", QUESTION)):
        at = format_time(utc_now() - (4 - number) * HOUR)
        office.ask(prompt, asked_at=at, crash_count=int(number in (0, 2)))
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(office.answering().answer_waiting)
        await_rows(office, "questions WHERE prompt = 'fatal' AND state = 'answering'")
        states = [row[0] for row in office.rows("state")]
        gate.touch()
        done.result()
    assert states == ["answering", "answered", "waiting", "answered"]
    assert office.rows("DISTINCT state, crash_count", "questions") == [("answered", 0)]


def test_a_claim_that_is_renewed_while_it_is_looked_at_is_not_taken_back(office: Office) -> None:
    office.ask()
    die_with(office, "slow")
    now = utc_now()
    with office.database.transaction() as session:
        (expired,) = questions.list_expired_claims(session, now=now, latest=now + HOUR)
        questions.renew_claims(session, owner="slow", expires_at=now + HOUR / 2)
        questions.take_back(
            session, expired, failure=None, code="runner_died", now=now, latest=now + HOUR
        )
    assert office.rows("state, claimed_by, crash_count") == [("answering", "slow", 0)]


def test_claims_whose_renewal_failed_are_renewed_at_the_next_check(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, tries = [0.0], list[str]()
    claims = QuestionClaims(office.runtime(lease_seconds=30.0), threading.Event(), lambda: clock[0])

    def renew(session: Session, *, owner: str, expires_at: datetime) -> None:
        tries.append(owner)
        if len(tries) == 1:
            raise DatabaseUnavailable("for a moment")

    monkeypatch.setattr(questions, "renew_claims", renew)
    clock[0] = 11.0
    for _ in range(3):
        claims.check()
    assert len(tries) == 2


def test_an_answer_to_a_question_that_another_runner_has_now_is_not_stored(
    office: Office,
) -> None:
    gate = office.folder / "go-on"
    fault = {"at": "answer", "kind": "hang", "until": str(gate)}
    office.play(faults=[fault], trained_answers={QUESTION: "of the one that was overtaken"})
    office.ask()
    slow = office.answering()
    asked_by(slow)  # its backend has read its script
    office.play(trained_answers={QUESTION: "of the other"})
    with ThreadPoolExecutor(1) as pool:
        overtaken = pool.submit(slow.answer_waiting)
        await_rows(office, "questions WHERE state = 'answering'")
        die_with(office, "another")
        office.answering().answer_waiting()
        gate.touch()
        overtaken.result()
    assert office.rows("state, answer") == [("answered", "of the other")]
    assert (slow.answered, slow.failed) == (0, 0)


def test_a_runner_renews_its_claims_while_it_waits_for_an_answer(office: Office) -> None:
    gate = office.folder / "go-on"
    office.play(faults=[{"at": "answer", "number": 1, "kind": "hang", "until": str(gate)}])
    office.ask()
    answering = office.answering(lease_seconds=1.0)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(answering.answer_waiting)
        await_rows(office, "questions WHERE state = 'answering'")
        ((first,),) = office.rows("claim_expires_at")
        then = str(first)
        await_condition(
            lambda: str(office.rows("claim_expires_at")[0][0]) > then, "a claim that was renewed"
        )
        gate.touch()
        done.result()
    assert office.rows("state") == [("answered",)]


def test_a_runner_that_is_stopped_leaves_what_it_has_not_answered_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "STOP_SECONDS", 0.0)
    gate = office.folder / "go-on"
    fault = {"at": "answer", "prompt": "slow", "kind": "hang", "until": str(gate)}
    office.play(slots=2, faults=[fault])
    office.ask()
    office.ask("slow")
    answering = office.answering()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(answering.answer_waiting)
        await_rows(office, "questions WHERE state = 'answered'")
        answering.stop.set()
        assert isinstance(done.exception(), RunInterrupted)
    gate.touch()
    assert office.rows("state, claimed_by") == [("answered", None), ("waiting", None)]
