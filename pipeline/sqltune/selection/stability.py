"""Refuses an adapter's own query that returns other rows each time it is read.

Rows drawn at random would be trained at every sync, and no manifest could be compared with the one
before. A transaction sets it apart from rows that others write meanwhile: both of its
reads see the same data where the engine has snapshots.
"""

from __future__ import annotations

from sqltune.errors import DataError
from sqltune.records import Adapter, SelectionName
from sqltune.selection.prompt_scan import scan_open_prompts
from sqltune.selection.reader import OpenSelection, SelectionReader, open_repeatable
from sqltune.selection.scan import scan_open_samples
from sqltune.selection.sources import query_of


def require_stable(
    reader: SelectionReader, adapter: Adapter, selection: SelectionName, fingerprint: str
) -> None:
    """Read a selection again, and refuse its query if its rows differ without anybody's writing.

    Args:
        reader: where the query runs.
        adapter: its row; a dataset is never refused, and nothing is with allow_unstable.
        selection: which of its two.
        fingerprint: what the selection gave a moment ago.

    Raises:
        DataError: the rows differ, also between two reads in one transaction.
    """
    if query_of(adapter, selection) is None or adapter.allow_unstable:
        return
    with open_repeatable(reader, adapter, selection) as run:
        again = _fingerprint(run(), adapter, selection)
        if again == fingerprint or again == _fingerprint(run(), adapter, selection):
            return
    raise DataError(
        f"the {selection.value} query returns other rows each time it is read, so every sync would "
        "begin a run: take out what draws or orders at random, reads the clock, or has LIMIT "
        "without an ORDER BY that decides (also in a view that it reads), or set "
        "allow_unstable = 1 in adapters if that is meant or the rows change all the time",
        table=f"{selection.value} query",
        code="unstable_query",
    )


def _fingerprint(opened: OpenSelection, adapter: Adapter, selection: SelectionName) -> str:
    if selection is SelectionName.TRAINING:
        return scan_open_samples(opened, adapter).fingerprint.text
    return scan_open_prompts(opened).fingerprint.text
