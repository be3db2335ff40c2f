"""Tables that have grown: enough rows that an engine which can use an index does."""

from __future__ import annotations

from sqltune.database.connection import Database, EngineKind
from tests.database.report_rows import insert

TIME = "2026-11-23 10:00:00.000000"
ADAPTERS = ("alpha", "beta", "gamma")


def grow(database: Database, *, runs: int = 40, prompts: int = 20) -> None:
    """Fill the tables: every run trains on and is asked the same prompts, in three phases."""
    _add_inputs(database, prompts)
    _add_runs(database, runs)
    _add_manifests(database, runs, prompts)
    for run_id in range(1, runs + 1):
        add_evaluation(database, run_id, prompts)
    _add_served(database, runs, prompts)
    _add_predictions(database, prompts)
    _add_questions(database)
    _add_others(database)
    analyze(database)


def analyze(database: Database) -> None:
    """Let the engine collect its statistics."""
    with database.transaction() as session:
        if database.kind is EngineKind.SQLITE:
            session.run_script("ANALYZE")
            return
        tables = "runs, run_prompts, responses, scores, contents, adapter_versions, manifests, "
        tables += "manifest_samples, training_samples, eval_prompts, gate_decisions, run_events, "
        tables += "served_adapters, served_steps, predictions, "
        tables += "questions, feedback"
        session.connection.exec_driver_sql(f"ANALYZE TABLE {tables}").fetchall()


def add_evaluation(database: Database, run_id: int, prompts: int) -> None:
    """Add one run's prompts, answers and scores: two scorers, three phases."""
    keys = [f"k{number:06}" for number in range(prompts)]
    insert(
        database,
        "run_prompts",
        [
            {"run_id": run_id, "prompt_key": key, "content_hash": f"h{key}", "scorer": "exact"}
            | {"is_scored": 1}
            for key in keys
        ],
    )
    asked = [(key, phase) for key in keys for phase in ("base", "before", "after")]
    common = {"run_id": run_id, "decoding_key": "greedy", "latency_ms": 10.0, "answered_at": TIME}
    insert(
        database,
        "responses",
        [
            common
            | {"prompt_key": key, "phase": phase, "content_hash": f"h{key}", "response": "x " * 30}
            | {"model_key": "base" if phase == "base" else f"{run_id}-{phase}"}
            | {"reused_run_id": 1 if phase == "base" and run_id > 1 else None}
            for key, phase in asked
        ],
    )
    insert(
        database,
        "scores",
        [
            {"run_id": run_id, "prompt_key": key, "phase": phase, "scorer": scorer, "score": 0.5}
            | {"is_primary_scorer": int(scorer == "exact"), "pass_threshold": 1.0}
            | {"scored_at": TIME}
            for key, phase in asked
            for scorer in ("exact", "token_f1")
        ],
    )
    _add_outcome(database, run_id)


def _add_inputs(database: Database, prompts: int) -> None:
    texts = {"prompt": "Who is it? " * 5, "response": "It is nobody. " * 5}
    insert(
        database,
        "contents",
        [{"content_hash": f"hk{number:06}"} | texts for number in range(prompts)],
    )
    for table, answer in (("training_samples", "response"), ("eval_prompts", "expected")):
        insert(
            database,
            table,
            [{"dataset": f"d{n % 40}", "prompt": "p", answer: "r"} for n in range(800)],
        )


def _add_runs(database: Database, runs: int) -> None:
    insert(
        database,
        "runs",
        [
            {"run_id": run_id, "adapter_name": ADAPTERS[run_id % 3], "state": "succeeded"}
            | {"run_key": f"key-{run_id}", "fingerprint": "f"}
            # No two runs end at the same moment.
            | {"finished_at": f"2026-11-23 06:00:00.{run_id:06}"}
            | {"manifest_id": run_id, "queued_at": TIME}
            for run_id in range(1, runs + 1)
        ],
    )
    insert(
        database,
        "run_events",
        [
            {"run_id": run_id, "event_number": n, "logged_at": TIME, "event": "e", "message": "m"}
            for run_id in range(1, runs + 1)
            for n in range(1, 21)
        ],
    )


