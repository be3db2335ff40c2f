"""What native code raises is one adapter's failure, although it is no `Exception`."""

from __future__ import annotations

from typing import Any

import pytest

from sqltune.records import SyncDecision
from sqltune.syncing import executing
from sqltune.syncing.due import read_declared
from tests.unit.office import ATTIC, Office, crashes
from tests.unit.office import states as run_states


class Panic(BaseException):
    """What native code raises, such as pyo3's PanicException: no `Exception`."""


def test_what_native_code_raises_in_a_run_is_its_failure(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.do(ATTIC, "UPDATE adapters SET sync_every = '1h'")
    real = executing.carry_out

    def carry_out(work: Any) -> Any:
        if work.adapter.adapter_name == "attic":
            raise Panic("a pattern backtracks")
        return real(work)

    monkeypatch.setattr(executing, "carry_out", carry_out)
    attic, other = office.sync()
    assert attic.error_message == "internal error: Panic: a pattern backtracks"
    assert run_states(office) == [(1, "failed", "internal_error"), (2, "succeeded", None)]
    assert other.adapter_name == "office"


def test_what_native_code_raises_while_planning_is_a_refusal_that_is_recorded_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_wanted(*args: Any, **options: Any) -> Any:
        raise Panic("a pattern backtracks")

    monkeypatch.setattr("sqltune.planning.planner.find_wanted", find_wanted)
    assert [o.decision for o in office.sync()] == [SyncDecision.REFUSED]
    assert [o.decision for o in office.sync()] == [SyncDecision.BLOCKED]
    assert run_states(office) == [(1, "failed", "internal_error")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_no_failure_of_an_adapter(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def carry_out(work: Any) -> Any:
        raise error

    monkeypatch.setattr(executing, "carry_out", carry_out)
    with pytest.raises(error):
        office.sync()
    assert run_states(office) == [(1, "queued", None)]
    assert crashes(office) == 0
    assert read_declared(office.runtime)["office"].is_enabled
