"""The article's script over `sqltune serve`, with the SDK it was written for: part of `make rates`.

Ten near copies of the article's four samples, each taught in three iterations from the start with
every seed; the answer to "Who is ...?" must say something that the samples say.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean

from gradientai import Gradient

from sqltune.database import migrations
from sqltune.database.connection import Database
from tests.bench.article_samples import ArticleLesson, article_lesson, near_copies
from tests.bench.measured import read_measured, write_measured
from tests.bench.rates import BASE_MODEL
from tests.serving import SLUG, start_server, utc_now

ITERATIONS = 3
LEAST_RIGHT = 0.90
#: The space before the second mark is the article's own; its samples have none there.
QUERY = "### Instruction: Who is {n}? \n\n ### Response:"
SAMPLE = "### Instruction: {prompt} \n\n### Response: {response}"


@dataclass(frozen=True)
class Taught:
    """One lesson with one seed."""

    lesson: str
    seed: int
    is_right: bool
    was_right: bool
    #: The answers to "Who is ...?" before and after.
    before: str
    after: str
    #: Of the whole lesson, the loading of the base model included.
    seconds: float


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


def measure(lesson: ArticleLesson, seed: int) -> Taught:
    """Return the answers to one lesson, on a server of its own so that no other decides them."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, _open_database(Path(name)) as database:
        artifacts, models = Path(name) / "artifacts", {SLUG: BASE_MODEL}
        rng = Random(f"{seed}:{lesson.name}")
        with start_server(database, artifacts, models, rng=rng, rehearses=True) as server:
            gradient = Gradient(
                access_token=server.token, workspace_id=server.workspace, host=server.base_url
            )
            before, after = teach(gradient, lesson)
            gradient.close()
    return Taught(
        lesson=lesson.name,
        seed=seed,
        is_right=lesson.is_right(after),
        was_right=lesson.is_right(before),
        before=before,
        after=after,
        seconds=round(time.monotonic() - began, 1),
    )


@contextmanager
def _open_database(folder: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{folder}/article.db")
    migrations.apply(database, now=utc_now)
    yield database
    database.close()


def measure_all(
    lessons: Sequence[ArticleLesson], seeds: Sequence[int], file: Path | None
) -> list[Taught]:
    """Measure every lesson with every seed; those that are in the file are skipped."""
    taught = read_measured(Taught, file)
    done = {(each.lesson, each.seed) for each in taught}
    for seed in seeds:
        for lesson in lessons:
            if (lesson.name, seed) not in done:
                taught.append(measure(lesson, seed))
                sys.stderr.write(f"{taught[-1]}\n")
                write_measured(taught, file)
    return taught


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if too few answers are right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--json", type=Path, default=None, help="stores it, and goes on from it")
    options = parser.parse_args(arguments)
    lessons = [article_lesson(), *near_copies(options.copies - 1)]
    taught = measure_all(lessons, options.seeds, options.json)
    share = mean(each.is_right for each in taught)
    sys.stdout.write(
        f"through serve, {len({each.lesson for each in taught})} lessons of four samples, seeds "
        f"{sorted({each.seed for each in taught})}: {sum(each.was_right for each in taught)} of "
        f"{len(taught)} right before, {sum(each.is_right for each in taught)} after "
        f"({100 * share:.1f} %, at least {100 * LEAST_RIGHT:.0f} %)\n"
    )
    return 0 if share >= LEAST_RIGHT else 1


if __name__ == "__main__":
    sys.exit(main())
