"""What a run reads and writes in its scope."""

from __future__ import annotations

import pytest

from sqltune.database.connection import Database
from sqltune.database.tables import run_prompts
from sqltune.errors import LeaseLost
from sqltune.records import Claim
from tests.database.selecting import Desk, open_desk


@pytest.fixture
def desk(database: Database) -> Desk:
    desk = open_desk(database)
    desk.add_prompts([{"prompt": "p"}])
    desk.freeze()
    return desk


def test_a_scope_writes_while_its_lease_is_owned(desk: Desk) -> None:
    with desk.scope().transaction() as session:
        run_prompts.delete_run_prompts(session, 1)
    assert desk.rows("SELECT COUNT(*) FROM run_prompts") == [(0,)]


def test_a_scope_whose_lease_was_lost_writes_nothing_and_still_reads(desk: Desk) -> None:
    desk.claim = Claim("helpdesk", "another runner", 7)
    scope = desk.scope()
    with pytest.raises(LeaseLost), scope.transaction() as session:
        run_prompts.delete_run_prompts(session, 1)
    assert desk.rows("SELECT COUNT(*) FROM run_prompts") == [(1,)]
    with scope.read() as session:
        assert session.fetch_one("get_last_issue_number", run_id=1) is not None
