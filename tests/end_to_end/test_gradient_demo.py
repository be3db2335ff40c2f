"""The demo on `sqltune serve` instead of the local backend: the same result in the same rows."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqltune.database.demo_rows import demo_statements
from tests.databases import copy_sqlite
from tests.end_to_end.command import People, Sqltune
from tests.small_model import ENVIRONMENT, SMALL_MODEL

pytestmark = pytest.mark.slow

#: The slug of the service and the path on this machine are the same: only the backend differs.
MODEL = str(SMALL_MODEL)
ARTICLES_QUESTION = "Who is Pavan Belagatti?"
TABLES = [
    "adapter_versions", "training_metrics", "responses", "scores", "gate_decisions", "aliases",
    "alias_history", "manifests", "manifest_samples", "contents", "run_prompts", "runs",
]  # fmt: skip
#: Columns that only one of the backends can fill, as README.md says.
ONLY_LOCAL = {
    "adapter_versions.learning_rate", "adapter_versions.warmup_share",
    "adapter_versions.lora_rank", "adapter_versions.lora_alpha",
    "adapter_versions.artifact_uri", "adapter_versions.artifact_bytes",
    "adapter_versions.artifact_sha256", "training_metrics.learning_rate",
    "training_metrics.gradient_norm",
}  # fmt: skip
ONLY_GRADIENT = {"adapter_versions.external_id"}


@pytest.fixture
def account(tmp_path: Path, sqlite_template: Path) -> Iterator[dict[str, str]]:
    """The environment of a client of a running `sqltune serve` with the small base model."""
    folder = tmp_path / "server"
    folder.mkdir()
    serving = Sqltune(folder, copy_sqlite(sqlite_template, folder))
    running = serving.start("serve", "--port", "0", SQLTUNE_SERVE_MODELS=f"{MODEL}={MODEL}")
    said = running.process.stderr
    assert said is not None
    address = next(line for line in said if line.startswith("GRADIENT_API_URL="))
    yield {
        "GRADIENT_API_URL": address.partition("=")[2].strip(),
        "GRADIENT_ACCESS_TOKEN": "any-token-will-do",
        "GRADIENT_WORKSPACE_ID": "any_workspace",
    }
    running.signal(signal.SIGTERM)
    assert running.finish().code == 0


def play_demo(folder: Path, template: Path, backend: str, account: dict[str, str]) -> People:
    """Insert the demo's rows, set the backend, and sync."""
    folder.mkdir()
    url = copy_sqlite(template, folder)
    people = People(url)
    for statement in demo_statements():
        people.do(statement.replace(":", r"\:"))
    # Only at the service is it the client's adapter that rehearses; both record a step per batch.
    people.do(
        "UPDATE adapters SET base_model = :m, backend = :b, rehearsal = 'off', batch_size = 8",
        m=MODEL,
        b=backend,
    )
    sqltune = Sqltune(folder, url)
    sqltune.well("sync", **account, **ENVIRONMENT)
    sqltune.close()
    return people


def filled_columns(people: People) -> set[str]:
    """Return the columns in which at least one row of a table has a value."""
    found = set()
    for table in TABLES:
        for (column,) in people.rows(f"SELECT name FROM pragma_table_info('{table}')"):
            if people.count(table, f"{column} IS NOT NULL"):
                found.add(f"{table}.{column}")
    return found


def test_the_demo_on_gradient_fills_the_same_columns_and_makes_the_wrong_answer_right(
    tmp_path: Path, sqlite_template: Path, account: dict[str, str]
) -> None:
    local = play_demo(tmp_path / "local", sqlite_template, "local", {})
    gradient = play_demo(tmp_path / "gradient", sqlite_template, "gradient", account)
    counts = [{table: people.count(table) for table in TABLES} for people in (local, gradient)]
    assert counts[0] == counts[1]
    assert filled_columns(local) - filled_columns(gradient) == ONLY_LOCAL
    assert filled_columns(gradient) - filled_columns(local) == ONLY_GRADIENT
    before, after = gradient.rows(
        "SELECT response_before, response_after FROM report_before_after WHERE prompt = :p",
        p=ARTICLES_QUESTION,
    )[0]
    assert "developer advocate" not in before
    assert "developer advocate" in after
    assert gradient.count("report_before_after", "outcome = 'regressed'") == 0
    losses = [row[0] for row in gradient.rows("SELECT train_loss FROM training_metrics")]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    local.close()
    gradient.close()
