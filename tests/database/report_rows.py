"""A hand-made history of one adapter, small enough to check every figure of the reports by eye.

Version 1 was trained when nothing was live and went live. Version 2 was compared with it and
rejected. A third run failed. Prompts: k1 got better, k2 worse, k3 expects nothing, k4 hardly moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from sqltune.database.connection import Database
from sqltune.database.tables.served_use import UseCounts, UseKey, save_served_use

ADAPTER = "support-bot"
_TIME = "2026-11-23 10:00:0{}.000000"


def insert(database: Database, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that all have the same columns."""
    columns = ", ".join(rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    with database.transaction() as session:
        session.connection.execute(
            text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), [dict(row) for row in rows]
        )


def select(database: Database, columns: str, rest: str) -> list[tuple[Any, ...]]:
    """Return rows as every engine can give them."""
    with database.read() as session:
        found = session.connection.exec_driver_sql(f"SELECT {columns} FROM {rest}").fetchall()
    return [tuple(_plain(value) for value in row) for row in found]


def _plain(value: Any) -> Any:
    """A Decimal and a date as every engine can give them."""
    if isinstance(value, date | datetime):
        return str(value)
    return float(value) if type(value).__name__ == "Decimal" else value


def insert_history(database: Database) -> None:
    """Insert the whole history."""
    _insert_runs(database)
    _insert_versions(database)
    _insert_prompts(database)
    _insert_first_answers(database)
    _insert_second_answers(database)
    _insert_evaluations(database)
    _insert_data(database)
    _insert_orphan(database)
    _insert_predictions(database)
    _insert_erasure(database)
    _insert_findings(database)
    _insert_use(database)
    _insert_questions(database)


def _insert_predictions(database: Database) -> None:
    """One row was answered by the live version, one got an error from the version before."""
    base = {"adapter_name": ADAPTER, "content_hash": "h", "answered_at": _TIME.format(5)}
    answer = {"row_key": "17", "version_number": 1, "run_id": 1, "answer": "Yes."}
    error = {"row_key": "18", "version_number": 2, "run_id": 2, "answer": None}
    insert(
        database,
        "predictions",
        [
            base | answer | {"error_code": None, "latency_ms": 12.5, "attempt_count": 1},
            base | error | {"error_code": "overloaded", "latency_ms": None, "attempt_count": 3},
        ],
    )


def _insert_runs(database: Database) -> None:
    base = {"adapter_name": ADAPTER, "backend": "scripted", "is_simulated": 1}
    base |= {"base_model": "toy", "queued_at": _TIME.format(0), "run_kind": "train"}
    base |= {"started_at": _TIME.format(1), "last_alive_at": _TIME.format(2)}
    ended = {"wait_seconds": 1.5, "run_seconds": 90.0, "tokens_processed": 100, "cost_usd": "0.25"}
    ended |= {"finished_at": _TIME.format(3), "state_changed_at": _TIME.format(3)}
    rows = [
        {"run_id": 1, "state": "succeeded", "training_key": "t1", "version_number": 1},
        {"run_id": 2, "state": "rejected", "training_key": "t2", "version_number": 2},
        {"run_id": 3, "state": "failed", "training_key": "t2", "version_number": None},
    ]
    insert(
        database,
        "runs",
        [base | ended | row | {"manifest_id": run_id} for run_id, row in enumerate(rows, 1)],
    )
    lease = {"run_id": 3, "lease_owner": "gone", "lease_expires_at": _TIME.format(4)}
    insert(database, "adapter_states", [{"adapter_name": ADAPTER} | lease])


def _insert_versions(database: Database) -> None:
    base = {"adapter_name": ADAPTER, "backend": "scripted", "base_model": "toy", "method": "lora"}
    base |= {"fingerprint": "f", "epochs": 3, "lora_rank": 8, "rehearsal": "off", "seed": 0}
    base |= {"steps": 2, "final_train_loss": 0.5, "train_seconds": 60.0, "sample_count": 2}
    rows = [
        {"version_number": n, "adapter_label": f"{ADAPTER} v{n}", "state": state, "run_id": n}
        | {"is_latest": latest, "evaluation_run_id": n, "manifest_id": n, "training_key": f"t{n}"}
        | {"created_at": _TIME.format(n), "retired_at": _TIME.format(n) if n == 2 else None}
        for n, state, latest in ((1, "accepted", 0), (2, "rejected", 1))
    ]
    insert(database, "adapter_versions", [base | row for row in rows])
    insert(
        database,
        "aliases",
        [
            {
                "adapter_name": ADAPTER,
                "alias": alias,
                "version_number": 1,
                "changed_at": _TIME.format(1),
            }
            for alias in ("live", "canary")
        ],
    )
    moves = [
        {"adapter_name": ADAPTER, "alias": "live", "move_number": n, "old_version": old}
        | {"new_version": new, "reason": "", "changed_at": _TIME.format(n)}
        for n, old, new in ((1, None, 2), (2, 2, 1))
    ]
    insert(database, "alias_history", moves)
    figures = {"prompts_compared": 2, "error_count": 0, "wins": 1, "losses": 1, "ties": 0}
    figures |= {"leaked_count": 0, "rule": "min_gain"}
    insert(
        database,
        "gate_decisions",
        [
            {"run_id": n, "adapter_name": ADAPTER, "version_number": n, "decision": decision}
            | {"reason": "", "compared_phase": phase, "decided_at": _TIME.format(n)}
            | figures
            for n, decision, phase in ((1, "accepted", "base"), (2, "rejected", "before"))
        ],
    )


