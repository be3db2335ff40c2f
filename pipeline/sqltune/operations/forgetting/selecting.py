"""The keys of the rows to forget, from a person's query."""

from __future__ import annotations

from sqltune.database.streaming import open_connection
from sqltune.errors import ConfigError, DataError
from sqltune.runtime import Runtime
from sqltune.selection.guard import guard_query


def select_keys(runtime: Runtime, query: str) -> list[str]:
    """Return what a query returns in its column sample_key, on the selection connection.

    Raises:
        QueryRefused: it is not one harmless SELECT.
        DataError: it does not run.
        ConfigError: it has no column sample_key, or a key is NULL.
    """
    database = runtime.selection_database
    timeout = runtime.settings.selection_timeout_seconds
    keys: list[str] = []
    with open_connection(database, check=lambda: None, timeout_seconds=timeout) as connection:
        stream = connection.run(guard_query(query, database.kind, connection.sql_modes), {})
        names = [name.lower() for name in stream.column_names]
        if "sample_key" not in names:
            raise ConfigError(
                f"--query returns {', '.join(names)}: name the key with AS sample_key"
            )
        place = names.index("sample_key")
        for page in stream.pages():
            keys += [_as_key(row[place]) for row in page]
    return keys


def _as_key(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, int):
        return str(value)
    raise DataError(f"--query returns the key {value!r}: a key is a text or a whole number")
