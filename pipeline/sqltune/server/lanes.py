"""The calls that wait for one base model: a lane for each adapter, in the order of arrival.

Within a lane calls are served in their order; questions next to each other in it, or at the head of
other lanes, may be answered together. Has no thread and no network.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sqltune.local_lora.asked_questions import GeneratedAnswer, Question
from sqltune.local_lora.sampling import Sampling
from sqltune.server.workbench import Lane

#: Work in pieces: other calls may be served between two of them; what it returns is the result.
Work = Generator[None, None, Any]


def in_one_piece(work: Callable[[], Any]) -> Work:
    """Return work that has only one piece."""
    yield
    return work()


@dataclass(eq=False)
class AnswerCall:
    """A question that waits."""

    lane: Lane
    question: Question
    sampling: Sampling
    #: Called with the beginning of the answer that no further token changes; None: nobody reads it.
    on_text: Callable[[str], None] | None = None
    future: Future[GeneratedAnswer] = field(default_factory=Future)
    number: int = 0


@dataclass(eq=False)
class WorkCall:
    """Work during which nothing else in its lane is served."""

    lane: Lane
    begin: Callable[[], Work]
    future: Future[Any] = field(default_factory=Future)
    number: int = 0
    work: Work | None = None


Call = AnswerCall | WorkCall


class Lanes:
    """All waiting calls; used by one thread at a time."""

    def __init__(self) -> None:
        """Begin with no call."""
        self._lanes: OrderedDict[Lane, deque[Call]] = OrderedDict()
        self._numbers = itertools.count()
        #: Calls that wait or are being served.
        self.size = 0

    def add(self, call: Call) -> None:
        """Add a call at the end of its lane."""
        call.number = next(self._numbers)
        self._lanes.setdefault(call.lane, deque()).append(call)
        self.size += 1

    def remove(self, call: Call) -> bool:
        """Remove a call, done or cancelled; return False if it was removed before."""
        lane = self._lanes.get(call.lane, deque())
        if call not in lane:
            return False
        lane.remove(call)
        self.size -= 1
        if not lane:
            del self._lanes[call.lane]
        return True

    def ready_answers(self) -> list[AnswerCall]:
        """Return the questions that need not wait for work in their lane, the oldest first."""
        ready: list[AnswerCall] = []
        for lane in self._lanes.values():
            for call in lane:
                if not isinstance(call, AnswerCall):
                    break
                ready.append(call)
        return sorted(ready, key=lambda call: call.number)

    def next_work(self) -> WorkCall | None:
        """Return the work at the head of a lane; lanes take turns."""
        for name, lane in self._lanes.items():
            if isinstance(lane[0], WorkCall):
                self._lanes.move_to_end(name)
                return lane[0]
        return None

    def clear(self) -> list[Call]:
        """Remove all calls and return them."""
        calls = [call for lane in self._lanes.values() for call in lane]
        self._lanes.clear()
        self.size = 0
        return calls
