"""Versions that people put live and take back, and who did."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import declare_office

HISTORY = (
    "SELECT version_number, moved_by, is_now, reason FROM report_live_history ORDER BY move_number"
)


@pytest.fixture
def improved(office_on: People, sqltune_on: Sqltune) -> People:
    """An adapter with two versions, the second live."""
    office_on.teach("office", "When are you open?", "We open at nine.")
    sqltune_on.well("sync")
    return office_on


def test_a_rollback_returns_to_the_version_before_and_keeps_who_and_why(
    sqltune_on: Sqltune, improved: People
) -> None:
    done = sqltune_on.well("rollback", "office", "--reason", "wrong hours")
    assert "version 1 of office is live" in done.err
    assert improved.rows("SELECT version_number FROM aliases") == [(1,)]
    *earlier, (version, moved_by, is_now, reason) = improved.rows(HISTORY)
    assert [row[:3] for row in earlier] == [(1, "gate", 0), (2, "gate", 0)]
    assert (version, is_now, reason) == (1, 1, "wrong hours")
    assert moved_by not in (None, "", "gate")
    sqltune_on.well("promote", "office", "2")
    assert improved.rows("SELECT version_number FROM aliases") == [(2,)]
    until = improved.rows(
        "SELECT COUNT(*) FROM report_live_history WHERE began_at <= ended_at"
        " OR (ended_at IS NULL AND is_now = 1)"
    )
    assert until == [(4,)], "each version was live until the next one"
    assert "up to date" in sqltune_on.well("sync").err


def test_the_row_of_a_person_says_whose_it_is_where_the_engine_knows_it(
    sqltune_on: Sqltune, improved: People
) -> None:
    improved.do("INSERT INTO alias_changes (adapter_name, version_number) VALUES ('office', 1)")
    sqltune_on.well("sync")
    (moved_by,) = improved.rows("SELECT moved_by FROM report_live_history WHERE is_now = 1")[0]
    (asked,) = improved.rows("SELECT requested_by FROM alias_changes")[0]
    assert moved_by == (asked or "alias_changes")


def test_what_cannot_go_live_is_refused_with_its_cure(sqltune: Sqltune, people: People) -> None:
    declare_office(people)
    sqltune("sync")
    for arguments, words in (
        (("promote", "office", "9"), "version 9 does not go live: office has no version 9"),
        (("promote", "nobody", "1"), "no adapter named 'nobody'"),
        (("rollback", "office"), "nothing was live before in 'office'"),
    ):
        done = sqltune(*arguments)
        assert done.code == 2
        assert words in done.err
    assert people.rows("SELECT version_number FROM aliases") == [(1,)]


def test_what_a_person_made_live_stays_until_a_version_is_trained_later(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.teach("office", "When are you open?", "We open at nine.")
    sqltune.well("sync")
    people.teach("office", "Is it far?", "No.")
    sqltune.well("sync")
    sqltune.well("rollback", "office", "--reason", "wrong hours")
    people.ask("office", "Where is it?", "In Utrecht.")
    said = sqltune.well("sync").err
    assert people.rows("SELECT version_number FROM aliases") == [(1,)]
    assert "made version 1 live, which only a newly trained one replaces" in said
    people.teach("office", "Is it warm?", "Yes.")
    sqltune.well("sync")
    assert people.rows("SELECT version_number FROM aliases") == [(3,)]
