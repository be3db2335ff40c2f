"""Reads each view that scores a run's answers once per phase."""

from __future__ import annotations

from sqltune.records import Phase
from sqltune.selection import SelectionReader, SqlScores, read_sql_scores


class SqlViews:
    """The scores that views give to the answers of one run, as they were when first asked for."""

    def __init__(self, reader: SelectionReader, run_id: int) -> None:
        """Read with `reader`, which may only read."""
        self._reader = reader
        self._run_id = run_id
        self._read: dict[tuple[str, Phase], SqlScores] = {}

    def read(self, scorer: str, phase: Phase) -> SqlScores:
        """Return what the view of a scorer says of one phase."""
        if (scorer, phase) not in self._read:
            self._read[scorer, phase] = read_sql_scores(
                self._reader, scorer, self._run_id, phase.value
            )
        return self._read[scorer, phase]
