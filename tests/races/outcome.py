"""What must be true of the rows and the files when all adapters have been brought up to date."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

from tests.end_to_end.command import People

ENDED = "('succeeded', 'rejected', 'failed', 'cancelled')"


def assert_done_once(people: People, folder: Path, names: list[str], prompts: int) -> None:
    """Assert that each adapter was trained exactly once and nothing is left over."""
    assert_one_version_each(people, names)
    assert_one_run_each(people, names)
    assert_each_prompt_answered_once(people, names, prompts)
    assert_nothing_left_open(people)
    assert_each_step_taken_once(people, folder)


def assert_one_version_each(people: People, names: list[str]) -> None:
    """Assert that each adapter has its first version and no other, and that it is live."""
    versions = people.rows("SELECT adapter_name, version_number FROM adapter_versions")
    assert sorted(versions) == [(name, 1) for name in names]
    live = people.rows("SELECT adapter_name, version_number FROM aliases WHERE alias = 'live'")
    assert sorted(live) == [(name, 1) for name in names]


def assert_one_run_each(people: People, names: list[str]) -> None:
    """Assert that each adapter has one run, and that it succeeded."""
    runs = people.rows(
        "SELECT adapter_name, state, error_message FROM runs ORDER BY adapter_name, queued_at"
    )
    assert runs == [(name, "succeeded", None) for name in names]


def assert_each_prompt_answered_once(people: People, names: list[str], prompts: int) -> None:
    """Assert that each prompt was answered and scored in both phases, never twice."""
    for table in ("responses", "scores"):
        rows = people.rows(
            f"SELECT r.adapter_name, x.phase, x.prompt_key FROM {table} x"
            " JOIN runs r ON r.run_id = x.run_id"
        )
        found = Counter((name, phase) for name, phase, _ in rows)
        assert found == {(name, p): prompts for name in names for p in ("base", "after")}, table
        assert len(set(rows)) == len(rows), table
    assert people.count("responses", "error_code IS NOT NULL") == 0


def assert_each_step_taken_once(people: People, folder: Path) -> None:
    """Assert that rows and weights contain each step once, and that they agree."""
    rows = people.rows(
        "SELECT v.adapter_name, v.run_id, v.artifact_uri, v.artifact_sha256, r.steps_total"
        " FROM adapter_versions v JOIN runs r ON r.run_id = v.run_id"
    )
    for name, run_id, address, digest, steps_total in rows:
        content = (folder / address).read_bytes()
        steps = [json.loads(line)["step"] for line in content.splitlines()]
        assert steps == list(range(1, steps_total + 1)), f"the weights of {name}"
        assert hashlib.sha256(content).hexdigest() == digest, f"the weights of {name}"
        recorded = people.rows(
            "SELECT step FROM training_metrics WHERE run_id = :run_id ORDER BY step", run_id=run_id
        )
        assert [step for (step,) in recorded] == steps, f"the steps of {name}"


def assert_nothing_left_open(people: People) -> None:
    """Assert that no adapter is leased and no call outside is left open."""
    assert people.count("runs", f"state NOT IN {ENDED}") == 0
    assert (
        people.rows("SELECT adapter_name FROM adapter_states WHERE lease_owner IS NOT NULL") == []
    )
    assert people.rows("SELECT adapter_name FROM adapter_states WHERE run_id IS NOT NULL") == []
    assert people.count("backend_calls", "state = 'intended'") == 0
