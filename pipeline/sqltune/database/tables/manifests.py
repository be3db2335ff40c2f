"""Manifests: how they are begun, completed, shared and removed, and their samples read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Row, Session
from sqltune.database.pace import Pace
from sqltune.database.run_scope import RunScope
from sqltune.database.tables.expiring import EXPIRED_HASH
from sqltune.database.tables.message_texts import read_messages
from sqltune.database.times import format_time
from sqltune.errors import DatabaseError
from sqltune.records import Sample

_COLUMNS_AT = 16


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """One row of `manifests`, the columns that decisions depend on."""

    manifest_id: int
    adapter_name: str
    is_complete: bool
    fingerprint: str | None  #: None: it is being written
    sample_count: int  #: those for validation included
    validation_count: int
    forgotten_count: int = 0  #: whose texts `sqltune forget` removed


@dataclass(frozen=True, slots=True)
class ManifestChange:
    """What changed since the adapter's manifest before.

    A reader counts rows: sample_count = sample_count before + added - removed.
    """

    dataset_number: int  #: 1, 2, 3 ... per adapter
    added: int  #: samples with a new key
    edited: int  #: samples whose key stays, with another content
    removed: int  #: samples of the one before whose key is gone


@dataclass(frozen=True, slots=True)
class RepeatedSample:
    """A sample with the key of an earlier one."""

    position: int
    sample_key: str
    content_hash: str
    is_validation: bool  #: it is never trained


def insert_manifest(
    session: Session, manifest_id: int, adapter_name: str, *, now: datetime
) -> None:
    """Begin a manifest."""
    session.execute(
        "insert_manifest",
        manifest_id=manifest_id,
        adapter_name=adapter_name,
        now=format_time(now),
    )


def get_manifest(session: Session, manifest_id: int) -> StoredManifest | None:
    """Return one manifest; None if there is none."""
    row = session.fetch_one("get_manifest", manifest_id=manifest_id)
    if row is None:
        return None
    return StoredManifest(
        manifest_id=int(row.manifest_id),
        adapter_name=row.adapter_name,
        is_complete=row.state == "complete",
        fingerprint=row.fingerprint,
        sample_count=int(row.sample_count or 0),
        validation_count=int(row.validation_count),
        forgotten_count=int(row.forgotten_count),
    )


def fetch_hashes_page(session: Session, manifest_id: int, first: int, end: int) -> list[str]:
    """Return the content hashes of the samples at positions first..end-1, in hexadecimal."""
    rows = session.fetch_all(
        "fetch_hashes_page", manifest_id=manifest_id, first_position=first, end_position=end
    )
    return [row.content_hash for row in rows]


def fetch_keys_page(
    session: Session, manifest_id: int, first: int, end: int
) -> list[tuple[str, str, bool]]:
    """Return key, content hash and is_validation of the samples at positions first..end-1."""
    rows = session.fetch_all(
        "fetch_keys_page", manifest_id=manifest_id, first_position=first, end_position=end
    )
    return [(row.sample_key, row.content_hash, bool(row.is_validation)) for row in rows]


def find_equal_manifest(
    session: Session, adapter_name: str, fingerprint: str, *, besides: int
) -> int | None:
    """Return the complete manifest of the adapter with this content; None if there is none."""
    row = session.fetch_one(
        "find_equal_manifest",
        adapter_name=adapter_name,
        fingerprint=fingerprint,
        manifest_id=besides,
        expired_hash=EXPIRED_HASH,
    )
    return None if row is None else int(row.manifest_id)


def compare_with_last(
    session: Session, manifest_id: int, adapter_name: str, *, sample_count: int, has_own_keys: bool
) -> ManifestChange:
    """Return what changed since the adapter's manifest before; all is added where there is none.

    Args:
        session: reads.
        manifest_id: the new manifest, completely written.
        adapter_name: whose manifest it is.
        sample_count: how many samples it has.
        has_own_keys: whether its rows have keys of their own, each of them once. Content hashes as
            keys may repeat, and an edited row has another one.
    """
    last = session.fetch_one(
        "get_last_manifest", adapter_name=adapter_name, manifest_id=manifest_id
    )
    if last is None:
        return ManifestChange(dataset_number=1, added=sample_count, edited=0, removed=0)
    both = {"manifest_id": manifest_id, "other_manifest_id": int(last.manifest_id)}
    added = _count(session, "count_keys_not_in", both)
    edited = _count(session, "count_edited_samples", both) if has_own_keys else 0
    if not has_own_keys:
        added += _count(session, "count_further_copies", both)
    return ManifestChange(
        dataset_number=int(last.dataset_number) + 1,
        added=added,
        edited=edited,
        removed=int(last.sample_count) + added - sample_count,
    )


def complete_manifest(
    session: Session,
    manifest_id: int,
    change: ManifestChange,
    *,
    fingerprint: str,
    sample_count: int,
    validation_count: int,
) -> None:
    """Complete a manifest whose samples are all written."""
    session.execute(
        "complete_manifest",
        manifest_id=manifest_id,
        fingerprint=fingerprint,
        dataset_number=change.dataset_number,
        sample_count=sample_count,
        validation_count=validation_count,
        samples_added=change.added,
        samples_edited=change.edited,
        samples_removed=change.removed,
    )


def has_other_users(session: Session, manifest_id: int, run_id: int) -> bool:
    """Return whether another run was trained on this manifest."""
    row = session.fetch_one("count_manifest_users", manifest_id=manifest_id, run_id=run_id)
    return row is not None and int(row.users) > 0


def remove_manifest(scope: RunScope) -> None:
    """Remove the run's own manifest in short transactions; the first marks it as incomplete."""
    manifest_id = scope.run_id
    with scope.transaction() as session:
        session.execute("reopen_manifest", manifest_id=manifest_id)
        row = session.fetch_one("get_last_position", manifest_id=manifest_id)
    end = 0 if row is None or row.last_position is None else int(row.last_position) + 1
    pace, position = Pace(), 0
    while position < end:
        scope.check()
        until = min(position + pace.rows, end)
        with scope.transaction() as session:
            pace.begin()
            delete_samples(session, manifest_id, position, until)
        pace.end(until - position)
        position = until
    with scope.transaction() as session:
        session.execute("delete_manifest", manifest_id=manifest_id)


