"""What the last row check of each adapter found, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqltune.database.connection import Database
from sqltune.database.tables.issues import IssueCount, issue_values
from sqltune.database.times import format_time
from sqltune.records import Issue, SelectionName


@dataclass(frozen=True, slots=True)
class RowCheckRow:
    """One row of `row_checks`; counts that are None were not found out."""

    adapter_name: str
    samples_usable: int | None
    samples_bad: int | None
    samples_held_out: int | None
    prompts_usable: int | None
    prompts_bad: int | None
    error_code: str | None
    error_message: str | None  #: None: a run would not fail for its rows
    checked_at: datetime


def replace_row_check(
    database: Database,
    row: RowCheckRow,
    issues: Sequence[Issue],
    counts: Sequence[tuple[SelectionName, IssueCount]],
) -> None:
    """Store a row check in place of the adapter's last one, all of it or nothing."""
    name = row.adapter_name
    with database.transaction() as session:
        session.execute("delete_row_check", adapter_name=name)
        session.execute("delete_row_check_issues", adapter_name=name)
        session.execute("delete_row_check_counts", adapter_name=name)
        values = asdict(row) | {"checked_at": format_time(row.checked_at)}
        session.execute("insert_row_check", **values)
        session.execute_many(
            "insert_row_check_count",
            [
                {
                    "adapter_name": name,
                    "selection": selection.value,
                    "rule": count.rule,
                    "severity": count.severity,
                    "issue_count": count.count,
                }
                for selection, count in counts
            ],
        )
        session.execute_many(
            "insert_row_check_issue",
            [
                {"adapter_name": name, "issue_number": number, **issue_values(issue)}
                for number, issue in enumerate(issues, 1)
            ],
        )
