"""Who a request of the command line is from."""

from __future__ import annotations

import getpass
import os

import pytest

from sqltune.operations import promoting
from tests.unit.office import Office


def test_a_user_without_a_name_is_kept_by_its_number(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getuser() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    office.sync()
    monkeypatch.setattr(getpass, "getuser", getuser)
    promoting.promote(office.runtime, "office", 1, None)
    assert office.rows("SELECT state, requested_by FROM alias_changes") == [
        ("applied", f"user {os.getuid()}")
    ]
