"""The list of points is whole: what commits or calls is in it, and what is in it is passed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.faults.points import (
    BACKEND_CALLS,
    COMMITS,
    GRADIENT_CALLS,
    LOCAL_CALLS,
    OTHER_COMMITS,
    OTHER_FILE_WORK,
    SCRIPTED_CALLS,
)
from tests.faults.scenes import SCENES
from tests.faults.sites import find_backend_calls, find_commits, find_functions
from tests.faults.worlds import World


def stands_for(entry: str, name: str) -> bool:
    """Whether an entry of the second list is about this function."""
    return name.startswith(entry) if entry.endswith(".") else name == entry


def is_among(entries: Iterable[str], name: str) -> bool:
    return any(stands_for(entry, name) for entry in entries)


def test_every_function_that_commits_is_killed_or_excluded_with_a_reason() -> None:
    found = {n: count for n, count in find_commits().items() if not is_among(OTHER_COMMITS, n)}
    assert found == COMMITS, "add it to tests/faults/points.py (CONTRIBUTING.md says how)"


def test_every_exclusion_is_about_something_that_commits() -> None:
    found = find_commits()
    idle = [e for e in OTHER_COMMITS if not any(stands_for(e, name) for name in found)]
    assert idle == []


def test_every_call_of_a_backend_is_in_the_list() -> None:
    found = sorted(f"{name}: {method}" for name, method in find_backend_calls())
    assert found == sorted(BACKEND_CALLS), "add it to tests/faults/points.py"


def test_every_function_that_works_on_the_disk_in_a_training_is_killed_or_excluded() -> None:
    modules = ("local_lora.files.", "backends.local.files.", "backends.local.training.")
    works = {"rename", "replace", "rmtree", "unlink"}
    found = set().union(*(find_functions(module, works) for module in modules))
    assert found == {call.split(": ")[0] for call in LOCAL_CALLS} | set(OTHER_FILE_WORK)


def test_every_method_that_sends_something_to_a_service_is_in_the_list() -> None:
    found = find_functions("backends.gradient.client.", {"_read", "_write", "ask"})
    assert {name.removesuffix(".<locals>.send") for name in found} == set(GRADIENT_CALLS)


@pytest.mark.faults
def test_undisturbed_runs_pass_every_point_of_the_list_and_no_other(world: World) -> None:
    hits = set()
    for scene in SCENES:
        scene.prepare(world)
        hits |= set(world.well(*world.fill(scene.command)).hits)
    assert {h.point for h in hits} == {*COMMITS, *BACKEND_CALLS, *SCRIPTED_CALLS}
    passed = {(h.point, h.line) for h in hits if h.point in COMMITS}
    assert len(passed) == sum(COMMITS.values()), "a transaction of a function is never passed"
