"""The command is light where there is nothing heavy to do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.end_to_end.command import COMMAND, People, Sqltune

HEAVY = {
    "torch", "transformers", "peft", "pandas", "pyarrow", "scipy", "sacrebleu", "rouge_score",
    "rapidfuzz", "regex", "sqlglot", "nltk", "matplotlib", "httpx", "tenacity",
}  # fmt: skip
#: Runs the installed command's file as it stands, and says at the end what was imported.
PROBE = (
    "import atexit, json, runpy, sys\n"
    "sys.argv = sys.argv[1:]\n"
    "names = lambda: sorted({name.partition('.')[0] for name in sys.modules})\n"
    "atexit.register(lambda: sys.stderr.write('\\nLOADED ' + json.dumps(names())))\n"
    "runpy.run_path(sys.argv[0], run_name='__main__')\n"
)


def imported(sqltune: Sqltune, *arguments: str) -> set[str]:
    """Give the top-level packages that a command had imported when it ended with 0."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, COMMAND, *arguments],
        cwd=sqltune.folder,
        env=sqltune.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.rpartition("LOADED ")[2]))


def test_help_imports_no_database_and_nothing_heavy(sqltune: Sqltune) -> None:
    assert imported(sqltune, "--help") & (HEAVY | {"sqlalchemy", "pydantic", "numpy"}) == set()
    assert imported(sqltune, "sync", "--help") & (HEAVY | {"sqlalchemy"}) == set()


def test_a_sync_with_nothing_to_do_imports_nothing_heavy(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    assert imported(sqltune, "sync") & HEAVY == set()
    assert people.value("SELECT decision FROM adapter_states") == "up_to_date"


@pytest.mark.parametrize("command", [("status",), ("show", "1"), ("compare", "office"), ("init",)])
def test_looking_imports_nothing_heavy(
    sqltune: Sqltune, people: People, trained_office: str, command: tuple[str, ...]
) -> None:
    assert imported(sqltune, *command) & HEAVY == set()


def test_a_sync_with_scripted_does_without_torch(
    sqltune: Sqltune, people: People, office: str
) -> None:
    assert imported(sqltune, "sync") & {"torch", "transformers", "peft", "pandas"} == set()
