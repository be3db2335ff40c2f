"""A request to stop arrives between any two instructions of the main thread."""

from __future__ import annotations

import signal
import threading

import pytest

from sqltune.cli.stopping import stop_on_signals

PATIENCE_SECONDS = 60.0


def test_a_signal_that_comes_while_the_event_is_waited_for_does_not_block_the_process() -> None:
    with stop_on_signals() as stop:
        # What Event.wait() holds for a moment on its way in and out.
        with stop.event._cond:  # type: ignore[attr-defined]  # the standard library's own
            signal.raise_signal(signal.SIGTERM)
        assert stop.event.wait(PATIENCE_SECONDS)
    assert stop.signal_number == signal.SIGTERM


def test_the_second_ctrl_c_ends_the_work_at_once() -> None:
    with stop_on_signals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.event.wait(PATIENCE_SECONDS)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_second_sigterm_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with stop_on_signals("ending") as stop:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert stop.event.is_set()
    assert capsys.readouterr().err == "ending (Ctrl-C again ends at once)\n"


def test_signals_are_handled_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    threads = threading.active_count()
    with stop_on_signals():
        pass
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert threading.active_count() == threads
