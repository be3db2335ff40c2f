"""Fixtures of the notebook tests: who reads the rows that a notebook has written."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.end_to_end.command import People


@pytest.fixture
def people_of() -> Iterator[Callable[[str], People]]:
    """Give what opens a database for people and their BI tools; all are closed at the end."""
    opened: list[People] = []

    def open_it(url: str) -> People:
        opened.append(People(url))
        return opened[-1]

    yield open_it
    for people in opened:
        people.close()
