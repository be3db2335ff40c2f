"""CHANGELOG.md keeps its form, so that people and tools find what changed in which version."""

from __future__ import annotations

import re
from pathlib import Path

import sqltune

TEXT = (Path(__file__).parents[2] / "CHANGELOG.md").read_text("utf-8")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def test_what_is_not_released_stands_first() -> None:
    versions = re.findall(r"^## \[(.+?)\]", TEXT, re.MULTILINE)
    assert versions[0] == "Unreleased"


def test_every_release_has_its_date_and_none_is_newer_than_the_package() -> None:
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\](.*)$", TEXT, re.MULTILINE)
    assert all(re.fullmatch(r" - \d{4}-\d{2}-\d{2}", date) for _, date in releases)
    own = numbers(sqltune.__version__)
    assert all(numbers(version) <= own for version, _ in releases)


def test_changes_stand_under_the_six_kinds_of_keep_a_changelog() -> None:
    kinds = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    assert kinds
    assert set(kinds) <= KINDS


def test_no_kind_stands_twice_in_one_version() -> None:
    for section in TEXT.split("\n## ")[1:]:
        kinds = re.findall(r"^### (.+)$", section, re.MULTILINE)
        assert len(kinds) == len(set(kinds)), section.splitlines()[0]
