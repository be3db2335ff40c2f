"""The statements that run often, or over many rows, find their rows by a key."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from sqltune.database.connection import Database, EngineKind, Session
from sqltune.database.queries import load_statements

#: The statements and the tables, by their names there, that none of them may read from end to end.
HOT = {
    "fence_lease": ["adapter_states"],
    "renew_lease": ["adapter_states"],
    "find_last_ended_run": ["runs"],
    "find_last_planned_run": ["runs"],
    "find_last_columns": ["runs"],
    "fetch_prompt_page": ["p", "c"],
    "fetch_answered_keys": ["responses"],
    "fetch_known_answers": ["p", "r"],
    "fetch_unscored_responses": ["p", "r", "c", "s"],
    "fetch_score_pairs": ["p", "b", "a", "sb", "sa"],
    "find_equal_manifest": ["manifests"],
    "fetch_samples_page": ["m", "c"],
    "get_last_position": ["manifest_samples"],
    "count_keys_not_in": ["one", "other"],
    "count_edited_samples": ["one", "other"],
    "count_further_copies": ["manifest_samples", "other"],
    "add_responses_stored": ["runs"],
    "get_version": ["adapter_versions"],
    "find_next_waiting_question": ["questions"],
    "fetch_waiting_questions": ["questions"],
    "claim_question": ["questions"],
    "renew_question_claims": ["questions"],
    "settle_question": ["questions"],
    "list_expired_claims": ["questions"],
}
VIEWS = {
    "report_before_after": ["v", "g", "p", "c", "r0", "rb", "ra", "s0", "sb", "sa"],
    "report_scores": ["p", "s", "c", "r"],
    "report_training_steps": ["r", "v"],
    "report_samples": ["s", "c"],
    "report_lineage": ["v", "s", "c"],
}
#: What people ask of single rows and versions.
QUESTIONS = {
    "all samples of a version": (
        "report_lineage WHERE adapter_name = 'a7' AND version_number = 1",
        ["v", "s", "c"],
    ),
    "all versions that saw a row": ("report_lineage WHERE sample_key = :key", ["v", "s", "c"]),
    "what changed between two versions": (
        "report_sample_changes WHERE adapter_name = 'a7' AND old_version = 1"
        " AND version_number = 2",
        ["n", "o", "s", "cs", "t", "ct"],
    ),
}
_VALUE = re.compile(r"(?<![:\w]):(\w+)")
#: What MariaDB and MySQL say in place of a table whose key alone answered while they planned.
_ANSWERED_BY_KEY = (
    "Select tables optimized away",
    "Impossible WHERE noticed after reading const tables",
    "no matching row in const table",
)
_ROWS = 2000
_TIME = "'2026-11-23 06:00:00'"
_FILL = f"""
INSERT INTO contents (content_hash, prompt) SELECT SHA2(seq, 256), 'p' FROM numbers;
INSERT INTO runs (adapter_name, state) SELECT CONCAT('a', seq), 'failed' FROM numbers;
INSERT INTO adapter_states (adapter_name) SELECT CONCAT('a', seq) FROM numbers;
INSERT INTO run_prompts (run_id, prompt_key, content_hash, category, scorer, is_scored)
SELECT MOD(seq, 40), seq, SHA2(seq, 256), 'c', 'exact', 1
  FROM numbers;
INSERT INTO responses (run_id, prompt_key, phase, content_hash, model_key, decoding_key,
                       answered_at)
SELECT MOD(seq, 40), seq, 'base', SHA2(seq, 256), 'm', 'd', {_TIME} FROM numbers;
INSERT INTO scores (run_id, prompt_key, phase, scorer, is_primary_scorer, score,
                    pass_threshold, scored_at)
SELECT MOD(seq, 40), seq, 'base', 'exact', 1, 1, 1, {_TIME} FROM numbers;
INSERT INTO manifests (manifest_id, adapter_name, state, fingerprint, created_at)
SELECT seq, CONCAT('a', seq), 'complete', seq, {_TIME} FROM numbers;
INSERT INTO manifest_samples (manifest_id, position, sample_key, content_hash)
SELECT MOD(seq, 40), seq, seq, SHA2(seq, 256)
  FROM numbers;
INSERT INTO training_metrics (run_id, step, epoch, train_loss, logged_at)
SELECT MOD(seq, 40), seq, 1, 1, {_TIME} FROM numbers;
INSERT INTO gate_decisions (run_id, adapter_name, decision, reason, compared_phase,
                            prompts_compared, error_count, leaked_count, rule, wins, losses, ties,
                            decided_at)
SELECT seq, CONCAT('a', seq), 'accepted', '', 'base', 0, 0, 0, 'min_gain', 0, 0, 0, {_TIME}
  FROM numbers;
INSERT INTO adapter_versions (adapter_name, version_number, adapter_label, state, is_latest, run_id,
                              evaluation_run_id, manifest_id, fingerprint, training_key, backend,
                              base_model, method, epochs, rehearsal, seed, sample_count, created_at)
SELECT CONCAT('a', seq), 1, 'l', 'accepted', 1, seq, seq, 1, 'f', 't', 'b', 'm', 'lora', 3, 'off',
       0, 1, {_TIME} FROM numbers WHERE seq <= 40;
INSERT INTO adapter_versions (adapter_name, version_number, adapter_label, state, is_latest, run_id,
                              evaluation_run_id, manifest_id, fingerprint, training_key, backend,
                              base_model, method, epochs, rehearsal, seed, sample_count, created_at)
