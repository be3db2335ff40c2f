"""Rows and arguments never steer the terminal of whoever runs a command, nor add a line to it."""

from __future__ import annotations

import os
import re
import subprocess
import threading

import pytest

from tests.end_to_end.command import COMMAND, People, Sqltune

EVIL = "evil\x1b]0;PWNED\x07\x1b[2J\x9b2J\u202e\u200b\nFAKE: all adapters ok"
#: What rich draws tables and bars with: colours, moves by line, and the cursor.
DRAWING = re.compile(r"\x1b\[(?:[0-9;]*m|[0-9]*[ABG]|2?K|\?25[lh])")
COMMANDS = [
    ("sync", "--json"), ("sync",), ("plan",), ("status", "--json"), ("show", "1"),
    ("compare", EVIL), ("compare", f"{EVIL}, too"), ("check",), (f"nosuch {EVIL}",),
    ("import", EVIL, "--dataset", "a"),
]  # fmt: skip
ON_TERMINAL = [("sync",), ("status",), ("compare", f"{EVIL}, too"), ("show", EVIL)]


@pytest.fixture
def evil_rows(sqltune: Sqltune, people: People) -> None:
    people.declare(EVIL)
    query = "SELECT '' AS prompt, response, dataset AS sample_key FROM training_samples"
    people.declare("other", training_query=query)
    people.teach(EVIL, "p", "r")
    people.ask(EVIL, EVIL, EVIL)
    sqltune("sync", SQLTUNE_LOG_LEVEL="info")


def assert_harmless(text: str) -> None:
    """Check that nothing but plain lines is left, and none that a text began."""
    plain = DRAWING.sub("", text).replace("\r", "")
    for line in plain.split("\n"):
        assert line.replace("\t", "").isprintable(), line
        assert not line.startswith("FAKE"), plain


@pytest.mark.slow
@pytest.mark.sqlite_only
@pytest.mark.usefixtures("evil_rows")
def test_a_pipe_gets_plain_lines_and_a_terminal_our_own_drawing(sqltune: Sqltune) -> None:
    for command in COMMANDS:
        done = sqltune(*command, SQLTUNE_LOG_LEVEL="debug")
        assert_harmless(done.out)
        assert_harmless(done.err)
    for command in ON_TERMINAL:
        assert_harmless(run_on_terminal(sqltune, *command))


def run_on_terminal(sqltune: Sqltune, *arguments: str) -> str:
    """Return all that a command writes on a terminal of its own."""
    ours, theirs = os.openpty()
    written: list[bytes] = []

    def read() -> None:
        try:
            while content := os.read(ours, 65536):
                written.append(content)
        except OSError:  # the terminal's other end is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    subprocess.run(
        [COMMAND, *arguments],
        cwd=sqltune.folder,
        env=sqltune.environment | {"TERM": "xterm-256color", "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        check=False,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    return b"".join(written).decode("utf-8", "replace")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_whose_streams_are_closed_does_what_it_is_to_do(
    sqltune: Sqltune, people: People, closed: str
) -> None:
    people.declare("office")
    people.teach("office", "p", "r")
    for command in ("sync", "status"):
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" {command} {closed}', COMMAND],
            cwd=sqltune.folder,
            env=sqltune.environment,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert people.value("SELECT state FROM runs") == "succeeded"
