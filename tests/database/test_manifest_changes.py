"""What changed since the manifest before, as a reader of the rows counts it."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from sqltune.database.connection import Database
from tests.database.selecting import Desk, open_desk

#: Names no key: the content hash is the key of each row.
WITHOUT_KEYS = "SELECT prompt, response FROM training_samples WHERE dataset = 'helpdesk'"
INSERT = "INSERT INTO training_samples (dataset, prompt, response) VALUES ('helpdesk', {})"
EDIT = "UPDATE training_samples SET response = 'edited' WHERE sample_id = 3"
DELETE = "DELETE FROM training_samples WHERE sample_id = 4"
#: Rows 1 and 2 are equal, and so are rows 5, 6 and 7.
ROWS = [*("same", "same", "three", "four"), *("thrice",) * 3, "eight"]
#: The changes that a person makes, and (added, edited, removed) with and without keys.
CASES = {
    "edit": ([EDIT], (0, 1, 0), (1, 0, 1)),
    "insert": ([INSERT.format("'new', 'r'")], (1, 0, 0), (1, 0, 0)),
    "delete": ([DELETE], (0, 0, 1), (0, 0, 1)),
    "edit, insert and delete": (
        [EDIT, INSERT.format("'new', 'r'"), DELETE],
        (1, 1, 1),
        (2, 0, 2),
    ),
    # Texts that only change places give an equal manifest, so a row is added.
    "two rows swap their texts": (
        [
            "UPDATE training_samples SET prompt = CASE prompt WHEN 'three' THEN 'four'"
            " WHEN 'four' THEN 'three' ELSE prompt END",
            INSERT.format("'new', 'r'"),
        ],
        (1, 2, 0),
        (1, 0, 0),
    ),
    "a key is renamed": (
        [
            "UPDATE training_samples SET sample_id = 90 WHERE sample_id = 3",
            INSERT.format("'new', 'r'"),
        ],
        (2, 0, 1),
        (1, 0, 0),
    ),
    "a row is deleted and inserted again": (
        [
            "DELETE FROM training_samples WHERE sample_id = 3",
            INSERT.format("'three', 'r'"),
            INSERT.format("'new', 'r'"),
        ],
        (2, 0, 1),
        (1, 0, 0),
    ),
    "one of two equal rows goes": (
        ["DELETE FROM training_samples WHERE sample_id = 2"],
        (0, 0, 1),
        (0, 0, 1),
    ),
    "both of two equal rows go": (
        ["DELETE FROM training_samples WHERE prompt = 'same'"],
        (0, 0, 2),
        (0, 0, 2),
    ),
    "one of three equal rows goes": (
        ["DELETE FROM training_samples WHERE sample_id = 6"],
        (0, 0, 1),
        (0, 0, 1),
    ),
    "a row is there once more": ([INSERT.format("'same', 'r'")], (1, 0, 0), (1, 0, 0)),
    "a single row becomes three": (
        [INSERT.format("'four', 'r'"), INSERT.format("'four', 'r'")],
        (2, 0, 0),
        (2, 0, 0),
    ),
    "one of two equal rows is edited to a third": (
        ["UPDATE training_samples SET prompt = 'thrice' WHERE sample_id = 1"],
        (0, 1, 0),
        (1, 0, 1),
    ),
    "everything is replaced": (
        ["DELETE FROM training_samples", INSERT.format("'new', 'r'")],
        (1, 0, 8),
        (1, 0, 8),
    ),
}


@pytest.fixture
def desk(database: Database) -> Desk:
    """An adapter whose first manifest has the eight ROWS."""
    desk = open_desk(database)
    desk.add_samples([{"prompt": prompt, "response": "r"} for prompt in ROWS])
    return desk


def change_of(desk: Desk, run_id: int) -> tuple[int, int, int]:
    """Added, edited and removed samples of a manifest; what a reader counts always holds."""
    rows = desk.rows(
        "SELECT manifest_id, sample_count, samples_added, samples_edited, samples_removed"
        " FROM report_datasets ORDER BY dataset_number"
    )
    before = 0
    for _, count, added, _, removed in rows:
        assert count == before + added - removed
        before = count
    (found,) = [(added, edited, removed) for n, _, added, edited, removed in rows if n == run_id]
    return found


@pytest.mark.parametrize("case", CASES)
def test_an_edited_row_whose_key_stays_is_one_edited_row(desk: Desk, case: str) -> None:
    statements, expected, _ = CASES[case]
    desk.write(1)
    desk.run(*statements)
    desk.write(2)
    assert change_of(desk, 1) == (8, 0, 0)
    assert change_of(desk, 2) == expected


@pytest.mark.parametrize("case", CASES)
def test_without_keys_an_edit_is_a_removal_and_an_addition(desk: Desk, case: str) -> None:
    statements, _, expected = CASES[case]
    desk.write(1, training_query=WITHOUT_KEYS)
    desk.run(*statements)
    desk.write(2, training_query=WITHOUT_KEYS)
    assert change_of(desk, 1) == (8, 0, 0)
    assert change_of(desk, 2) == expected


def test_where_the_query_begins_to_name_keys_every_row_is_another(desk: Desk) -> None:
    desk.write(1, training_query=WITHOUT_KEYS)
    desk.run(EDIT)
    desk.write(2)
    assert change_of(desk, 2) == (8, 0, 8)
    desk.run(EDIT.replace("edited", "edited again"))
    desk.write(3, training_query=WITHOUT_KEYS)
    assert change_of(desk, 3) == (8, 0, 8)


@pytest.mark.parametrize("seed", range(3))
def test_any_changes_of_rows_without_keys_are_counted_as_a_multiset(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    texts = Counter(ROWS)
    desk.write(1, training_query=WITHOUT_KEYS)
    for run_id in range(2, 6):
        before = texts.copy()
        for text in chance.sample(sorted({*texts, "new", f"new {run_id}"}), 3):
            texts[text] = chance.randrange(4)
            desk.run(f"DELETE FROM training_samples WHERE prompt = '{text}'")
            desk.run(*[INSERT.format(f"'{text}', 'r'")] * texts[text])
        texts[f"always {run_id}"] += 1
        desk.run(INSERT.format(f"'always {run_id}', 'r'"))
        desk.write(run_id, training_query=WITHOUT_KEYS)
        expected = ((texts - before).total(), 0, (before - texts).total())
        assert change_of(desk, run_id) == expected
