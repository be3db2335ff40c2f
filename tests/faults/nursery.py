"""A process that has everything imported and forks a child per task.

A child is the command `sqltune` with the hooks in it. Forked, it begins within milliseconds; this
process itself has no thread, no connection and no torch. A task is a line of JSON on stdin, the
child's wait status a line on stdout.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import pymysql  # noqa: F401
import regex  # noqa: F401
import scipy.stats  # noqa: F401
import sqlglot.dialects.mysql
import sqlglot.dialects.sqlite  # noqa: F401

import pipeline.cli
from pipeline import planning, wiring, worker  # noqa: F401
from pipeline.backends import scripted, scripted_training
from pipeline.evaluation import asking
from tests.faults.hooks import Hit, Killer


def serve() -> None:
    """Run one task after the other until stdin ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(status, flush=True)  # noqa: T201  it is the answer


def run(task: dict[str, Any]) -> int:
    """Be the command; gives its exit code."""
    os.chdir(task["folder"])
    output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.update(task["environment"])
    sys.argv = ["sqltune", *task["command"]]
    target = Hit(*task["target"]) if task["target"] else None
    install(Killer(target, Path("trace.txt")))
    try:
        pipeline.cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def install(killer: Killer) -> None:
    """Let every commit, and every call of the scripted backend, pass by the killer."""
    # Each answer is committed alone, so that a kill falls between them.
    asking.BATCH_SIZE = 1
    killer.watch_commits()
    backend, training = scripted.ScriptedBackend, scripted_training.ScriptedTraining
    for method in ("describe", "count_tokens", "train"):
        killer.watch_call(backend, method)
    killer.watch_call(backend, "answer", tell=_tell_asked)
    killer.watch_call(backend, "_answer_one", f"{name_class(backend)}._answer_one")
    killer.watch_call(os, "replace")
    killer.watch_around(
        training, "_line", "_is_time_to_tell", f"{name_class(training)}._take_steps: write"
    )


def name_class(owner: type) -> str:
    """Name a class as the points do."""
    return f"{owner.__module__.removeprefix('pipeline.')}.{owner.__qualname__}"


def _tell_asked(
    _backend: object, _base: object, adapter: Any, requests: list[Any], _decoding: object
) -> list[object]:
    """Say which prompts a call asks of which adapter."""
    return [adapter.external_id if adapter else None, [r.prompt_key for r in requests]]


if __name__ == "__main__":
    serve()
