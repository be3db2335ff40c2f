"""Kills the process that it is installed in, at one point, and records the points that it passes.

Nothing of this is in the library: commits are found below SQLAlchemy, the call stack names them,
and calls of something outside are wrapped where they are made (watching.py).
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import sqltune

_FOLDER = str(Path(sqltune.__file__).parent) + os.sep
#: What Python appends to the name of a function for a lambda or a comprehension in it.
_NAMELESS = re.compile(r"(\.<locals>\.<\w+>)+$")

Result = TypeVar("Result")


@dataclass(frozen=True, order=True)
class Hit:
    """One passing of a point."""

    #: "function" of a commit, "function: call" of a call; a target may name the last part alone
    point: str
    moment: str  #: before, middle, after
    number: int = 1  #: 1 is the first passing in a process
    line: int = 0  #: of the code, to distinguish two transactions of a function

    @property
    def is_commit(self) -> bool:
        """Whether a transaction is committed there."""
        return ": " not in self.point

    @property
    def call(self) -> str:
        """What is called there, or the name of the function that commits, without its class."""
        return re.split(r": |\.", self.point)[-1]


class Killer:
    """Counts the points that are passed, records them, and kills the process at one of them."""

    def __init__(self, target: Hit | None, trace: Path) -> None:
        self._target = target
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._targets_passed = 0
        self._lock = threading.Lock()

    def pass_point(self, point: str, moment: str, line: int = 0) -> None:
        """Record that a point is passed; the process may end here."""
        with self._lock:
            self._counts[point, moment] += 1
            hit = Hit(point, moment, self._counts[point, moment], line)
            self.note(hit.point, hit.moment, hit.number, hit.line)
            target = self._target
            if target and moment == target.moment and target.point in (point, hit.call):
                self._targets_passed += 1
                if self._targets_passed == target.number:
                    os.kill(os.getpid(), signal.SIGKILL)

    def surround(
        self, point: str, call: Callable[..., Result], *args: Any, **options: Any
    ) -> Result:
        """Make a call, and pass its point before and after."""
        self.pass_point(point, "before")
        result = call(*args, **options)
        self.pass_point(point, "after")
        return result

    def note(self, *values: object) -> None:
        """Record what is seen of a call outside."""
        os.write(self._trace, json.dumps(values).encode() + b"\n")


def name_caller() -> tuple[str, int]:
    """Return the name of the running function of `sqltune`, and its line."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        # A function called `transaction` opens the transactions of others.
        if code.co_filename.startswith(_FOLDER) and code.co_name != "transaction":
            module = str(frame.f_globals["__name__"]).removeprefix("sqltune.")
            return f"{module}.{_NAMELESS.sub('', code.co_qualname)}", frame.f_lineno
        frame = frame.f_back
    return "outside of sqltune", 0