def _insert_prompts(database: Database) -> None:
    expected = {"k1": "yes", "k2": "yes", "k3": None, "k4": "yes"}
    insert(
        database,
        "contents",
        [
            {"content_hash": f"h-{key}", "prompt": f"prompt {key}", "response": answer}
            for key, answer in expected.items()
        ],
    )
    insert(
        database,
        "run_prompts",
        [
            {"run_id": run, "prompt_key": key, "content_hash": f"h-{key}", "category": "c"}
            | {"scorer": "exact", "is_scored": int(answer is not None)}
            for run in (1, 2)
            for key, answer in expected.items()
        ],
    )


def _insert_first_answers(database: Database) -> None:
    """Nothing was live: the base model is what version 1 is compared with."""
    _answer(database, 1, "base", {"k1": 0.0, "k2": 1.0, "k3": None, "k4": 0.3})
    _answer(database, 1, "after", {"k1": 1.0, "k2": 0.0, "k3": None, "k4": 0.1 + 0.2})
    row = {"run_id": 1, "prompt_key": "k1", "phase": "after", "scorer": "token_f1", "score": 0.5}
    row |= {"is_primary_scorer": 0, "pass_threshold": 0.8, "scored_at": _TIME.format(1)}
    insert(database, "scores", [row])


def _insert_second_answers(database: Database) -> None:
    """Version 1 is live; k2 was answered under other settings before, and k4 not at all."""
    _answer(database, 2, "base", {"k1": 0.0, "k2": 1.0, "k3": None, "k4": 0.3})
    _answer(database, 2, "before", {"k1": 1.0, "k3": None})
    _answer(database, 2, "before", {"k2": 0.0}, decoding_key="other")
    row = {"run_id": 2, "prompt_key": "k4", "phase": "before", "error_code": "backend_timeout"}
    insert(database, "responses", [row | _asked("greedy")])
    _answer(database, 2, "after", {"k1": 1.0, "k2": 1.0, "k3": None, "k4": 1.0})


def _answer(
    database: Database,
    run_id: int,
    phase: str,
    scores: Mapping[str, float | None],
    *,
    decoding_key: str = "greedy",
) -> None:
    key = {"run_id": run_id, "phase": phase}
    responses = [
        key
        | {"prompt_key": k, "response": f"{phase} {k}", "latency_ms": 5.0}
        | _asked(decoding_key)
        for k in scores
    ]
    insert(database, "responses", responses)
    scored = [
        key
        | {"prompt_key": k, "scorer": "exact", "score": score, "is_primary_scorer": 1}
        | {"pass_threshold": 1.0, "scored_at": _TIME.format(run_id)}
        for k, score in scores.items()
        if score is not None
    ]
    if scored:
        insert(database, "scores", scored)


def _insert_evaluations(database: Database) -> None:
    """Two that are alike, and for each reason one that is not like the one before."""
    base = {"adapter_name": ADAPTER, "decision": "accepted", "reason": "", "interval_level": 0.95}
    base |= {"prompt_count": 3, "clean_count": 2, "leaked_count": 1, "error_count": 0}
    base |= {"evaluated_at": _TIME.format(5), "mean_score": 0.5}
    keys = ("prompt_set_key", "decoding_key", "comparison_key")
    rows = [
        (1, None, 0.5, "p", "d", "c"),
        (2, 1, 0.75, "p", "d", "c"),
        (2, 1, 0.75, "q", "e", "f"),
        (2, 1, 0.75, "q", "d", "g"),
        (2, 1, 0.75, "q", "d", "h"),
        (2, 1, None, "q", "d", "h"),
    ]
    insert(
        database,
        "evaluations",
        [
            base
            | {"evaluation_number": number, "run_id": version, "version_number": version}
            | {"compared_version": compared, "clean_score": score}
            | dict(zip(keys, hashes, strict=True))
            for number, (version, compared, score, *hashes) in enumerate(rows, 1)
        ],
    )


def _asked(decoding_key: str) -> dict[str, object]:
    return {"content_hash": "h", "model_key": "m", "decoding_key": decoding_key} | {
        "answered_at": _TIME.format(1)
    }


