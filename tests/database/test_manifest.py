from __future__ import annotations

import pytest

from sqltune.database.connection import Database
from sqltune.errors import DataError, LeaseLost
from sqltune.records import Claim
from sqltune.selection import read_samples
from tests.database.selecting import Desk, open_desk


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


def test_the_manifest_holds_the_exact_samples_of_the_default_dataset(desk: Desk) -> None:
    desk.add_sample("Wer?", "Zoë 😀", system_prompt="Be kind.", weight=2.5, group_key="g1")
    desk.add_sample("What?", "That.", split="train")
    desk.add_sample("Elsewhere?", "Yes.", dataset="other")
    manifest = desk.write()
    assert (manifest.manifest_id, manifest.sample_count) == (1, 2)
    samples = list(read_samples(desk.database, 1))
    assert [s.prompt for s in samples] == ["Wer?", "What?"]
    first = samples[0]
    assert (first.response, first.system_prompt, first.weight) == ("Zoë 😀", "Be kind.", 2.5)
    assert (first.group_key, first.split, samples[1].split) == ("g1", None, "train")
    assert desk.rows(
        "SELECT state, fingerprint, dataset_number, sample_count, samples_added, samples_edited, "
        "samples_removed FROM manifests"
    ) == [("complete", manifest.fingerprint, 1, 2, 2, 0, 0)]


def test_the_fast_fingerprint_is_that_of_the_manifest(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": f"r{n}"} for n in range(1500)])
    desk.add_sample("p", "r", weight=0.5, split="train", group_key="g", system_prompt="")
    manifest = desk.write()
    fast = desk.fingerprint()
    assert fast.text == manifest.fingerprint == desk.manifest_fingerprint(1)
    assert fast.row_count == 1501


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE training_samples SET response = 'new' WHERE prompt = 'p3'",
        "DELETE FROM training_samples WHERE prompt = 'p3'",
        "INSERT INTO training_samples (dataset, prompt, response) VALUES ('helpdesk', 'x', 'y')",
        "INSERT INTO training_samples (dataset, prompt, response) VALUES ('helpdesk', 'p3', 'r3')",
        "UPDATE training_samples SET weight = 3 WHERE prompt = 'p3'",
        "UPDATE training_samples SET system_prompt = '' WHERE prompt = 'p3'",
        "UPDATE training_samples SET split = 'test' WHERE prompt = 'p3'",
    ],
)
def test_an_edit_a_delete_and_an_insert_each_change_the_fingerprint(
    desk: Desk, change: str
) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": f"r{n}"} for n in range(5)])
    before = desk.fingerprint()
    desk.run(change)
    assert desk.fingerprint() != before


def test_equal_content_shares_the_manifest_of_the_earlier_run(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": f"r{n}"} for n in range(30)])
    first = desk.write(1)
    second = desk.write(2)
    assert (second.manifest_id, second.fingerprint) == (1, first.fingerprint)
    assert desk.rows("SELECT COUNT(*) FROM manifest_samples") == [(30,)]
    assert desk.rows("SELECT manifest_id FROM manifests") == [(1,)]


def test_a_manifest_found_half_written_is_written_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": f"r{n}"} for n in range(3000)])
    monkeypatch.setattr("sqltune.database.bulk._RUN_ROWS", 100)

    def stop_at_once() -> None:
        if desk.rows("SELECT COUNT(*) FROM manifest_samples") != [(0,)]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.write(1, check=stop_at_once)
    assert desk.rows("SELECT state FROM manifests") == [("writing",)]
    manifest = desk.write(1)
    assert (manifest.sample_count, manifest.manifest_id) == (3000, 1)
    assert desk.rows("SELECT MIN(position), MAX(position), COUNT(*) FROM manifest_samples") == [
        (0, 2999, 3000)
    ]


def test_a_lost_lease_stops_the_writing(desk: Desk) -> None:
    desk.add_sample("p", "r")
    desk.claim = Claim("helpdesk", "another runner", 7)
    with pytest.raises(LeaseLost):
        desk.write()
    assert desk.rows("SELECT COUNT(*) FROM manifest_samples") == [(0,)]


def test_keys_that_differ_in_case_are_two_keys(desk: Desk) -> None:
    query = (
        "SELECT 'd' AS sample_key, 'p' AS prompt, 'r' AS response UNION ALL SELECT 'D', 'q', 's'"
    )
    assert desk.write(training_query=query).sample_count == 2
    assert desk.issue_counts() == {}


def test_rows_of_another_split_are_held_out_and_counted(desk: Desk) -> None:
    for split in (None, "train", "test", "validation", "Train"):
        desk.add_sample(f"p {split}", "r", split=split)
    desk.add_sample("", "", split="test")
    manifest = desk.write()
    assert (manifest.selected, manifest.sample_count) == (6, 3)
    assert manifest.held_out == {"test": 2, "Train": 1}
    assert manifest.validation_count == 1


NEAR_MISSES = ("Train", "TRAIN", "train ", "", "val", "dev", "eval", "training", "\u00a0train")


def test_a_split_that_may_mean_another_one_is_a_finding(desk: Desk) -> None:
    for number, split in enumerate((None, "train", "test", " TEST ", "holdout", *NEAR_MISSES)):
        desk.add_sample(f"p {number}", "r", split=split)
    manifest = desk.write()
    assert manifest.sample_count == 2
    assert manifest.held_out == dict.fromkeys(("test", " TEST ", "holdout", *NEAR_MISSES), 1)
    assert desk.issue_counts() == {"unknown_split": len(NEAR_MISSES)}
    messages = desk.rows("SELECT message, column_name FROM data_issues ORDER BY message")
    assert {column for _, column in messages} == {"split"}
    assert any("split is 'Train', so this row is held out: write 'train'" in m for m, _ in messages)


def test_a_column_that_holds_no_splits_is_counted_in_few_words(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r", "split": f"s{n}"} for n in range(50)])
    desk.add_sample("p", "r")
    held_out = desk.write().held_out
    assert (len(held_out), held_out["others"], sum(held_out.values())) == (21, 30, 50)


def test_samples_are_fetched_by_position_in_the_order_asked(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r"} for n in range(60)])
    desk.write()
    samples = read_samples(desk.database, 1)
    everything = [sample.prompt for sample in samples]
    assert len(samples) == 60
    for positions in ([5, 3, 59, 0, 3], list(range(10, 20)), list(range(0, 60, 2)), []):
        fetched = samples.fetch(positions)
        assert [s.prompt for s in fetched] == [everything[p] for p in positions]


def test_an_unfinished_manifest_is_not_read(desk: Desk) -> None:
    with pytest.raises(DataError, match="not complete"):
        read_samples(desk.database, 1)
