"""What changed in a selection since a manifest was written, by the keys of the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqltune.database.connection import Database
from sqltune.selection import SampleChanges, compare_samples, fingerprint_samples
from tests.database.selecting import Desk, open_desk

WITHOUT_KEYS = "SELECT prompt, response FROM training_samples"


@pytest.fixture
def desk(database: Database) -> Desk:
    """A desk with five samples in manifest 1, two of them with equal texts."""
    desk = open_desk(database)
    desk.add_samples([{"prompt": f"p{n}", "response": "r"} for n in (1, 2, 3, 4, 4)])
    desk.write(1)
    return desk


def changes(desk: Desk, manifest_id: int = 1, **columns: Any) -> SampleChanges | None:
    adapter = replace(desk.adapter, **columns)
    return compare_samples(desk.database, desk.reader(), adapter, manifest_id)


def test_rows_that_are_the_same_are_no_change(desk: Desk) -> None:
    assert changes(desk) == SampleChanges(before=5)


def test_edits_inserts_and_deletes_are_counted_by_their_keys(desk: Desk) -> None:
    desk.run(
        "UPDATE training_samples SET response = 'edited' WHERE prompt = 'p1'",
        "DELETE FROM training_samples WHERE prompt = 'p2'",
    )
    desk.add_samples([{"prompt": "new", "response": "r"}, {"prompt": "bad", "response": " "}])
    assert changes(desk) == SampleChanges(before=5, edited=1, added=1, removed=1)


def test_without_keys_an_edit_is_one_that_is_new_and_one_gone(desk: Desk) -> None:
    desk.add_sample("p6", "r")  # an equal manifest would be shared
    desk.write(2, training_query=WITHOUT_KEYS)
    assert changes(desk, 2, training_query=WITHOUT_KEYS) == SampleChanges(before=6)
    desk.run("UPDATE training_samples SET response = 'edited' WHERE prompt IN ('p1', 'p4')")
    found = changes(desk, 2, training_query=WITHOUT_KEYS)
    assert found == SampleChanges(before=6, added=3, removed=3)


def test_samples_that_change_sides_are_counted_apart(desk: Desk) -> None:
    moved = changes(desk, validation_share=0.5)
    assert moved is not None
    assert (moved.edited, moved.added, moved.removed) == (0, 0, 0)
    assert 0 < moved.moved < 5


def test_a_manifest_that_is_gone_is_compared_with_nothing(desk: Desk) -> None:
    assert changes(desk, 9) is None


def test_the_reading_that_compares_has_the_fingerprint_of_a_plan(desk: Desk) -> None:
    desk.add_sample("", "bad")
    found = changes(desk, validation_share=0.4)
    assert found is not None
    adapter = replace(desk.adapter, validation_share=0.4)
    assert found.fingerprint == fingerprint_samples(desk.reader(), adapter).text
