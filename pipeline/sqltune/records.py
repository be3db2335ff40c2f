"""Database rows and the values that travel between the layers, as frozen dataclasses.

Parsed once at the edge; inside there are no dicts of strings. A field that may be None says what
None means.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """The state of a run; `runs.state`."""

    QUEUED = "queued"
    PREPARING = "preparing"
    ANSWERING_BEFORE = "answering_before"
    TRAINING = "training"
    ANSWERING_AFTER = "answering_after"
    DECIDING = "deciding"
    PREDICTING = "predicting"  #: of a run that predicts, its only state of work
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        """Whether nothing more happens in this run."""
        return self in (self.SUCCEEDED, self.REJECTED, self.FAILED, self.CANCELLED)


#: The states that runners write while a run has not ended.
OPEN_STATES = frozenset(state.value for state in RunState if not state.is_ended)
ENDED_STATES = frozenset(state.value for state in RunState if state.is_ended)


class DesiredState(StrEnum):
    """The state that a person wants a run to be in; `runs.desired_state`."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class RunKind(StrEnum):
    """Whether a run trains, or only answers and scores; `runs.run_kind`."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    REEVALUATE = "reevaluate"  #: what is live, because adapters.reevaluate_every is due
    PREDICT = "predict"  #: what is live answers the rows of adapters.prediction_query


class SyncDecision(StrEnum):
    """What a sync decided for an adapter; `adapter_states.decision`."""

    UP_TO_DATE = "up_to_date"
    TRAIN = "train"
    EVALUATE = "evaluate"
    PREDICT = "predict"
    RESUME = "resume"
    WAIT = "wait"
    BLOCKED = "blocked"
    REFUSED = "refused"
    PAUSED = "paused"
    DISABLED = "disabled"
    BUSY = "busy"  #: another runner has the adapter; never stored


class Phase(StrEnum):
    """Which model answered; `responses.phase`."""

    BASE = "base"
    BEFORE = "before"
    AFTER = "after"


class SelectionName(StrEnum):
    """Which of an adapter's selections; `data_issues.selection`."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    PREDICTION = "prediction"


def parse_flag(value: object) -> bool | None:
    """Return what a flag says in any of its usual words; None: it says neither.

    SQLite stores a text in a column of numbers, and every text is true to Python.
    """
    return _FLAGS.get(str(value).strip().lower())


_FLAGS = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", "off"), False),
}


@dataclass(frozen=True, slots=True)
class Adapter:
    """One row of `adapters`: the desired state."""

    adapter_name: str
    base_model: str
    is_enabled: bool
    backend: str
    base_model_revision: str | None  #: None: what the name resolves to today, stored with the run
    training_query: str | None  #: None: training_samples of the dataset adapter_name
    eval_query: str | None  #: None: eval_prompts of the dataset adapter_name
    epochs: int
    learning_rate: float | None  #: None: the backend's default
    lora_rank: int | None  #: None: the backend's default
    lora_alpha: int | None  #: None: the backend's default
    batch_size: int | None  #: None: the backend's default
    rehearsal: str  #: auto, on, off
    seed: int
    on_bad_row: str  #: stop, skip
    max_skipped_share: float  #: 0 to 1
    scorer: str | None  #: None: chosen by the shape of each prompt's expected text
    extra_scorers: tuple[str, ...]
    pass_threshold: float | None  #: None: the scorer's own
    max_new_tokens: int
    temperature: float
    min_gain: float | None  #: None: any change passes
    prompt_format: str = "auto"  #: see prompt_formats.py
    sample_form: str = "parts"  #: parts: only the response is trained; text: sent as one text
    sync_every: str | None = None  #: a worker's schedule, such as 15m; None: only when a row asks
    min_new_samples: int | None = None  #: None: any change of the samples is enough
    train_on: str = "all"  #: of a conversation, all turns of the assistant, or only the last
    quantization: str = "none"  #: of the base model's weights: none, int8, nf4
    validation_share: float | None = None  #: of the samples, never trained; None, 0: none
    early_stop_patience: int | None = None  #: epochs without a lower eval_loss; None: never early
    keep_epochs: bool = False  #: the weights after each epoch are kept
    on_personal_data: str = "report"  #: ignore, report, refuse
    near_duplicate_at: float | None = 0.9  #: similarity, 0.5 to 1; None: not looked for
    gate_confidence: float | None = None  #: None: the mean decides
    max_error_share: float = 0.1  #: of the scored prompts
    max_regressed_share: float | None = None  #: of the compared prompts; None: any
    gate_by_category: float | None = None  #: how far a category's mean may fall; None: any
    min_prompts: int = 1
    gate_without_prompts: str = "accept"  #: accept, refuse
    allow_unstable: bool = False  #: a query may return other rows each time it is read
    reevaluate_every: str | None = None  #: of what is live, such as 6h; None: only when a row asks
    on_fall: str = "report"  #: report, roll_back
    prediction_query: str | None = None  #: None: the live version answers no rows
    predict: str = "new"  #: new, all, off
    predict_every: str | None = None  #: None: at each sync of the adapter


