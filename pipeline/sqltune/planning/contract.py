"""Refuses a query that no longer returns a column which the last version's run used.

Without its `split`, held-out rows would be trained; without `expected`, nothing would be compared;
and no row would show it. That it is meant is said in the query: `NULL AS split`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqltune.database.tables import runs
from sqltune.errors import DataError
from sqltune.records import Adapter, SelectionName
from sqltune.runtime import Runtime
from sqltune.selection import SelectionColumns, split_names

#: What happens without the column, where that is not plain.
_LOSSES = {
    "split": "rows that it held out would be trained",
    "expected": "answers would no longer be scored by it",
}


def require_columns(
    runtime: Runtime,
    adapter: Adapter,
    *,
    training: SelectionColumns | None,
    evaluation: SelectionColumns,
) -> None:
    """Refuse selections that lack a column which the adapter's last finished run used.

    Args:
        runtime: where to read.
        adapter: its row.
        training: of the training selection; None: it was not read.
        evaluation: of the evaluation selection.

    Raises:
        DataError: names the columns and both cures.
    """
    with runtime.database.read() as session:
        last = runs.find_last_columns(session, adapter.adapter_name)
    if last is None:
        return
    if training is not None:
        gone = training.find_gone(split_names(last.training))
        _refuse(gone, SelectionName.TRAINING, last.run_id)
    _refuse(
        evaluation.find_gone(split_names(last.evaluation)), SelectionName.EVALUATION, last.run_id
    )


def _refuse(gone: Sequence[str], selection: SelectionName, run_id: int) -> None:
    if not gone:
        return
    losses = [_LOSSES[name] for name in gone if name in _LOSSES]
    why = f" ({'; '.join(losses)})" if losses else ""
    it, nulls = "it" if len(gone) == 1 else "them", ", ".join(f"NULL AS {name}" for name in gone)
    raise DataError(
        f"the {selection.value} query no longer returns {' and '.join(gone)}, which run {run_id} "
        f"used{why}: add {it} to the query again, or write {nulls} there if that is meant",
        table=f"{selection.value} query",
        column=gone[0],
        code="column_gone",
    )
