"""Whether the rules for bad rows changed so that a run would end otherwise than the last one did.

They are in no key, because good rows train the same. So the findings of the last run decide, whose
rows are those of now: rows that it trained on and that would be refused, or the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.tables import issues, runs
from sqltune.records import Adapter, AdapterVersion, Run, SelectionName
from sqltune.selection import most_skipped

#: Columns that decide what happens to bad rows.
BAD_ROW_COLUMNS = ("on_bad_row", "max_skipped_share", "on_personal_data")


def are_samples_judged_otherwise(
    session: Session, adapter: Adapter, version: AdapterVersion, settings: Mapping[str, Any]
) -> bool:
    """Whether other samples than a version's would be trained now, or the run would fail.

    Args:
        session: reads.
        adapter: its row.
        version: the version.
        settings: the effective settings of the run that trained it.
    """
    run_id = version.run_id
    selected, skipped = runs.get_sample_counts(session, run_id)
    return skipped > most_skipped(selected, adapter) or _are_private_rows_judged_otherwise(
        session, adapter, run_id, SelectionName.TRAINING, settings
    )


def are_prompts_judged_otherwise(
    session: Session, adapter: Adapter, last: Run, settings: Mapping[str, Any]
) -> bool:
    """Whether other prompts than those of a run would be asked now, or the run would fail.

    Args:
        session: reads.
        adapter: its row.
        last: the run.
        settings: its effective settings.
    """
    rows = (last.eval_fingerprint or "").partition("-")[0]
    selected = int(rows) if rows.isdigit() else 0
    skipped = selected - (selected if last.prompts_selected is None else last.prompts_selected)
    return skipped > most_skipped(selected, adapter) or _are_private_rows_judged_otherwise(
        session, adapter, last.run_id, SelectionName.EVALUATION, settings
    )


def _are_private_rows_judged_otherwise(
    session: Session,
    adapter: Adapter,
    run_id: int,
    selection: SelectionName,
    settings: Mapping[str, Any],
) -> bool:
    recorded = settings.get("adapter")
    if not isinstance(recorded, dict):
        return False
    before, now = recorded.get("on_personal_data"), adapter.on_personal_data
    if (before == "refuse") == (now == "refuse"):
        return False
    # What was ignored was not looked for.
    return before == "ignore" or issues.count_private(session, run_id, selection) > 0