def _add_others(database: Database, adapters: int = 400) -> None:
    """Add a run and a content of many other adapters: MySQL scans where an index finds a third."""
    numbers = range(1001, 1001 + adapters)
    insert(
        database,
        "runs",
        [
            {"run_id": n, "adapter_name": f"other-{n}", "state": "succeeded"}
            | {"run_key": f"key-{n}", "fingerprint": "f", "manifest_id": n, "queued_at": TIME}
            | {"finished_at": f"2026-11-23 06:00:00.{n:06}"}
            for n in numbers
        ],
    )
    insert(
        database,
        "contents",
        [{"content_hash": f"other-{n}", "prompt": "p", "response": "r"} for n in numbers],
    )


def _add_predictions(database: Database, rows: int) -> None:
    answered = {"version_number": 7, "content_hash": "h", "answered_at": TIME, "answer": "x " * 30}
    keys = [f"k{number:06}" for number in range(rows)]
    adapters = [*ADAPTERS, *(f"other-{number}" for number in range(40))]
    insert(
        database,
        "predictions",
        [
            answered | {"adapter_name": name, "row_key": key, "run_id": 7}
            for name in adapters
            for key in keys
        ],
    )


def _add_questions(database: Database, answered: int = 900) -> None:
    asked = {"prompt": "Who is it? " * 5, "asked_at": TIME}
    states = ["answered"] * answered + ["answering", "waiting", "waiting"]
    insert(
        database,
        "questions",
        [
            asked | {"adapter_name": ADAPTERS[number % 3], "state": state}
            for number, state in enumerate(states)
        ],
    )
    insert(
        database,
        "feedback",
        [{"question_id": n, "rating": 1, "given_at": TIME} for n in range(1, answered)],
    )


def _add_manifests(database: Database, runs: int, samples: int) -> None:
    insert(
        database,
        "manifests",
        [
            {"manifest_id": n, "adapter_name": ADAPTERS[n % 3], "state": "complete"}
            | {"fingerprint": f"f{n}", "dataset_number": n, "created_at": TIME}
            for n in range(1, runs + 1)
        ],
    )
    insert(
        database,
        "manifest_samples",
        [
            {"manifest_id": n, "position": p, "sample_key": str(p), "content_hash": f"hk{p:06}"}
            for n in range(1, runs + 1)
            for p in range(samples)
        ],
    )


def _add_served(database: Database, adapters: int, steps: int) -> None:
    common = {"adapter_name": "a", "base_slug": "s", "base_model": "toy", "state": "active"}
    common |= {"base_model_revision": "r", "rehearsal": "off", "created_at": TIME}
    options = {"lora_rank": 8, "lora_alpha": 16, "learning_rate": 0.1, "seed": 0}
    insert(
        database,
        "served_adapters",
        [
            {"adapter_id": f"id-{n}", "last_step": steps, "updated_at": TIME} | common | options
            for n in range(adapters)
        ],
    )
    insert(
        database,
        "served_steps",
        [
            {"adapter_id": f"id-{n}", "step_number": step, "state": "done", "begun_at": TIME}
            | {"optimizer_steps_before": step, "sample_count": 1}
            for n in range(adapters)
            for step in range(1, steps + 1)
        ],
    )


def _add_outcome(database: Database, run_id: int) -> None:
    version = {"adapter_name": ADAPTERS[run_id % 3], "version_number": run_id}
    counts = {"prompts_compared": 1, "error_count": 0, "wins": 0, "losses": 0, "ties": 1}
    counts |= {"leaked_count": 0, "rule": "min_gain"}
    insert(
        database,
        "gate_decisions",
        [
            {"run_id": run_id, "decision": "accepted", "reason": "", "compared_phase": "before"}
            | {"decided_at": TIME}
            | version
            | counts
        ],
    )
    insert(
        database,
        "adapter_versions",
        [
            {"adapter_label": f"{version['adapter_name']} v{run_id}", "state": "accepted"}
            | {"is_latest": 0, "run_id": run_id, "evaluation_run_id": run_id}
            | {"manifest_id": run_id, "fingerprint": "f", "training_key": "t", "backend": "local"}
            | {"base_model": "toy", "method": "lora", "epochs": 3, "rehearsal": "off", "seed": 0}
            | {"sample_count": 1, "created_at": TIME}
            | version
        ],
    )