@dataclass(frozen=True, slots=True)
class Run:
    """One row of `runs`, the columns that the runner decides on."""

    run_id: int
    adapter_name: str
    state: RunState
    desired_state: str
    run_key: str | None  #: None: inserted by a person and not begun
    run_kind: RunKind | None  #: None: not planned yet
    backend: str | None
    base_model: str | None
    base_model_revision: str | None
    fingerprint: str | None
    eval_fingerprint: str | None
    training_key: str | None
    evaluation_key: str | None
    manifest_id: int | None
    version_number: int | None
    before_version: int | None  #: the version that was live when the run began
    samples_used: int | None  #: None: the samples are not selected yet
    prompts_selected: int | None
    is_forced: bool  #: train even if nothing changed
    is_trial: bool  #: the request asked for something other than the adapter's row
    resume_state: RunState | None  #: of a paused run: the state that it resumes with
    failure_count: int
    is_retryable: bool | None
    next_attempt_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    error_code: str | None
    error_message: str | None
    from_run_id: int | None = None  #: with from_epoch: its kept epoch becomes the version
    from_epoch: int | None = None  #: None: the run trains


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A row of `runs` that a person inserted and no runner has begun."""

    run_id: int
    adapter_name: str
    backend: str | None  #: None: the adapter's
    base_model: str | None  #: None: the adapter's
    manifest_id: int | None  #: train on exactly these samples; None: on what the adapter selects
    is_forced: bool | None  #: train even if nothing changed; None: the row says neither
    trigger_reason: str | None  #: the person's own words
    from_run_id: int | None = None  #: with from_epoch: make a version of this run's kept epoch
    from_epoch: int | None = None  #: None: train
    run_kind: str | None = (
        None  #: evaluate, predict: nothing is trained; None, train: as a sync would
    )
    version_number: int | None = None  #: with evaluate: the version; None: what is live
    queued_at: datetime | None = None  #: None: the row holds no time


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A row of `runs` that has not ended, with the words as they are stored.

    Requests in which these are equal are one `OpenRun`.
    """

    run_id: int
    adapter_name: str
    state: str
    desired_state: str
    is_request: bool  #: no runner has begun it
    run_kind: str | None
    is_trial: bool
    resume_state: str | None
    queued_at: datetime | None
    last_alive_at: datetime | None
    is_stuck: bool
    stuck_reason: str | None
    next_step: str | None
    attempt_count: int  #: grows when a runner begins or resumes it
    steps_done: int
    responses_stored: int
    count: int = 1  #: requests that it stands for
    last_run_id: int | None = None  #: the newest of these requests; None: of a run


