"""Reads what a run has of each prompt page by page, in the order of prompt_key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from sqltune.database.connection import Session


class Keyed(Protocol):
    """What belongs to one prompt."""

    @property
    def prompt_key(self) -> str:
        """The prompt's key."""


Row = TypeVar("Row", bound=Keyed)


def read_pages(
    read: Callable[[], AbstractContextManager[Session]],
    fetch: Callable[[Session, str], Sequence[Row]],
) -> Iterator[Sequence[Row]]:
    """Yield pages until one is empty, each read in a session of its own.

    Args:
        read: opens a session.
        fetch: returns the rows that follow a prompt_key; '' comes before the first.
    """
    after_key = ""
    while True:
        with read() as session:
            page = fetch(session, after_key)
        if not page:
            return
        yield page
        after_key = page[-1].prompt_key
