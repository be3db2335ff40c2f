"""Rounds over the questions that wait: whose turn it is, and when a sync or worker has done one."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from sqltune.database.clocks import utc_now
from sqltune.database.tables.questions import SettledQuestion
from sqltune.database.times import format_time
from sqltune.questions import answering as answering_module
from sqltune.questions.claims import QuestionClaims
from sqltune.syncing.sync import sync
from sqltune.syncing.watcher import SilentWatcher
from sqltune.syncing.worker import Worker
from tests.database.asking_office import HOUR, Office, await_rows
from tests.webhook_receiver import receive


def test_what_waits_longest_is_answered_first_and_adapters_take_turns(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering_module, "BATCH_SIZE", 1)
    office.train("attic")
    asked = [("office", 3), ("attic", 0), ("office", 1), ("office", 2), ("attic", 1)]
    for number, (name, hours) in enumerate(asked, 1):
        at = format_time(utc_now() - hours * HOUR)
        office.ask(f"question {number}", adapter_name=name, asked_at=at)
    office.answering().answer_waiting()
    rows = office.rows("question_id", "questions ORDER BY answered_at, question_id")
    assert [row[0] for row in rows] == [5, 1, 2, 4, 3]


def test_what_is_asked_while_a_sync_answers_keeps_it_from_no_end_and_no_other_adapter(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering_module, "BATCH_SIZE", 1)
    office.train("attic")
    for name in ("office", "office", "attic", "attic", "attic"):
        office.ask(adapter_name=name)
    settle, more = QuestionClaims.settle, iter(range(20))

    def settle_and_ask(claims: QuestionClaims, settled: Sequence[SettledQuestion]) -> None:
        settle(claims, settled)
        for _ in islice(more, 1):
            office.ask()

    monkeypatch.setattr(QuestionClaims, "settle", settle_and_ask)
    office.answering().answer_waiting()
    assert office.rows(
        "adapter_name, state, COUNT(*)", "questions GROUP BY 1, 2 ORDER BY 1, 2"
    ) == [
        ("attic", "answered", 3),
        ("office", "answered", 3),
        ("office", "waiting", 11),
    ]


def test_what_a_sync_did_is_announced_before_it_answers(office: Office) -> None:
    gate = office.folder / "go-on"
    office.play(faults=[{"at": "answer", "kind": "hang", "until": str(gate)}])
    office.ask()
    office.do("UPDATE adapters SET learning_rate = 0.5")
    with receive() as received, ThreadPoolExecutor(1) as pool:
        runtime = office.runtime(webhook_url=received.url)
        done = pool.submit(sync, runtime, (), force=False, stop=threading.Event())
        await_rows(office, "questions WHERE state = 'answering'")
        announced = len(received.bodies)
        gate.touch()
        done.result()
    assert announced == 1


def test_a_worker_counts_each_round(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering_module, "BATCH_SIZE", 1)
    counted: list[tuple[int, int]] = []

    class Counting(SilentWatcher):
        def answered(self, answered: int, failed: int) -> None:
            counted.append((answered, failed))

    for number in (1, 1, 7):
        office.ask(version_number=number)
    answering = office.answering()
    worker = Worker(answering.runtime, (), Counting(), answering.stop, time.monotonic)
    worker._answer(answering)
    assert counted == [(1, 0), (1, 0), (0, 1), (0, 0)]
