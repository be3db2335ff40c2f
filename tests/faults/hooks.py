"""Kills the process that it is installed in, at one point; and tells which points it came by.

Nothing of this is in the library: commits are found below SQLAlchemy, the call stack names them,
and outside calls are wrapped where they are made.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

import sqltune
from tests.faults.points import OTHER_COMMITS

_FOLDER = str(Path(sqltune.__file__).parent) + os.sep
#: It opens the transactions of all others.
_TRANSACTIONS = os.path.join(_FOLDER, "database", "connection.py")


@dataclass(frozen=True, order=True)
class Hit:
    """One passing of a point."""

    point: str
    moment: str  #: before, middle, after
    number: int = 1  #: 1 is the first passing in a process
    line: int = 0  #: of the code, to tell two transactions of a function apart


class Killer:
    """Counts the points that are passed, writes them down, and kills the process at one of them."""

    def __init__(self, target: Hit | None, trace: Path) -> None:
        self._target = target
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def pass_by(self, point: str, moment: str, line: int = 0) -> None:
        """Note that a point is passed; the process may end here."""
        with self._lock:
            self._counts[point, moment] += 1
            number = self._counts[point, moment]
            os.write(self._trace, json.dumps([point, moment, number, line]).encode() + b"\n")
            target = self._target
            if target and (point, moment, number) == (target.point, target.moment, target.number):
                os.kill(os.getpid(), signal.SIGKILL)

    def note(self, *told: object) -> None:
        """Write down what the world outside sees of a call."""
        os.write(self._trace, json.dumps(told).encode() + b"\n")

    def watch_commits(self) -> None:
        """Pass by before and after every COMMIT."""
        commit = DefaultDialect.do_commit

        def commit_and_tell(dialect: Any, connection: Any) -> None:
            point, line = name_caller()
            if point in OTHER_COMMITS:
                commit(dialect, connection)
                return
            self.pass_by(point, "before", line)
            commit(dialect, connection)
            self.pass_by(point, "after", line)

        DefaultDialect.do_commit = commit_and_tell  # type: ignore[method-assign]

    def watch_call(
        self,
        owner: Any,
        name: str,
        point: str | None = None,
        tell: Callable[..., object] | None = None,
        only: Collection[str] | None = None,
        halve: Callable[..., None] | None = None,
    ) -> None:
        """Pass by before and after each call of a function or method.

        Args:
            point: None: it is named after the caller and the method.
            tell: gives of the call's arguments what the outside sees of it.
            only: points to pass by; None: all.
            halve: does half of what the call does; then there is a moment in the middle.
        """
        call = getattr(owner, name)

        @wraps(call)
        def call_and_tell(*args: Any, **options: Any) -> Any:
            at = point or f"{name_caller()[0]}: {name}"
            if only is not None and at not in only:
                return call(*args, **options)
            self.pass_by(at, "before")
            if tell is not None:
                self.note(at, tell(*args))
            if halve is not None:
                halve(*args)
                self.pass_by(at, "middle")
            result = call(*args, **options)
            if isinstance(result, Iterator):
                return self._pass_items(at, result)
            self.pass_by(at, "after")
            return result

        setattr(owner, name, call_and_tell)

    def watch_around(self, owner: Any, begin: str, end: str, point: str) -> None:
        """Pass by before each call of one method and after each call of another one."""
        self._before(owner, begin, lambda: self.pass_by(point, "before"))
        self._before(owner, end, lambda: self.pass_by(point, "after"))

    def _before(self, owner: Any, name: str, act: Callable[[], None]) -> None:
        call = getattr(owner, name)

        @wraps(call)
        def act_and_call(*args: Any, **options: Any) -> Any:
            act()
            return call(*args, **options)

        setattr(owner, name, act_and_call)

    def _pass_items(self, point: str, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self.pass_by(point, "after")
            yield item


def write_half(path: Path, content: bytes) -> None:
    """Write the first half of a file."""
    path.write_bytes(content[: len(content) // 2])


def remove_half(folder: Path) -> None:
    """Remove the first of a folder's files."""
    for path in sorted(folder.iterdir())[:1] if folder.is_dir() else ():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def name_caller() -> tuple[str, int]:
    """Name the function of `pipeline` that is at work, and its line."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_FOLDER) and file != _TRANSACTIONS:
            module = str(frame.f_globals["__name__"]).removeprefix("sqltune.")
            return f"{module}.{frame.f_code.co_qualname}", frame.f_lineno
        frame = frame.f_back
    return "outside of pipeline", 0
