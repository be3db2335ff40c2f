"""How soon a row of `questions` has its answer: `python -m tests.bench.questions`.

A worker that has nothing else to do looks at its default pace, on SQLite and on a private MariaDB,
with the scripted backend, whose answers take no time. An answer comes after half a pause on
average, and after at most one pause and the time of its statements.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from sqltune.settings.declared import Settings
from tests.bench.worker import PATIENCE_SECONDS, Bench, report
from tests.mariadb_server import start_server

QUESTIONS = 20
POLL_SECONDS = Settings().poll_seconds
#: Of the worker's statements, beside its pause.
MOST_SECONDS = POLL_SECONDS + 1.0


def main() -> int:
    """Measure and report; 1 where the limit is missed."""
    fine = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(start_server())
        server.execute("CREATE DATABASE bench CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        urls = {
            "SQLite": f"sqlite:///{folder}/bench.db",
            "MariaDB": server.url("mysql+pymysql", "bench"),
        }
        for engine, url in urls.items():
            bench = Bench(url, folder)
            seconds = measure(bench)
            bench.database.close()
            fine.append(
                report(
                    f"{engine}: INSERT to answer, looking every {POLL_SECONDS:g} s",
                    f"median {median(seconds):.2f} s, worst {max(seconds):.2f} s "
                    f"(at most {MOST_SECONDS:g} s)",
                    max(seconds) <= MOST_SECONDS,
                )
            )
    return 0 if all(fine) else 1


def measure(bench: Bench) -> list[float]:
    """Return the seconds from each INSERT to its answer, one after the other."""
    bench.declare("office")
    pause, seconds = threading.Event(), []
    with bench.workers(1, POLL_SECONDS):
        bench.ask("office")
        bench.await_ended(1)
        for number in range(QUESTIONS):
            # Somewhere between two looks of the worker.
            pause.wait(POLL_SECONDS * number / QUESTIONS)
            began = time.perf_counter()
            bench.do("INSERT INTO questions (adapter_name, prompt) VALUES ('office', 'Who?')")
            while bench.value("SELECT COUNT(*) FROM questions WHERE answered_at IS NULL"):
                assert time.perf_counter() - began < PATIENCE_SECONDS, "the worker does not answer"
                pause.wait(0.005)
            seconds.append(time.perf_counter() - began)
    assert not bench.value("SELECT COUNT(*) FROM questions WHERE answer IS NULL")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
