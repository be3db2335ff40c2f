"""A process that has everything imported and forks a child per task.

A child is the command `sqltune` with the hooks in it. Forked, it begins within milliseconds; this
process itself has no other thread and no connection. It imports what its arguments name. A task is
a line of JSON on stdin, the child's wait status a line on stdout.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pymysql  # noqa: F401
import regex  # noqa: F401
import scipy.stats  # noqa: F401
import sqlglot.dialects.mysql
import sqlglot.dialects.sqlite  # noqa: F401

import sqltune.cli
from sqltune.backends.scripted import backend, training
from sqltune.evaluation import asking
from sqltune.syncing import worker  # noqa: F401
from tests.faults.hooks import Hit, Killer, remove_half, write_half
from tests.faults.points import GRADIENT_CALLS, LOCAL_CALLS, SCRIPTED_CALLS


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
    """Be the command with the hooks in it; gives its exit code."""
    enter(task)
    install(make_killer(task))
    return be_command(task)


def enter(task: dict[str, Any]) -> None:
    """Go into the folder and the environment of a task."""
    os.chdir(task["folder"])
    output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.update(task["environment"])


def make_killer(task: dict[str, Any]) -> Killer:
    """Give what kills at the task's target, if it has one."""
    return Killer(Hit(*task["target"]) if task["target"] else None, Path("trace.txt"))


def be_command(task: dict[str, Any]) -> int:
    """Run the command line; gives its exit code."""
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


def install(killer: Killer) -> None:
    """Let every commit, and every call of what is outside, pass by the killer."""
    # Each answer is committed alone, so that a kill falls between them.
    asking.BATCH_SIZE = 1
    killer.watch_commits()
    watch_scripted(killer)
    if "torch" in sys.modules:
        watch_local(killer)
    if "sqltune.backends.gradient.backend" in sys.modules:
        watch_gradient(killer)


def watch_scripted(killer: Killer) -> None:
    """Let the scripted backend's calls pass by."""
    owner, trainer = backend.ScriptedBackend, training.ScriptedTraining
    watch_methods(killer, owner)
    killer.watch_call(owner, "_answer_one", f"{name_class(owner)}._answer_one")
    killer.watch_call(os, "replace", only=(*SCRIPTED_CALLS, *LOCAL_CALLS))
    killer.watch_around(
        trainer, "_line", "_is_time_to_tell", f"{name_class(trainer)}._take_steps: write"
    )


def watch_local(killer: Killer) -> None:
    """Let the local backend's work on the disk pass by; each step has a checkpoint of its own."""
    from sqltune.backends.local import backend, training
    from sqltune.local_lora import files, tuning_profiles

    watch_methods(killer, backend.LocalBackend)
    killer.watch_call(os, "rename", only=LOCAL_CALLS)
    killer.watch_call(files, "_write_synced", halve=write_half)
    killer.watch_call(shutil, "rmtree", only=LOCAL_CALLS, halve=remove_half)
    training.CHECKPOINT_SECONDS = training._SECONDS_AT_ONCE = 0.0
    profile = tuning_profiles.PRETRAINED
    rehearsal = replace(profile.rehearsal, count=4, per_step=1)
    tuning_profiles.PRETRAINED = replace(profile, rehearsal=rehearsal)


def watch_gradient(killer: Killer) -> None:
    """Let what is sent to a service, and what comes back, pass by."""
    from sqltune.backends.gradient import backend, client

    watch_methods(killer, backend.GradientBackend)
    sender = client.GradientClient
    for point in GRADIENT_CALLS:
        killer.watch_call(sender, point.rpartition(".")[2], point)


def watch_methods(killer: Killer, backend: type) -> None:
    """Let the calls of a backend pass by, named after who makes them."""
    for method in ("describe", "count_tokens", "train", "remove"):
        killer.watch_call(backend, method)
    killer.watch_call(backend, "answer", tell=_tell_asked)


def name_class(owner: type) -> str:
    """Name a class as the points do."""
    return f"{owner.__module__.removeprefix('sqltune.')}.{owner.__qualname__}"


def _tell_asked(
    _backend: object, _base: object, adapter: Any, requests: list[Any], _decoding: object
) -> list[object]:
    """Say which prompts a call asks of which adapter."""
    name = (adapter.external_id or adapter.artifact_uri) if adapter else None
    return [name, [r.prompt_key for r in requests]]


if __name__ == "__main__":
    serve(run)
