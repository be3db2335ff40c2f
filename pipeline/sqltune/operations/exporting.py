"""Export a version: the exact samples that it was trained on, or its weights in a whole model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqltune.backends.merging import MergedForm, Merging
from sqltune.database.connection import Database
from sqltune.database.tables import versions
from sqltune.errors import ConfigError
from sqltune.records import AdapterVersion, Sample
from sqltune.run.versions import trained_adapter
from sqltune.runtime import Runtime
from sqltune.selection import read_kept_samples


@dataclass(frozen=True, slots=True)
class ExportedSamples:
    """The samples of a version."""

    objects: Iterator[dict[str, Any]]  #: each as a plain object, in the manifest's order
    removed_count: int  #: samples left out because their texts were forgotten or expired


def export_samples(
    database: Database, adapter_name: str, version_number: int | None
) -> ExportedSamples:
    """Return the samples that a version was trained on, as far as their texts are kept.

    Raises:
        ConfigError: the adapter has no such version; raised before the first sample is read.
    """
    version = _read_version(database, adapter_name, version_number)
    samples, removed_count = read_kept_samples(database, version.manifest_id)
    return ExportedSamples((_plain(sample) for sample in samples), removed_count)


def export_merged(
    runtime: Runtime,
    adapter_name: str,
    version_number: int | None,
    target: Path,
    form: MergedForm = MergedForm.FOLDER,
) -> AdapterVersion:
    """Write a version and its base model as one model that transformers loads; return the version.

    Args:
        runtime: with the backend of the version.
        adapter_name: an adapter's name.
        version_number: None: the latest.
        target: a folder or a file, as the form says; it must not exist.
        form: of the model.

    Raises:
        ConfigError: there is no such version, its backend keeps its weights, or the target exists.
        BackendError: the weights or the base model cannot be read, the base model not be written in
            that form, or the target not be written.
    """
    version = _read_version(runtime.database, adapter_name, version_number)
    if target.exists() or target.is_symlink():
        kind = "file" if form is MergedForm.GGUF else "folder"
        raise ConfigError(f"{target} exists: name a {kind} that does not")
    backend = runtime.backend(version.backend)
    if not isinstance(backend, Merging):
        raise ConfigError(
            f"version {version.version_number} of adapter {adapter_name!r} was trained on backend "
            f"{version.backend!r}, which does not give away its weights"
        )
    adapter = trained_adapter(version)
    backend.merge(version.base_model, version.base_model_revision, adapter, target, form)
    return version


def _read_version(
    database: Database, adapter_name: str, version_number: int | None
) -> AdapterVersion:
    with database.read() as session:
        version = (
            versions.get_latest_version(session, adapter_name)
            if version_number is None
            else versions.get_version(session, adapter_name, version_number)
        )
    if version is None:
        wanted = "no version yet" if version_number is None else f"no version {version_number}"
        raise ConfigError(f"adapter {adapter_name!r} has {wanted}")
    return version


def _plain(sample: Sample) -> dict[str, Any]:
    values = {name: getattr(sample, name) for name in Sample.__dataclass_fields__}
    if sample.messages is not None:
        values |= dict.fromkeys(("prompt", "response", "system_prompt"))
        values["messages"] = [message.to_plain() for message in sample.messages]
    return {name: value for name, value in values.items() if value is not None}