def delete_samples(session: Session, manifest_id: int, first: int, end: int) -> None:
    """Delete the samples at positions first..end-1."""
    session.execute(
        "delete_manifest_samples",
        manifest_id=manifest_id,
        first_position=first,
        end_position=end,
    )


def move_sample(session: Session, manifest_id: int, *, old: int, new: int) -> None:
    """Move the sample at one position to another one, which is free."""
    row = session.fetch_one("get_manifest_sample", manifest_id=manifest_id, position=old)
    if row is None:
        raise DatabaseError(f"manifest {manifest_id} has no sample at position {old}")
    # Not an UPDATE: SingleStore lets no statement change a column of a unique key.
    delete_samples(session, manifest_id, old, old + 1)
    session.execute(
        "add_manifest_sample",
        manifest_id=manifest_id,
        position=new,
        sample_key=row.sample_key,
        content_hash=row.content_hash,
        is_validation=row.is_validation,
    )


def count_duplicate_keys(session: Session, manifest_id: int) -> int:
    """Count the samples with the key of an earlier sample."""
    row = session.fetch_one("count_duplicate_keys", manifest_id=manifest_id)
    return 0 if row is None else int(row.duplicates)


def list_duplicate_keys(session: Session, manifest_id: int, limit: int) -> list[RepeatedSample]:
    """Return samples with the key of an earlier sample, in order."""
    rows = session.fetch_all("list_duplicate_keys", manifest_id=manifest_id, row_limit=limit)
    return [
        RepeatedSample(int(r.position), r.sample_key, r.content_hash, bool(r.is_validation))
        for r in rows
    ]


def list_removed_positions(session: Session, manifest_id: int) -> list[int]:
    """Return the positions of samples whose texts were forgotten or expired, ascending."""
    rows = session.fetch_all("list_removed_positions", manifest_id=manifest_id)
    return [int(row.position) for row in rows]


def fetch_samples_page(session: Session, manifest_id: int, first: int, end: int) -> list[Sample]:
    """Return the samples at positions first..end-1, in order."""
    rows = session.fetch_all(
        "fetch_samples_page", manifest_id=manifest_id, first_position=first, end_position=end
    )
    if len(rows) != end - first:
        raise DatabaseError(
            f"manifest {manifest_id} has {len(rows)} samples for positions {first} to {end - 1}: "
            "rows of manifest_samples or contents were deleted"
        )
    return [_sample(row) for row in rows]


def fetch_samples_at(session: Session, manifest_id: int, positions: Sequence[int]) -> list[Sample]:
    """Return the samples at these positions, in the order of `positions`."""
    found: dict[int, Sample] = {}
    wanted = sorted(set(positions))
    for start in range(0, len(wanted), _COLUMNS_AT):
        some = wanted[start : start + _COLUMNS_AT]
        some += [some[-1]] * (_COLUMNS_AT - len(some))
        values = {f"p{number}": position for number, position in enumerate(some)}
        for row in session.fetch_all("fetch_samples_at", manifest_id=manifest_id, **values):
            found[int(row.position)] = _sample(row)
    missing = [position for position in wanted if position not in found]
    if missing:
        raise DatabaseError(f"manifest {manifest_id} has no sample at position {missing[0]}")
    return [found[position] for position in positions]


def list_validation_positions(session: Session, manifest_id: int) -> list[int]:
    """Return the positions of the samples that are for validation, in order."""
    rows = session.fetch_all("list_validation_positions", manifest_id=manifest_id)
    return [int(row.position) for row in rows]


def _count(session: Session, statement: str, values: dict[str, int]) -> int:
    row = session.fetch_one(statement, **values)
    return 0 if row is None else int(row.samples)


def _sample(row: Row[Any]) -> Sample:
    _, sample_key, prompt, response, system_prompt, messages, weight, group_key, split = tuple(row)
    return Sample(
        sample_key=sample_key,
        prompt=prompt,
        response=response,
        system_prompt=system_prompt,
        weight=float(weight),
        group_key=group_key,
        split=split,
        messages=read_messages(messages),
    )


def set_manifest_tokens(session: Session, manifest_id: int, token_count: int) -> None:
    """Store how many tokens one epoch of a manifest has, unless that is known already."""
    session.execute("set_manifest_tokens", manifest_id=manifest_id, token_count=token_count)
