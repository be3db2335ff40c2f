"""What the command writes is for its user alone, keeps the rights it had, and follows no link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune

pytestmark = pytest.mark.sqlite_only


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_a_sync_and_an_export_write_is_for_their_user_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/private/new.db"
    (tmp_path / "private").mkdir()
    sqltune, before = Sqltune(tmp_path, url), set(tmp_path.rglob("*"))
    sqltune.well("init")
    people = People(url)
    people.declare("office")
    people.teach("office", "p", "r")
    assert sqltune("sync").code == 0
    sqltune.well("export", "office", "-o", "samples.jsonl")
    people.close()
    written = set(tmp_path.rglob("*")) - before
    assert {"new.db", "samples.jsonl", "artifacts"} <= {path.name for path in written}
    assert {path: oct(mode(path)) for path in written if mode(path) & 0o077} == {}


def test_a_file_that_exists_keeps_its_rights(sqltune: Sqltune, people: People) -> None:
    people.declare("office")
    people.teach("office", "p", "r")
    target = sqltune.folder / "samples.jsonl"
    target.touch(0o640)
    sqltune.well("sync")
    sqltune.well("export", "office", "-o", target.name)
    assert mode(target) == 0o640


def test_an_export_follows_no_link(sqltune: Sqltune, people: People) -> None:
    people.declare("office")
    people.teach("office", "p", "r")
    sqltune.well("sync")
    victim, link = sqltune.folder / "victim", sqltune.folder / "samples.jsonl"
    victim.write_text("precious")
    link.symlink_to(victim)
    refused = sqltune("export", "office", "-o", link.name)
    assert refused.code == 2
    assert refused.err == (
        "sqltune: samples.jsonl is a symbolic link: name the file that it leads to\n"
    )
    assert victim.read_text() == "precious"
    assert '"response"' in sqltune.well("export", "office", "-o", "/dev/stdout").out


def test_a_check_empties_no_file_through_a_link(sqltune: Sqltune) -> None:
    artifacts = sqltune.folder / "artifacts"
    artifacts.mkdir(exist_ok=True)
    victim = sqltune.folder / "victim"
    victim.write_text("precious")
    (artifacts / ".sqltune-check").symlink_to(victim)
    sqltune("check")
    assert victim.read_text() == "precious"


def test_a_full_disk_is_named_with_the_file(sqltune: Sqltune, people: People) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has /dev/full")
    people.declare("office")
    people.teach("office", "p", "r")
    sqltune.well("sync")
    refused = sqltune("export", "office", "-o", "/dev/full")
    assert refused.err == (
        "sqltune: cannot write /dev/full: No space left on device; free some space or name another "
        "file\n"
    )
