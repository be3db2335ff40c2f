"""The samples of a version as a file: `export`, and back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.command import People, Sqltune

ROCKET = "\U0001f680 é שלום 你好"


def test_export_writes_the_samples_of_a_version_in_utf8_under_any_locale(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.teach("office", ROCKET, "Ja.", weight=2.5, group_key="g")
    sqltune.well("sync")
    people.do("DELETE FROM training_samples")
    sqltune.well("export", "office", "-o", "out.jsonl", LC_ALL="C", PYTHONUTF8="0")
    content = (sqltune.folder / "out.jsonl").read_bytes()
    assert ROCKET.encode() in content
    lines = [json.loads(line) for line in content.decode().splitlines()]
    assert {line["prompt"]: line["weight"] for line in lines}[ROCKET] == 2.5
    printed = sqltune.well("export", "office", LC_ALL="C", PYTHONUTF8="0").out
    assert printed.encode() == content


def test_what_was_exported_can_be_imported(sqltune: Sqltune, people: People, office: str) -> None:
    people.teach("office", ROCKET, 'two\nlines "quoted"', weight=2.5, group_key="g")
    sqltune.well("sync")
    sqltune.well("export", "office", "-o", "out.jsonl")
    before = people.rows("SELECT prompt, response, weight, group_key FROM training_samples")
    people.do("DELETE FROM training_samples")
    sqltune.well("import", "out.jsonl", "--dataset", "office")
    after = people.rows("SELECT prompt, response, weight, group_key FROM training_samples")
    assert sorted(after, key=repr) == sorted(before, key=repr)
    assert "nothing changed" in sqltune.well("sync").err


def test_export_of_what_does_not_exist_says_so(
    sqltune: Sqltune, people: People, office: str
) -> None:
    done = sqltune("export", "office")
    assert (done.code, "adapter 'office' has no version yet" in done.err) == (2, True)
    missing = sqltune("export", "office", "--version", "4", "-o", "out.jsonl")
    assert (missing.code, "has no version 4" in missing.err) == (2, True)
    assert not Path(sqltune.folder / "out.jsonl").exists(), "nothing to write, no file"
