"""Tries the views by which answers are scored, before there are answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqltune.records import Adapter, Phase
from sqltune.selection import (
    CheckedPrompts,
    SelectionReader,
    is_sql_scorer,
    read_sql_scores,
    warn_of_prompts,
)

#: The code of a scorer whose view cannot be read.
UNREAD_SCORER = "scorer_not_readable"
#: A scorer's view is read for a run that is none: its columns are wanted, not its rows.
_NO_RUN = 0


def find_unread_scorers(
    reader: SelectionReader, adapter: Adapter, of_prompts: Iterable[str]
) -> Iterator[str]:
    """Yield why views cannot be read that the adapter and its prompts name for the gate.

    Args:
        reader: where views are read.
        adapter: its row.
        of_prompts: what its prompts name.
    """
    named = [] if adapter.scorer is None else [adapter.scorer]
    for scorer in sorted(set(filter(is_sql_scorer, [*named, *of_prompts]))):
        message = _try_scorer(reader, scorer)
        if message is not None:
            yield message


def note_unread_extras(reader: SelectionReader, adapter: Adapter, prompts: CheckedPrompts) -> None:
    """Warn of further scorers whose views cannot be read: the gate does not read their scores."""
    for scorer, message in find_unread_extras(reader, adapter):
        warn_of_prompts(prompts, scorer, UNREAD_SCORER, message)


def find_unread_extras(reader: SelectionReader, adapter: Adapter) -> Iterator[tuple[str, str]]:
    """Yield further scorers whose views cannot be read, and why."""
    for scorer in filter(is_sql_scorer, adapter.extra_scorers):
        message = _try_scorer(reader, scorer)
        if message is not None:
            yield scorer, message


def _try_scorer(reader: SelectionReader, scorer: str) -> str | None:
    """Return why the view of a scorer cannot be read; None: it can."""
    return read_sql_scores(reader, scorer, _NO_RUN, Phase.AFTER.value).error_message
