"""What a backend is: the Protocol, the values it takes and gives, and its contract in words.

A backend trains an adapter on samples and answers prompts. It never sees the database: samples come
through `Samples`, and what it does is told through `Journal`. The contract, checked for every
backend by tests/backends/contract.py:

1. `describe` changes nothing, sends no sample, and fails for a base model that the backend does not
   have.
2. `train` is called with the run's key. Called again with the same key after a crash, it goes on or
   begins again such that the finished adapter contains each batch exactly once per epoch: what the
   journal recorded of the earlier call tells which. The job's attempt has grown by then: an earlier
   one may only be stalled and wake up at any moment. What an attempt writes therefore stands under
   names of its own, it never touches a later one's, and what changes something outside follows
   directly on a committed write of the journal, which fails for an attempt that was overtaken.
3. Everything that changes something outside is announced by `Journal.intend` before it is sent and
   settled after. A reply that was lost is reconciled (looked up by the run's key) before anything
   is repeated.
4. `train` blocks until the adapter is finished, however the service works inside: step by step
   (local), one call a batch (Gradient) or upload and poll (OpenAI's dialect). It calls
   `Journal.check` at least once a second while it works or waits, and lets pass what that raises.
   A service's job that works on by itself is stopped there when RunCancelled passes, and left to
   be found again with everything else.
5. `answer` yields each answer as soon as it is known, in any order, exactly one per request. What
   goes wrong with one prompt is an Answer with an error; what goes wrong with all (credentials,
   service gone) is raised. Closing the iterator early ends the asking and leaves the backend
   usable; answers that were not yielded are asked again.
6. Answers depend on the request, the model and the decoding settings alone; with temperature 0 they
   repeat.
7. Secrets come from the environment and appear in no error, log line or value given back.
8. What a backend keeps for a run carries the run's key in its name. `Inventory`, which a backend
   may fulfil beside, tells what it keeps; it never lists what carries no such name, where it shares
   a folder, and removes only what it listed.
9. A backend object is used by one thread at a time, though not always the same, and must be closed;
   `close` may come from another thread and ends what still waits.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from sqltune.records import Sample


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model as a backend knows it."""

    name: str  #: as written in adapters.base_model
    revision: (
        str | None
    )  #: what the name meant when it was resolved: a commit, a hash of the files, a service's id
    max_tokens: int | None  #: longest prompt and response together; None: the backend does not say
    is_simulated: bool  #: the backend only plays back a script
    address: str | None = None  #: of the service that has it; None: it is on this machine


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What training depends on besides base model and samples; None means the backend's default."""

    epochs: int
    learning_rate: float | None
    lora_rank: int | None
    lora_alpha: int | None
    batch_size: int | None
    rehearsal: str  #: auto, on, off
    seed: int
    prompt_template: str | None = None  #: see prompt_template.py; None: the default one
    sample_form: str = "parts"  #: parts: only the response is trained; text: the whole text


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One training as asked of a backend."""

    run_key: str  #: unique per run; the adapter's name at a remote service carries it
    adapter_name: str
    base_model: BaseModel
    options: TrainingOptions
    fingerprint: str
    attempt: int  #: grows with every claim of the adapter; an earlier one may still be alive


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """One optimizer step, or the smallest unit that the backend reports."""

    step: int  #: 1, 2, 3 ...
    epoch: float  #: epochs done after this step
    train_loss: float  #: mean over the trained tokens, in nats
    learning_rate: float | None
    gradient_norm: float | None
    tokens: int | None  #: all tokens of the step
    trained_tokens: int | None  #: those that count in the loss
    #: mean over the trained tokens of this step's samples, in nats, unweighted, rehearsal left out;
    #: None where the step has no samples
    sample_loss: float | None = None


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """A finished adapter: what the backend needs to answer with it, and the options that were
    really used.
    """

    external_id: str | None  #: the adapter's id at a remote backend
    artifact_uri: str | None  #: where the weights lie, where they can be had
    artifact_bytes: int | None
    artifact_sha256: str | None
    #: every None of the job filled in with what was used, where the backend knows it
    options: TrainingOptions
    rehearsal_pairs: int = 0  #: extra samples made from the base model's own answers
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are generated; equal for base, before and after."""

    max_new_tokens: int
    temperature: float  #: 0: greedy
    seed: int
    prompt_template: str | None = None  #: see prompt_template.py; None: the default one


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """One prompt to answer."""

    prompt_key: str
    prompt: str
    system_prompt: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, or the error in its place."""

    prompt_key: str
    text: str | None  #: None: error_code says why
    finish_reason: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    latency_ms: float
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens samples have."""

    tokens: int
    is_exact: bool  #: False: estimated from the number of characters


