"""Remove orphans: the intent is committed first, the outcome after.

The row of a version whose adapter is gone is kept, because lineage must not be lost.
"""

from __future__ import annotations

from sqltune.backends.inventory import Inventory
from sqltune.database.tables import calls, orphans
from sqltune.errors import PipelineError
from sqltune.operations.gc.finding import FoundArtifact, OrphanReport
from sqltune.operations.gc.removal_calls import (
    DELETE_ADAPTER,
    DELETE_WEIGHTS,
    announce_call,
    settle_open_calls,
)
from sqltune.runtime import Runtime


def remove_orphans(runtime: Runtime, report: OrphanReport, *, unknown_runs: bool) -> None:
    """Remove what was found, one by one; what fails is reported and stays found.

    Args:
        runtime: the parts to work with.
        report: of the scan just before.
        unknown_runs: also remove what no run of this database made.
    """
    for found in report.found:
        if found.orphan.is_unknown_run and not unknown_runs:
            continue
        try:
            _remove(runtime, found)
        except (PipelineError, OSError) as error:
            report.problems.append(f"{found.orphan.address} could not be removed: {error}")


def _remove(runtime: Runtime, found: FoundArtifact) -> None:
    inventory = runtime.backend(found.orphan.backend)
    if not isinstance(inventory, Inventory) or not _is_still_ended(runtime, found):
        return
    call_number = _announce(runtime, found)
    try:
        inventory.remove(found.artifact)
    except (PipelineError, OSError) as error:
        _settle(runtime, found, call_number, str(error))
        raise
    _settle(runtime, found, call_number, None)


def _is_still_ended(runtime: Runtime, found: FoundArtifact) -> bool:
    if found.orphan.run_id is None:
        return True
    with runtime.database.read() as session:
        run = orphans.get_run_end(session, found.orphan.run_id)
    return run is None or run.is_ended


def _announce(runtime: Runtime, found: FoundArtifact) -> int | None:
    """Commit the intent to remove; if the run is unknown, the orphan's own row records it."""
    orphan = found.orphan
    kind = DELETE_WEIGHTS if orphan.external_id is None else DELETE_ADAPTER
    with runtime.database.transaction() as session:
        # Two removals at once wait for each other here, before they number their calls.
        orphans.set_orphan_state(session, orphan.orphan_key, "removing")
        if orphan.run_id is None:
            return None
        return announce_call(session, orphan.run_id, kind, orphan.address, now=runtime.now())


def _settle(
    runtime: Runtime, found: FoundArtifact, call_number: int | None, error_message: str | None
) -> None:
    orphan, now = found.orphan, runtime.now()
    found.state = "removed" if error_message is None else "found"
    with runtime.database.transaction() as session:
        orphans.set_orphan_state(
            session,
            orphan.orphan_key,
            found.state,
            removed_at=now if error_message is None else None,
            error_message=error_message,
        )
        if orphan.run_id is not None and call_number is not None:
            calls.settle_call(
                session,
                orphan.run_id,
                call_number,
                state="done" if error_message is None else "unknown",
                external_id=orphan.external_id,
                outcome=error_message or "removed by gc",
                now=now,
            )
        if orphan.run_id is not None and error_message is None:
            # The run itself may have tried more than once without learning the outcome.
            settle_open_calls(session, orphan.run_id, orphan.address, now=now)
