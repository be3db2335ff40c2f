"""Collects what is wrong with rows: the first of each rule in words, all of them counted."""

from __future__ import annotations

from sqltune.database.connection import Database
from sqltune.database.tables.issues import IssueCount, replace_issues
from sqltune.records import Claim, Issue, SelectionName
from sqltune.selection.rules import Problem

#: Findings of one rule that are kept in words.
KEPT_PER_RULE = 1_000
ERROR, WARNING = "error", "warning"


class Findings:
    """The findings of one selection in one run."""

    def __init__(self, selection: SelectionName) -> None:
        """Begin without any."""
        self.selection = selection
        self.issues: list[Issue] = []
        self._counts: dict[tuple[str, str], int] = {}

    def add(
        self, row_key: str, column: str | None, problem: Problem, severity: str = ERROR
    ) -> None:
        """Note one finding."""
        self.count(problem.rule, severity, 1)
        if self._counts[problem.rule, severity] <= KEPT_PER_RULE:
            self.keep(row_key, column, problem, severity)

    def count(self, rule: str, severity: str, number: int) -> None:
        """Count findings whose words are kept elsewhere."""
        if number:
            self._counts[rule, severity] = self._counts.get((rule, severity), 0) + number

    def keep(self, row_key: str, column: str | None, problem: Problem, severity: str) -> None:
        """Keep the words of a finding that is counted elsewhere."""
        self.issues.append(
            Issue(
                selection=self.selection,
                severity=severity,
                rule=problem.rule,
                row_key=row_key,
                column_name=column,
                message=problem.message,
            )
        )

    @property
    def counts(self) -> list[IssueCount]:
        """How often each rule was broken, errors first, the most frequent first."""
        ordered = sorted(self._counts.items(), key=lambda item: (item[0][1], -item[1], item[0][0]))
        return [IssueCount(rule, severity, count) for (rule, severity), count in ordered]

    @property
    def has_errors(self) -> bool:
        """Whether a row cannot be used."""
        return any(severity == ERROR for _, severity in self._counts)

    def store(self, database: Database, claim: Claim, run_id: int) -> None:
        """Write the findings as rows, in place of those of an earlier attempt."""
        replace_issues(database, claim, run_id, self.selection, self.issues, self.counts)

    def summary(self) -> str:
        """Give the errors in one line: what, how often, and the first row."""
        errors = [c for c in self.counts if c.severity == ERROR]
        counted = ", ".join(f"{count.count:,} {count.rule}" for count in errors)
        first = next(issue for issue in self.issues if issue.severity == ERROR)
        return f"{counted}; first: {first.row_key}: {first.message}"
