"""The state of a training at a service, from its journal: the adapter and the batches in it.

A call whose outcome is unknown may have been carried out. Nothing here sends a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqltune.backends.base import BackendCall

CREATE, FINE_TUNE, DELETE = "create_adapter", "fine_tune", "delete_adapter"


@dataclass(frozen=True, slots=True)
class CallHistory:
    """The state of one run's training."""

    creations: int = 0  #: adapters that the service was asked to create, successfully or not
    adapter_id: str | None = None  #: None: there is none, or its id is unknown
    batches_done: int = 0  #: batches that are certainly in the adapter, each once
    open_creation: BackendCall | None = None  #: its adapter has to be looked up
    lost: tuple[BackendCall, ...] = ()  #: fine-tunes that may or may not be in the adapter
    open_deletions: tuple[BackendCall, ...] = ()  #: may or may not have been carried out
    #: calls of unknown outcome to an adapter that has been deleted since
    superseded: tuple[BackendCall, ...] = ()

    @property
    def is_tainted(self) -> bool:
        """Whether it is unknown what the adapter contains."""
        return bool(self.lost or self.open_deletions)


def read_history(calls: Sequence[BackendCall]) -> CallHistory:
    """Read the journal's calls, first to last."""
    history = CallHistory()
    for call in calls:
        history = _read_call(history, call)
    return history


def _read_call(history: CallHistory, call: BackendCall) -> CallHistory:
    is_open = call.state in ("intended", "unknown")
    match call.call_kind:
        case "create_adapter":
            return _read_creation(history, call, is_open)
        case "fine_tune" if is_open:
            return replace(history, lost=(*history.lost, call))
        case "fine_tune" if call.state == "done":
            return replace(history, batches_done=history.batches_done + 1)
        case "delete_adapter" if is_open:
            return replace(history, open_deletions=(*history.open_deletions, call))
        case "delete_adapter" if call.state == "done":
            return _read_deletion(history)
        case _:
            return history


def _read_creation(history: CallHistory, call: BackendCall, is_open: bool) -> CallHistory:
    return replace(
        history,
        creations=history.creations + 1,
        adapter_id=call.external_id if call.state == "done" else None,
        batches_done=0,
        open_creation=call if is_open else None,
    )


def _read_deletion(history: CallHistory) -> CallHistory:
    left = history.superseded + history.lost + history.open_deletions
    return CallHistory(creations=history.creations, superseded=left)