SELECT CONCAT('a', seq), 2, 'l', 'accepted', 0, seq, seq, 2, 'f', 't', 'b', 'm', 'lora', 3, 'off',
       0, 1, {_TIME} FROM numbers WHERE seq <= 40;
INSERT INTO questions (adapter_name, prompt, state)
SELECT CONCAT('a', seq), 'p', CASE WHEN MOD(seq, 40) = 0 THEN 'waiting' ELSE 'answered' END
  FROM numbers;
INSERT INTO feedback (question_id, rating) SELECT seq, 1 FROM numbers;
ANALYZE TABLE contents, runs, adapter_states, run_prompts, responses, scores, manifests,
              manifest_samples, training_metrics, gate_decisions, adapter_versions, questions,
              feedback;
"""


@pytest.fixture
def filled(database: Database) -> Database:
    """A database with enough rows for the optimiser to have a choice; SQLite needs none."""
    if database.kind is not EngineKind.SQLITE:
        with database.transaction() as session:
            add_numbers(session)
            for statement in _FILL.strip().split(";\n"):
                session.connection.exec_driver_sql(statement.rstrip(";"))
    return database


def add_numbers(session: Session) -> None:
    """Make a table of the numbers from 1 to `_ROWS`."""
    session.connection.exec_driver_sql("CREATE TABLE numbers (seq INT PRIMARY KEY)")
    rows = ", ".join(f"({number})" for number in range(1, _ROWS + 1))
    session.connection.exec_driver_sql(f"INSERT INTO numbers VALUES {rows}")


def plan_of(database: Database, statement: str) -> list[tuple[str, bool]]:
    """Return the tables, by their names in the statement, and whether every row is read."""
    # A text is also compared with a number by its key, a number with a text is not.
    # An end beyond its beginning: nothing is planned for a range that cannot have a row.
    values = {
        n: 7 if n.endswith(("size", "limit")) else "9" if n.startswith("end_") else "7"
        for n in _VALUE.findall(statement)
    }
    values |= {n: _TIME.strip("'") for n in ("now", "latest") if n in values}  # as MySQL demands
    with database.transaction() as session:
        if database.kind is EngineKind.SQLITE:
            plan = session.connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"), values)
            steps = [re.match(r"(SCAN|SEARCH) (\w+)(.*)", str(row[-1])) for row in plan]
            return [(step[2], (step[1], step[3]) == ("SCAN", "")) for step in steps if step]
        plan = session.connection.execute(text(f"EXPLAIN FORMAT=TRADITIONAL {statement}"), values)
        rows = plan.mappings().all()
    if any(row["Extra"] in _ANSWERED_BY_KEY for row in rows):
        return [(table, False) for table in re.findall(r"FROM (\w+)", statement)]
    return [(row["table"], row["type"] in ("ALL", "index")) for row in rows]


def read_from_end_to_end(database: Database, statement: str) -> set[str]:
    """Return the tables of which every row is read."""
    return {table for table, is_whole in plan_of(database, statement) if is_whole}


def assert_found_by_keys(database: Database, statement: str, tables: list[str], name: str) -> None:
    """Check that the plan names these tables, and finds the rows of each by a key."""
    planned = {step for step in plan_of(database, statement) if step[0] in tables}
    assert planned == {(table, False) for table in tables}, name


def test_every_hot_statement_finds_its_rows_by_a_key(filled: Database) -> None:
    for name, tables in HOT.items():
        statement = load_statements(filled.kind.value)[name]
        assert_found_by_keys(filled, statement, tables, name)


def test_the_reports_of_one_adapter_are_found_by_keys(filled: Database) -> None:
    for name, tables in VIEWS.items():
        statement = f"SELECT * FROM {name} WHERE adapter_name = :name"
        assert_found_by_keys(filled, statement, tables, name)


def test_the_oldest_questions_are_found_without_sorting_those_that_wait(filled: Database) -> None:
    if filled.kind is not EngineKind.SQLITE:
        with filled.transaction() as session:
            session.connection.exec_driver_sql(
                "UPDATE questions SET state = 'waiting', adapter_name = '7'"
            )
            session.connection.exec_driver_sql("ANALYZE TABLE questions")
    statement = load_statements(filled.kind.value)["fetch_waiting_questions"]
    explain = "EXPLAIN QUERY PLAN" if filled.kind is EngineKind.SQLITE else "EXPLAIN"
    values = {"adapter_name": "7", "page_size": 7}
    with filled.read() as session:
        plan = repr(session.connection.execute(text(f"{explain} {statement}"), values).all())
    assert "questions_by_state" in plan
    assert "filesort" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_a_version_and_a_row_saw_is_found_by_keys(filled: Database, question: str) -> None:
    rest, tables = QUESTIONS[question]
    assert_found_by_keys(filled, f"SELECT * FROM {rest}", tables, question)


def test_the_default_selections_read_one_dataset_only(filled: Database) -> None:
    for table in ("training_samples", "eval_prompts"):
        statement = f"SELECT prompt FROM {table} WHERE dataset = :dataset"
        if filled.kind is not EngineKind.SQLITE:
            fill_dataset(filled, table)
        assert read_from_end_to_end(filled, statement) == set()


def fill_dataset(database: Database, table: str) -> None:
    column = "response" if table == "training_samples" else "expected"
    with database.transaction() as session:
        session.connection.exec_driver_sql(
            f"INSERT INTO {table} (dataset, prompt, {column}) SELECT seq, 'p', 'r' FROM numbers"
        )


def test_the_plan_of_a_statement_without_a_key_is_seen(filled: Database) -> None:
    statement = "SELECT run_id FROM runs WHERE error_code = :code"
    assert read_from_end_to_end(filled, statement) == {"runs"}
