"""What validation found in the selections of a run, and how many rows break each rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqltune.database.connection import Session
from sqltune.database.run_scope import RunScope
from sqltune.records import Issue, SelectionName

#: Findings that one transaction stores.
_PAGE = 500
_KEY_CHARACTERS = 191


@dataclass(frozen=True, slots=True)
class IssueCount:
    """How many rows break one rule."""

    rule: str
    severity: str  #: error, warning
    count: int


def replace_issues(
    scope: RunScope,
    selection: SelectionName,
    issues: Sequence[Issue],
    counts: Sequence[IssueCount],
) -> None:
    """Store the findings of a selection in place of those of an earlier attempt of the run."""
    run_id = scope.run_id
    with scope.transaction() as session:
        session.execute("delete_issues", run_id=run_id, selection=selection.value)
        session.execute("delete_issue_counts", run_id=run_id, selection=selection.value)
        session.execute_many(
            "insert_issue_count",
            [
                {
                    "run_id": run_id,
                    "selection": selection.value,
                    "rule": count.rule,
                    "severity": count.severity,
                    "issue_count": count.count,
                }
                for count in counts
            ],
        )
        row = session.fetch_one("get_last_issue_number", run_id=run_id)
    number = 0 if row is None else int(row.last_number)
    for start in range(0, len(issues), _PAGE):
        page = issues[start : start + _PAGE]
        with scope.transaction() as session:
            session.execute_many(
                "insert_issue",
                [
                    {"run_id": run_id, "issue_number": number + start + i, **issue_values(issue)}
                    for i, issue in enumerate(page, 1)
                ],
            )


def count_warnings(session: Session, run_id: int) -> dict[str, int]:
    """Return how many rows each rule of a run warns of."""
    rows = session.fetch_all("count_warnings", run_id=run_id)
    return {row.rule: int(row.warning_count) for row in rows}


def count_private(session: Session, run_id: int, selection: SelectionName) -> int:
    """Return how many personal data and secrets a run found in the rows of a selection."""
    row = session.fetch_one("count_private_rows", run_id=run_id, selection=selection.value)
    return 0 if row is None else int(row.found)


def issue_values(issue: Issue) -> dict[str, object]:
    """Return a finding as the values of its row, without what it belongs to."""
    values: dict[str, object] = asdict(issue)
    values["selection"] = issue.selection.value
    values["row_key"] = issue.row_key[:_KEY_CHARACTERS]
    return values
