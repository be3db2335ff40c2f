"""A service that never replies: the run can still be stopped, and gives up by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from sqltune.backends.describing import describe_base_model
from sqltune.backends.gradient import backend as backend_module
from sqltune.backends.gradient import waiting
from sqltune.backends.gradient.account import GradientAccount
from sqltune.backends.gradient.backend import GradientBackend
from sqltune.errors import BackendTimeout, RunCancelled, RunInterrupted


@pytest.fixture
def backend() -> Iterator[GradientBackend]:
    """A backend whose service takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        account = GradientAccount(url, "token", "workspace", is_loopback=True)
        backend = GradientBackend(account, slots=1, timeout_seconds=60, first_wait_seconds=0.0)
        yield backend
        backend.close()


@pytest.mark.parametrize("reason", [RunInterrupted, RunCancelled])
def test_a_service_that_is_silent_about_a_base_model_keeps_no_run_from_ending(
    backend: GradientBackend, monkeypatch: pytest.MonkeyPatch, reason: type[Exception]
) -> None:
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.01)

    def stop() -> None:
        raise reason("asked to")

    with pytest.raises(reason, match="asked to"):
        describe_base_model(backend, "a-model", None, stop)


def test_a_reply_that_never_ends_is_given_up(
    backend: GradientBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_module, "LOOK_UP_SECONDS", 0.3)
    with pytest.raises(BackendTimeout, match=r"did not reply within 0\.3 seconds"):
        describe_base_model(backend, "a-model", None, lambda: None)
