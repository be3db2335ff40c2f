"""As the tables grow, no statement of the runner reads one of them from end to end."""

from __future__ import annotations

import re
from typing import Any

from sqltune.database.connection import Database, EngineKind, prepare_statement
from sqltune.database.queries import load_statements
from sqltune.database.scripts import read_views
from tests.database.grown_tables import ADAPTERS, TIME, grow

#: Tables of a few rows per adapter, or of one row per version: reading all of them is right.
SMALL = frozenset(
    {"forget_keys", "forgotten_samples", "erasures", "erasure_versions"}
    | {"adapters", "adapter_states", "aliases", "alias_changes", "alias_history"}
    | {"adapter_versions", "gate_decisions", "manifests", "schema_migrations", "schema_views"}
    # A row per model, hour and server process.
    | {"served_adapters", "served_use", "orphans"}
    # A row per version that went live, another when it no longer is, one per restart of vLLM.
    | {"vllm_calls"}
    # A row per address of a webhook.
    | {"webhooks"}
)
#: Statements that read a whole table on purpose.
READS_ALL = {
    # A table of one row per run; asked when rows changed between choosing and writing a manifest.
    "count_manifest_users",
    # Asked by `gc` alone, for adapters at a service whose name carries no run of this database.
    "list_created_adapters",
    # Asked by `gc` alone, beside all versions.
    "list_kept_epochs",
    # Asked by `gc` alone, once each, where the settings say how long texts are kept.
    "list_runs_with_old_answers",
    "list_old_manifests",
    "fetch_old_questions",
    # Asked by `forget` alone, which looks for a text in everything that is stored.
    "select_all_contents",
    "select_all_answers",
    "select_all_predictions",
    "select_all_questions",
    "select_all_corrections",
    "select_prompts_by_content",
    "select_messages_of_issues",
    "select_messages_of_events",
    "select_messages_of_runs",
    "select_messages_of_scores",
    "select_messages_of_calls",
    "select_messages_of_questions",
    "select_messages_of_row_checks",
    "select_messages_of_row_check_issues",
    "select_messages_of_webhook_calls",
    "select_reasons_of_scores",
    "select_trigger_reasons_of_runs",
    "select_stuck_reasons_of_runs",
    "select_settings_of_runs",
    "select_requests_of_calls",
    "select_categories_of_prompts",
    "select_reasons_of_decisions",
    "select_worst_of_decisions",
    "select_reasons_of_evaluations",
    "select_reasons_of_alias_moves",
    "list_ended_runs_of_manifest",
    # Asked by `forget` alone, of keys that no manifest has.
    "list_adapters_with_finding",
}
#: The indexes, and the statements that they are there for.
MADE_FOR = {
    "find_last_ended_run": "runs_by_adapter",
    "get_run_by_key": "runs_by_key",
    "fetch_known_answers": "responses_by_model",
    "find_equal_manifest": "manifests_by_adapter",
    "fetch_due_calls": "webhook_calls_by_state",
    "list_waiting_vllm_calls": "vllm_calls_by_state",
    "select_training_samples": "training_samples_by_dataset",
    "select_eval_prompts": "eval_prompts_by_dataset",
}
#: Values that stand in the grown tables.
VALUES: dict[str, object] = {
    "adapter_name": ADAPTERS[1],
    "adapter_names": list(ADAPTERS[:2]),
    "version_numbers": [1, 2],
    "now": TIME,
    # Runs that ended later are few, as those of a day are among all.
    "since": "2026-11-23 06:00:00.001390",
    "stale": TIME,
    "before": TIME,
    "latest": TIME,
    "queued_until": TIME,
    "run_key": "key-7",
    "fingerprint": "f7",
    "dataset": "d7",
    "prompt_key": "k000007",
    "after_key": "k000007",
    "first_key": "k000007",
    "last_key": "k000017",
    "model_key": "base",
    "decoding_key": "greedy",
    "compared_phase": "before",
    "phase": "after",
    "content_hash": "hk000007",
    "adapter_id": "id-7",
    "first_position": 7,
    "end_position": 17,
    "row_keys": ["k000007", "k000017"],
}


def explain(database: Database, statement: str) -> list[dict[str, Any]]:
    """The engine's plan of a statement, a row per table."""
    values = {
        name: VALUES.get(name, TIME if name.endswith("_at") else 7)
        for name in re.findall(r"(?<![:\w]):(\w+)", statement)
    }
    word = (
        "EXPLAIN QUERY PLAN" if database.kind is EngineKind.SQLITE else "EXPLAIN FORMAT=TRADITIONAL"
    )
    with database.read() as session:
        rows = session.connection.execute(prepare_statement(f"{word} {statement}"), values)
        return [dict(row) for row in rows.mappings()]


def scanned(database: Database, statement: str) -> set[str]:
    """The growing tables that a statement reads from end to end."""
    names = table_names(statement)
    found = set()
    for row in explain(database, statement):
        if database.kind is EngineKind.SQLITE:
            scan = re.match(r"SCAN (\w+)", str(row["detail"]))
            alias = scan[1] if scan else None
        else:
            alias = row["table"] if row["type"] in ("ALL", "index") else None
        found.add(names.get(str(alias), "small"))
    return found - SMALL - {"small"}


def table_names(statement: str) -> dict[str, str]:
    """Each table and alias of a statement, and of the views in it, with the table meant."""
    bodies = {view.name: view.select for view in read_views()}
    names: dict[str, str] = {}
    texts = [statement]
    while texts:
        for table, alias in re.findall(
            r"\b(?:FROM|JOIN|UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?([a-z]\w*))?", texts.pop()
        ):
            if table in bodies:
                texts.append(bodies[table])
            else:
                names |= {table: table, alias or table: table}
    return names


def test_no_statement_reads_a_growing_table_from_end_to_end(database: Database) -> None:
    grow(database)
    statements = dict(load_statements(database.kind.value))
    for column in ("sample_key", "content_hash"):
        statements[f"which versions saw a {column}"] = (
            "SELECT v.adapter_label FROM manifest_samples s JOIN adapter_versions v "
            f"ON v.manifest_id = s.manifest_id WHERE s.{column} = '7'"
        )
    found = {}
    for name, statement in statements.items():
        is_read = re.match(r"(SELECT|UPDATE|DELETE)\b", statement) and "FROM" in statement
        if (is_read or statement.startswith("UPDATE")) and name not in READS_ALL:
            found[name] = scanned(database, statement)
    assert {name: tables for name, tables in found.items() if tables} == {}
    assert len(found) > 60
    for name, index in MADE_FOR.items():
        rows = explain(database, load_statements(database.kind.value)[name])
        used = [str(row.get("key") or row.get("detail")) for row in rows]
        assert any(index in text for text in used), f"{name} goes by {used}"
