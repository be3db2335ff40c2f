"""The samples of a manifest as backends read them: repeatedly, and never all in memory."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence

from sqltune.database.connection import Database
from sqltune.database.tables import manifests
from sqltune.database.tables.manifests import StoredManifest
from sqltune.errors import DataError
from sqltune.records import Sample

#: Samples that one query reads.
_PAGE = 500


class ManifestSamples:
    """The samples of one complete manifest, in its order; see `backends.base.Samples`."""

    def __init__(self, database: Database, manifest_id: int, places: Sequence[int]) -> None:
        """Read from `database` whenever samples are requested.

        Args:
            database: where the manifest is.
            manifest_id: the manifest.
            places: the positions in the manifest of the samples that count, ascending.
        """
        self._database = database
        self._manifest_id = manifest_id
        self._places = places

    def without(self, positions: Collection[int]) -> ManifestSamples:
        """Return the samples that are not at one of these positions of the manifest."""
        kept = array("q", (place for place in self._places if place not in positions))
        return ManifestSamples(self._database, self._manifest_id, kept)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._places)

    def __iter__(self) -> Iterator[Sample]:
        """Yield all samples in order, read page by page."""
        for first in range(0, len(self._places), _PAGE):
            yield from self.fetch(range(first, min(first + _PAGE, len(self._places))))

    def fetch(self, positions: Sequence[int]) -> list[Sample]:
        """Return the samples at these positions, in the order of `positions`."""
        if not positions:
            return []
        return self._fetch([self._places[position] for position in positions])

    def _fetch(self, positions: Sequence[int]) -> list[Sample]:
        with self._database.read() as session:
            first, end = min(positions), max(positions) + 1
            # One range with a few samples more than asked for is read faster than single ones: the
            # trained ones between those for validation.
            if end - first <= 2 * min(len(set(positions)), _PAGE):
                page = manifests.fetch_samples_page(session, self._manifest_id, first, end)
                return [page[position - first] for position in positions]
            return manifests.fetch_samples_at(session, self._manifest_id, positions)


def read_samples(database: Database, manifest_id: int) -> ManifestSamples:
    """Return the samples of a manifest that are trained.

    Raises:
        DataError: there is no such manifest, or it was never completed.
    """
    manifest = _read_manifest(database, manifest_id)
    places: Sequence[int] = range(manifest.sample_count)
    if manifest.validation_count:
        left_out = set(_read_validation(database, manifest_id))
        places = array("q", (place for place in places if place not in left_out))
    return ManifestSamples(database, manifest_id, places)


def read_kept_samples(database: Database, manifest_id: int) -> tuple[ManifestSamples, int]:
    """Return the trained samples of a manifest whose texts are kept, and how many are not.

    Raises:
        DataError: there is no such manifest, or it was never completed.
    """
    trained = read_samples(database, manifest_id)
    with database.read() as session:
        removed = frozenset(manifests.list_removed_positions(session, manifest_id))
    kept = trained.without(removed) if removed else trained
    return kept, len(trained) - len(kept)


def read_validation(database: Database, manifest_id: int) -> ManifestSamples:
    """Return the samples of a manifest that are for validation.

    Raises:
        DataError: there is no such manifest, or it was never completed.
    """
    manifest = _read_manifest(database, manifest_id)
    places = _read_validation(database, manifest_id) if manifest.validation_count else []
    return ManifestSamples(database, manifest_id, places)


def _read_validation(database: Database, manifest_id: int) -> Sequence[int]:
    with database.read() as session:
        return array("q", manifests.list_validation_positions(session, manifest_id))


def _read_manifest(database: Database, manifest_id: int) -> StoredManifest:
    """Return the row of a complete manifest.

    Raises:
        DataError: there is no such manifest, or it was never completed.
    """
    with database.read() as session:
        manifest = manifests.get_manifest(session, manifest_id)
    if manifest is None or not manifest.is_complete:
        raise DataError(f"manifest {manifest_id} is not complete: start a new run with --force")
    return manifest
