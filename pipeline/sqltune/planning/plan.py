"""The possible plans for an adapter, each with what it takes to carry it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sqltune.database.tables.requests import EqualRequests
from sqltune.errors import PipelineError
from sqltune.records import Adapter, AdapterVersion, Run, RunKind, RunRequest, SyncDecision

if TYPE_CHECKING:
    # What is wanted takes the selection and every scorer, which `status` does without.
    from sqltune.planning.wanted import Wanted


@dataclass(frozen=True, slots=True)
class UpToDate:
    """Nothing to do: the last run had the wanted keys."""

    decision: ClassVar = SyncDecision.UP_TO_DATE
    reason: str
    wanted: Wanted
    run: Run  #: the last ended run


@dataclass(frozen=True, slots=True)
class Train:
    """Train a new version."""

    decision: ClassVar = SyncDecision.TRAIN
    reason: str
    wanted: Wanted
    failure_count: int = 0  #: failed runs in a row with the wanted keys


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Evaluate an existing version again; nothing is trained."""

    decision: ClassVar = SyncDecision.EVALUATE
    reason: str
    wanted: Wanted
    version: AdapterVersion
    failure_count: int = 0  #: failed runs in a row with the wanted keys
    #: with run_kind reevaluate: the version that was live before; None: there was none
    earlier_version: int | None = None


@dataclass(frozen=True, slots=True)
class Predict:
    """Ask what is live the rows of the adapter's prediction_query."""

    decision: ClassVar = SyncDecision.PREDICT
    reason: str
    wanted: Wanted
    version: AdapterVersion
    failure_count: int = 0  #: a prediction that failed is planned again, as new


@dataclass(frozen=True, slots=True)
class Resume:
    """Continue a run that a runner began and did not end."""

    decision: ClassVar = SyncDecision.RESUME
    reason: str
    run: Run


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing yet: the next attempt is not due, or too few samples are new."""

    decision: ClassVar = SyncDecision.WAIT
    reason: str
    wanted: Wanted | None = None  #: None: the row or its queries cannot be used
    run: Run | None = None  #: the failed run that is tried again; None: new samples are missing


@dataclass(frozen=True, slots=True)
class Blocked:
    """Do nothing until something changes: the last run would fail, or was cancelled."""

    decision: ClassVar = SyncDecision.BLOCKED
    reason: str
    run: Run  #: the last ended run
    wanted: Wanted | None = None  #: None: the row or its queries cannot be used


@dataclass(frozen=True, slots=True)
class Refuse:
    """Record a failed run: the row or its queries cannot be used."""

    decision: ClassVar = SyncDecision.REFUSED
    error: PipelineError
    failure_count: int = 0  #: earlier runs in a row that were refused for the same reason
    run: Run | None = None  #: the unfinished run that ends; None: a run of its own says so

    @property
    def reason(self) -> str:
        """What cannot be used, and the cure."""
        return str(self.error)


@dataclass(frozen=True, slots=True)
class Paused:
    """Do nothing: a person paused the adapter's unfinished run."""

    decision: ClassVar = SyncDecision.PAUSED
    reason: str
    run: Run


@dataclass(frozen=True, slots=True)
class Disabled:
    """Do nothing: the adapter is disabled."""

    decision: ClassVar = SyncDecision.DISABLED
    reason: str = "it is disabled: set its is_enabled to 1"


Plan = UpToDate | Train | Evaluate | Predict | Resume | Wait | Blocked | Refuse | Paused | Disabled


@dataclass(frozen=True, slots=True)
class AdapterPlan:
    """A plan with the row that it is about and the request that asked for it."""

    adapter: Adapter  #: its row, with the values of the request in place of its own
    plan: Plan
    request: RunRequest | None = None  #: None: only the schedule or a command asked
    #: beside the adapter's own runs: for something other than its row, or an evaluation alone
    is_trial: bool = False
    equal: EqualRequests | None = None  #: what one answer settles; None: only `request`
    run_kind: RunKind = RunKind.TRAIN  #: what was asked for; a refusal is recorded as such a run
