"""What an adapter selects: its own queries, guarded, or the dataset that carries its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqltune.database.connection import EngineKind
from sqltune.database.queries import load_statements
from sqltune.records import Adapter, SelectionName
from sqltune.selection.guard import guard_query

#: The statements that are run where the adapter's query is NULL; they take :dataset.
_DEFAULTS = {
    SelectionName.TRAINING: "select_training_samples",
    SelectionName.EVALUATION: "select_eval_prompts",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A query that may be run, with the values it needs."""

    sql: str
    values: Mapping[str, object]


def find_source(
    adapter: Adapter,
    selection: SelectionName,
    kind: EngineKind,
    sql_modes: frozenset[str] = frozenset(),
) -> Source:
    """Return the query of one of an adapter's selections.

    Args:
        adapter: its row.
        selection: which of them; for predictions, the adapter has a query of its own.
        kind: the engine.
        sql_modes: of the session on which the query will run.

    Raises:
        QueryRefused: the adapter's own query is not one harmless SELECT.
    """
    query = query_of(adapter, selection)
    if query is not None:
        return Source(guard_query(query, kind, sql_modes), {})
    return find_dataset(selection, adapter.adapter_name, kind)


def query_of(adapter: Adapter, selection: SelectionName) -> str | None:
    """Return an adapter's own query; None: it has none."""
    match selection:
        case SelectionName.TRAINING:
            return adapter.training_query
        case SelectionName.EVALUATION:
            return adapter.eval_query
        case SelectionName.PREDICTION:
            return adapter.prediction_query


def find_dataset(selection: SelectionName, dataset: str, kind: EngineKind) -> Source:
    """Return the query of the rows of a dataset in a table of ours."""
    return Source(load_statements(kind.value)[_DEFAULTS[selection]], {"dataset": dataset})
