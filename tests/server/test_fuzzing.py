"""No request of any kind is the fault of either server: a small part of `tests.bench.fuzzing`."""

from __future__ import annotations

from pathlib import Path

from tests.bench.fuzzing import fuzz, open_targets


def test_no_request_of_any_kind_gets_a_5xx(tiny_model: Path) -> None:
    with open_targets(tiny_model) as targets:
        tally = fuzz(targets, requests=800, seed=0)
    assert tally.failures == []
    assert tally.statuses["200"] > 50
    assert tally.statuses["400"] > 50
    assert tally.statuses.total() == 800
