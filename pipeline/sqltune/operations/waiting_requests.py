"""What people asked for in rows that no runner has taken up: what a sync would make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqltune.database.tables import aliases, requests
from sqltune.database.tables.requests import EqualAsked
from sqltune.planning.plan import Refuse
from sqltune.planning.requests import asks_for_sync, plan_request
from sqltune.records import Adapter, RunKind, RunRequest
from sqltune.runtime import Runtime


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """Equal requests of an adapter that wait for a sync or a worker."""

    asks: str  #: what for, in words
    count: int
    first_id: int  #: run_id of the first, or change_id with is_alias_change
    is_alias_change: bool = False  #: rows of alias_changes, not of runs
    refusal: str | None = None  #: why a sync would refuse them; None: it would not, as far as known


def list_asked(runtime: Runtime, adapter_name: str) -> list[EqualAsked]:
    """Return an adapter's waiting rows of `runs`, equal ones together, the first ones first."""
    with runtime.database.read() as session:
        return requests.list_asked(session, adapter_name)


def find_plain_request(adapter: Adapter, asked: Sequence[EqualAsked]) -> RunRequest | None:
    """Return a request that asks for no more than the next sync does, a forced one first."""
    plain = [each.request for each in asked if asks_for_sync(adapter, each.request)]
    return max(plain, key=lambda request: bool(request.is_forced), default=None)


def describe_waiting(
    runtime: Runtime,
    adapter: Adapter,
    asked: Sequence[EqualAsked],
    check: Callable[[], None],
    *,
    asks_backend: bool,
) -> list[WaitingRequest]:
    """Return what waits for an adapter, moves of aliases first, as a sync carries it out.

    Args:
        runtime: where to read.
        adapter: its row.
        asked: its waiting rows of `runs`.
        check: called while rows are read; what it raises passes through.
        asks_backend: plan each request, for which backends are asked for base models.
    """
    found = _find_moves(runtime, adapter.adapter_name)
    for each in asked:
        refusal = None
        if asks_backend and not asks_for_sync(adapter, each.request):
            plan = plan_request(runtime, adapter, each.request, check=check).plan
            refusal = plan.reason if isinstance(plan, Refuse) else None
        words = _describe(adapter, each.request)
        found.append(WaitingRequest(words, each.count, each.request.run_id, refusal=refusal))
    return found


def _find_moves(runtime: Runtime, adapter_name: str) -> list[WaitingRequest]:
    with runtime.database.read() as session:
        return [
            WaitingRequest(
                f"{move.alias} -> v{move.version_number}",
                1,
                move.change_id,
                is_alias_change=True,
                refusal=aliases.find_obstacle(session, adapter_name, move.version_number),
            )
            for move in aliases.list_alias_requests_of(session, adapter_name)
        ]


def _describe(adapter: Adapter, request: RunRequest) -> str:
    if request.run_kind == RunKind.EVALUATE:
        number = request.version_number
        return "evaluate what is live" if number is None else f"evaluate v{number}"
    if request.run_kind == RunKind.PREDICT:
        return "predict, every row" if request.is_forced else "predict"
    if request.from_run_id is not None or request.from_epoch is not None:
        return f"epoch {request.from_epoch} of run {request.from_run_id}, as a trial"
    if asks_for_sync(adapter, request):
        return "train, forced" if request.is_forced else "sync"
    given = {"backend": request.backend, "base_model": request.base_model}
    given["manifest_id"] = None if request.manifest_id is None else str(request.manifest_id)
    named = ", ".join(f"{name} {value}" for name, value in given.items() if value is not None)
    return f"train with {named}, as a trial" if named else "train"
