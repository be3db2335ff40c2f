"""The samples of a manifest as backends read them: repeatedly, and never all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqltune.database.connection import Database
from sqltune.database.tables import manifests
from sqltune.errors import DataError
from sqltune.records import Sample

#: Samples that one query reads.
_PAGE = 500


class ManifestSamples:
    """The samples of one complete manifest, in its order; see `backends.base.Samples`."""

    def __init__(self, database: Database, manifest_id: int, sample_count: int) -> None:
        """Read from `database` whenever samples are requested."""
        self._database = database
        self._manifest_id = manifest_id
        self._sample_count = sample_count

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._sample_count

    def __iter__(self) -> Iterator[Sample]:
        """Yield all samples in order, read page by page."""
        for first in range(0, self._sample_count, _PAGE):
            end = min(first + _PAGE, self._sample_count)
            with self._database.read() as session:
                page = manifests.fetch_samples_page(session, self._manifest_id, first, end)
            yield from page

    def fetch(self, positions: Sequence[int]) -> list[Sample]:
        """Return the samples at these positions, in the order of `positions`."""
        if not positions:
            return []
        with self._database.read() as session:
            first, end = min(positions), max(positions) + 1
            if end - first == len(set(positions)) and end - first <= _PAGE:
                page = manifests.fetch_samples_page(session, self._manifest_id, first, end)
                return [page[position - first] for position in positions]
            return manifests.fetch_samples_at(session, self._manifest_id, positions)


def read_samples(database: Database, manifest_id: int) -> ManifestSamples:
    """Return the samples of a manifest.

    Raises:
        DataError: there is no such manifest, or it was never completed.
    """
    with database.read() as session:
        manifest = manifests.get_manifest(session, manifest_id)
    if manifest is None or not manifest.is_complete:
        raise DataError(f"manifest {manifest_id} is not complete: start a new run with --force")
    return ManifestSamples(database, manifest_id, manifest.sample_count)
