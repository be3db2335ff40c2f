"""What is live, and the calls that bring a running vLLM in step with it: `vllm_calls`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqltune.database.connection import Session
from sqltune.database.times import format_time

CallKind = Literal["load", "unload"]
CallState = Literal["waiting", "done", "withdrawn"]
#: Characters of an outcome.
_MOST_OUTCOME = 255


@dataclass(frozen=True, slots=True)
class LiveWeights:
    """A version whose weights are in a folder."""

    adapter_name: str
    version_number: int
    base_model: str
    artifact_uri: str


@dataclass(frozen=True, slots=True)
class VllmCall:
    """A call that is to be made."""

    server: str  #: its address
    lora_name: str
    call_kind: CallKind
    adapter_name: str
    version_number: int
    lora_path: str | None  #: None: unload
    call_number: int  #: 1, 2, 3 ... per server and name
    attempt_count: int = 0
    is_due: bool = True  #: False: its pause is not over


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a call ended: done, withdrawn, or waiting for another attempt."""

    call: VllmCall  #: as it was read or claimed
    state: CallState
    outcome: str  #: in words; the row has as much of it as fits
    at: datetime  #: when it was settled; with waiting: when it may be tried again


def list_live_weights(session: Session) -> list[LiveWeights]:
    """Return the live versions whose weights are in a folder, by adapter."""
    return [_read_weights(row) for row in session.fetch_all("list_live_weights")]


def list_weights_once_live(
    session: Session, versions: Collection[tuple[str, int]]
) -> list[LiveWeights]:
    """Return those of these versions that are or were live, and whose weights are in a folder."""
    if not versions:
        return []
    rows = session.fetch_all(
        "list_weights_once_live",
        adapter_names=sorted({name for name, _ in versions}),
        version_numbers=sorted({number for _, number in versions}),
    )
    return [
        weights
        for weights in map(_read_weights, rows)
        if (weights.adapter_name, weights.version_number) in versions
    ]


def list_waiting_calls(session: Session, server: str, *, now: datetime) -> list[VllmCall]:
    """Return the calls of one server that are not made yet, the oldest first."""
    return [
        VllmCall(
            server=server,
            lora_name=row.lora_name,
            call_kind=row.call_kind,
            adapter_name=row.adapter_name,
            version_number=int(row.version_number),
            lora_path=row.lora_path,
            call_number=int(row.call_number),
            attempt_count=int(row.attempt_count),
            is_due=bool(row.is_due),
        )
        for row in session.fetch_all(
            "list_waiting_vllm_calls", server_address=server, now=format_time(now)
        )
    ]


def list_last_numbers(session: Session, server: str) -> dict[str, int]:
    """Return the number of the last call for each name at one server."""
    rows = session.fetch_all("list_last_vllm_call_numbers", server_address=server)
    return {row.lora_name: int(row.last_number) for row in rows}


def insert_calls(session: Session, calls: Iterable[VllmCall], *, now: datetime) -> None:
    """Store calls, but for those whose number another runner has used."""
    rows = [
        _key(call)
        | {
            "call_kind": call.call_kind,
            "adapter_name": call.adapter_name,
            "version_number": call.version_number,
            "lora_path": call.lora_path,
            "now": format_time(now),
        }
        for call in calls
    ]
    session.execute_many("insert_vllm_call", rows)


def claim_call(session: Session, call: VllmCall, *, retry_at: datetime) -> VllmCall | None:
    """Count an attempt and return the call with it; None if another runner was first.

    Args:
        session: of a transaction.
        call: as it was read.
        retry_at: when anybody may try again if nothing is heard of this attempt.
    """
    changed = session.execute(
        "claim_vllm_call",
        **_key(call),
        attempt_count=call.attempt_count,
        retry_at=format_time(retry_at),
    )
    return replace(call, attempt_count=call.attempt_count + 1) if changed == 1 else None


def settle_calls(session: Session, settlements: Iterable[Settlement]) -> None:
    """Record how calls ended, but for those that another runner has claimed since."""
    rows = [
        _key(each.call)
        | {
            "attempt_count": each.call.attempt_count,
            "state": each.state,
            "outcome": each.outcome[:_MOST_OUTCOME],
            "next_attempt_at": format_time(each.at),
            "settled_at": None if each.state == "waiting" else format_time(each.at),
        }
        for each in settlements
    ]
    session.execute_many("settle_vllm_call", rows)


def _key(call: VllmCall) -> dict[str, object]:
    return {
        "server_address": call.server,
        "lora_name": call.lora_name,
        "call_number": call.call_number,
    }


def _read_weights(row: Any) -> LiveWeights:
    return LiveWeights(row.adapter_name, int(row.version_number), row.base_model, row.artifact_uri)