@dataclass(frozen=True, slots=True)
class BackendCall:
    """One earlier call of this run, as `backend_calls` holds it."""

    call_number: int
    state: str  #: intended, done, failed, unknown
    call_kind: str
    request: str
    external_id: str | None


class ArtifactKind(StrEnum):
    """What a backend keeps."""

    ADAPTER = "adapter"  #: at a service
    WEIGHTS = "weights"  #: finished, as files
    CHECKPOINT = "checkpoint"  #: what only an unfinished training needs
    DRAFT = "draft"  #: files whose writing broke off, or is at work


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """One thing that a backend keeps, for whomever."""

    kind: ArtifactKind
    address: str  #: its id at a service, or its path
    name: str  #: what it is called there; the row of a version names it or the address
    run_key: str | None  #: the run that the name carries; None: it carries none
    size_bytes: int | None  #: None: the backend does not say
    changed_at: datetime | None  #: UTC; None: the backend does not say


class Samples(Protocol):
    """The samples of one manifest, in its order; read again and again without holding them in
    memory.
    """

    def __len__(self) -> int:
        """Give the number of samples."""
        ...

    def __iter__(self) -> Iterator[Sample]:
        """Read all samples in order, page by page."""
        ...

    def fetch(self, positions: Sequence[int]) -> list[Sample]:
        """Read the samples at these positions, in the order asked."""
        ...


class Journal(Protocol):
    """What a backend tells of a training; each call is committed before it returns."""

    def intend(self, call_kind: str, request: str) -> int:
        """Announce a call that changes something outside; gives its number."""
        ...

    def settle(
        self,
        call_number: int,
        state: str,
        *,
        external_id: str | None = None,
        outcome: str | None = None,
    ) -> None:
        """Record how an announced call ended: done, failed or unknown."""
        ...

    def calls(self) -> list[BackendCall]:
        """Give the calls that this run announced so far, also before a crash, in order."""
        ...

    def plan(self, steps_total: int) -> None:
        """Say how many steps the training has."""
        ...

    def record(self, metrics: Sequence[StepMetrics]) -> None:
        """Store steps; a step that is stored already is replaced."""
        ...

    def event(self, event: str, message: str) -> None:
        """Tell a person what happened."""
        ...

    def check(self) -> None:
        """Raise RunCancelled, RunInterrupted or LeaseLost when the training must not go on."""
        ...


class Backend(Protocol):
    """Where training and answering happen; see the module's contract."""

    def describe(self, base_model: str, revision: str | None) -> BaseModel:
        """Resolve a base model's name without loading it.

        Raises:
            RequestRejected: the backend has no such base model.
            ConfigError: the settings do not allow it, or a secret or an address is missing.
        """
        ...

    def count_tokens(
        self, base_model: BaseModel, samples: Iterable[Sample]
    ) -> Iterator[TokenCount]:
        """Count the tokens of each sample as training would see it, with the base model's tokenizer
        where there is one.
        """
        ...

    def train(self, job: TrainingJob, samples: Samples, journal: Journal) -> TrainedAdapter:
        """Train an adapter on the samples and give it back finished.

        Raises:
            TrainingError: the training went wrong in itself.
            BackendError: the backend refused or could not be reached.
        """
        ...

    def answer(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
    ) -> Generator[Answer, None, None]:
        """Answer each request with the base model alone, or with an adapter on it."""
        ...

    def delete(self, adapter: TrainedAdapter) -> None:
        """Remove a finished adapter at the backend; one that is gone already is no error."""
        ...

    def close(self) -> None:
        """Release what the backend holds: models, connections, threads."""
        ...


@runtime_checkable
class Inventory(Protocol):
    """What a backend keeps, so that what nobody needs any more can be found and removed."""

    @property
    def place(self) -> str:
        """Where it is kept: a service's address, or a folder."""
        ...

    def list_held(self) -> Iterator[StoredArtifact]:
        """Give everything that is kept there and may be a run's, finished or not.

        Raises:
            BackendError: the backend could not be reached.
        """
        ...

    def find_missing(self, adapters: Sequence[TrainedAdapter]) -> list[TrainedAdapter]:
        """Give those of some finished adapters that should be kept there and are not; those of
        another place are not among them.

        Raises:
            BackendError: the backend could not be reached.
        """
        ...

    def remove(self, item: StoredArtifact) -> None:
        """Remove an item of the list; one that is gone already is no error.

        Raises:
            BackendError: it could not be removed, or is none of this place.
        """
        ...
