"""Several processes at once, and people who insert meanwhile."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import ANSWER, declare_office


def test_a_second_sync_says_who_works_since_when_and_ends_with_0(
    sqltune_on: Sqltune, people_on: People
) -> None:
    declare_office(people_on)
    gate = sqltune_on.folder / "go-on"
    sqltune_on.play(faults=[{"at": "step", "kind": "hang", "until": str(gate)}])
    first = sqltune_on.start("sync")
    people_on.await_row("SELECT 1 FROM backend_calls")
    owner = people_on.value("SELECT lease_owner FROM adapter_states")
    run_id = people_on.value("SELECT run_id FROM runs")
    second = sqltune_on.well("sync")
    assert f"office: {owner} works on run {run_id} since 20" in second.err
    assert " UTC" in second.err
    shown = sqltune_on.well("sync", "--json").data
    assert [(row["decision"], row["run_id"]) for row in shown] == [("busy", run_id)]
    gate.touch()
    assert first.finish().code == 0
    assert people_on.count("adapter_versions") == 1


@pytest.mark.slow
def test_six_syncs_at_once_on_three_adapters_make_one_version_of_each(
    sqltune_on: Sqltune, people_on: People
) -> None:
    names = ["attic", "cellar", "garden"]
    for name in names:
        declare_office(people_on, name)
    sqltune_on.play(step_delay_seconds=0.02, steps_per_epoch=3)
    running = [sqltune_on.start("sync", *names[i % 3 :], *names[: i % 3]) for i in range(6)]
    ended = [one.finish() for one in running]
    assert [done.code for done in ended] == [0] * 6, "\n".join(done.err for done in ended)
    versions = people_on.rows(
        "SELECT adapter_name, version_number FROM adapter_versions ORDER BY adapter_name"
    )
    assert versions == [(name, 1) for name in names]
    assert people_on.count("runs") == 3
    assert people_on.count("adapter_states", "lease_owner IS NOT NULL") == 0


@pytest.mark.slow
@pytest.mark.sqlite_only
def test_plain_inserts_by_the_sqlite3_client_succeed_during_a_sync_of_200000_rows(
    sqltune: Sqltune, people: People, tmp_path: Path
) -> None:
    people.declare("office")
    path = tmp_path / "sqltune.db"
    fill(path, 200_000)
    sync = sqltune.start("sync")
    inserted = 0
    while sync.process.poll() is None:
        insert_by_client(path, inserted)
        inserted += 1
    assert sync.finish().code == 0
    assert inserted > 3, "the inserts and the sync did not overlap"
    assert people.count("training_samples", "dataset = 'elsewhere'") == inserted
    assert people.value("SELECT sample_count FROM adapter_versions") == 200_000


def fill(path: Path, rows: int) -> None:
    """Insert many samples at once."""
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(
            "INSERT INTO training_samples (dataset, prompt, response) VALUES ('office', ?, ?)",
            ((f"What is thing {n}?", f"Thing {n} is {n * 7}.") for n in range(rows)),
        )
    connection.close()


def insert_by_client(path: Path, number: int) -> None:
    """Insert one row as the README tells a person to."""
    script = (
        ".timeout 5000\n"
        "INSERT INTO training_samples (dataset, prompt, response)"
        f" VALUES ('elsewhere', 'q{number}', 'a{number}');\n"
    )
    done = subprocess.run(
        ["sqlite3", "-bail", path], input=script, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_row_edited_during_a_run_is_no_part_of_it_and_trains_the_next_version(
    sqltune: Sqltune, people: People, office: str
) -> None:
    gate = sqltune.folder / "go-on"
    sqltune.play(faults=[{"at": "step", "kind": "hang", "until": str(gate)}])
    running = sqltune.start("sync")
    people.await_row("SELECT 1 FROM backend_calls")
    people.do("UPDATE training_samples SET response = 'edited'")
    people.do("UPDATE adapters SET epochs = 2")
    gate.touch()
    assert running.finish().code == 0
    first = people.rows("SELECT version_number, epochs FROM adapter_versions")
    assert first == [(1, 1)]
    after = people.rows("SELECT response FROM responses WHERE phase = 'after'")
    assert after == [(ANSWER,)]
    done = sqltune.well("sync")
    assert "office: train, 1 edited of 1 sample; epochs 1 -> 2\n" in done.err
    assert people.value("SELECT epochs FROM adapter_versions WHERE version_number = 2") == 2
