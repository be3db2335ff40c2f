"""The end of a run, without what may differ between two runs that ended equally."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from sqltune.backends.scripted.adapter_files import PART
from tests.faults.stages import Rows

#: Times, numbers of attempts, and numbers that only distinguish rows.
_VOLATILE = re.compile(
    r".*_at|.*_seconds|latency_ms|lease_until_ms|attempt|attempt_count"
    r"|run_key|issue_number|state_changed_at|lease_expires_at"
)
#: What a sync decided depends on whether it found a broken run.
_DECISIONS = frozenset({"decision", "decision_reason", "comes_last"})
_RUN_IDS = frozenset({"run_id", "manifest_id", "evaluation_run_id", "reused_run_id"})
#: Events that say how a run ended; the others say what happened on the way.
_EVENTS = frozenset(
    {"begun", "state_changed", "trained", "succeeded", "rejected", "failed", "cancelled"}
)
#: The files of a run that was killed carry the number of the attempt that ended it.
_ATTEMPT = re.compile(r"\.attempt-\d+")
_SERVED = re.compile(r"[0-9a-f-]{36}_model_adapter")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
#: What the backends store for themselves, and drafts of files.
_OWN_FILES = re.compile(r"trainings\S*|fault-\d+|identities\.json\S*|\..*\.tmp")

#: Characters of a row that are shown.
_WIDTH = 300

Outcome = dict[str, list[Any]]


def read_outcome(rows: Rows, artifacts: Path) -> Outcome:
    """Return the rows and files that must be the same whatever was killed on the way."""
    names = _Names(rows)
    found: Outcome = {
        table: sorted((names.plain(row) for row in rows[table]), key=repr)
        for table in rows
        if table not in ("run_events", "backend_calls", "adapter_states")
    }
    found["run_events"] = names.events(rows["run_events"])
    found["calls that were made"] = names.calls(rows["backend_calls"], "done")
    found["calls left open"] = names.calls(rows["backend_calls"], "intended", "unknown")
    found["adapter_states"] = [
        {k: v for k, v in names.plain(row).items() if k not in _DECISIONS}
        for row in rows["adapter_states"]
    ]
    found["files"] = sorted((names.text(name), digest) for name, digest in _files(artifacts))
    return found


def compare_outcomes(expected: Outcome, found: Outcome) -> list[str]:
    """Return what differs, part by part."""
    faults = []
    for part in expected:
        if expected[part] != found[part]:
            lines = _differences(expected[part], found[part]) or ["another order"]
            faults.append(f"{part}: " + "\n    ".join(line[:_WIDTH] for line in lines))
    return faults


def _differences(expected: list[Any], found: list[Any]) -> list[str]:
    missing = [row for row in expected if row not in found]
    extra = [row for row in found if row not in expected]
    if len(missing) == len(extra) and all(isinstance(row, dict) for row in missing):
        return [
            f"{column}: {old[column]!r} -> {new[column]!r}"
            for old, new in zip(missing, extra, strict=True)
            for column in old
            if old[column] != new[column]
        ]
    return [f"- {row}" for row in missing] + [f"+ {row}" for row in extra]


class _Names:
    """Numbers the runs 1, 2, 3 ... in their order: ids have gaps where a transaction was lost."""

    def __init__(self, rows: Rows) -> None:
        runs = sorted(rows["runs"], key=lambda run: run["run_id"])
        self._numbers = {run["run_id"]: number for number, run in enumerate(runs, 1)}
        self._keys = {
            run["run_key"]: f"<key {number}>"
            for number, run in enumerate(runs, 1)
            if run["run_key"]
        }

    def text(self, value: str) -> str:
        """Return a text with the runs' numbers in place of ids and keys."""
        for key, name in self._keys.items():
            value = value.replace(key, name)
        value = _MOMENT.sub("<time>", _ATTEMPT.sub("", _SERVED.sub("<adapter>", value)))
        return re.sub(
            r"\b(run|manifest) (\d+)",
            lambda m: f"{m[1]} {self._numbers.get(int(m[2]), '?')}",
            value,
        )

    def plain(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row without what may differ."""
        return {
            column: self._plain_value(column, value)
            for column, value in row.items()
            if not _VOLATILE.fullmatch(column)
        }

    def events(self, rows: list[dict[str, Any]]) -> list[Any]:
        """Return the events that matter, in order."""
        ordered = sorted(rows, key=lambda row: (row["run_id"], row["event_number"]))
        return [
            (self._numbers.get(row["run_id"]), row["event"], self.text(row["message"]))
            for row in ordered
            if row["event"] in _EVENTS
        ]

    def calls(self, rows: list[dict[str, Any]], *states: str) -> list[Any]:
        """Return the calls in these states."""
        return sorted(
            (
                self._numbers.get(row["run_id"], 0),
                row["call_kind"],
                self.text(row["external_id"] or ""),
            )
            for row in rows
            if row["state"] in states
        )

    def _plain_value(self, column: str, value: Any) -> Any:
        if column in _RUN_IDS and value is not None:
            return self._numbers.get(value, f"unknown run {value}")
        return self.text(value) if isinstance(value, str) else value


def _files(folder: Path) -> list[tuple[str, str]]:
    found = [
        (str(path.relative_to(folder)), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not any(_OWN_FILES.fullmatch(part) for part in path.parts)
    ]
    # Each attempt of a failing run leaves a part of its own, for `gc`; the longest has all steps.
    parts = sorted((f for f in found if f[0].endswith(PART)), key=lambda part: len(part[1]))
    longest = {_ATTEMPT.sub("", name): content for name, content in parts}
    whole = [f for f in found if not f[0].endswith(PART)]
    return [(n, hashlib.sha256(content).hexdigest()) for n, content in [*whole, *longest.items()]]
