"""What a backend is: its Protocol, the values that it takes and returns, and its contract in words.

A backend trains an adapter on samples and answers prompts. It never accesses the database: it reads
samples through `Samples` and reports through `Journal`. Every backend fulfils this contract, which
tests/backends/contract.py checks:

1. `describe` changes nothing, sends no samples, and raises an error for a base model that the
   backend does not have.
2. `train` receives the run's key. When it is called again with the same key after a crash, it
   resumes or starts over, as the journal's records of the earlier call require, so that the
   finished adapter contains each batch exactly once per epoch. The job's attempt is higher then
   than in the earlier call, which may only be stalled and may continue at any moment. Therefore an
   attempt writes only under names of its own and never touches anything of a later attempt, and
   every change to something outside directly follows a committed write to the journal: such a
   write fails for an attempt that has been overtaken.
3. Every call that changes something outside is announced by `Journal.intend` before it is sent, and
   settled afterwards. If its reply was lost, the backend looks up the outcome by the run's key
   before it repeats anything.
4. `train` blocks until the adapter is finished, however the service works: step by step (local),
   one call per batch (Gradient), or upload and poll (OpenAI's API). While it works or waits, it
   calls `Journal.check` at least once a second and propagates the exception that `check` raises. If
   a job continues at the service without further calls, `train` stops it on RunCancelled; on any
   other exception the job continues, and a later call of `train` finds it.
5. `answer` yields each answer as soon as it is known, in any order, exactly one per request. A
   failure that concerns one prompt is an Answer with an error; a failure that concerns all prompts
   (wrong credentials, service unavailable) is raised. Closing the iterator early stops the
   answering and leaves the backend usable; requests without a yielded answer are asked again.
6. An answer depends only on the request, the model and the decoding settings. At temperature 0 it
   is the same each time.
7. Secrets come from the environment and appear in no error, log line or returned value.
8. The name of everything that a backend stores for a run contains the run's key. A backend that
   also implements `Inventory` (inventory.py) lists these artifacts. In a folder that it shares with
   others it lists nothing whose name contains no run key, and it removes only what it has listed.
9. With samples for validation, `train` measures their loss after every epoch, never trains them,
   and returns the weights of the epoch with the lowest one, the first of equals. It stops early as
   the options ask, and then plans the number of steps that it has done. What it has measured
   survives a crash as the weights do. A backend that cannot do this is named in options.py, and is
   never given such samples.
10. A backend object trains, or answers for a run, in one thread at a time, not always the same one,
    while one other thread may call `describe` and `answer`. Where both need the same memory, they
    take turns, at least between two steps and two batches (sharing.py). It must be closed; `close`
    may be called by another thread and ends every call that is still waiting.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqltune.prompt_formats import AUTO
from sqltune.records import Message, Sample


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model as a backend knows it."""

    name: str  #: as written in adapters.base_model
    #: what the name stood for when it was resolved: a commit, a hash of the files, a service's id
    revision: str | None
    max_tokens: int | None  #: limit for prompt and response together; None: unknown to the backend
    is_simulated: bool  #: the backend only plays back a script
    address: str | None = None  #: of the service that has it; None: it is on this machine
    found_in: str | None = None  #: where on this machine, in words; None: not known


def describe_origin(model: BaseModel) -> str:
    """Return where a base model was found and its revision, for people."""
    place = f"found in {model.found_in}, " if model.found_in is not None else ""
    return f"{place}revision {model.revision}"


def shorten_revision(revision: str) -> str:
    """Return a revision with twelve digits of each hash and commit in it, for people."""
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b", r"\1", revision)


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What training depends on besides base model and samples; None: the backend's default."""

    epochs: int
    learning_rate: float | None
    lora_rank: int | None
    lora_alpha: int | None
    batch_size: int | None
    rehearsal: str  #: auto, on, off
    seed: int
    prompt_format: str = AUTO  #: see prompt_formats.py
    sample_form: str = "parts"  #: parts: only the response is trained; text: sent as one text
    train_on: str = "all"  #: of a conversation, all turns of the assistant, or only the last
    quantization: str = "none"  #: of the base model's weights: none, int8, nf4
    early_stop_patience: int | None = None  #: epochs without a lower eval_loss; None: never early
    keep_epochs: bool = False  #: the weights after each epoch are kept


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One training that a backend is asked for."""

    run_key: str  #: unique per run; the adapter's name at a remote service contains it
    adapter_name: str
    base_model: BaseModel
    options: TrainingOptions
    fingerprint: str
    attempt: int  #: grows with every claim of the adapter; an earlier attempt may still be alive
    #: never trained, measured after every epoch; None: none, and the last epoch is the adapter
    validation: Samples | None = None


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """The figures of one optimizer step, or of the smallest unit that the backend reports."""

    step: int  #: 1, 2, 3 ...
    epoch: float  #: epochs completed after this step
    train_loss: float  #: mean over the trained tokens, in nats
    learning_rate: float | None
    gradient_norm: float | None
    tokens: int | None  #: all tokens of the step
    trained_tokens: int | None  #: tokens that count in the loss
    #: mean over the trained tokens of this step's samples, in nats, unweighted, without rehearsal;
    #: None if the step has no samples
    sample_loss: float | None = None
    #: at the last step of an epoch with validation samples: mean over their trained tokens, in
    #: nats, unweighted, after the step
    eval_loss: float | None = None


@dataclass(frozen=True, slots=True)
class EpochWeights:
    """The weights after one epoch, stored as a finished adapter is."""

    epoch: int  #: 1, 2, 3 ...
    eval_loss: float | None  #: None: no samples are for validation
    external_id: str | None
    artifact_uri: str | None
    artifact_bytes: int | None
    artifact_sha256: str | None


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """A finished adapter: what the backend needs to answer with it, and the options it used."""

    external_id: str | None  #: the adapter's id at a remote backend
    artifact_uri: str | None  #: location of the weights; None: the service does not publish them
    artifact_bytes: int | None
    artifact_sha256: str | None
    #: the job's options, with the backend's choice for every None where it is known
    options: TrainingOptions
    rehearsal_pairs: int = 0  #: answers of the base model that were kept as they are
    #: share of the steps in which the learning rate rose; None: unknown
    warmup_share: float | None = None
    cost_usd: float | None = None
    best_epoch: int | None = None  #: the epoch whose weights these are; None: the last one
    eval_loss: float | None = None  #: of these weights; None: no samples are for validation
    kept_epochs: tuple[EpochWeights, ...] = ()  #: with keep_epochs, in order


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are generated; the same in the phases base, before and after."""

    max_new_tokens: int
    temperature: float  #: 0: greedy
    seed: int
    prompt_format: str = AUTO  #: see prompt_formats.py
    quantization: str = "none"  #: of the base model asked alone; a version is asked in its own


