"""Counts what changed in a training selection since a manifest was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from sqltune.database.connection import Database
from sqltune.database.tables import manifests
from sqltune.records import Adapter, SelectionName
from sqltune.selection.batches import digest_refused
from sqltune.selection.content_hash import FingerprintSum
from sqltune.selection.reader import SelectionReader, open_selection
from sqltune.selection.training_rows import TrainingRows
from sqltune.selection.validation_rows import mark_digests

_PAGE = 10_000
#: Eight bytes of a hash distinguish a million samples and take a quarter of the memory.
_PREFIX_BYTES = 8
#: More samples are not compared: it would take more memory than a plan is worth.
_MOST_SAMPLES = 300_000


@dataclass(frozen=True, slots=True)
class SampleChanges:
    """What changed; without keys of their own, an edited row is one that is new and one gone."""

    before: int  #: samples of the manifest
    edited: int = 0
    added: int = 0
    removed: int = 0
    moved: int = 0  #: same content, but now for validation, or no longer
    #: of the selection, as it was read to be compared
    fingerprint: str = field(default="", compare=False)


def compare_samples(
    database: Database, reader: SelectionReader, adapter: Adapter, manifest_id: int
) -> SampleChanges | None:
    """Compare the selected samples with those of a manifest, by their keys.

    Rows that break a rule are no samples; those that only the base model refuses are not found out
    here and count as new.

    Returns:
        None if there is no such manifest, or too many samples.

    Raises:
        DataError: the query cannot be used.
    """
    with database.read() as session:
        manifest = manifests.get_manifest(session, manifest_id)
    if manifest is None or not manifest.is_complete or manifest.sample_count > _MOST_SAMPLES:
        return None
    known = _Known()
    for key, digest, is_validation in _read_manifest(
        database, manifest_id, manifest.sample_count, reader.check
    ):
        known.add(_prefix(key), digest, is_validation)
    changes: Counter[str] = Counter()
    total = FingerprintSum()
    for number, sample in enumerate(_select(reader, adapter, total), 1):
        if number > _MOST_SAMPLES:
            return None
        changes[known.take(*sample)] += 1
    return SampleChanges(
        before=manifest.sample_count,
        fingerprint=total.result().text,
        edited=changes["edited"],
        added=changes["added"],
        removed=known.left,
        moved=changes["moved"],
    )


class _Known:
    """The samples of a manifest that the selection has not given yet."""

    def __init__(self) -> None:
        self._copies: dict[int, int] = {}
        self._contents: dict[int, tuple[int, bool]] = {}

    def add(self, key: int, digest: int, is_validation: bool) -> None:
        self._copies[key] = self._copies.get(key, 0) + 1
        self._contents[key] = (digest, is_validation)

    def take(self, key: int, digest: int, is_validation: bool) -> str:
        """Take a selected sample out and return what became of it."""
        if not self._copies.get(key):
            return "added"
        self._copies[key] -= 1
        before = self._contents[key]
        if before[0] != digest:
            return "edited"
        return "same" if before[1] == is_validation else "moved"

    @property
    def left(self) -> int:
        """How many samples are gone."""
        return sum(self._copies.values())


def _read_manifest(
    database: Database, manifest_id: int, count: int, check: Callable[[], None]
) -> Iterator[tuple[bytes, int, bool]]:
    for first in range(0, count, _PAGE):
        check()
        with database.read() as session:
            page = manifests.fetch_keys_page(session, manifest_id, first, first + _PAGE)
        for key, content_hash, is_validation in page:
            yield key.encode(), _number(bytes.fromhex(content_hash)), is_validation


def _select(
    reader: SelectionReader, adapter: Adapter, total: FingerprintSum
) -> Iterator[tuple[int, int, bool]]:
    share = adapter.validation_share
    with open_selection(reader, adapter, SelectionName.TRAINING) as selection:
        rows = TrainingRows(selection.columns, None, validation_share=share)
        for page in selection.pages():
            batch = rows.accept(page)
            total.add(mark_digests(batch.digests, batch.validation), len(batch))
            total.add(*digest_refused(rows.refused, share))
            for index, (key, digest) in enumerate(zip(batch.keys, batch.digests, strict=True)):
                yield _prefix(key), _number(digest), index in batch.validation


def _prefix(key: bytes) -> int:
    return int.from_bytes(blake2b(key, digest_size=_PREFIX_BYTES).digest())


def _number(digest: bytes) -> int:
    return int.from_bytes(digest[:_PREFIX_BYTES])
