"""Reads answers from a backend in a thread, so that commits and scoring overlap with the asking."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TypeVar

from sqltune.backends.base import Answer
from sqltune.errors import RunCancelled, RunInterrupted

Row = TypeVar("Row")
Store = Callable[[Sequence[Answer]], object]

#: An answer is committed with at most this many others,
BATCH_SIZE = 32
#: at most this long after it is known,
BATCH_SECONDS = 0.1
#: and with at most this much text, so that a statement stays far below any server's packet limit.
BATCH_CHARACTERS = 1_000_000
#: How often the reader checks whether the run must stop, while no answer arrives.
CHECK_SECONDS = 0.5
#: How long a backend may take to end the asking, once its answers are no longer needed.
STOP_SECONDS = 10.0


def ask(
    answers: Generator[Answer, None, None],
    check: Callable[[], None],
    store: Store,
    store_last: Store | None = None,
) -> None:
    """Ask one chunk of prompts, and store each batch of answers as it becomes known.

    Args:
        answers: of a backend.
        check: raises when the run must stop; called after each batch, and at least every
            CHECK_SECONDS while no answer arrives.
        store: stores a batch.
        store_last: stores what is known when the run must stop; None: `store` does.
    """
    with _Asking(answers) as asking:
        try:
            for batch in asking.batches(check):
                store(batch)
                check()
        except (RunInterrupted, RunCancelled):
            (store_last or store)(asking.known())
            raise


def split_rows(
    rows: Sequence[Row], text_of: Callable[[Row], str | None], size: int = BATCH_SIZE
) -> Iterator[list[Row]]:
    """Yield rows in batches that one short transaction can store."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(text_of(row) or "")
        if len(batch) == size or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


class _Asking:
    """Answers of one chunk of prompts, in batches as they become known.

    This object's thread alone uses the backend until the `with` block ends; a backend that does
    not return within STOP_SECONDS is left behind in a daemon thread.
    """

    def __init__(self, answers: Generator[Answer, None, None]) -> None:
        self._answers = answers
        self._known: SimpleQueue[Answer | None] = SimpleQueue()  # None: no more will follow
        self._is_ended = False
        self._is_stopped = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._ask, name="asking", daemon=True)

    def __enter__(self) -> _Asking:
        """Start the asking."""
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the asking."""
        self._is_stopped.set()
        self._thread.join(STOP_SECONDS)

    def batches(self, check: Callable[[], None]) -> Iterator[list[Answer]]:
        """Yield the answers as they become known; raise what ended the asking, if anything did.

        Args:
            check: raises when the run must stop; called at least every CHECK_SECONDS while no
                answer arrives.
        """
        while not self._is_ended:
            if batch := self._collect(check):
                yield batch
        if self._failure is not None:
            raise self._failure

    def known(self) -> list[Answer]:
        """Return the answers that are known and were not yielded yet, without waiting."""
        answers = []
        while not self._known.empty():
            if (answer := self._known.get()) is not None:
                answers.append(answer)
        return answers

    def _collect(self, check: Callable[[], None]) -> list[Answer]:
        batch: list[Answer] = []
        characters, deadline = 0, 0.0
        while len(batch) < BATCH_SIZE and characters < BATCH_CHARACTERS:
            wait = deadline - time.monotonic() if batch else CHECK_SECONDS
            try:
                answer = self._known.get(timeout=max(0.0, wait))
            except Empty:
                if batch:
                    return batch
                check()
                continue
            if answer is None:
                self._is_ended = True
                return batch
            if not batch:
                deadline = time.monotonic() + BATCH_SECONDS
            batch.append(answer)
            characters += len(answer.text or "")
        return batch

    def _ask(self) -> None:
        try:
            for answer in self._answers:
                self._known.put(answer)
                if self._is_stopped.is_set():
                    break
        except BaseException as exc:  # raised again in the thread that reads
            self._failure = exc
        finally:
            self._answers.close()
            self._known.put(None)
