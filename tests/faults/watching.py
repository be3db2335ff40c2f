"""What is watched in a process that runs the command: commits, and calls of what is outside.

Calls of a backend are watched where the command makes them; below that, what the backends do to the
disk, in threads of a pool, and with a service.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial, wraps
from itertools import count
from pathlib import Path
from shutil import rmtree as remove_tree
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from sqltune.evaluation import asking
from tests.faults.hooks import Killer, name_caller
from tests.faults.points import (
    BACKEND_METHODS,
    WATCHED_ROOMS,
    is_excluded,
    name_class,
    public_methods,
)

HOUR_SECONDS = 3600.0


def watch_command(killer: Killer) -> None:
    """Pass every commit, and every call of something outside, by the killer."""
    # Each answer is committed alone, so that a kill falls between them.
    set_known(asking, "BATCH_SIZE", 1)
    watch_commits(killer)
    watch_files(killer)
    watch_pools(killer)
    from sqltune.backends.scripted.backend import ScriptedBackend

    watch_backend(killer, ScriptedBackend)
    if "torch" in sys.modules:
        from sqltune.backends.local.backend import LocalBackend

        watch_backend(killer, LocalBackend)
        shorten_local_training()
    if "sqltune.backends.gradient.backend" in sys.modules:
        from sqltune.backends.gradient.backend import GradientBackend
        from sqltune.backends.gradient.client import GradientClient

        watch_backend(killer, GradientBackend)
        for name in public_methods(GradientClient):
            watch_call(killer, GradientClient, name, f"{name_class(GradientClient)}: {name}")


def shorten_local_training() -> None:
    """Let a local training rehearse little, and write a checkpoint after each step."""
    from sqltune.backends.local import training
    from sqltune.local_lora import tuning_profiles

    # By a clock that advances an hour each time that it is read.
    clock = partial(next, count(0.0, HOUR_SECONDS))
    set_known(training, "LocalTraining", partial(training.LocalTraining, monotonic=clock))
    rehearsal = replace(tuning_profiles.REHEARSAL, count=4, per_step=1, only_steps=0)
    set_known(tuning_profiles, "REHEARSAL", rehearsal)
    set_known(tuning_profiles, "LEAST_STEPS", 0)


def set_known(owner: Any, name: str, value: object) -> None:
    """Replace an attribute that exists."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, value)


def watch_commits(killer: Killer) -> None:
    """Watch every COMMIT."""
    commit = DefaultDialect.do_commit

    def commit_and_pass(dialect: Any, connection: Any) -> None:
        function, line = name_caller()
        if is_excluded(function):
            commit(dialect, connection)
            return
        killer.pass_point(function, "before", line)
        commit(dialect, connection)
        killer.pass_point(function, "after", line)

    set_known(DefaultDialect, "do_commit", commit_and_pass)


def watch_backend(killer: Killer, backend: type) -> None:
    """Watch the calls of a backend, named after the functions that make them."""

    def note_asked(
        _backend: object, _base: object, adapter: Any, requests: list[Any], _decoding: object
    ) -> None:
        name = (adapter.external_id or adapter.artifact_uri) if adapter else None
        killer.note(name, [request.prompt_key for request in requests])

    for name in sorted(BACKEND_METHODS & set(vars(backend))):
        watch_call(killer, backend, name, before=note_asked if name == "answer" else None)


def watch_call(
    killer: Killer,
    owner: Any,
    name: str,
    point: str | None = None,
    before: Callable[..., None] | None = None,
) -> None:
    """Watch the calls of a method, and each item where it returns an iterator.

    Args:
        killer: passes the point.
        owner: whose method it is.
        name: of the method.
        point: None: it is named after the caller and the method.
        before: called with the arguments, before the call.
    """
    call = getattr(owner, name)

    @wraps(call)
    def call_and_pass(*args: Any, **options: Any) -> Any:
        at = point or f"{name_caller()[0]}: {name}"
        killer.pass_point(at, "before")
        if before is not None:
            before(*args, **options)
        result = call(*args, **options)
        if isinstance(result, Iterator):
            return pass_items(at, result)
        killer.pass_point(at, "after")
        return result

    def pass_items(at: str, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            killer.pass_point(at, "after")
            yield item

    set_known(owner, name, call_and_pass)


def watch_files(killer: Killer) -> None:
    """Watch what the backends write, rename and remove; writing and removing also halfway."""
    for owner, name in ((os, "rename"), (os, "replace"), (Path, "unlink")):
        watch_work(killer, owner, name)
    watch_work(killer, shutil, "rmtree", halve=remove_half)
    open_file = Path.open

    @wraps(open_file)
    def open_and_watch(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        file = open_file(path, mode, *args, **options)
        function = name_caller()[0]
        is_watched = function.startswith(WATCHED_ROOMS) and set(mode) & set("wax+")
        return WatchedFile(file, f"{function}: write", killer) if is_watched else file

    set_known(Path, "open", open_and_watch)


def watch_work(
    killer: Killer, owner: Any, name: str, halve: Callable[[Any], None] | None = None
) -> None:
    """Watch the calls of a library's function by the backends.

    Args:
        killer: passes the point.
        owner: the library.
        name: of the function.
        halve: does half of what a call does.
    """
    call = getattr(owner, name)

    @wraps(call)
    def call_and_pass(*args: Any, **options: Any) -> Any:
        function = name_caller()[0]
        if not function.startswith(WATCHED_ROOMS):
            return call(*args, **options)
        point = f"{function}: {name}"
        killer.pass_point(point, "before")
        if halve is not None:
            halve(args[0])
            killer.pass_point(point, "middle")
        result = call(*args, **options)
        killer.pass_point(point, "after")
        return result

    set_known(owner, name, call_and_pass)


class WatchedFile:
    """A file that is written in two halves, with the point passed before, between and after."""

    def __init__(self, file: Any, point: str, killer: Killer) -> None:
        self._file = file
        self._point = point
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> WatchedFile:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def write(self, content: Any) -> int:
        """Write the first half, then the second."""
        self._killer.pass_point(self._point, "before")
        half = len(content) // 2
        if half:
            self._write(content[:half])
            self._killer.pass_point(self._point, "middle")
        self._write(content[half:])
        self._killer.pass_point(self._point, "after")
        return len(content)

    def _write(self, content: Any) -> None:
        self._file.write(content)
        self._file.flush()


def remove_half(folder: Path) -> None:
    """Remove the first of a folder's files."""
    for path in sorted(folder.iterdir())[:1] if folder.is_dir() else ():
        remove_tree(path) if path.is_dir() else os.unlink(path)


def watch_pools(killer: Killer) -> None:
    """Watch what the backends do in threads of a pool."""
    submit = ThreadPoolExecutor.submit

    def submit_watched(
        pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **options: Any
    ) -> Future[Any]:
        function = name_caller()[0]
        # Libraries below a function of ours have pools of their own.
        is_own = getattr(work, "__module__", "").startswith("sqltune.")
        if not is_own or not function.startswith(WATCHED_ROOMS):
            return submit(pool, work, *args, **options)
        return submit(pool, killer.surround, f"{function}: submit", work, *args, **options)

    set_known(ThreadPoolExecutor, "submit", submit_watched)
