"""Samples for validation in manifests: their part is stored, counted and never trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from sqltune.database.connection import Database
from sqltune.errors import DataError
from sqltune.selection import read_samples, read_validation, scan_samples
from tests.database.report_rows import insert
from tests.database.selecting import Desk, open_desk

SHARED = {"validation_share": 0.4}


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


def teach(desk: Desk, count: int = 40) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": f"r{n}"} for n in range(count)])


def sides(desk: Desk, run_id: int) -> tuple[set[str], set[str]]:
    """Return the prompts that are trained, and those that are for validation."""
    trained, measured = read_samples(desk.database, run_id), read_validation(desk.database, run_id)
    return {s.prompt for s in trained}, {s.prompt for s in measured}


def test_a_share_sets_samples_apart_and_says_so_in_the_rows(desk: Desk) -> None:
    teach(desk)
    manifest = desk.write(**SHARED)
    trained, measured = sides(desk, 1)
    assert len(trained) + len(measured) == manifest.sample_count == 40
    assert 0 < len(measured) == manifest.validation_count < 40
    assert trained.isdisjoint(measured)
    assert desk.rows("SELECT sample_count, validation_count FROM report_datasets") == [
        (40, len(measured))
    ]
    shown = desk.rows("SELECT prompt_preview FROM report_samples WHERE is_validation = 1")
    assert {row[0] for row in shown} == measured


def test_rows_stay_on_their_side_when_others_are_added_or_deleted(desk: Desk) -> None:
    teach(desk)
    desk.write(**SHARED)
    trained, measured = sides(desk, 1)
    desk.run("DELETE FROM training_samples WHERE prompt = 'p3'")
    desk.add_samples([{"prompt": f"new {n}", "response": "r"} for n in range(30)])
    desk.write(2, **SHARED)
    assert sides(desk, 2)[0] & trained == trained - {"p3"}
    assert sides(desk, 2)[1] & measured == measured - {"p3"}


def test_positions_of_the_trained_samples_have_no_gaps(desk: Desk) -> None:
    teach(desk)
    desk.write(**SHARED)
    samples = read_samples(desk.database, 1)
    listed = list(samples)
    assert samples.fetch([0, len(samples) - 1, 5]) == [listed[0], listed[-1], listed[5]]
    assert samples.fetch(range(len(samples))) == listed


def test_trained_samples_are_read_by_the_page_although_others_lie_between(desk: Desk) -> None:
    teach(desk, 700)
    desk.write(validation_share=0.1)
    samples = read_samples(desk.database, 1)
    read: list[str] = []

    @event.listens_for(desk.database.engine, "before_cursor_execute")
    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        read.extend([statement] if "manifest_samples" in statement else [])

    assert len(list(samples)) == len(samples) > 500
    assert len(read) == 2


def test_the_plan_and_the_manifest_agree_on_fingerprint_and_count(desk: Desk) -> None:
    teach(desk)
    desk.add_sample("given", "r", split="validation")
    desk.add_sample("", "bad", split="validation")
    manifest = desk.write(on_bad_row="skip", max_skipped_share=0.5, **SHARED)
    scan = scan_samples(desk.reader(), replace(desk.adapter, **SHARED))
    assert scan.fingerprint.text == manifest.fingerprint
    # A plan does not check rows: the bad one counts there and in the fingerprint.
    assert scan.validation_count == manifest.validation_count + 1


def test_a_row_that_changes_sides_makes_another_manifest(desk: Desk) -> None:
    teach(desk, 6)
    desk.write(1)
    same, other = desk.write(2), desk.write(3, validation_share=0.5)
    assert same.manifest_id == 1
    assert (other.manifest_id, other.validation_count > 0) == (3, True)
    assert desk.write(4, validation_share=0.5).manifest_id == 3


def test_a_repeated_key_is_taken_out_of_its_side(desk: Desk) -> None:
    query = (
        "SELECT 'k' AS sample_key, 'p' AS prompt, 'r' AS response, 'train' AS split "
        "UNION ALL SELECT 'k', 'q', 's', 'validation' "
        "UNION ALL SELECT 'm', 't', 'u', 'validation'"
    )
    manifest = desk.write(training_query=query, on_bad_row="skip", max_skipped_share=0.5)
    trained, measured = sides(desk, 1)
    assert (len(trained), len(measured)) == (2 - len(measured), manifest.validation_count)
    scanned = desk.rows("SELECT COUNT(*), SUM(is_validation) FROM manifest_samples")
    assert [tuple(map(int, row)) for row in scanned] == [(2, manifest.validation_count)]
    assert (
        desk.write(2, training_query=query, on_bad_row="skip", max_skipped_share=0.5).manifest_id
        == 1
    )


def test_a_text_on_both_sides_is_found_as_a_leak(desk: Desk) -> None:
    desk.add_sample("same?", "yes", split="train")
    desk.add_sample("same?", "yes", split="validation", weight=0.5, group_key="g")
    desk.add_sample("same?", "another answer", split="validation")
    desk.add_sample("other?", "no", split="validation")
    desk.write()
    ((key,),) = desk.rows("SELECT sample_id FROM training_samples WHERE weight = 0.5")
    assert desk.issues() == [("validation_leak", str(key), "split", "warning")]


def test_prompts_that_are_only_measured_are_no_leaks(desk: Desk) -> None:
    desk.add_sample("measured?", "yes", split="validation")
    desk.add_sample("trained?", "yes")
    desk.add_prompts([{"prompt": "measured?"}, {"prompt": "trained?"}])
    desk.run("INSERT INTO runs (run_id, adapter_name) VALUES (1, 'helpdesk')")
    desk.run(f"UPDATE runs SET manifest_id = {desk.write().manifest_id} WHERE run_id = 1")
    desk.freeze()
    assert [row[0] for row in desk.issues()] == ["leak"]


def test_a_selection_of_validation_samples_alone_is_refused(desk: Desk) -> None:
    desk.add_sample("p", "r", split="validation")
    with pytest.raises(DataError, match="1 are for validation"):
        desk.write()
    assert desk.rows("SELECT COUNT(*) FROM manifest_samples") == [(0,)]


def test_an_eval_loss_is_stored_with_its_step_and_a_version_shows_its_best_epoch(
    desk: Desk,
) -> None:
    insert(desk.database, "runs", [{"run_id": 1, "adapter_name": "helpdesk", "state": "training"}])
    base = {"run_id": 1, "train_loss": 1.0, "logged_at": "2026-11-23 10:00:00.000000"}
    losses = {1: None, 2: 0.5, 3: None, 4: 0.7}
    insert(
        desk.database,
        "training_metrics",
        [{**base, "step": n, "epoch": n / 2, "eval_loss": loss} for n, loss in losses.items()],
    )
    version = {"version_number": 1, "adapter_label": "v1", "state": "trained", "is_latest": 1}
    version |= {"run_id": 1, "manifest_id": 1, "training_key": "t", "fingerprint": "f"}
    version |= {"backend": "local", "base_model": "toy", "method": "lora", "epochs": 2, "seed": 0}
    version |= {"rehearsal": "off", "sample_count": 2, "created_at": base["logged_at"]}
    version |= {"adapter_name": "helpdesk", "best_epoch": 1, "eval_loss": 0.5}
    insert(desk.database, "adapter_versions", [version])
    found = desk.rows("SELECT step, eval_loss, is_best FROM report_training_steps ORDER BY step")
    assert found == [(1, None, 0), (2, 0.5, 1), (3, None, 0), (4, 0.7, 0)]
