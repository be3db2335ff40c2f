"""Which plan follows from an adapter's last run: a table, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sqltune.errors import ConfigError
from sqltune.planning.adapter_rules import check_adapter, parse_every
from sqltune.planning.plan import Blocked, Evaluate, Plan, Train, UpToDate, Wait
from sqltune.planning.planner import History, choose
from sqltune.planning.reasons import explain_training
from sqltune.records import AdapterVersion, Run, RunState
from sqltune.selection import SampleChanges
from tests.unit.made_records import ADAPTER, FAILED, NOW, SUCCEEDED, WANTED, make_version

STOP = {"adapter": {"on_bad_row": "stop", "max_skipped_share": 0.01, "on_personal_data": "report"}}
SKIP = {"adapter": {"on_bad_row": "skip", "max_skipped_share": 0.01}}


def plan(
    last: Run | None,
    *,
    version: AdapterVersion | None = None,
    is_requested: bool = False,
    settings: dict[str, Any] | None = None,
    **wanted: Any,
) -> Plan:
    return choose(
        ADAPTER,
        replace(WANTED, **wanted),
        History(last=last, last_planned=last, version=version, settings=settings or {}),
        now=NOW,
        max_attempts=3,
        is_requested=is_requested,
    )


def test_an_adapter_without_a_run_is_trained() -> None:
    assert plan(None) == Train("never trained", WANTED)


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.REJECTED])
@pytest.mark.parametrize("is_requested", [False, True])
def test_an_ended_run_with_the_same_keys_leaves_nothing_to_do(
    state: RunState, is_requested: bool
) -> None:
    last = replace(SUCCEEDED, state=state)
    reason = f"nothing changed since run 7 ({state.value})"
    assert plan(last, version=make_version(), is_requested=is_requested) == UpToDate(
        reason, WANTED, last
    )


def test_another_evaluation_key_alone_evaluates_the_trained_version() -> None:
    version = make_version()
    planned = plan(SUCCEEDED, version=version, evaluation_key="E2", eval_fingerprint="2-ee")
    assert isinstance(planned, Evaluate)
    assert planned.version == version
    assert planned.reason == "only the evaluation prompts changed: v1 is evaluated again"


def test_another_evaluation_key_trains_if_the_version_has_other_samples() -> None:
    planned = plan(SUCCEEDED, version=make_version("old"), evaluation_key="E2")
    assert isinstance(planned, Train)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"fingerprint": "2-bb"}, "the content of the samples changed (2 rows)"),
        ({"fingerprint": "3-bb", "samples": 3}, "the samples changed: 2 rows before, 3 now"),
        ({}, "the training options changed"),
    ],
)
def test_another_training_key_trains_and_says_why(wanted: dict[str, Any], reason: str) -> None:
    planned = plan(SUCCEEDED, version=make_version(), training_key="T2", **wanted)
    assert isinstance(planned, Train)
    assert planned.reason == reason


def test_several_reasons_are_named_together_from_what_to_what() -> None:
    settings = {"adapter": {"epochs": 2, "learning_rate": 0.5, "scorer": "exact", "seed": 0}}
    planned = plan(SUCCEEDED, training_key="T2", fingerprint="2-bb", settings=settings)
    assert planned == Train(
        "the content of the samples changed (2 rows); epochs 2 -> 3; learning_rate 0.5 -> NULL",
        replace(WANTED, training_key="T2", fingerprint="2-bb"),
    )


def test_an_evaluation_says_what_changed_and_nothing_else() -> None:
    settings = {"adapter": {"epochs": 2, "scorer": "exact", "extra_scorers": []}}
    changed = {"evaluation_key": "E2", "eval_fingerprint": "4-ee", "prompts": 4}
    planned = plan(SUCCEEDED, version=make_version(), settings=settings, **changed)
    assert planned.reason == (
        "only the evaluation prompts changed (1 before, 4 now); scorer exact -> token_f1: v1 is "
        "evaluated again"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (SampleChanges(607, 26, 3, 6), "26 edited, 3 new, 6 gone of 607 samples"),
        (SampleChanges(1, moved=1), "1 moved into or out of validation of 1 sample"),
        (SampleChanges(2), "the content of the samples changed (2 rows)"),
    ],
)
def test_changes_of_samples_are_counted(changes: SampleChanges, reason: str) -> None:
    wanted = replace(WANTED, fingerprint="2-bb")
    assert explain_training(ADAPTER, wanted, SUCCEEDED, {}, changes) == reason


def test_a_retryable_failure_waits_and_then_trains_again() -> None:
    later = replace(FAILED, next_attempt_at=NOW + timedelta(seconds=1))
    waiting, again = plan(later), plan(FAILED)
    assert isinstance(waiting, Wait)
    assert waiting.run == later
    assert isinstance(again, Train)
    assert again.failure_count == 1


def test_a_failure_after_training_is_evaluated_again_and_not_trained() -> None:
    planned = plan(FAILED, version=make_version())
    assert isinstance(planned, Evaluate)
    assert (planned.version, planned.failure_count) == (make_version(), 1)


NOT_REPEATED = [
    replace(FAILED, failure_count=3),
    replace(FAILED, is_retryable=False),
    replace(FAILED, state=RunState.CANCELLED),
]


@pytest.mark.parametrize("last", NOT_REPEATED)
def test_a_run_that_would_fail_again_or_was_cancelled_is_not_repeated(last: Run) -> None:
    planned = plan(last)
    assert isinstance(planned, Blocked)
    assert planned.run == last
    assert isinstance(plan(last, training_key="T2", fingerprint="2-bb"), Train)


@pytest.mark.parametrize("last", NOT_REPEATED)
def test_a_request_repeats_what_a_schedule_would_not(last: Run) -> None:
    planned = plan(last, is_requested=True)
    assert isinstance(planned, Train)
    assert planned.reason == f"run 7 {last.state.value}; it is tried again"


def test_bad_rows_that_are_treated_differently_now_are_tried_again() -> None:
    last = replace(FAILED, is_retryable=False)
    assert isinstance(plan(last, settings=STOP), Blocked)
    planned = plan(last, settings=SKIP)
    assert isinstance(planned, Train)
    rules = "on_bad_row, max_skipped_share or on_personal_data"
    assert planned.reason == f"{rules} changed since run 7 failed"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("epochs", 0, "must be a whole number of at least 1, got 0"),
        ("epochs", 2.5, "must be a whole number of at least 1, got 2.5"),
        ("epochs", None, "must be a whole number of at least 1, got None"),
        ("learning_rate", 0.0, "must be a number above 0"),
        ("learning_rate", "fast", "must be a number above 0, got 'fast'"),
        ("learning_rate", float("nan"), "must be a number above 0"),
        ("lora_rank", 0, "at least 1"),
        ("seed", -1, "from 0 to 2\\^63 - 1"),
        ("max_skipped_share", 1.5, "must be from 0 to 1, got 1.5"),
        ("pass_threshold", -0.1, "must be from 0 to 1"),
        ("min_gain", 2.0, "must be from -1 to 1"),
        ("temperature", -1.0, "must be 0 or above"),
        ("min_new_samples", 0, "at least 1"),
        ("rehearsal", "maybe", "must be auto, on or off, got 'maybe'"),
        ("on_bad_row", "ignore", "must be stop or skip"),
        ("sample_form", "whole", "must be parts or text"),
        ("train_on", "first", "must be all or last"),
        ("quantization", "int4", "must be none, int8 or nf4, got 'int4'"),
        ("sync_every", "soon", "must be a time such as 30s, 15m, 6h or 1d"),
        ("reevaluate_every", "often", "must be a time such as 30s, 15m, 6h or 1d"),
        ("on_fall", "panic", "must be report or roll_back, got 'panic'"),
        ("backend", b"local", "must be a text"),
        ("scorer", "bleu", "unknown scorer 'bleu'"),
        ("prompt_format", "{prompt}", "must contain {response} exactly once"),
    ],
)
def test_a_value_that_no_run_could_use_is_refused_by_its_column(
    column: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        check_adapter(replace(ADAPTER, **{column: value}))
    assert column in str(raised.value)


def test_the_values_that_a_plain_insert_gives_are_allowed() -> None:
    check_adapter(ADAPTER)
    check_adapter(replace(ADAPTER, learning_rate=1e-4, lora_rank=8, sync_every="15m", min_gain=0.0))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("6h", 21600), ("1d", 86400), ("90", 90), (" 1.5 H ", 5400),
     ("0", None), ("-5m", None), ("", None), ("soon", None), (None, None), ("٣m", None)],
)  # fmt: skip
def test_a_schedule_is_a_number_and_a_unit(text: object, seconds: float | None) -> None:
    assert parse_every(text) == seconds
