"""An adapter's lease: claimed for a block of work, kept alive in it, and released at its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqltune.database.patience import with_patience
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import states
from sqltune.errors import DatabaseError
from sqltune.records import Claim
from sqltune.runtime import Runtime
from sqltune.syncing.lease_keeper import LeaseKeeper

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AdapterLease:
    """The lease of one adapter, owned by this runner."""

    runtime: Runtime
    claim: Claim
    keeper: LeaseKeeper

    @property
    def adapter_name(self) -> str:
        """The adapter whose lease this is."""
        return self.claim.adapter_name

    def scope(self, run_id: int) -> RunScope:
        """Return what the work on one of the adapter's runs reads and writes through."""
        runtime = self.runtime
        return RunScope(runtime.database, self.claim, run_id, self.keeper.check, runtime.now)


@contextmanager
def lease_adapter(
    runtime: Runtime, adapter_name: str, stop: threading.Event
) -> Iterator[AdapterLease | None]:
    """Own the adapter's lease while the block runs; yield None if another runner has it."""
    owner = runtime.new_id()
    seconds = runtime.settings.lease_seconds

    def claim_adapter() -> Claim | None:
        return states.claim_adapter(
            runtime.database, adapter_name, owner=owner, lease_seconds=seconds, now=runtime.now()
        )

    claim = with_patience(claim_adapter, stop, runtime.pauses_seconds)
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
            yield AdapterLease(runtime, claim, keeper)
    finally:
        _release(runtime, claim, stop)


def _release(runtime: Runtime, claim: Claim, stop: threading.Event) -> None:
    """Release the lease; if the database is unavailable, it expires on its own."""
    try:
        with_patience(
            lambda: states.release_adapter(runtime.database, claim), stop, runtime.pauses_seconds
        )
    except DatabaseError as error:
        logger.warning(
            "the lease of %s could not be released: %s",
            claim.adapter_name,
            error,
            extra={"event": "lease_not_released", "adapter": claim.adapter_name},
        )
