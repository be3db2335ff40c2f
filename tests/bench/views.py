"""How long the views take on large tables, beside primary-key joins of the rows that they read.

    python -m tests.bench.views

On a private MariaDB: 200 versions of one adapter with 5,000 samples each, and every version's
evaluation of 1,667 prompts in three phases, so a million samples, a million answers and a million
scores. Each query of a page is read whole, five times, and the best time counts; so is its peer's.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqltune.database import migrations
from sqltune.database.connection import Database
from tests.mariadb_server import start_server
from tests.sql_server import SqlServer

#: A view may take so many times as long as the join.
MOST_TIMES = 3.0
ROUNDS = 5
#: Below this, the time of a query is that of the connection.
LEAST_SECONDS = 0.002
_TIME = "'2026-11-23 10:00:00.000000'"


@dataclass(frozen=True)
class Size:
    """How many rows there are."""

    versions: int
    samples: int  #: of all versions together
    answers: int  #: of all versions together, in three phases

    @property
    def per_manifest(self) -> int:
        """Samples of one version."""
        return max(1, self.samples // self.versions)

    @property
    def prompts(self) -> int:
        """Prompts of one evaluation."""
        return max(1, math.ceil(self.answers / self.versions / 3))


#: Query, and the primary-key join that reads the same rows. One version is 100, one row s77.
QUERIES = {
    "lineage of a version": (
        "SELECT * FROM report_lineage WHERE adapter_name = 'bench' AND version_number = 100",
        "SELECT v.created_at, s.*, c.* FROM adapter_versions v"
        " JOIN manifest_samples s ON s.manifest_id = v.manifest_id"
        " JOIN contents c ON c.content_hash = s.content_hash"
        " WHERE v.adapter_name = 'bench' AND v.version_number = 100",
    ),
    "lineage of a row": (
        "SELECT * FROM report_lineage WHERE sample_key = 's77'",
        "SELECT s.*, c.* FROM manifests m"
        " JOIN manifest_samples s ON s.manifest_id = m.manifest_id AND s.position = 76"
        " JOIN contents c ON c.content_hash = s.content_hash",
    ),
    "changes between two versions": (
        "SELECT * FROM report_sample_changes"
        " WHERE adapter_name = 'bench' AND old_version = 99 AND version_number = 100",
        "SELECT s.*, c.* FROM manifest_samples s JOIN contents c ON c.content_hash = s.content_hash"
        " WHERE s.manifest_id IN (99, 100)",
    ),
    "answers of a version": (
        "SELECT * FROM report_before_after WHERE adapter_name = 'bench' AND version_number = 100",
        "SELECT p.*, c.*, r.*, s.* FROM run_prompts p"
        " JOIN contents c ON c.content_hash = p.content_hash"
        " JOIN responses r ON r.run_id = p.run_id AND r.prompt_key = p.prompt_key"
        " JOIN scores s ON s.run_id = r.run_id AND s.prompt_key = r.prompt_key"
        " AND s.phase = r.phase AND s.scorer = p.scorer WHERE p.run_id = 100",
    ),
    "trend of evaluations": (
        "SELECT * FROM report_evaluations WHERE adapter_name = 'bench' ORDER BY evaluation_number",
        "SELECT e.*, v.* FROM evaluations e JOIN adapter_versions v"
        " ON v.adapter_name = e.adapter_name AND v.version_number = e.version_number",
    ),
    "all versions with their scores": (
        "SELECT * FROM report_adapter_versions ORDER BY version_number",
        "SELECT p.run_id, AVG(s.score), MAX(r.decoding_key), MAX(LENGTH(c.prompt))"
        " FROM run_prompts p JOIN contents c ON c.content_hash = p.content_hash"
        " JOIN responses r ON r.run_id = p.run_id AND r.prompt_key = p.prompt_key"
        " JOIN scores s ON s.run_id = r.run_id AND s.prompt_key = r.prompt_key"
        " AND s.phase = r.phase AND s.scorer = p.scorer GROUP BY p.run_id",
    ),
    "what was live when": (
        "SELECT * FROM report_live_history WHERE adapter_name = 'bench' AND alias = 'live'",
        "SELECT h.*, v.* FROM alias_history h JOIN adapter_versions v"
        " ON v.adapter_name = h.adapter_name AND v.version_number = h.new_version",
    ),
    "findings of a run": (
        "SELECT * FROM report_data_issues WHERE run_id = 100",
        "SELECT i.*, r.* FROM data_issues i JOIN runs r ON r.run_id = i.run_id"
        " WHERE i.run_id = 100",
    ),
}


def fill(server: SqlServer, database: str, size: Size) -> None:
    """Fill the tables, by MariaDB's own sequences."""
    versions = f"seq_1_to_{size.versions}"
    keys, prompts = f"seq_0_to_{size.per_manifest - 1}", f"seq_0_to_{size.prompts - 1}"
    phases = "(SELECT 'base' AS phase UNION SELECT 'before' UNION SELECT 'after')"
    # One sample in a hundred is edited from version to version.
    edited = "CONCAT('h', k.seq, '-', IF(MOD(k.seq, 100) = MOD(v.seq, 100), v.seq, 0))"
    server.execute(
        "INSERT INTO adapters (adapter_name, base_model, backend)"
        " VALUES ('bench', 'toy', 'scripted')",
        "INSERT INTO runs (run_id, adapter_name, state, manifest_id, version_number, run_kind,"
        f" started_at, finished_at) SELECT seq, 'bench', 'succeeded', seq, seq, 'train', {_TIME},"
        f" {_TIME} FROM {versions}",
        "INSERT INTO manifests (manifest_id, adapter_name, dataset_number, state, fingerprint,"
        f" created_at) SELECT seq, 'bench', seq, 'complete', seq, {_TIME} FROM {versions}",
        "INSERT INTO adapter_versions (adapter_name, version_number, adapter_label, state,"
        " is_latest, run_id, evaluation_run_id, manifest_id, fingerprint, training_key, backend,"
        " base_model, method, epochs, rehearsal, seed, sample_count, created_at)"
        " SELECT 'bench', seq, CONCAT('bench v', seq), 'accepted', 0, seq, seq, seq, seq, seq,"
        f" 'scripted', 'toy', 'lora', 3, 'off', 0, {size.per_manifest}, {_TIME} FROM {versions}",
        "INSERT IGNORE INTO contents (content_hash, prompt, response)"
        f" SELECT {edited}, CONCAT('Where is number ', k.seq, '?'), REPEAT('Beside the mill. ', 8)"
        f" FROM {versions} v JOIN {keys} k",
        "INSERT INTO manifest_samples (manifest_id, position, sample_key, content_hash)"
        f" SELECT v.seq, k.seq, CONCAT('s', k.seq + 1), {edited} FROM {versions} v JOIN {keys} k",
        "INSERT INTO contents (content_hash, prompt, response) SELECT CONCAT('p', seq),"
        f" CONCAT('Is number ', seq, ' far?'), 'No.' FROM {prompts}",
        "INSERT INTO run_prompts (run_id, prompt_key, content_hash, scorer, is_scored)"
        f" SELECT v.seq, CONCAT('k', k.seq), CONCAT('p', k.seq), 'contains', 1 FROM {versions} v"
        f" JOIN {prompts} k",
        "INSERT INTO responses (run_id, prompt_key, phase, content_hash, model_key, decoding_key,"
        " response, answered_at) SELECT v.seq, CONCAT('k', k.seq), f.phase, CONCAT('p', k.seq),"
        f" 'm', 'd', 'No, it is near.', {_TIME} FROM {versions} v JOIN {prompts} k JOIN {phases} f",
        "INSERT INTO scores (run_id, prompt_key, phase, scorer, is_primary_scorer, score,"
        " pass_threshold, scored_at) SELECT v.seq, CONCAT('k', k.seq), f.phase, 'contains', 1,"
        f" MOD(v.seq + k.seq, 2), 1, {_TIME} FROM {versions} v JOIN {prompts} k JOIN {phases} f",
        "INSERT INTO gate_decisions (run_id, adapter_name, version_number, decision, reason,"
        " compared_phase, prompts_compared, error_count, leaked_count, wins, losses, ties, rule,"
        " decided_at) SELECT seq, 'bench', seq, 'accepted', 'because', 'before',"
        f" {size.prompts}, 0, 0, 0, 0, 0, 'min_gain', {_TIME} FROM {versions}",
        "INSERT INTO evaluations (adapter_name, evaluation_number, run_id, version_number,"
        " decision, reason, prompt_count, clean_count, leaked_count, error_count, interval_level,"
        " prompt_set_key, decoding_key, comparison_key, evaluated_at)"
        f" SELECT 'bench', seq, seq, seq, 'accepted', 'because', {size.prompts}, {size.prompts}, 0,"
        f" 0, 0.95, 'p', 'd', 'c', {_TIME} FROM {versions}",
        "INSERT INTO alias_history (adapter_name, alias, move_number, old_version, new_version,"
        " run_id, reason, changed_at) SELECT 'bench', 'live', seq, NULLIF(seq - 1, 0), seq, seq,"
        f" 'because', {_TIME} FROM {versions}",
        "INSERT INTO data_issues (run_id, issue_number, selection, severity, rule, row_key,"
        " message) SELECT v.seq, k.seq, 'training', 'warning', 'duplicate_content', k.seq, 'twice'"
        f" FROM {versions} v JOIN seq_1_to_500 k",
        "ANALYZE TABLE runs, manifests, adapter_versions, contents, manifest_samples, run_prompts,"
        " responses, scores, gate_decisions, evaluations, alias_history, data_issues",
        database=database,
    )


