"""Runs in known states: requested, begun or stopped, and the rows that they must end with."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from sqltune.database.tables.states import list_leases
from tests.databases import copy_sqlite
from tests.end_to_end.command import People, Running, Sqltune, await_condition
from tests.end_to_end.conftest import declare_office

Rows = dict[str, list[tuple[Any, ...]]]


def declare_rooms(people: People) -> None:
    """Declare an adapter with four samples and four prompts."""
    declare_office(people)
    for number in range(3):
        people.teach("office", f"What is room {number}?", f"Room {number} is blue.")
        people.ask("office", f"What is room {number}?", f"Room {number} is blue.")


def ask(people: People, **columns: object) -> int:
    """Insert a row that asks for a run of the office, and return its run_id."""
    people.insert("runs", adapter_name=columns.pop("adapter_name", "office"), **columns)
    return int(people.value("SELECT MAX(run_id) FROM runs WHERE run_key IS NULL"))


def begin(sqltune: Sqltune, people: People, at: str, **environment: str) -> Running:
    """Start a sync that hangs in the middle of training, or of answering."""
    gate = str(sqltune.folder / "go-on")
    fault = {"at": "step", "number": 2} if at == "training" else {"at": "answer", "number": 2}
    sqltune.play(slots=1, steps_per_epoch=4, faults=[{**fault, "kind": "hang", "until": gate}])
    running = sqltune.start("sync", **environment)
    if at == "training":
        people.await_row("SELECT 1 FROM runs WHERE state = 'training'")
        people.await_row("SELECT 1 FROM backend_calls WHERE state = 'intended'")
    else:
        people.await_row("SELECT 1 FROM responses")
    return running


def end_worker(worker: Running) -> None:
    """Ask a worker to end, which it does well."""
    worker.signal(signal.SIGTERM)
    done = worker.finish()
    assert done.code == 0, done.said
    assert "Traceback" not in done.err


def stop_in_training(sqltune: Sqltune, people: People) -> None:
    """Leave a run that was stopped in its training."""
    running = begin(sqltune, people, "training")
    running.signal(signal.SIGTERM)
    running.finish()
    sqltune.play()


def outcome(people: People) -> Rows:
    """Return the rows that must not depend on whether a run was interrupted."""
    return {
        "responses": people.rows(
            "SELECT prompt_key, phase, response FROM responses ORDER BY prompt_key, phase"
        ),
        "scores": people.rows("SELECT prompt_key, phase, score FROM scores ORDER BY 1, 2"),
        "steps": people.rows("SELECT step, tokens_seen FROM training_metrics ORDER BY step"),
        "version": people.rows(
            "SELECT version_number, state, sample_count, artifact_sha256 FROM adapter_versions"
        ),
        "manifest": people.rows("SELECT position, content_hash FROM manifest_samples ORDER BY 1"),
        "run": people.rows("SELECT state, steps_done, prompts_selected FROM runs"),
        "alias": people.rows("SELECT alias, version_number FROM aliases"),
    }


def sync_undisturbed(folder: Path, template: Path) -> Rows:
    """Return the outcome of a run in a database of its own that nothing interrupts.

    Args:
        folder: an empty one.
        template: a migrated SQLite database to copy.
    """
    url = copy_sqlite(template, folder)
    people = People(url)
    declare_rooms(people)
    sqltune = Sqltune(folder, url)
    sqltune.play(slots=1, steps_per_epoch=4)
    sqltune.well("sync")
    rows = outcome(people)
    people.close()
    return rows


def await_expired_lease(people: People) -> None:
    """Wait until the database's clock has passed the lease."""

    def has_expired() -> bool:
        with people.database.read() as session:
            leases = list_leases(session, lease_seconds=60)
            return any(lease.is_expired for lease in leases.values())

    await_condition(has_expired, "a lease that was not renewed in time")
