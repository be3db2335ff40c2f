"""One training at a service of Gradient's API: an adapter, and one call per batch and epoch.

A fine-tune call adds to an adapter and has no id of its own at the service, so a call whose reply
was lost may or may not have been carried out. The adapter is then deleted and built again, so that
no adapter contains a batch twice. The journal records every call before it is sent and after its
reply, and is all that is needed to resume a training after a crash.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqltune.backends.base import (
    Journal,
    Samples,
    StepMetrics,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.backends.gradient.adapters import RunAdapters
from sqltune.backends.gradient.batches import Batches
from sqltune.backends.gradient.client import GradientClient
from sqltune.backends.gradient.errors import is_outcome_unknown
from sqltune.backends.gradient.history import FINE_TUNE, read_history
from sqltune.backends.gradient.samples import estimate_sample, estimate_untrained, make_request
from sqltune.backends.gradient.waiting import wait_for
from sqltune.errors import BackendError, DataError, RunCancelled, TrainingError
from sqltune.prompt_formats import AUTO, PLAIN, read_template
from sqltune.records import Sample
from sqltune.wire.gradient import FineTuneReply

#: Samples per call where the row leaves it open: a smaller set is one call per epoch, as in the
#: article; larger users of the service sent as many at once.
DEFAULT_BATCH = 100

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Build:
    """An unfinished adapter at the service."""

    adapter_id: str
    batches_done: int = 0


class GradientTraining:
    """One training of a job, from the state that its journal records to the end."""

    def __init__(
        self,
        client: GradientClient,
        job: TrainingJob,
        samples: Samples,
        journal: Journal,
        is_closed: threading.Event,
    ) -> None:
        if not len(samples):
            raise DataError("there are no samples to train on")
        self._client = client
        self._samples = samples
        self._journal = journal
        self._is_closed = is_closed
        self._options = fill_in(job.options)
        self._template = read_template(job.options.prompt_format)
        self._batches = Batches(
            sample_count=len(samples),
            batch_size=self._options.batch_size or 1,
            epochs=job.options.epochs,
            seed=job.options.seed,
        )
        self._history = read_history(journal.calls())
        self._adapters = RunAdapters(client, job, journal, is_closed, self._history.creations)
        self._build: _Build | None = None

    def run(self) -> TrainedAdapter:
        """Train to the end; an adapter that cannot be finished is deleted from the service."""
        self._journal.plan(len(self._batches))
        try:
            adapter_id = self._train()
        except (BackendError, RunCancelled, TrainingError):
            if self._build is not None:
                self._adapters.abandon(self._build.adapter_id)
            raise
        return TrainedAdapter(
            external_id=adapter_id,
            artifact_uri=None,
            artifact_bytes=None,
            artifact_sha256=None,
            options=self._options,
        )

    def _train(self) -> str:
        build = self._resume()
        while build.batches_done < len(self._batches):
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

    def _resume(self) -> _Build:
        """Return the adapter that an earlier call left if its content is known, else a new one."""
        history = self._history
        self._adapters.settle_superseded(history.superseded)
        adapter_id = history.adapter_id
        if history.open_creation is not None:
            adapter_id = self._adapters.adopt(history.open_creation)
        if adapter_id is None:
            return _Build(self._adapters.create())
        self._build = build = _Build(adapter_id, history.batches_done)
        if history.is_tainted:
            return self._rebuild(build, None)
        if not self._adapters.exists(adapter_id):
            self._journal.event("adapter_gone", f"the service no longer has adapter {adapter_id}")
            return _Build(self._adapters.create())
        if build.batches_done:
            done, total = build.batches_done, len(self._batches)
            self._journal.event("training_resumed", f"resumes after batch {done} of {total}")
        return build

    def _fine_tune(self, build: _Build) -> BackendError | None:
        """Train the next batch; return the error if it is unknown whether it was trained."""
        number = build.batches_done
        samples = self._fetch_batch(number)
        request = make_request(samples, self._template, self._options.sample_form)
        call_number = self._journal.intend(
            FINE_TUNE,
            f"batch {number + 1} of {len(self._batches)}, {len(samples)} samples, "
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
        # The step is stored before its call is settled: a crash in between loses no step.
        self._journal.record([self._metrics(number, samples, reply)])
        self._journal.settle(
            call_number,
            "done",
            external_id=build.adapter_id,
            outcome=f"{reply.number_of_trainable_tokens} trained tokens",
        )
        return None

    def _rebuild(self, build: _Build, error: BackendError | None) -> _Build:
        """Delete an adapter whose content is unknown, and create a new one.

        Args:
            error: what left the outcome of a call unknown; None: an earlier process did not settle
                its call.
        """
        cost = self._describe_cost(build)
        self._adapters.delete(build.adapter_id, cost)
        self._build = None
        why = "the outcome of an earlier call is unknown" if error is None else str(error)
        self._journal.event("adapter_rebuilt", f"{why}: the adapter was deleted; {cost}")
        if error is not None and not self._adapters.may_create:
            raise error
        return _Build(self._adapters.create())

    def _send(self, call: Callable[[], Result]) -> Result:
        return wait_for(call, self._journal.check, self._is_closed)

    def _fetch_batch(self, number: int) -> list[Sample]:
        return self._samples.fetch(self._batches.positions(number))

    def _describe_cost(self, build: _Build) -> str:
        """Return in words what a rebuild repeats: the batches that are certainly in the adapter."""
        batches = [self._fetch_batch(number) for number in range(build.batches_done)]
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
            epoch=(number + 1) / self._batches.per_epoch,
            train_loss=loss or 0.0,
            learning_rate=self._options.learning_rate,
            gradient_norm=None,
            tokens=trained + only_read,
            trained_tokens=trained,
            sample_loss=loss,
        )


def fill_in(options: TrainingOptions) -> TrainingOptions:
    """Return the options that are really used; what the service chooses stays None."""
    return replace(
        options,
        batch_size=options.batch_size or DEFAULT_BATCH,
        rehearsal="off",
        prompt_format=PLAIN if options.prompt_format == AUTO else options.prompt_format,
    )
