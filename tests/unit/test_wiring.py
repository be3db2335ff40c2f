"""Settings become parts, and no part exists that the settings do not allow."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sqltune.backends.scripted.backend import ScriptedBackend
from sqltune.errors import ConfigError
from sqltune.settings import Settings
from sqltune.wiring import BackendShelf, new_id


def test_a_new_name_fits_its_column_whatever_the_machine_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "A-VERY-LONG-NAME." * 8)
    one, other = new_id(), new_id()
    assert one != other
    assert len(one) <= 64
    assert one == one.lower()


def test_a_backend_is_built_once(tmp_path: Path) -> None:
    shelf = BackendShelf(Settings(artifacts=tmp_path))
    backend = shelf.get("scripted")
    assert isinstance(backend, ScriptedBackend)
    assert shelf.get("scripted") is backend
    shelf.close()


@pytest.mark.parametrize(
    ("name", "message"),
    [("cloud", "unknown backend 'cloud'"), ("local", "SQLTUNE_BACKENDS lists scripted")],
)
def test_a_backend_that_is_unknown_or_not_allowed_is_refused(
    tmp_path: Path, name: str, message: str
) -> None:
    shelf = BackendShelf(Settings(artifacts=tmp_path, backends=("scripted",)))
    with pytest.raises(ConfigError, match=message):
        shelf.get(name)
