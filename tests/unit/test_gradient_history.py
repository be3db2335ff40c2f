"""The state of a training is read from the calls in its journal, first to last."""

from __future__ import annotations

import pytest

from sqltune.backends.base import BackendCall
from sqltune.backends.gradient.history import CREATE, DELETE, FINE_TUNE, CallHistory, read_history

OPEN = ("intended", "unknown")


def read(*calls: tuple[str, str]) -> CallHistory:
    """Read calls given by kind and state; the adapter of the n-th call is `a<n>`."""
    numbered = enumerate(calls, start=1)
    return read_history([BackendCall(n, state, kind, "", f"a{n}") for n, (kind, state) in numbered])


def test_without_a_call_there_is_no_adapter() -> None:
    assert read() == CallHistory()


def test_every_done_fine_tune_is_a_batch_of_the_adapter() -> None:
    history = read((CREATE, "done"), (FINE_TUNE, "done"), (FINE_TUNE, "done"))
    assert (history.adapter_id, history.batches_done, history.is_tainted) == ("a1", 2, False)


def test_a_failed_fine_tune_is_no_batch_and_taints_nothing() -> None:
    history = read((CREATE, "done"), (FINE_TUNE, "failed"), (FINE_TUNE, "done"))
    assert (history.batches_done, history.is_tainted) == (1, False)


@pytest.mark.parametrize("state", OPEN)
def test_a_fine_tune_of_unknown_outcome_taints(state: str) -> None:
    history = read((CREATE, "done"), (FINE_TUNE, "done"), (FINE_TUNE, state))
    assert history.is_tainted
    assert [call.call_number for call in history.lost] == [3]


@pytest.mark.parametrize("state", OPEN)
def test_a_creation_of_unknown_outcome_has_to_be_looked_up(state: str) -> None:
    history = read((CREATE, "failed"), (CREATE, state))
    assert history.adapter_id is None
    assert history.creations == 2
    assert history.open_creation is not None
    assert history.open_creation.call_number == 2


@pytest.mark.parametrize("state", OPEN)
def test_a_deletion_of_unknown_outcome_taints(state: str) -> None:
    history = read((CREATE, "done"), (FINE_TUNE, "unknown"), (DELETE, state))
    assert history.adapter_id == "a1"
    assert history.is_tainted


def test_after_a_deletion_no_call_to_the_adapter_counts() -> None:
    history = read((CREATE, "done"), (FINE_TUNE, "done"), (FINE_TUNE, "unknown"), (DELETE, "done"))
    assert history.adapter_id is None
    assert (history.batches_done, history.is_tainted) == (0, False)
    assert [call.call_number for call in history.superseded] == [3]
    assert history.creations == 1


def test_batches_are_counted_from_zero_for_a_new_adapter() -> None:
    calls = [(CREATE, "done"), (FINE_TUNE, "done"), (FINE_TUNE, "failed"), (DELETE, "done")]
    history = read(*calls, (CREATE, "done"), (FINE_TUNE, "done"))
    assert (history.adapter_id, history.batches_done, history.creations) == ("a5", 1, 2)
