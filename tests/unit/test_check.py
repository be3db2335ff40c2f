"""`sqltune check` reads no more prompts than it needs, and names what it could not read."""

from __future__ import annotations

import time

import pytest

from sqltune.operations.check import CheckStatus, examine
from tests.unit.office import Office

#: A hundred thousand prompts, one of which the database cannot compute.
PROMPTS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    " SELECT i AS prompt_key, ''Who?'' AS prompt,"
    " CASE WHEN i = {bad} THEN json(''no'') ELSE ''sql:no_view'' END AS scorer FROM n"
)


@pytest.mark.parametrize(
    ("bad", "words"),
    [(1, "malformed JSON"), (900, "malformed JSON"), (90_000, "no such table: no_view")],
)
def test_scorers_are_looked_for_among_the_first_prompts_and_errors_are_shown_once(
    office: Office, bad: int, words: str
) -> None:
    office.do(f"UPDATE adapters SET eval_query = '{PROMPTS.format(bad=bad)}'")
    findings = examine(office.runtime, now_seconds=time.time)
    (failed,) = [each for each in findings if each.status is CheckStatus.FAILED]
    assert failed.check == ("evaluation rows of office" if bad == 1 else "scorers of office")
    assert words in failed.detail