def choose_quantization(adapter: TrainedAdapter | None, decoding: Decoding) -> str:
    """Return how the weights are quantised that are asked: a version's as in its training."""
    return decoding.quantization if adapter is None else adapter.options.quantization


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """One prompt to answer."""

    prompt_key: str
    prompt: str  #: with messages, the last of the user's
    system_prompt: str | None
    messages: tuple[Message, ...] | None = None  #: the whole conversation; None: only the prompt


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, or the error that occurred instead."""

    prompt_key: str
    text: str | None  #: None: there is an error_code
    finish_reason: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    latency_ms: float | None  #: None: it was not asked
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The number of tokens of a sample."""

    tokens: int
    is_exact: bool  #: False: estimated, for instance from the number of characters


@dataclass(frozen=True, slots=True)
class BackendCall:
    """One earlier call of this run, as recorded in `backend_calls`."""

    call_number: int
    state: str  #: intended, done, failed, unknown
    call_kind: str
    request: str
    external_id: str | None


class Samples(Protocol):
    """The samples of one manifest, in its order; read as often as needed, never all in memory."""

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def __iter__(self) -> Iterator[Sample]:
        """Yield all samples in order, reading page by page."""
        ...

    def fetch(self, positions: Sequence[int]) -> list[Sample]:
        """Return the samples at these positions, in the given order."""
        ...


class Journal(Protocol):
    """Records a training; each method that stores something commits before it returns."""

    def intend(self, call_kind: str, request: str) -> int:
        """Announce a call that changes something outside, and return its number."""
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
        """Return the calls that this run has announced, in order, also those before a crash."""
        ...

    def plan(self, steps_total: int) -> None:
        """Record how many steps the training has."""
        ...

    def record(self, metrics: Sequence[StepMetrics]) -> None:
        """Store steps; a step that was stored before is replaced."""
        ...

    def event(self, event: str, message: str) -> None:
        """Record an event, with a message for people to read."""
        ...

    def progress(self, activity: str, done: int, total: int) -> None:
        """Show how far something other than the steps is; nothing is stored."""
        ...

    def check(self) -> None:
        """Raise RunCancelled, RunInterrupted or LeaseLost if the training must stop."""
        ...


class Backend(Protocol):
    """Trains adapters and answers prompts; see the contract at the top of the module."""

    def describe(self, base_model: str, revision: str | None) -> BaseModel:
        """Resolve a base model's name without loading it.

        Raises:
            RequestRejected: the backend has no such base model.
            ConfigError: the settings do not allow it, or a secret or an address is missing.
        """
        ...

    def count_tokens(
        self, base_model: BaseModel, samples: Iterable[Sample], prompt_format: str
    ) -> Iterator[TokenCount]:
        """Yield the token count of each sample as training sees it in this prompt format.

        The base model's tokenizer counts; without one, the count is an estimate.

        Raises:
            DataError: a conversation cannot be read by the base model, or by the service at all.
        """
        ...

    def train(self, job: TrainingJob, samples: Samples, journal: Journal) -> TrainedAdapter:
        """Train an adapter on the samples and return it when it is finished.

        Raises:
            TrainingError: the training itself failed.
            BackendError: the backend refused the job or cannot be reached.
        """
        ...

    def answer(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
    ) -> Generator[Answer, None, None]:
        """Yield the answer to each request, from the base model alone or with an adapter."""
        ...

    def delete(self, adapter: TrainedAdapter) -> None:
        """Remove a finished adapter; it is no error if it is already gone."""
        ...

    def close(self) -> None:
        """Release models, connections and threads."""
        ...
