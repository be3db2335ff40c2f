"""An adapter in hand: its lease is claimed, kept and given back, with patience for a database
that is away for a moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqltune.database.patience import with_patience
from sqltune.database.tables import states
from sqltune.errors import DatabaseError
from sqltune.records import Claim
from sqltune.runtime import Runtime
from sqltune.syncing.lease_keeper import LeaseKeeper

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Held:
    """An adapter whose lease this runner holds."""

    runtime: Runtime
    claim: Claim
    keeper: LeaseKeeper


@contextmanager
def holding(runtime: Runtime, adapter_name: str, stop: threading.Event) -> Iterator[Held | None]:
    """Hold the adapter's lease while the block runs; None: another runner has it."""
    owner = runtime.new_id()
    seconds = runtime.settings.lease_seconds

    def take() -> Claim | None:
        return states.claim_adapter(
            runtime.database, adapter_name, owner=owner, lease_seconds=seconds, now=runtime.now()
        )

    claim = with_patience(take, stop)
    if claim is None:
        yield None
        return
    keeper = LeaseKeeper(
        runtime.database,
        claim,
        lease_seconds=seconds,
        now=runtime.now,
        stop=stop,
        stall_seconds=runtime.settings.stall_seconds,
    )
    try:
        with keeper:
            yield Held(runtime, claim, keeper)
    finally:
        _release(runtime, claim, stop)


def _release(runtime: Runtime, claim: Claim, stop: threading.Event) -> None:
    """Give the lease back; where the database is away, it ends by itself."""
    try:
        with_patience(lambda: states.release_adapter(runtime.database, claim), stop)
    except DatabaseError as error:
        logger.warning(
            "the lease of %s could not be given back: %s",
            claim.adapter_name,
            error,
            extra={"event": "lease_not_released", "adapter": claim.adapter_name},
        )
