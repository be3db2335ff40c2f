"""Collects what is wrong with rows: all findings are counted, the first of each rule described."""

from __future__ import annotations

from sqltune.database.run_scope import RunScope
from sqltune.database.tables.issues import IssueCount, replace_issues
from sqltune.records import Issue, SelectionName
from sqltune.selection.rules import Problem

#: Findings of one rule that are kept in words.
KEPT_PER_RULE = 1_000
ERROR, WARNING = "error", "warning"
#: Where the findings of a run and of a validation are listed, and where all are counted.
DATA_ISSUES, ROW_CHECK_ISSUES = "data_issues", "report_data_issues"
_COUNTED_IN = {DATA_ISSUES: "data_issue_counts", ROW_CHECK_ISSUES: "row_check_counts"}


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
        """Count one finding, and keep its words if it is among the first of its rule."""
        self.count(problem.rule, severity, 1)
        if self._counts[problem.rule, severity] <= KEPT_PER_RULE:
            self.keep(row_key, column, problem, severity)

    def count(self, rule: str, severity: str, number: int) -> None:
        """Count findings whose words are kept by `keep`."""
        if number:
            self._counts[rule, severity] = self._counts.get((rule, severity), 0) + number

    def keep(self, row_key: str, column: str | None, problem: Problem, severity: str) -> None:
        """Keep the words of a finding that `count` counts."""
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
        """How often each rule was broken: errors first, then the most frequent first."""
        ordered = sorted(self._counts.items(), key=lambda item: (item[0][1], -item[1], item[0][0]))
        return [IssueCount(rule, severity, count) for (rule, severity), count in ordered]

    @property
    def has_errors(self) -> bool:
        """Whether any row cannot be used."""
        return any(severity == ERROR for _, severity in self._counts)

    def store(self, scope: RunScope) -> None:
        """Write the findings as rows, in place of those of an earlier attempt."""
        replace_issues(scope, self.selection, self.issues, self.counts)

    def where(self, listed_in: str) -> str:
        """Return that the errors are listed in a table or by a command, and whether all are."""
        counts = [count.count for count in self.counts if count.severity == ERROR]
        if max(counts, default=0) <= KEPT_PER_RULE:
            return f"{listed_in} lists them"
        counted = f", {_COUNTED_IN[listed_in]} counts all" if listed_in in _COUNTED_IN else ""
        return f"{listed_in} lists the first {KEPT_PER_RULE:,} of each rule{counted}"

    def summary(self) -> str:
        """Return the errors in one line: what, how often, and the first row."""
        errors = [c for c in self.counts if c.severity == ERROR]
        counted = ", ".join(f"{count.count:,} {count.rule}" for count in errors)
        first = next(issue for issue in self.issues if issue.severity == ERROR)
        return f"{counted}; first: {first.row_key}: {first.message}"
