"""A process that has everything imported and forks a child for each task.

A child is the command `sqltune` with the hooks in it. Forked, it begins within milliseconds; this
process itself has no other thread and no connection. It imports the modules that its arguments
name. A task is a line of JSON on stdin, the child's wait status a line on stdout.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pymysql  # noqa: F401
import re2  # noqa: F401
import regex  # noqa: F401
import scipy.stats  # noqa: F401
import sqlglot.dialects.mysql
import sqlglot.dialects.sqlite  # noqa: F401

import sqltune.cli
from sqltune.backends.scripted import backend  # noqa: F401
from sqltune.syncing import worker  # noqa: F401
from tests.faults.hooks import Hit, Killer
from tests.faults.watching import watch_command


def serve(run: Callable[[dict[str, Any]], int]) -> None:
    """Run one task after the other until stdin ends, each in a child."""
    for name in sys.argv[1:]:
        import_module(name)
    for line in sys.stdin:
        assert len(os.listdir("/proc/self/task")) == 1, "a child would lack this process's threads"
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(status, flush=True)  # noqa: T201  it is the answer


def run(task: dict[str, Any]) -> int:
    """Run the command of a task with the hooks in it, and return its exit code."""
    enter(task)
    watch_command(make_killer(task))
    return run_command(task)


def enter(task: dict[str, Any]) -> None:
    """Enter the folder and the environment of a task."""
    os.chdir(task["folder"])
    output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.update(task["environment"])


def make_killer(task: dict[str, Any]) -> Killer:
    """Return what kills at the task's target, if it has one."""
    return Killer(Hit(*task["target"]) if task["target"] else None, Path("trace.txt"))


def run_command(task: dict[str, Any]) -> int:
    """Run the command line, and return its exit code."""
    sys.argv = ["sqltune", *task["command"]]
    try:
        sqltune.cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve(run)
