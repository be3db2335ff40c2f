"""An adapter in hand: its lease is claimed, kept and given back, with patience for a database
that is away for a moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pipeline.database import states
from pipeline.errors import DatabaseError, DatabaseUnavailable
from pipeline.lease import LeaseKeeper
from pipeline.records import Claim
from pipeline.runtime import Runtime

logger = logging.getLogger(__name__)

#: Pauses of a runner whose database is away: a restart of the server takes that long.
_WAITS_SECONDS = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0)

Result = TypeVar("Result")


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

    claim = patiently(take, stop)
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


def patiently(work: Callable[[], Result], stop: threading.Event) -> Result:
    """Do the work, and again after a pause where the database was away or refused a lock.

    Every step of ours can be done again: it leaves what is committed, and so a commit whose reply
    was lost is read back.

    Raises:
        DatabaseUnavailable: the database stayed away, or this process is to stop.
    """
    for seconds in _WAITS_SECONDS:
        try:
            return work()
        except DatabaseUnavailable as error:
            logger.warning(
                "the database was away and is asked again in %s s: %s",
                seconds,
                error,
                extra={"event": "database_away", "wait_seconds": seconds},
            )
            if stop.wait(seconds):
                raise
    return work()


def _release(runtime: Runtime, claim: Claim, stop: threading.Event) -> None:
    """Give the lease back; where the database is away, it ends by itself."""
    try:
        patiently(lambda: states.release_adapter(runtime.database, claim), stop)
    except DatabaseError as error:
        logger.warning(
            "the lease of %s could not be given back: %s",
            claim.adapter_name,
            error,
            extra={"event": "lease_not_released", "adapter": claim.adapter_name},
        )
