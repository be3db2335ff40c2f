"""Rows that people can also insert themselves: samples and prompts from a file, and the echo of
`sqltune check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqltune.database.connection import Session


def insert_samples(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert training samples; each row names every column but the id and the time."""
    session.execute_many("insert_sample", rows)


def insert_prompts(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert evaluation prompts; each row names every column but the id and the time."""
    session.execute_many("insert_prompt", rows)


def echo_text(session: Session, dataset: str, text: str) -> str | None:
    """Write a text and return it as the database returns it; the caller rolls back."""
    session.execute("insert_echo", dataset=dataset, prompt=text)
    row = session.fetch_one("get_echo", dataset=dataset)
    return None if row is None else str(row.prompt)
