"""Whether what a person asks to forget is anything that was ever here: misspelt names are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqltune.database.connection import Session
from sqltune.database.tables import adapters, seen_rows
from sqltune.errors import ConfigError
from sqltune.suggestions import no_adapter


def require_known_adapter(session: Session, adapter_name: str) -> None:
    """Require an adapter that is declared, or of which a manifest or a version is kept.

    Raises:
        ConfigError: there is none.
    """
    known = seen_rows.list_known_adapters(session)
    if adapter_name not in known:
        raise ConfigError(no_adapter(adapter_name, known))


def find_unknown_keys(
    session: Session, adapter_name: str | None, keys: Sequence[str]
) -> Iterator[str]:
    """Yield keys that neither a finding nor a row of training_samples has.

    Args:
        session: reads.
        adapter_name: whose rows they are; None: of any adapter.
        keys: of rows that no manifest has.
    """
    for key in keys:
        named = seen_rows.list_adapters_with_finding(session, key)
        found = bool(named) if adapter_name is None else adapter_name in named
        if not found and not _is_source_row(session, adapter_name, key):
            yield key


def _is_source_row(session: Session, adapter_name: str | None, key: str) -> bool:
    if not (key.isascii() and key.isdigit()) or len(key) > len(str(2**63 - 1)) - 1:
        return False
    dataset = seen_rows.get_dataset_of_sample(session, int(key))
    if dataset is None or adapter_name in (None, dataset):
        return dataset is not None
    adapter = adapters.get_adapter(session, adapter_name or "")
    return adapter is not None and adapter.training_query is not None
