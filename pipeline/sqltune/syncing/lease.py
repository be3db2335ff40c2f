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


@dataclass
class AdapterLease:
    """The lease of one adapter, owned by this runner."""

    runtime: Runtime
    claim: Claim
    keeper: LeaseKeeper
    comes_last: bool = False  #: the turn failed or was slow: others come first next time

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
        _release_earlier(runtime, adapter_name)
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
    lease = AdapterLease(runtime, claim, keeper)
    try:
        with keeper:
            yield lease
    finally:
        _release(lease, stop)


def _release_earlier(runtime: Runtime, adapter_name: str) -> None:
    """Release what this process could not release while the database was unavailable."""
    for claim in [c for c in runtime.unreleased if c.adapter_name == adapter_name]:
        states.release_adapter(runtime.database, claim)
        runtime.unreleased.remove(claim)


def _release(lease: AdapterLease, stop: threading.Event) -> None:
    """Release the lease; if the database is unavailable, it expires on its own."""
    runtime, claim = lease.runtime, lease.claim

    def release() -> None:
        states.release_adapter(runtime.database, claim, comes_last=lease.comes_last)

    try:
        with_patience(release, stop, runtime.pauses_seconds)
    except DatabaseError as error:
        # This process lives on, so what it could not release is no crash of a runner.
        runtime.unreleased.append(claim)
        logger.warning(
            "the lease of %s could not be released: %s",
            claim.adapter_name,
            error,
            extra={"event": "lease_not_released", "adapter": claim.adapter_name},
        )
