"""What a person may mean by NAME, NAME@live and NAME@v3."""

from __future__ import annotations

import pytest

from sqltune.database.named_versions import VersionName, read_version_name


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("bot", []),
        ("bot@live", [VersionName("bot", "live")]),
        ("bot@staging", [VersionName("bot", "staging")]),
        ("bot@v3", [VersionName("bot", "live", 3)]),
        ("bot@v3b", [VersionName("bot", "v3b")]),
        ("ann@office@v3", [VersionName("ann@office", "live", 3)]),
        ("bot@", []),
        ("@v3", []),
    ],
)
def test_a_text_is_first_the_name_of_an_adapter_and_then_one_with_a_version(
    text: str, meant: list[VersionName]
) -> None:
    assert list(read_version_name(text)) == [VersionName(text), *meant]