@dataclass(frozen=True, slots=True)
class Claim:
    """The lease of one adapter: every later write names it and fails when it is lost."""

    adapter_name: str
    owner: str  #: unique per claim
    attempt: int
    crash_count: int = 0  #: runners in a row that died with the lease before this claim


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, in the form of OpenAI's chat."""

    role: str  #: system, user, assistant, tool
    content: str | None  #: None: the assistant calls tools and says nothing
    is_trained: bool = True  #: of the assistant: whether the loss counts the turn
    extra: str | None = None  #: the further fields, such as tool_calls, as a JSON object

    def to_plain(self) -> dict[str, Any]:
        """Return the message as JSON has it; `weight` 0 is OpenAI's mark of an untrained turn."""
        plain: dict[str, Any] = {"role": self.role, "content": self.content}
        if not self.is_trained:
            plain["weight"] = 0
        return plain | (json.loads(self.extra) if self.extra else {})


@dataclass(frozen=True, slots=True)
class Sample:
    """One training row as selected and validated.

    A row with `messages` repeats here its last user's, last assistant's and system's text.
    """

    sample_key: str
    prompt: str
    response: str
    system_prompt: str | None
    weight: float  #: multiplies the sample's loss, above 0
    group_key: str | None
    split: str | None
    messages: tuple[Message, ...] | None = None  #: None: one prompt with one response


@dataclass(frozen=True, slots=True)
class RunPrompt:
    """One prompt of a run as it is asked, frozen."""

    prompt_key: str
    content_hash: str
    prompt: str
    expected: str | None
    system_prompt: str | None
    category: str | None
    scorer: str
    messages: tuple[Message, ...] | None = None  #: None: the prompt is all that is asked


@dataclass(frozen=True, slots=True)
class Response:
    """One row of `responses`: an answer, or the error in its place."""

    prompt_key: str
    phase: Phase
    content_hash: str
    model_key: str
    decoding_key: str
    response: str | None  #: None: error_code says why
    error_code: str | None
    error_message: str | None
    finish_reason: str | None  #: stop, length, or the service's own word
    prompt_tokens: int | None
    output_tokens: int | None
    latency_ms: float | None
    reused_run_id: int | None  #: the run that first asked, None when asked now


@dataclass(frozen=True, slots=True)
class Score:
    """One row of `scores`."""

    prompt_key: str
    phase: Phase
    scorer: str
    is_primary_scorer: bool
    score: float | None  #: in [0, 1]; None: error_message says why
    pass_threshold: float
    error_message: str | None
    reason: str | None = None  #: why, in the words of a scorer in SQL


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding of validation."""

    selection: SelectionName
    severity: str  #: error, warning
    rule: str
    row_key: str
    column_name: str | None
    message: str


@dataclass(frozen=True, slots=True)
class KeptEpoch:
    """One row of `kept_epochs`: the weights after one epoch of a run."""

    run_id: int
    epoch: int
    adapter_name: str
    backend: str
    eval_loss: float | None  #: None: no samples were for validation
    external_id: str | None
    artifact_uri: str | None
    artifact_bytes: int | None
    artifact_sha256: str | None


@dataclass(frozen=True, slots=True)
class AdapterVersion:
    """One row of `adapter_versions`, the columns that later runs need."""

    adapter_name: str
    version_number: int
    state: str  #: trained, accepted, rejected
    run_id: int
    manifest_id: int
    fingerprint: str
    training_key: str
    backend: str
    base_model: str
    base_model_revision: str | None
    epochs: int
    learning_rate: float | None
    lora_rank: int | None
    lora_alpha: int | None
    batch_size: int | None
    warmup_share: float | None  #: of the steps in which the rate rose; None: unknown
    rehearsal: str  #: on, off: as it was really done
    rehearsal_pairs: int
    seed: int
    prompt_format: str  #: as it was really used, where the backend says so
    quantization: str  #: none, int8, nf4
    external_id: str | None  #: the adapter's id at a remote backend
    artifact_uri: str | None  #: where the weights lie
    artifact_bytes: int | None
    artifact_sha256: str | None
    is_retired: bool = False  #: `sqltune retire` removed its weights
