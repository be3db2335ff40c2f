"""An adapter with a long history: versions, prompts and steps by the hundred and thousand."""

from __future__ import annotations

from sqltune.database.connection import Database
from tests.database.report_rows import insert

ADAPTER = "veteran"
_TIME = "2026-11-23 10:00:00.000000"


def insert_long_history(database: Database, *, versions: int, prompts: int, steps: int) -> None:
    """Insert versions of which the last was asked many prompts, and trained in many steps."""
    insert(database, "adapters", [{"adapter_name": ADAPTER, "base_model": "toy"}])
    numbers = range(1, versions + 1)
    made = {"adapter_name": ADAPTER, "base_model": "toy", "backend": "scripted"}
    _insert_runs(database, made, versions)
    options = {"method": "lora", "epochs": 3, "rehearsal": "off", "seed": 0, "sample_count": 9}
    options |= {"fingerprint": "f", "training_key": "t", "created_at": _TIME}
    insert(
        database,
        "adapter_versions",
        [
            made
            | options
            | {"version_number": n, "adapter_label": f"v{n}", "state": "accepted", "run_id": n}
            | {"is_latest": int(n == versions), "evaluation_run_id": n, "manifest_id": n}
            for n in numbers
        ],
    )
    _insert_prompts(database, versions, prompts)
    insert(
        database,
        "training_metrics",
        [
            {"run_id": versions, "step": step, "epoch": step / steps, "train_loss": 3 / step}
            | {"logged_at": _TIME}
            for step in range(1, steps + 1)
        ],
    )


def _insert_runs(database: Database, made: dict[str, object], versions: int) -> None:
    insert(
        database,
        "runs",
        [
            made
            | {"run_id": n, "run_kind": "train", "state": "succeeded", "version_number": n}
            | {"queued_at": _TIME, "trigger_reason": "26 edited of 607 samples; " * 9}
            for n in range(1, versions + 1)
        ],
    )
    judged = {"adapter_name": ADAPTER, "decision": "accepted", "reason": "so " * 99}
    counts = {"compared_phase": "base", "prompts_compared": 9, "error_count": 0, "leaked_count": 0}
    counts |= {"wins": 5, "losses": 3, "ties": 1, "rule": "min_gain", "decided_at": _TIME}
    figures = {"mean_before": 0.25, "mean_after": 0.75, "mean_change": 0.5}
    figures |= {"interval_low": 0.125, "interval_high": 0.875, "interval_level": 0.95}
    insert(
        database,
        "gate_decisions",
        [
            judged | counts | figures | {"run_id": n, "version_number": n}
            for n in range(1, versions + 1)
        ],
    )


def _insert_prompts(database: Database, run_id: int, prompts: int) -> None:
    """Insert prompts of which every second got worse."""
    keys = [f"k{number:05}" for number in range(prompts)]
    insert(
        database,
        "contents",
        [
            {"content_hash": key, "prompt": f"What of {key}? " * 9, "response": "That & this. " * 9}
            for key in keys
        ],
    )
    insert(
        database,
        "run_prompts",
        [
            {"run_id": run_id, "prompt_key": key, "content_hash": key, "scorer": "exact"}
            | {"is_scored": 1}
            for key in keys
        ],
    )
    answer = {"run_id": run_id, "model_key": "m", "decoding_key": "d", "answered_at": _TIME}
    insert(
        database,
        "responses",
        [
            answer
            | {"prompt_key": key, "content_hash": key, "phase": phase}
            | {"response": f"The <{phase}> {key} is so & 'so', " * 12}
            for key in keys
            for phase in ("base", "after")
        ],
    )
    score = {"run_id": run_id, "scorer": "exact", "is_primary_scorer": 1, "pass_threshold": 1.0}
    insert(
        database,
        "scores",
        [
            score
            | {"prompt_key": key, "phase": phase, "score": (number + (phase == "after")) % 2}
            | {"scored_at": _TIME}
            for number, key in enumerate(keys)
            for phase in ("base", "after")
        ],
    )
