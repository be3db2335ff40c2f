"""Turns at the one base model in memory: a training gives way to questions between two steps.

One user has the model alone. Others wait in the order in which they came: those that need the same
base model are let in when its user gives way, the others when it has finished. A user who gave way
then works at least as long as it waited, so that many questions slow a training down by half.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqltune.errors import BackendUnavailable

ModelKey = tuple[str, str | None, str]  #: name, revision and quantization of a base model


@dataclass(eq=False)
class _User:
    """A user of the model, or one who waits for it."""

    key: ModelKey
    gave_way: _User | None = None  #: who has the model again afterwards
    resumed_at: float = -math.inf  #: when it had the model again, by the monotonic clock
    waited_seconds: float = 0.0  #: how long it had given way before


class ModelTurns:
    """The users of the model: the one who has it, and those who wait."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin with a model that nobody uses."""
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._user: _User | None = None
        self._waiting: list[_User] = []

    @contextmanager
    def take(self, key: ModelKey, *, waits: bool = True) -> Iterator[Callable[[], None]]:
        """Wait for a turn and yield what gives way to others, to be called now and then.

        Args:
            key: the base model.
            waits: also until another base model is no longer in use.

        Raises:
            BackendUnavailable: another one is in use, and `waits` is False.
        """
        me = _User(key)
        with self._changed:
            if not waits and self._user is not None and self._user.key != key:
                raise BackendUnavailable(
                    f"base model {self._user.key[0]!r} is in use, and one is in memory at a time: "
                    "it is tried again, or another worker answers",
                    code="model_in_use",
                )
            self._waiting.append(me)
            if self._user is None:
                self._pass_on(self._waiting.pop(0))
            self._changed.wait_for(lambda: self._user is me)
        try:
            yield lambda: self._give_way(me)
        finally:
            with self._changed:
                self._pass_on(me.gave_way or (self._waiting.pop(0) if self._waiting else None))

    def _give_way(self, me: _User) -> None:
        """Let the first in who waits for the same base model, and wait until it has finished."""
        began = self._monotonic()
        if began - me.resumed_at < me.waited_seconds:
            return
        with self._changed:
            other = next((user for user in self._waiting if user.key == me.key), None)
            if other is None:
                return
            self._waiting.remove(other)
            other.gave_way = me
            self._pass_on(other)
            self._changed.wait_for(lambda: self._user is me)
        me.resumed_at = self._monotonic()
        me.waited_seconds = me.resumed_at - began

    def _pass_on(self, user: _User | None) -> None:
        self._user = user
        self._changed.notify_all()
