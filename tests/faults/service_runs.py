"""Syncs at a service, killed around any call, and what must be there at their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from tests.backends.gradient_cases import served_adapters
from tests.faults.hooks import Hit
from tests.faults.outcome import Outcome, read_outcome
from tests.faults.worlds import KILLED, SYNC, World
from tests.serving import ServerAtWork

#: A kill before the sync that is disturbed -> the calls that the next process makes because of it.
BEGINNINGS = {
    "new": (None, {"create_adapter", "fine_tune", "complete"}),
    "after_a_batch": (Hit("settle", "after", 2), {"find_adapter", "fine_tune"}),
    "in_doubt": (Hit("fine_tune", "after"), {"delete_adapter", "create_adapter"}),
    "nameless": (Hit("create_adapter", "after"), {"list_models", "fine_tune"}),
}


def begin(world: World, saved: object, first: Hit | None) -> None:
    """Begin again; with a hit, with a run that was killed there."""
    world.stage.restore(saved)
    if first is not None:
        world.kill(first)


def play(world: World, saved: object, kills: Sequence[Hit | None]) -> list[str]:
    """Sync from the beginning, killed at each of these in turn, then to the end."""
    world.stage.restore(saved)
    for target in kills:
        if target is None:
            continue
        if world.run(*SYNC, target=target).code != KILLED:
            return [f"{target} was not passed"]
        world.end_leases()
    world.recover([SYNC])
    return []


def read_service_end(world: World, service: ServerAtWork) -> Outcome:
    """Return the rows here and those of the adapter at the service, without its id."""
    rows = world.rows()
    end = read_outcome(rows, world.stage.folder / "artifacts")
    # A doubtful adapter is built again, and the calls for the first one stay in the list.
    del end["calls that were made"]
    for answer in end["responses"]:
        del answer["model_key"]
    assert end["adapter_versions"], rows["runs"]
    with world.people() as people:
        ((run_key, adapter_id),) = people.rows(
            "SELECT run_key, external_id"
            " FROM runs JOIN adapter_versions v ON v.run_id = runs.run_id"
        )
    made = served_adapters(service, run_key)
    end["stored at the service"] = [state for _, state in made if state == "active"]
    end["trained at the service"] = read_steps(service, adapter_id)
    return end


def read_steps(service: ServerAtWork, adapter_id: str) -> list[Any]:
    """Return the fine-tune calls that the service has recorded of an adapter, in their order."""
    with service.database.read() as session:
        rows = session.connection.execute(
            text(
                "SELECT a.state, step_number, s.state, optimizer_steps_before, optimizer_steps,"
                " sample_count, trainable_tokens, sum_loss FROM served_steps s"
                " JOIN served_adapters a ON a.adapter_id = s.adapter_id"
                " WHERE a.adapter_id = :id ORDER BY step_number"
            ),
            {"id": adapter_id},
        )
        return [tuple(row) for row in rows]
