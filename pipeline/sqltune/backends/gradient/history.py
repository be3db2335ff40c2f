"""What the journal says of a training at a service: which adapter, and which batches are in it.

A call whose outcome is not known may have been carried out. Nothing here asks the service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqltune.backends.base import BackendCall

CREATE, FINE_TUNE, DELETE = "create_adapter", "fine_tune", "delete_adapter"


@dataclass(frozen=True, slots=True)
class History:
    """Where the training of one run stands."""

    creations: int = 0  #: adapters that were asked for, in vain or not
    adapter_id: str | None = None  #: None: there is none, or it is not known
    batches_done: int = 0  #: those that are certainly in the adapter, each once
    open_creation: BackendCall | None = None  #: its adapter has to be looked for
    #: fine-tunes that may be in the adapter or not
    lost: tuple[BackendCall, ...] = ()
    #: deletions that may have been carried out or not
    open_deletions: tuple[BackendCall, ...] = ()
    #: lost ones of an adapter that is deleted: it does not matter any more
    superseded: tuple[BackendCall, ...] = ()

    @property
    def is_tainted(self) -> bool:
        """Whether it is not known what the adapter contains."""
        return bool(self.lost or self.open_deletions)


def read_history(calls: Sequence[BackendCall]) -> History:
    """Read the journal's calls from the first to the last."""
    history = History()
    for call in calls:
        history = _read_call(history, call)
    return history


def _read_call(history: History, call: BackendCall) -> History:
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


def _read_creation(history: History, call: BackendCall, is_open: bool) -> History:
    return replace(
        history,
        creations=history.creations + 1,
        adapter_id=call.external_id if call.state == "done" else None,
        batches_done=0,
        open_creation=call if is_open else None,
    )


def _read_deletion(history: History) -> History:
    left = history.superseded + history.lost + history.open_deletions
    return History(creations=history.creations, superseded=left)
