"""What the command prints besides data: ages, durations, sums, and names that were meant."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sqltune.cli.ages import describe_age, describe_duration, describe_time_since
from sqltune.cli.outcome_words import describe_outcomes
from sqltune.records import RunState, SyncDecision
from sqltune.suggestions import no_adapter
from sqltune.syncing.outcomes import Outcome

NOW = datetime(2026, 11, 27, 12, 0)


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=30), "2026-10-28"),
    ],
)
def test_a_moment_is_an_age_or_for_old_ones_a_date(past: timedelta, words: str) -> None:
    assert describe_age(NOW - past, NOW) == words
    assert describe_age(str(NOW - past), NOW) == words


def test_a_time_since_is_a_duration_and_never_negative() -> None:
    assert describe_time_since(str(NOW - timedelta(seconds=102)), NOW) == "1 min 42 s"
    assert describe_time_since(NOW + timedelta(seconds=5), NOW) == "0.0 s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.42, "0.4 s"),
        (12.4, "12 s"),
        (102, "1 min 42 s"),
        (119.6, "2 min 0 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_is_as_precise_as_people_say_it(seconds: float, words: str) -> None:
    assert describe_duration(seconds) == words


def test_a_sync_ends_with_what_to_do_now_and_a_sum() -> None:
    outcomes = [
        Outcome("a", SyncDecision.TRAIN, "never trained", 1, RunState.SUCCEEDED, is_new=True),
        Outcome("b", SyncDecision.UP_TO_DATE, "nothing changed", 2, RunState.SUCCEEDED),
        Outcome("c", SyncDecision.TRAIN, "1 new", 3, RunState.FAILED, "no space", is_new=True),
        Outcome("d", SyncDecision.WAIT, "too few"),
    ]
    assert list(describe_outcomes(outcomes, 102)) == [
        "a: run 1 succeeded",
        "c: run 3 failed: no space",
        "  `sqltune logs 3` shows what happened",
        "4 adapters: 1 succeeded, 1 up to date, 1 failed, 1 waiting, in 1 min 42 s",
    ]


def test_a_sync_without_adapters_says_how_one_is_declared() -> None:
    assert [line.partition(":")[0] for line in describe_outcomes([], 1)] == ["no enabled adapter"]


def test_a_misspelt_adapter_is_answered_with_the_one_that_was_meant() -> None:
    assert no_adapter("suport", ["other", "support"]).endswith("did you mean 'support'?")
    assert no_adapter("x", ["b", "a"]).endswith("(there are: a, b)")
    many = [f"adapter-{number:02}" for number in range(12)]
    assert no_adapter("x", many).endswith("adapter-09 and 2 more)")
    assert no_adapter("x", []).endswith("(there are: none)")
