"""Export the exact samples that a version was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqltune.backends.base import Samples
from sqltune.database.connection import Database
from sqltune.database.tables import versions
from sqltune.errors import ConfigError
from sqltune.records import Sample
from sqltune.selection import read_samples


def exported_samples(
    database: Database, adapter_name: str, version_number: int | None
) -> Iterator[dict[str, Any]]:
    """Yield the samples that a version was trained on as plain objects, in its manifest's order.

    Raises:
        ConfigError: the adapter has no such version; raised before the first sample is read.
    """
    with database.read() as session:
        version = (
            versions.get_latest_version(session, adapter_name)
            if version_number is None
            else versions.get_version(session, adapter_name, version_number)
        )
    if version is None:
        wanted = "no version yet" if version_number is None else f"no version {version_number}"
        raise ConfigError(f"adapter {adapter_name!r} has {wanted}")
    samples: Samples = read_samples(database, version.manifest_id)
    return (_plain(sample) for sample in samples)


def _plain(sample: Sample) -> dict[str, Any]:
    values = {name: getattr(sample, name) for name in Sample.__dataclass_fields__}
    if sample.messages is not None:
        values |= dict.fromkeys(("prompt", "response", "system_prompt"))
        values["messages"] = [message.to_plain() for message in sample.messages]
    return {name: value for name, value in values.items() if value is not None}
