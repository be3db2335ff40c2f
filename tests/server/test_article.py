"""The article's script, with the SDK that it was written for, over a small pretrained model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradientai import Gradient

from tests.bench.article_samples import article_lesson
from tests.databases import copy_sqlite
from tests.end_to_end.command import People
from tests.serving import SLUG, ServerAtWork, start_server
from tests.singlestore_on_mariadb import open_database
from tests.small_model import SMALL_MODEL

LESSON = article_lesson()
#: The space before the second mark is the article's own; its samples have none there.
QUERY = "### Instruction: Who is Pavan Belagatti? \n\n ### Response:"
SAMPLES = [
    {"inputs": f"### Instruction: {pair.prompt} \n\n### Response: {pair.response}"}
    for pair in LESSON.samples
]


@pytest.fixture
def article_server(sqlite_template: Path, tmp_path: Path) -> Iterator[ServerAtWork]:
    """The server as it is installed, rehearsal included."""
    database = open_database(copy_sqlite(sqlite_template, tmp_path))
    models, artifacts = {SLUG: str(SMALL_MODEL)}, tmp_path / "artifacts"
    with start_server(database, artifacts, models, rehearses=True) as server:
        yield server
    database.close()


@pytest.mark.slow
def test_the_articles_script_runs_unchanged_and_its_answer_becomes_right(
    article_server: ServerAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIENT_API_URL", article_server.base_url)
    monkeypatch.setenv("GRADIENT_ACCESS_TOKEN", article_server.token)
    monkeypatch.setenv("GRADIENT_WORKSPACE_ID", article_server.workspace)
    gradient = Gradient()
    base_model = gradient.get_base_model(base_model_slug="nous-hermes2")
    adapter = base_model.create_model_adapter(name="Pavanmodel")
    before = adapter.complete(query=QUERY, max_generated_token_count=100).generated_output
    losses = [adapter.fine_tune(samples=SAMPLES).sum_loss for _ in range(3)]
    after = adapter.complete(query=QUERY, max_generated_token_count=100).generated_output
    other = adapter.complete(query="What is the capital of Austria?").generated_output
    people = People(article_server.database.engine.url.render_as_string(hide_password=False))
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
    per_call = steps[0][2]
    assert per_call > len(SAMPLES), "steps of rehearsal alone are among them"
    assert [step[:3] for step in steps] == [("done", per_call * n, per_call) for n in range(3)]
    assert all(rehearsed >= per_call for *_, rehearsed in steps)
