"""Which manifests, versions and findings have what is to be forgotten, and what is known at all."""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.database.connection import Session
from sqltune.database.tables.expiring import EXPIRED_HASH


@dataclass(frozen=True, slots=True)
class SampleOfKey:
    """A content that a row ever had in a manifest."""

    manifest_id: int
    adapter_name: str
    content_hash: str
    is_forgotten: bool


def find_samples_of_key(session: Session, sample_key: str) -> list[SampleOfKey]:
    """Return every content that rows with this key ever had, in manifests of any adapter."""
    return [
        SampleOfKey(
            int(row.manifest_id), row.adapter_name, row.content_hash, row.forgotten_at is not None
        )
        for row in session.fetch_all("find_samples_of_key", sample_key=sample_key)
    ]


def list_known_adapters(session: Session) -> list[str]:
    """Return the adapters that are declared, or of which a manifest or a version is kept."""
    return [str(row.adapter_name) for row in session.fetch_all("list_known_adapters")]


def list_adapters_with_finding(session: Session, sample_key: str) -> list[str]:
    """Return the adapters of which a finding names a sample with this key."""
    rows = session.fetch_all("list_adapters_with_finding", sample_key=sample_key)
    return [str(row.adapter_name) for row in rows]


def get_dataset_of_sample(session: Session, sample_id: int) -> str | None:
    """Return the dataset of a row of training_samples; None: there is no such row."""
    row = session.fetch_one("get_dataset_of_sample", sample_id=sample_id)
    return None if row is None else str(row.dataset)


def find_manifests_of_content(session: Session, content_hash: str) -> list[tuple[int, str, int]]:
    """Return id, adapter and number of samples of each manifest with a content."""
    rows = session.fetch_all("find_manifests_of_content", content_hash=content_hash)
    return [(int(row.manifest_id), row.adapter_name, int(row.samples)) for row in rows]


def find_key_of_content(session: Session, content_hash: str) -> str | None:
    """Return the adapter and the key of a row with this content, for people."""
    row = session.fetch_one("find_key_of_content", content_hash=content_hash)
    return None if row is None else f"{row.adapter_name} {row.sample_key}"


def list_versions_of_manifest(session: Session, manifest_id: int) -> list[tuple[str, int, bool]]:
    """Return adapter, number and whether it is retired of each version of a manifest."""
    rows = session.fetch_all("list_versions_of_manifest", manifest_id=manifest_id)
    return [(r.adapter_name, int(r.version_number), r.retired_at is not None) for r in rows]


def list_runs_of_manifest(session: Session, manifest_id: int) -> list[tuple[str, str]]:
    """Return key and backend of each run that trained on a manifest."""
    rows = session.fetch_all("list_ended_runs_of_manifest", manifest_id=manifest_id)
    return [(str(row.run_key), str(row.backend)) for row in rows]


def count_forgotten(session: Session, manifest_id: int) -> int:
    """Return how many samples of a manifest are forgotten."""
    row = session.fetch_one(
        "count_forgotten_in_manifest", manifest_id=manifest_id, expired_hash=EXPIRED_HASH
    )
    return 0 if row is None else int(row.samples)


def set_forgotten_count(session: Session, manifest_id: int, count: int) -> None:
    """Mark a manifest with the number of its samples that are forgotten."""
    session.execute("set_forgotten_count", manifest_id=manifest_id, forgotten_count=count)
