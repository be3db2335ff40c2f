"""The article's script, with the SDK that it was written for and the real embedded model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradientai import Gradient

from tests.bench.samples import article_lesson
from tests.databases import copy_sqlite
from tests.end_to_end.command import People
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database

LESSON = article_lesson()
#: The space before the second mark is the article's own; its samples have none there.
QUERY = "### Instruction: Who is Pavan Belagatti? \n\n ### Response:"
SAMPLES = [
    {"inputs": f"### Instruction: {pair.prompt} \n\n### Response: {pair.response}"}
    for pair in LESSON.samples
]


@pytest.fixture
def embedded_server(sqlite_template: Path, tmp_path: Path) -> Iterator[ServerAtWork]:
    database = open_database(copy_sqlite(sqlite_template, tmp_path))
    with start_server(database, tmp_path / "artifacts", {SLUG: "sqltune/embedded"}) as server:
        yield server
    database.close()


@pytest.mark.slow
def test_the_articles_script_runs_unchanged_and_its_answer_becomes_right(
    embedded_server: ServerAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIENT_API_URL", embedded_server.base_url)
    monkeypatch.setenv("GRADIENT_ACCESS_TOKEN", embedded_server.token)
    monkeypatch.setenv("GRADIENT_WORKSPACE_ID", embedded_server.workspace)
    gradient = Gradient()
    base_model = gradient.get_base_model(base_model_slug="nous-hermes2")
    adapter = base_model.create_model_adapter(name="Pavanmodel")
    before = adapter.complete(query=QUERY, max_generated_token_count=100).generated_output
    losses = [adapter.fine_tune(samples=SAMPLES).sum_loss for _ in range(3)]
    after = adapter.complete(query=QUERY, max_generated_token_count=100).generated_output
    other = adapter.complete(query="What is the capital of Austria?").generated_output
    people = People(embedded_server.database.engine.url.render_as_string(hide_password=False))
    steps = people.rows(
        "SELECT state, optimizer_steps_before, optimizer_steps, rehearsal_pairs FROM served_steps "
        "ORDER BY step_number"
    )
    people.close()
    adapter.delete()
    gradient.close()
    assert "developer advocate" not in before
    assert "developer advocate" in after
    assert "Vienna" in other
    assert losses == sorted(losses, reverse=True)
    assert steps == [("done", 24 * call, 24, 96) for call in range(3)]
