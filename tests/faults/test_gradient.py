"""A run at a service, killed around any call, ends with one adapter that has each batch once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.backends.gradient_cases import served_adapters
from tests.faults.conftest import KILLS
from tests.faults.hooks import Hit
from tests.faults.killing import report
from tests.faults.outcome import Outcome, compare_outcomes, read_outcome
from tests.faults.points import GRADIENT_CALLS
from tests.faults.scenes import SYNC
from tests.faults.worlds import KILLED, World
from tests.serving import ServerAtWork

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

CLIENT = "backends.gradient.client.GradientClient"
#: A kill before the run that is looked at -> the calls that the next process makes because of it.
BEGINNINGS = {
    "new": (None, {"create_adapter", "fine_tune", "complete"}),
    "after_a_batch": (
        Hit("run.journal.RunJournal.settle", "after", 2),
        {"find_adapter", "fine_tune"},
    ),
    "in_doubt": (Hit(f"{CLIENT}.fine_tune", "after"), {"delete_adapter", "create_adapter"}),
    "nameless": (Hit(f"{CLIENT}.create_adapter", "after"), {"list_models", "fine_tune"}),
}


def play(world: World, saved: object, kills: Sequence[Hit | None]) -> list[str]:
    """Sync from the beginning, killed at each of these in turn, then to the end."""
    world.stage.restore(saved)
    for target in kills:
        if target is None:
            continue
        if world.run(*SYNC, target=target).code != KILLED:
            return [f"{target} was not passed"]
        world.recover(())
    world.recover([SYNC])
    return []


def read_end(world: World, service: ServerAtWork) -> Outcome:
    """Give the rows here and those of the adapter at the service, without its id."""
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
    end["kept at the service"] = [state for _, state in made if state == "active"]
    end["trained at the service"] = read_steps(service, adapter_id)
    return end


def read_steps(service: ServerAtWork, adapter_id: str) -> list[Any]:
    """Give the fine-tune calls that the service knows of an adapter, as it counted them."""
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


def choose(hits: Sequence[Hit]) -> list[Hit]:
    """Leave out the points that the scripted backend passes just so."""
    own = (*GRADIENT_CALLS, "run.training._store_version")
    return [hit for hit in hits if hit.point in own or hit.point.startswith("run.journal.")]


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_kill_around_any_call_of_a_service_leaves_one_adapter_with_each_batch_once(
    service_world: World,
    service: ServerAtWork,
    beginning: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    world = service_world
    first, needed = BEGINNINGS[beginning]
    saved = world.stage.save(tmp_path / "saved")
    assert play(world, saved, []) == []
    expected = read_end(world, service)
    assert len(expected["trained at the service"]) == 2
    hits = choose(trace(world, saved, first))
    assert {f"{CLIENT}.{call}" for call in needed} <= {hit.point for hit in hits}
    wrong = []
    for hit in hits:
        faults = play(world, saved, [first, hit])
        faults = faults or compare_outcomes(expected, read_end(world, service))
        wrong += [(hit, faults)] if faults else []
    record_property(KILLS, len(hits))
    assert not wrong, report(wrong)


def trace(world: World, saved: object, first: Hit | None) -> tuple[Hit, ...]:
    """Give what a sync passes after a first kill."""
    play_until(world, saved, first)
    return world.well(*SYNC).hits


def play_until(world: World, saved: object, first: Hit | None) -> None:
    """Kill the first process."""
    world.stage.restore(saved)
    if first is not None:
        assert world.run(*SYNC, target=first).code == KILLED
        world.recover(())
