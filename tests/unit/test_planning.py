"""Which decision follows from the last run: a table, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from sqltune.backends.base import BaseModel
from sqltune.planning.planner import Decision, Wanted, choose
from sqltune.records import Adapter, AdapterVersion, Run, RunKind, RunState
from sqltune.settings import Settings
from tests.unit.adapters import ADAPTER

NOW = datetime(2026, 11, 23, 6, 0)
WANTED = Wanted(
    base_model=BaseModel("toy", "r1", None, is_simulated=True),
    fingerprint="2-aa",
    eval_fingerprint="1-ee",
    samples=2,
    prompts=1,
    training_key="T",
    evaluation_key="E",
)
LAST = Run(
    run_id=7,
    adapter_name="office",
    state=RunState.SUCCEEDED,
    desired_state="running",
    run_key="key",
    run_kind=RunKind.TRAIN,
    backend="scripted",
    base_model="toy",
    base_model_revision="r1",
    fingerprint="2-aa",
    eval_fingerprint="1-ee",
    training_key="T",
    evaluation_key="E",
    manifest_id=7,
    version_number=1,
    before_version=None,
    samples_used=2,
    prompts_selected=1,
    is_forced=False,
    is_trial=False,
    resume_state=None,
    failure_count=0,
    is_retryable=None,
    next_attempt_at=None,
    started_at=NOW,
    finished_at=NOW,
    error_code=None,
    error_message=None,
)
FAILED = replace(
    LAST,
    state=RunState.FAILED,
    error_code="backend_unavailable",
    error_message="away",
    is_retryable=True,
    failure_count=1,
    next_attempt_at=NOW,
)


def version(training_key: str = "T") -> AdapterVersion:
    values = dict.fromkeys(AdapterVersion.__dataclass_fields__)
    return AdapterVersion(**{**values, "version_number": 1, "training_key": training_key})  # type: ignore[arg-type]


def decide(last: Run | None, *, trained: AdapterVersion | None = None, **wanted: Any) -> Any:
    runtime: Any = SimpleNamespace(settings=Settings(max_attempts=3), now=lambda: NOW)
    adapter: Adapter = ADAPTER
    return choose(adapter, replace(WANTED, **wanted), last, trained, runtime)


def test_an_adapter_without_a_run_is_trained() -> None:
    assert decide(None).decision is Decision.TRAIN


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.REJECTED])
def test_an_ended_run_with_the_same_keys_leaves_nothing_to_do(state: RunState) -> None:
    plan = decide(replace(LAST, state=state), trained=version())
    assert plan.decision is Decision.UP_TO_DATE
    assert plan.run_id == 7


def test_another_evaluation_key_alone_evaluates_the_trained_version() -> None:
    plan = decide(LAST, trained=version(), evaluation_key="E2", eval_fingerprint="2-ee")
    assert (plan.decision, plan.version.version_number) == (Decision.EVALUATE, 1)
    assert plan.run_kind is RunKind.EVALUATE


def test_another_evaluation_key_trains_where_the_version_is_of_other_samples() -> None:
    assert decide(LAST, trained=version("old"), evaluation_key="E2").decision is Decision.TRAIN


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"fingerprint": "2-bb"}, "the content of the samples changed (2 rows)"),
        ({"fingerprint": "3-bb", "samples": 3}, "the samples changed: 2 rows before, 3 now"),
        ({}, "the training options changed"),
    ],
)
def test_another_training_key_trains_and_says_why(wanted: dict[str, Any], reason: str) -> None:
    plan = decide(LAST, trained=version(), training_key="T2", **wanted)
    assert (plan.decision, plan.reason) == (Decision.TRAIN, reason)


def test_a_failure_that_may_pass_waits_and_then_trains_again() -> None:
    later = replace(FAILED, next_attempt_at=NOW + timedelta(seconds=1))
    assert decide(later).decision is Decision.WAIT
    again = decide(FAILED)
    assert (again.decision, again.failure_count) == (Decision.TRAIN, 1)


def test_a_failure_after_training_is_evaluated_again_and_not_trained() -> None:
    plan = decide(FAILED, trained=version())
    assert (plan.decision, plan.version.version_number) == (Decision.EVALUATE, 1)


@pytest.mark.parametrize(
    "last",
    [
        replace(FAILED, failure_count=3),
        replace(FAILED, is_retryable=False),
        replace(FAILED, state=RunState.CANCELLED),
    ],
)
def test_what_would_fail_again_or_was_not_wanted_is_not_repeated(last: Run) -> None:
    plan = decide(last)
    assert plan.decision is Decision.BLOCKED
    assert decide(last, training_key="T2", fingerprint="2-bb").decision is Decision.TRAIN
