"""CHANGELOG.md keeps its form, so that people and tools find what changed in which version."""

from __future__ import annotations

import re
from pathlib import Path

import sqltune

TEXT = (Path(__file__).parents[2] / "CHANGELOG.md").read_text("utf-8")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def wrong_releases(text: str) -> list[str]:
    """Return the releases without a date, and those that are newer than the package."""
    own = numbers(sqltune.__version__)
    return [
        version
        for version, date in re.findall(r"^## \[(\d+\.\d+\.\d+)\](.*)$", text, re.MULTILINE)
        if not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", date) or numbers(version) > own
    ]


def test_what_is_not_released_stands_first() -> None:
    versions = re.findall(r"^## \[(.+?)\]", TEXT, re.MULTILINE)
    assert versions[0] == "Unreleased"


def test_every_release_has_its_date_and_none_is_newer_than_the_package() -> None:
    assert wrong_releases(TEXT) == []
    assert wrong_releases("## [0.0.1] - 2026-11-23\n## [0.0.2]\n## [99.0.0] - 2026-11-23\n") == [
        "0.0.2",
        "99.0.0",
    ]


def test_changes_stand_under_the_six_kinds_of_keep_a_changelog() -> None:
    kinds = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    assert kinds
    assert set(kinds) <= KINDS


def test_no_kind_stands_twice_in_one_version() -> None:
    sections = TEXT.split("\n## ")[1:]
    assert sections
    for section in sections:
        kinds = re.findall(r"^### (.+)$", section, re.MULTILINE)
        assert len(kinds) == len(set(kinds)), section.splitlines()[0]
