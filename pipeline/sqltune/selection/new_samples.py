"""How many of the samples selected now are new or edited since a manifest was written."""

from __future__ import annotations

from collections.abc import Callable

from sqltune.database.connection import Database
from sqltune.database.streaming import open_stream
from sqltune.database.tables import manifests
from sqltune.records import Adapter, SelectionName
from sqltune.selection.columns import ColumnMap, map_columns
from sqltune.selection.scan import digest_page
from sqltune.selection.sources import find_source
from sqltune.selection.training_rows import without_held_out

_PAGE = 10_000
#: Eight bytes of a hash tell a million samples apart, and take a quarter of the memory.
_PREFIX_BYTES = 8


def count_new_samples(
    database: Database,
    selection_database: Database,
    adapter: Adapter,
    manifest_id: int,
    *,
    enough: int,
    check: Callable[[], None],
    timeout_seconds: float,
) -> int:
    """Count the selected samples whose content the manifest does not have, up to `enough`.

    Raises:
        DataError: the query cannot be used.
    """
    known = _read_known(database, manifest_id, check)
    source = find_source(selection_database, adapter, SelectionName.TRAINING)
    found = 0
    with open_stream(
        selection_database, source.sql, source.values, check=check, timeout_seconds=timeout_seconds
    ) as stream:
        columns = map_columns(stream.column_names, SelectionName.TRAINING)
        content = ColumnMap(columns.fields, (None, *columns.indexes[1:]))
        for page in stream.pages():
            digests = digest_page(without_held_out(content.split(page)))
            found += sum(_prefix(digest) not in known for digest in digests)
            if found >= enough:
                break
    return min(found, enough)


def _read_known(database: Database, manifest_id: int, check: Callable[[], None]) -> set[int]:
    with database.read() as session:
        manifest = manifests.get_manifest(session, manifest_id)
    known: set[int] = set()
    for first in range(0, manifest.sample_count if manifest else 0, _PAGE):
        check()
        with database.read() as session:
            page = manifests.fetch_hashes_page(session, manifest_id, first, first + _PAGE)
        known.update(_prefix(bytes.fromhex(text)) for text in page)
    return known


def _prefix(digest: bytes) -> int:
    return int.from_bytes(digest[:_PREFIX_BYTES])
