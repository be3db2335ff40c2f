"""One training at a service of Gradient's API: an adapter, and one call per batch and epoch.

A fine-tune is additive and has no name of its own at the service: one whose reply was lost may be
in the adapter or not. Then the adapter is deleted and built again, so that none contains a batch
twice. The journal holds every call, before it is sent and after, and is all that a training which
died is taken up from.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqltune.backends.base import (
    BackendCall,
    Journal,
    Samples,
    StepMetrics,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.backends.gradient.client import GradientClient
from sqltune.backends.gradient.errors import is_outcome_unknown
from sqltune.backends.gradient.history import CREATE, DELETE, FINE_TUNE, read_history
from sqltune.backends.gradient.samples import estimate_sample, estimate_untrained, make_request
from sqltune.backends.gradient.waiting import succeeds_within, wait_for
from sqltune.backends.prompt_template import read_template
from sqltune.errors import BackendError, DataError, RunCancelled, TrainingError
from sqltune.local_lora.steps import StepOrder
from sqltune.records import Sample
from sqltune.wire.gradient import (
    AdapterItem,
    CreateRequest,
    FineTuneReply,
    InitialHyperparameters,
    LoraHyperparameters,
    NewAdapter,
    TrainingArguments,
)

#: Samples of one call, where the row leaves it open: up to so many are one call per epoch, as in
#: the article; larger users of the service sent as many at once.
DEFAULT_BATCH = 100
#: A connection that breaks at every long call is not mended by building again and again.
MOST_CREATIONS = 4
#: How long the end of a run waits for the deletion of an adapter that nobody wants any more.
ABANDON_SECONDS = 5.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Build:
    """An unfinished adapter at the service."""

    adapter_id: str
    batches_done: int = 0


class GradientTraining:
    """One training of a job, from where its journal stands to the end."""

    def __init__(
        self,
        client: GradientClient,
        job: TrainingJob,
        samples: Samples,
        journal: Journal,
        is_closed: threading.Event,
    ) -> None:
        if not len(samples):
            raise DataError("there is no sample to train on")
        self._client = client
        self._job = job
        self._samples = samples
        self._journal = journal
        self._is_closed = is_closed
        self._options = fill_in(job.options)
        self._template = read_template(job.options.prompt_template)
        self._order = StepOrder(
            sample_count=len(samples),
            rehearsal_count=0,
            epochs=job.options.epochs,
            batch_size=self._options.batch_size or 1,
            rehearsal_per_step=0,
            rehearsal_only_steps=0,
            seed=job.options.seed,
        )
        self._creations = 0
        self._build: _Build | None = None

    def run(self) -> TrainedAdapter:
        """Train to the end; what cannot be finished is removed from the service."""
        self._journal.plan(len(self._order))
        try:
            adapter_id = self._train()
        except (BackendError, RunCancelled, TrainingError):
            self._abandon()
            raise
        return TrainedAdapter(
            external_id=adapter_id,
            artifact_uri=None,
            artifact_bytes=None,
            artifact_sha256=None,
            options=self._options,
        )

    def _train(self) -> str:
        build = self._take_up()
        while build.batches_done < len(self._order):
            self._build = build
            self._journal.check()
            lost = self._fine_tune(build)
            build = (
                replace(build, batches_done=build.batches_done + 1)
                if lost is None
                else self._rebuild(build, lost)
            )
        self._build = None
        return build.adapter_id

    def _take_up(self) -> _Build:
        """Go on with the adapter that an earlier call left, if it is known what is in it."""
        history = read_history(self._journal.calls())
        self._creations = history.creations
        self._supersede(history.superseded)
        adapter_id = history.adapter_id
        if history.open_creation is not None:
            adapter_id = self._adopt(history.open_creation)
        if adapter_id is None:
            return self._create()
        self._build = build = _Build(adapter_id, history.batches_done)
        if history.is_tainted:
            return self._rebuild(build, None, history.lost + history.open_deletions)
        if self._send(lambda: self._client.find_adapter(adapter_id)) is None:
            self._journal.event("adapter_gone", f"the service has no adapter {adapter_id} any more")
            return self._create()
        if build.batches_done:
            done, total = build.batches_done, len(self._order)
            self._journal.event("training_resumed", f"goes on after batch {done} of {total}")
        return build

    def _create(self) -> _Build:
        self._creations += 1
        name = write_name(self._job, self._creations)
        request = _creation(self._job, name)
        call_number = self._journal.intend(CREATE, name)
        try:
            adapter_id = self._send(lambda: self._client.create_adapter(request))
        except BackendError as error:
            return self._find_created(call_number, name, error)
        self._journal.settle(call_number, "done", external_id=adapter_id)
        return _Build(adapter_id)

    def _find_created(self, call_number: int, name: str, error: BackendError) -> _Build:
        """Give the adapter whose creation got no clear reply, or a new one."""
        if not is_outcome_unknown(error):
            self._journal.settle(call_number, "failed", outcome=str(error))
            raise error
        self._journal.settle(call_number, "unknown", outcome=str(error))
        adapter_id = self._adopt(BackendCall(call_number, "unknown", CREATE, name, None))
        if adapter_id is not None:
            return _Build(adapter_id)
        if self._creations >= MOST_CREATIONS:
            raise error
        return self._create()

    def _adopt(self, creation: BackendCall) -> str | None:
        """Look for an adapter by the name that its creation gave it."""
        models = self._send(lambda: self._client.list_models(only_base=False))
        ids = [m.id for m in models if isinstance(m, AdapterItem) and m.name == creation.request]
        if not ids:
            self._journal.settle(creation.call_number, "failed", outcome="it was not created")
            return None
        self._journal.settle(
            creation.call_number, "done", external_id=ids[0], outcome="found by its name"
        )
        self._journal.event(
            "adapter_adopted", f"the reply to its creation was lost; found by its name: {ids[0]}"
        )
        return ids[0]

    def _fine_tune(self, build: _Build) -> BackendError | None:
        """Train the next batch; gives the error after which nobody knows whether it was trained."""
        number = build.batches_done
        samples = self._batch(number)
        request = make_request(samples, self._template, self._options.sample_form)
        call_number = self._journal.intend(
            FINE_TUNE,
            f"batch {number + 1} of {len(self._order)}, {len(samples)} samples, "
            f"adapter {build.adapter_id}",
        )
        try:
            reply = self._send(lambda: self._client.fine_tune(build.adapter_id, request))
        except (BackendError, TrainingError) as error:
            if isinstance(error, BackendError) and is_outcome_unknown(error):
                self._journal.settle(call_number, "unknown", outcome=str(error))
                return error
            self._journal.settle(call_number, "failed", outcome=str(error))
            raise
        # A step before its call is settled: else a crash in between would leave a hole.
        self._journal.record([self._metrics(number, samples, reply)])
        self._journal.settle(
            call_number,
            "done",
            external_id=build.adapter_id,
            outcome=f"{reply.number_of_trainable_tokens} trained tokens",
        )
        return None

    def _rebuild(
        self, build: _Build, error: BackendError | None, lost: Sequence[BackendCall] = ()
    ) -> _Build:
        """Delete an adapter of which nobody knows what it contains, and begin anew."""
        cost = self._cost(build)
        call_number = self._journal.intend(DELETE, build.adapter_id)
        try:
            self._send(lambda: self._client.delete_adapter(build.adapter_id))
        except BackendError as failure:
            self._journal.settle(call_number, "unknown", outcome=str(failure))
            raise
        self._journal.settle(call_number, "done", external_id=build.adapter_id, outcome=cost)
        self._supersede(read_history(self._journal.calls()).superseded)
        self._build = None
        why = str(error) if error is not None else "a call was begun and its outcome is not known"
        self._journal.event("adapter_rebuilt", f"{why}: the adapter was deleted; {cost}")
        if error is not None and self._creations >= MOST_CREATIONS:
            raise error
        return self._create()

    def _supersede(self, calls: Sequence[BackendCall]) -> None:
        for call in calls:
            self._journal.settle(call.call_number, "failed", outcome="its adapter was deleted")

    def _abandon(self) -> None:
        """Remove an adapter that will not be finished; a service that is gone keeps it."""
        if self._build is None:
            return
        adapter_id = self._build.adapter_id
        call_number = self._journal.intend(DELETE, adapter_id)
        is_gone = succeeds_within(lambda: self._client.delete_adapter(adapter_id), ABANDON_SECONDS)
        self._journal.settle(call_number, "done" if is_gone else "unknown", external_id=adapter_id)

    def _send(self, call: Callable[[], Result]) -> Result:
        return wait_for(call, self._journal.check, self._is_closed)

    def _batch(self, number: int) -> list[Sample]:
        return self._samples.fetch(self._order.step(number).samples)

    def _cost(self, build: _Build) -> str:
        """Say what a rebuild repeats: what is in the adapter for certain."""
        batches = [self._batch(number) for number in range(build.batches_done)]
        samples = [sample for batch in batches for sample in batch]
        tokens = sum(estimate_sample(sample, self._template) for sample in samples)
        return (
            f"{len(batches)} batches with {len(samples)} samples, about {tokens} tokens, "
            "are trained again"
        )

    def _metrics(self, number: int, samples: Sequence[Sample], reply: FineTuneReply) -> StepMetrics:
        trained = reply.number_of_trainable_tokens
        loss = reply.sum_loss / trained if trained else None
        only_read = estimate_untrained(samples, self._template, self._options.sample_form)
        return StepMetrics(
            step=number + 1,
            epoch=(number + 1) / self._order.steps_per_epoch,
            train_loss=loss or 0.0,
            learning_rate=self._options.learning_rate,
            gradient_norm=None,
            tokens=trained + only_read,
            trained_tokens=trained,
            sample_loss=loss,
        )


def write_name(job: TrainingJob, number: int) -> str:
    """Give an adapter's name: the run's key makes it findable, the number tells it from one that
    was deleted.
    """
    return f"{job.adapter_name} {job.run_key} {number}"


def read_run_key(name: str) -> str | None:
    """Give the key of the run that a name carries; None: it is none of ours."""
    parts = name.rsplit(" ", 2)
    return parts[1] if len(parts) == 3 and parts[2].isdecimal() else None


def fill_in(options: TrainingOptions) -> TrainingOptions:
    """Give the options as they are really used; what the service chooses stays None."""
    return replace(options, batch_size=options.batch_size or DEFAULT_BATCH, rehearsal="off")


def _creation(job: TrainingJob, name: str) -> CreateRequest:
    return CreateRequest(
        model=NewAdapter(base_model_id=job.base_model.revision or "", name=name),
        initial_hyperparameters=InitialHyperparameters(
            lora_hyperparameters=LoraHyperparameters(rank=job.options.lora_rank),
            training_arguments=TrainingArguments(learning_rate=job.options.learning_rate),
        ),
    )