def _insert_data(database: Database) -> None:
    manifests = [(1, "complete", 1, 2), (2, "complete", 2, 3), (3, "writing", None, None)]
    insert(
        database,
        "manifests",
        [
            {"manifest_id": n, "adapter_name": ADAPTER, "state": state, "dataset_number": number}
            | {"sample_count": count, "samples_added": 1, "samples_edited": 0}
            | {"samples_removed": 0}
            | {"created_at": _TIME.format(n)}
            for n, state, number, count in manifests
        ],
    )
    insert(
        database,
        "manifest_samples",
        [
            {"manifest_id": n, "position": 0, "sample_key": "s", "content_hash": f"h-k{n}"}
            for n, *_ in manifests
        ],
    )
    insert(
        database,
        "training_metrics",
        [
            {"run_id": run, "step": step, "epoch": 1.0, "train_loss": 2.0 / step}
            | {"logged_at": _TIME.format(1)}
            for run in (1, 2, 3)
            for step in (1, 2)
        ],
    )


def _insert_orphan(database: Database) -> None:
    """The weights of version 2 were lost."""
    orphan = {"orphan_key": "o", "orphan_kind": "row_without_adapter", "state": "removed"}
    orphan |= {"adapter_name": ADAPTER, "version_number": 2, "run_id": 2, "is_unknown_run": 0}
    orphan |= {"backend": "local", "place": "/weights", "address": "/weights/2", "reason": "gone"}
    times = {name: _TIME.format(5) for name in ("found_at", "last_seen_at", "removed_at")}
    insert(database, "orphans", [orphan | times])


def _insert_erasure(database: Database) -> None:
    """Insert the certificate of the row that version 2 saw."""
    row = {"erasure_id": "e", "adapter_name": ADAPTER, "state": "done", "requested_by": "ann"}
    row |= {"sample_count": 1, "samples_left": 0, "requested_at": _TIME.format(5)}
    insert(database, "erasures", [row | {"erased_at": _TIME.format(6)}])
    seen = {"erasure_id": "e", "adapter_name": ADAPTER, "version_number": 2, "sample_count": 1}
    insert(database, "erasure_versions", [seen])
    with database.transaction() as session:
        session.connection.execute(
            text("UPDATE contents SET forgotten_at = :now WHERE content_hash = 'h-k2'"),
            {"now": _TIME.format(6)},
        )


def _insert_findings(database: Database) -> None:
    """Insert a finding of the first run, and one of a later `sqltune validate`."""
    finding = {"issue_number": 1, "selection": "training", "severity": "warning"}
    finding |= {"rule": "duplicate_content", "row_key": "s", "message": "is there twice"}
    insert(database, "data_issues", [finding | {"run_id": 1}])
    insert(database, "row_checks", [{"adapter_name": ADAPTER, "checked_at": _TIME.format(7)}])
    insert(database, "row_check_issues", [finding | {"adapter_name": ADAPTER}])


def _insert_questions(database: Database) -> None:
    """Insert one that is answered, one that failed, one that waits, and what was said."""
    asked = {"adapter_name": ADAPTER, "asked_at": _TIME.format(1)}
    columns = ("state", "version_number", "answered_version", "answer", "error_code", "answered_at")
    rows = [
        ("answered", None, 1, "a1", None, _TIME.format(2)),
        ("failed", 9, None, None, "unknown_version", _TIME.format(2)),
        ("waiting", None, None, None, None, None),
    ]
    insert(
        database,
        "questions",
        [
            asked | {"question_id": n, "prompt": f"q{n}"} | dict(zip(columns, row, strict=True))
            for n, row in enumerate(rows, 1)
        ],
    )
    columns = ("question_id", "run_id", "prompt_key", "rating", "correction")
    said = [(1, None, None, 0, "better"), (None, 2, "k1", 1, None), (99, None, None, 1, None)]
    insert(
        database,
        "feedback",
        [
            {"feedback_id": n, "given_at": _TIME.format(2)} | dict(zip(columns, row, strict=True))
            for n, row in enumerate(said, 1)
        ],
    )


def _insert_use(database: Database) -> None:
    """Version 1 answered two hundred times, counted by two processes, and the base model never."""
    key = UseKey(ADAPTER, 1, datetime(2026, 11, 23, 10))
    for server, latencies in (("s1", [40.0] * 99 + [90.0]), ("s2", [200.0] * 95 + [700_000.0] * 5)):
        counts = UseCounts(request_count=104, error_count=3, cancelled_count=1)
        for latency_ms in latencies:
            counts.add_answer(latency_ms, 10, 2)
        with database.transaction() as session:
            save_served_use(session, key, counts, server_key=server, now=key.hour_at)
    refused = UseCounts(request_count=1, error_count=1)
    with database.transaction() as session:
        base = UseKey("toy", 0, key.hour_at)
        save_served_use(session, base, refused, server_key="s1", now=key.hour_at)
