"""Reads the prompts of a run in fixed chunks, in the order of prompt_key, never all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqltune.database.connection import Database
from sqltune.database.tables import responses
from sqltune.evaluation.paging import read_pages
from sqltune.records import RunPrompt

#: Prompts asked in one call of the backend, whose slots run empty at the end of each call: that
#: wastes 1.5 % of the time of 32 slots.
CHUNK_SIZE = 2048
#: A chunk with this much text ends early, in characters.
CHUNK_CHARACTERS = 16_000_000
#: Prompts read at once.
PAGE_SIZE = 512


def read_prompt_chunks(database: Database, run_id: int) -> Iterator[list[RunPrompt]]:
    """Yield the prompts of a run in the order of prompt_key, a chunk at a time."""
    chunk: list[RunPrompt] = []
    pages = read_pages(
        database.read,
        lambda session, after: responses.fetch_prompt_page(session, run_id, after, PAGE_SIZE),
    )
    for page in pages:
        chunk += page
        if len(chunk) >= CHUNK_SIZE or _count_characters(chunk) >= CHUNK_CHARACTERS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _count_characters(prompts: Sequence[RunPrompt]) -> int:
    said = sum(len(m.content or "") for p in prompts for m in p.messages or ())
    return said + sum(len(p.prompt) + len(p.expected or "") for p in prompts)
