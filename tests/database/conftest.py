"""The run that the tests of answers, scores and verdicts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from tests.database.evaluated_run import EvaluatedRun


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Iterator[EvaluatedRun]:
    run = EvaluatedRun(database, tmp_path)
    run.claim()
    run.add_run(1)
    yield run
    run.close()
