"""What is live, and the calls that bring a running vLLM in step with it: `vllm_calls`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqltune.database.connection import Session
from sqltune.database.times import format_time, parse_time

CallKind = Literal["load", "unload"]
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

    server: str  #: its address, without a login
    lora_name: str
    call_kind: CallKind
    adapter_name: str
    version_number: int
    lora_path: str | None  #: None: unload
    call_number: int  #: 1, 2, 3 ... per server and name
    attempt_count: int = 0
    is_due: bool = True  #: False: its pause is not over


def list_live_weights(session: Session) -> list[LiveWeights]:
    """Return the live versions whose weights are in a folder, by adapter."""
    return [
        LiveWeights(row.adapter_name, int(row.version_number), row.base_model, row.artifact_uri)
        for row in session.fetch_all("list_live_weights")
    ]


def find_weights_once_live(
    session: Session, adapter_name: str, version_number: int
) -> LiveWeights | None:
    """Return a version that is or was live; None if there is none, or its weights are elsewhere."""
    row = session.fetch_one(
        "find_weights_once_live", adapter_name=adapter_name, version_number=version_number
    )
    if row is None:
        return None
    return LiveWeights(adapter_name, version_number, row.base_model, row.artifact_uri)


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
            is_due=_is_past(row.next_attempt_at, now),
        )
        for row in session.fetch_all("list_waiting_vllm_calls", server_address=server)
    ]


def list_last_numbers(session: Session, server: str) -> dict[str, int]:
    """Return the number of the last call for each name at one server."""
    rows = session.fetch_all("list_last_vllm_call_numbers", server_address=server)
    return {row.lora_name: int(row.last_number) for row in rows}


def insert_call(session: Session, call: VllmCall, *, now: datetime) -> None:
    """Store a call, unless another runner stored one with its number."""
    session.execute(
        "insert_vllm_call",
        server_address=call.server,
        lora_name=call.lora_name,
        call_number=call.call_number,
        call_kind=call.call_kind,
        adapter_name=call.adapter_name,
        version_number=call.version_number,
        lora_path=call.lora_path,
        now=format_time(now),
    )


def claim_call(session: Session, call: VllmCall, *, retry_at: datetime) -> bool:
    """Count an attempt; False if another runner was first.

    Args:
        session: of a transaction.
        call: as it was read.
        retry_at: when anybody may try again if nothing is heard of this attempt.
    """
    changed = session.execute(
        "claim_vllm_call",
        server_address=call.server,
        lora_name=call.lora_name,
        call_number=call.call_number,
        attempt_count=call.attempt_count,
        retry_at=format_time(retry_at),
    )
    return changed == 1


def settle_call(
    session: Session, call: VllmCall, *, state: str, outcome: str, at: datetime
) -> None:
    """Record how a call ended: done, withdrawn, or waiting for another attempt.

    Args:
        session: of a transaction.
        call: as it was read.
        state: of the row from now on.
        outcome: in words; the row has as much of it as fits.
        at: when it was settled; with waiting: when it may be tried again.
    """
    session.execute(
        "settle_vllm_call",
        server_address=call.server,
        lora_name=call.lora_name,
        call_number=call.call_number,
        state=state,
        outcome=outcome[:_MOST_OUTCOME],
        next_attempt_at=format_time(at),
        settled_at=None if state == "waiting" else format_time(at),
    )


def _is_past(value: object, now: datetime) -> bool:
    moment = parse_time(value)
    return moment is None or format_time(moment) <= format_time(now)