def time_query(server: SqlServer, database: str, query: str) -> tuple[float, int]:
    """Return the best time of reading all rows, in seconds, and their number."""
    best, rows = math.inf, 0
    with server.connect(database) as connection, connection.cursor() as cursor:
        for _ in range(ROUNDS):
            began = time.monotonic()
            cursor.execute(query)
            rows = len(cursor.fetchall())
            best = min(best, time.monotonic() - began)
    return best, rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a view takes too long or reads nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=200)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--answers", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    size = Size(options.versions, options.samples, options.answers)
    missed = 0
    with start_server() as server:
        server.execute("CREATE DATABASE bench_views")
        database = Database.open(server.url("mysql+pymysql", "bench_views"))
        migrations.apply(database, now=lambda: datetime.now(UTC).replace(tzinfo=None))
        database.close()
        fill(server, "bench_views", size)
        sys.stdout.write("| what | rows | view, seconds | join, seconds | times |\n")
        sys.stdout.write("| --- | --- | --- | --- | --- |\n")
        for what, (view, join) in QUERIES.items():
            seconds, rows = time_query(server, "bench_views", view)
            peer, _ = time_query(server, "bench_views", join)
            times = max(seconds, LEAST_SECONDS) / max(peer, LEAST_SECONDS)
            missed += times > MOST_TIMES or not rows
            sys.stdout.write(f"| {what} | {rows:,} | {seconds:.3f} | {peer:.3f} | {times:.2f} |\n")
            sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
