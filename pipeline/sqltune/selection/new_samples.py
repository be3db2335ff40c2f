"""Counts how many of the samples selected now are new or edited since a manifest was written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from sqltune.database.connection import Database
from sqltune.database.tables import manifests
from sqltune.records import Adapter
from sqltune.selection.reader import SelectionReader
from sqltune.selection.scan import digest_samples

_PAGE = 10_000
#: Eight bytes of a hash distinguish a million samples and take a quarter of the memory.
_PREFIX_BYTES = 8


def count_new_samples(
    database: Database, reader: SelectionReader, adapter: Adapter, manifest_id: int, *, enough: int
) -> int:
    """Count the selected samples whose content is not in the manifest, up to `enough`.

    Raises:
        DataError: the query cannot be used.
    """
    known = _read_known(database, manifest_id, reader.check)
    found = 0
    with closing(digest_samples(reader, adapter)) as pages:
        for digests in pages:
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
