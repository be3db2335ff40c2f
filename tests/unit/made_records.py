"""Records for unit tests, each complete and ready for `replace`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqltune.backends.base import BaseModel
from sqltune.planning.wanted import Wanted
from sqltune.records import (
    Adapter,
    AdapterVersion,
    Claim,
    OpenRun,
    Run,
    RunKind,
    RunRequest,
    RunState,
)

NOW = datetime(2026, 11, 23, 6, 0)
CLAIM = Claim("office", "me", 1)
ADAPTER = Adapter(
    adapter_name="office",
    base_model="toy",
    is_enabled=True,
    backend="scripted",
    base_model_revision=None,
    training_query=None,
    eval_query=None,
    epochs=3,
    learning_rate=None,
    lora_rank=None,
    lora_alpha=None,
    batch_size=None,
    rehearsal="auto",
    seed=0,
    on_bad_row="stop",
    max_skipped_share=0.01,
    scorer="token_f1",
    extra_scorers=(),
    pass_threshold=None,
    max_new_tokens=128,
    temperature=0.0,
    min_gain=None,
)
MODEL = BaseModel("toy", "r1", None, is_simulated=True)
WANTED = Wanted(
    base_model=MODEL,
    fingerprint="2-aa",
    eval_fingerprint="1-ee",
    samples=2,
    prompts=1,
    training_key="T",
    evaluation_key="E",
)
SUCCEEDED = Run(
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
    SUCCEEDED,
    state=RunState.FAILED,
    error_code="backend_unavailable",
    error_message="the service is down",
    is_retryable=True,
    failure_count=1,
    next_attempt_at=NOW,
)
TRAINING = replace(SUCCEEDED, state=RunState.TRAINING, version_number=None, finished_at=None)
PAUSED = replace(
    TRAINING,
    state=RunState.PAUSED,
    resume_state=RunState.TRAINING,
    desired_state="paused",
)
REQUEST = RunRequest(
    run_id=9,
    adapter_name="office",
    backend=None,
    base_model=None,
    manifest_id=None,
    is_forced=False,
    trigger_reason=None,
)
OPEN_RUN = OpenRun(
    run_id=7,
    adapter_name="office",
    state="training",
    desired_state="running",
    is_request=False,
    run_kind="train",
    is_trial=False,
    resume_state=None,
    queued_at=NOW,
    last_alive_at=NOW,
    is_stuck=False,
    stuck_reason=None,
    next_step=None,
    attempt_count=1,
    steps_done=0,
    responses_stored=0,
)
OPEN_REQUEST = replace(
    OPEN_RUN, run_id=9, state="queued", is_request=True, run_kind=None, attempt_count=0
)


def make_version(training_key: str = "T", **values: Any) -> AdapterVersion:
    """Return version 1 of the adapter, with the values that matter here."""
    blank: dict[str, Any] = dict.fromkeys(AdapterVersion.__dataclass_fields__)
    named = {"adapter_name": "office", "version_number": 1, "training_key": training_key}
    return AdapterVersion(**{**blank, **named, **values})
