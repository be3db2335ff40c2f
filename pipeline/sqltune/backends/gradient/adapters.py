"""The adapters that one run creates and deletes at the service.

An adapter's name carries the run's key and a number, so that an adapter whose creation got no reply
can be found in the service's list. Each creation and deletion is announced in the journal before it
is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqltune.backends.base import BackendCall, Journal, TrainingJob
from sqltune.backends.gradient.client import GradientClient
from sqltune.backends.gradient.errors import is_outcome_unknown
from sqltune.backends.gradient.history import CREATE, DELETE, read_history
from sqltune.backends.gradient.waiting import succeeds_within, wait_for
from sqltune.errors import BackendError
from sqltune.wire.gradient import (
    AdapterItem,
    CreateRequest,
    InitialHyperparameters,
    LoraHyperparameters,
    NewAdapter,
    TrainingArguments,
)

#: Building an adapter again does not repair a connection that breaks during every long call.
MOST_CREATIONS = 4
#: How long the end of a run waits for the deletion of an unfinished adapter.
ABANDON_SECONDS = 5.0

Result = TypeVar("Result")


class RunAdapters:
    """Creates, finds and deletes the adapters of one run.

    Args:
        creations: how many adapters earlier calls asked the service to create.
    """

    def __init__(
        self,
        client: GradientClient,
        job: TrainingJob,
        journal: Journal,
        is_closed: threading.Event,
        creations: int,
    ) -> None:
        self._client = client
        self._job = job
        self._journal = journal
        self._is_closed = is_closed
        self._creations = creations

    @property
    def may_create(self) -> bool:
        """Whether one more adapter may be created."""
        return self._creations < MOST_CREATIONS

    def create(self) -> str:
        """Create an adapter and return its id."""
        self._creations += 1
        name = write_name(self._job, self._creations)
        call_number = self._journal.intend(CREATE, name)
        try:
            adapter_id = self._send(
                lambda: self._client.create_adapter(_creation_request(self._job, name))
            )
        except BackendError as error:
            return self._find_created(call_number, name, error)
        self._journal.settle(call_number, "done", external_id=adapter_id)
        return adapter_id

    def adopt(self, creation: BackendCall) -> str | None:
        """Look up the adapter of a creation whose outcome is unknown, by the name it was given."""
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

    def exists(self, adapter_id: str) -> bool:
        """Whether the service still has an adapter."""
        return self._send(lambda: self._client.find_adapter(adapter_id)) is not None

    def delete(self, adapter_id: str, outcome: str) -> None:
        """Delete an adapter, and settle the calls that only concerned it."""
        call_number = self._journal.intend(DELETE, adapter_id)
        try:
            self._send(lambda: self._client.delete_adapter(adapter_id))
        except BackendError as failure:
            self._journal.settle(call_number, "unknown", outcome=str(failure))
            raise
        self._journal.settle(call_number, "done", external_id=adapter_id, outcome=outcome)
        self.settle_superseded(read_history(self._journal.calls()).superseded)

    def settle_superseded(self, calls: Sequence[BackendCall]) -> None:
        """Settle calls of unknown outcome to an adapter that is deleted."""
        for call in calls:
            self._journal.settle(call.call_number, "failed", outcome="its adapter was deleted")

    def abandon(self, adapter_id: str) -> None:
        """Delete an unfinished adapter; a service that cannot be reached keeps it."""
        call_number = self._journal.intend(DELETE, adapter_id)
        is_deleted = succeeds_within(
            lambda: self._client.delete_adapter(adapter_id), ABANDON_SECONDS
        )
        state = "done" if is_deleted else "unknown"
        self._journal.settle(call_number, state, external_id=adapter_id)

    def _find_created(self, call_number: int, name: str, error: BackendError) -> str:
        """Return the adapter whose creation got no clear reply, or a new one."""
        if not is_outcome_unknown(error):
            self._journal.settle(call_number, "failed", outcome=str(error))
            raise error
        self._journal.settle(call_number, "unknown", outcome=str(error))
        adapter_id = self.adopt(BackendCall(call_number, "unknown", CREATE, name, None))
        if adapter_id is not None:
            return adapter_id
        if not self.may_create:
            raise error
        return self.create()

    def _send(self, call: Callable[[], Result]) -> Result:
        return wait_for(call, self._journal.check, self._is_closed)


def write_name(job: TrainingJob, number: int) -> str:
    """Return the name of the n-th adapter that a run creates."""
    return f"{job.adapter_name} {job.run_key} {number}"


def read_run_key(name: str) -> str | None:
    """Return the run key in an adapter's name; None: sqltune did not create the adapter."""
    parts = name.rsplit(" ", 2)
    return parts[1] if len(parts) == 3 and parts[2].isdecimal() else None


def _creation_request(job: TrainingJob, name: str) -> CreateRequest:
    return CreateRequest(
        model=NewAdapter(base_model_id=job.base_model.revision or "", name=name),
        initial_hyperparameters=InitialHyperparameters(
            lora_hyperparameters=LoraHyperparameters(rank=job.options.lora_rank),
            training_arguments=TrainingArguments(learning_rate=job.options.learning_rate),
        ),
    )
