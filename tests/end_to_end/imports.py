"""The packages and modules that the installed command imports."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.end_to_end.command import COMMAND, Sqltune

#: Runs the installed command's file as it stands, and says at the end what was imported.
PROBE = (
    "import atexit, json, runpy, sys\n"
    "sys.argv = sys.argv[1:]\n"
    "atexit.register(lambda: sys.stderr.write('\\nLOADED ' + json.dumps(sorted(sys.modules))))\n"
    "runpy.run_path(sys.argv[0], run_name='__main__')\n"
)


def imported(sqltune: Sqltune, *arguments: str) -> set[str]:
    """Return the packages and modules that a command had imported when it ended with 0."""
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
