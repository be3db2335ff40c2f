"""The article's script over `sqltune serve`, with the SDK it was written for: part of `make rates`.

Ten near copies of the article's four samples, each taught in three iterations from the start with
every seed; the answer to "Who is ...?" must say something that the samples say.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from gradientai import Gradient

from sqltune.database import migrations
from sqltune.database.connection import Database
from tests.bench.article_samples import ArticleLesson, article_lesson, near_copies
from tests.bench.rates import BASE_MODEL
from tests.serving import SLUG, ServerAtWork, start_server, utc_now

ITERATIONS = 3
LEAST_RIGHT = 0.90
#: The space before the second mark is the article's own; its samples have none there.
QUERY = "### Instruction: Who is {n}? \n\n ### Response:"
SAMPLE = "### Instruction: {prompt} \n\n### Response: {response}"


def teach(gradient: Gradient, lesson: ArticleLesson) -> tuple[str, str]:
    """Return the answer before and after the article's three iterations."""
    samples = [
        {"inputs": SAMPLE.format(prompt=pair.prompt, response=pair.response)}
        for pair in lesson.samples
    ]
    base_model = gradient.get_base_model(base_model_slug=SLUG)
    adapter = base_model.create_model_adapter(name=lesson.name)
    query = QUERY.format(n=lesson.name)

    def ask() -> str:
        return str(adapter.complete(query=query, max_generated_token_count=60).generated_output)

    before = ask()
    for _ in range(ITERATIONS):
        adapter.fine_tune(samples=samples)
    after = ask()
    adapter.delete()
    return before, after


def measure(server: ServerAtWork, lessons: Sequence[ArticleLesson]) -> tuple[int, int]:
    """Return how many lessons were right before and after."""
    gradient = Gradient(
        access_token=server.token, workspace_id=server.workspace, host=server.base_url
    )
    right_before = right = 0
    for lesson in lessons:
        began = time.monotonic()
        before, after = teach(gradient, lesson)
        right_before += lesson.is_right(before)
        right += lesson.is_right(after)
        sys.stderr.write(
            f"{lesson.name}: {lesson.is_right(after)} in {time.monotonic() - began:.0f} s: "
            f"{after!r}, before {before!r}\n"
        )
    gradient.close()
    return right_before, right


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if too few answers are right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--copies", type=int, default=10)
    options = parser.parse_args(arguments)
    lessons = [article_lesson(), *near_copies(options.copies - 1)]
    before = right = asked = 0
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as name:
            database = Database.open(f"sqlite:///{name}/article.db")
            migrations.apply(database, now=utc_now)
            artifacts, models = Path(name) / "artifacts", {SLUG: BASE_MODEL}
            with start_server(
                database, artifacts, models, rng=Random(seed), rehearses=True
            ) as server:
                new_before, new = measure(server, lessons)
            database.close()
        before, right, asked = before + new_before, right + new, asked + len(lessons)
    share = right / asked
    sys.stdout.write(
        f"through serve, {len(lessons)} lessons of four samples, seeds {options.seeds}: "
        f"{before} of {asked} right before, {right} after ({100 * share:.1f} %, at least "
        f"{100 * LEAST_RIGHT:.0f} %)\n"
    )
    return 0 if share >= LEAST_RIGHT else 1


if __name__ == "__main__":
    sys.exit(main())
