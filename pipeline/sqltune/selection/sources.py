"""What an adapter selects: its own queries, guarded, or the dataset that carries its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqltune.database.connection import Database, EngineKind
from sqltune.database.queries import load_statements
from sqltune.records import Adapter, SelectionName
from sqltune.selection.guard import guard_query

#: How long a query may take, where the caller says nothing.
TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Source:
    """A query that may be run, with the values it needs."""

    selection: SelectionName
    sql: str
    values: Mapping[str, object]


def find_source(database: Database, adapter: Adapter, selection: SelectionName) -> Source:
    """Give the query of one of an adapter's two selections.

    Raises:
        QueryRefused: the adapter's own query is not one harmless SELECT.
    """
    is_training = selection is SelectionName.TRAINING
    query = adapter.training_query if is_training else adapter.eval_query
    if query is not None:
        return Source(selection, guard_query(query, database.kind), {})
    default = default_training_query if is_training else default_eval_query
    return Source(selection, default(database.kind), {"dataset": adapter.adapter_name})


def default_training_query(kind: EngineKind) -> str:
    """Give the statement that a training_query of NULL stands for; it takes :dataset."""
    return load_statements(kind.value)["select_training_samples"]


def default_eval_query(kind: EngineKind) -> str:
    """Give the statement that an eval_query of NULL stands for; it takes :dataset."""
    return load_statements(kind.value)["select_eval_prompts"]
