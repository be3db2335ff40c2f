"""How soon a row of `runs` becomes a run, and how many runs four workers end.

    python -m tests.bench.worker

On a private MariaDB, with the scripted backend, whose answers and steps take no time:

- from the INSERT of a request to the start of its run, by one worker that has nothing else to do;
  its pause between two looks is half of that on average;
- runs per second that four workers end, beside the same runs by one worker;
- the claim: taking the lease, the fenced statements that plan and adopt, and giving the lease back,
  against the time of the same statements issued alone by one client in one transaction each.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from sqltune.database import migrations
from sqltune.database.connection import Database
from sqltune.database.tables import states
from tests.mariadb_server import start_server

COMMAND = Path(sys.executable).parent / "sqltune"
REQUESTS = 20
RUNS = 60
WORKERS = 4
CLAIMS = 200
POLL_SECONDS = 0.2
#: The claim's own share beside its statements: a look at the row, a loop, three objects.
MOST_OVERHEAD = 1.5
#: Four workers on two processors, which MariaDB shares with them.
LEAST_GAIN = 1.0
PATIENCE_SECONDS = 300.0


def now() -> datetime:
    """This machine's time, in UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


class Bench:
    """A migrated database on a private server, and workers over it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.database = Database.open(url)
        migrations.apply(self.database, now=now)

    def do(self, statement: str, **values: object) -> None:
        """Run one statement as a person does."""
        with self.database.transaction() as session:
            session.connection.execute(text(statement), values)

    def value(self, query: str) -> float:
        """Give the one value of a query."""
        with self.database.read() as session:
            return float(session.connection.execute(text(query)).scalar() or 0)

    def declare(self, name: str) -> None:
        """Declare an adapter with one sample and one prompt."""
        self.do(
            "INSERT INTO adapters (adapter_name, base_model, backend, epochs)"
            " VALUES (:name, 'toy', 'scripted', 1)",
            name=name,
        )
        for table, column in (("training_samples", "response"), ("eval_prompts", "expected")):
            self.do(
                f"INSERT INTO {table} (dataset, prompt, {column}) VALUES (:name, 'q', :name)",
                name=name,
            )

    def ask(self, name: str) -> None:
        """Ask for a run."""
        self.do("INSERT INTO runs (adapter_name, is_forced) VALUES (:name, 1)", name=name)

    @contextmanager
    def workers(self, count: int, poll_seconds: float = POLL_SECONDS) -> Iterator[None]:
        """Let workers run, and wait until each of them looks."""
        environment = os.environ | {
            "SQLTUNE_DATABASE_URL": self.url,
            "SQLTUNE_ARTIFACTS": str(self.folder / "artifacts"),
            "SQLTUNE_POLL_SECONDS": str(poll_seconds),
        }
        processes = [
            subprocess.Popen(
                [COMMAND, "worker"], env=environment, stderr=subprocess.PIPE, text=True
            )
            for _ in range(count)
        ]
        try:
            for process in processes:
                assert process.stderr is not None
                process.stderr.readline()
                threading.Thread(target=process.stderr.read, daemon=True).start()
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()

    def await_ended(self, count: int) -> None:
        """Wait until so many runs have succeeded."""
        pause, deadline = threading.Event(), time.monotonic() + PATIENCE_SECONDS
        while self.value("SELECT COUNT(*) FROM runs WHERE finished_at IS NOT NULL") < count:
            assert time.monotonic() < deadline, "the workers do not come on"
            pause.wait(0.02)
        with self.database.read() as session:
            failed = session.connection.execute(
                text("SELECT run_id, error_message FROM runs WHERE state <> 'succeeded'")
            ).fetchall()
        assert not failed, failed


def measure_start(bench: Bench) -> list[float]:
    """Milliseconds from each INSERT to the start of its run, one after the other."""
    bench.declare("first")
    with bench.workers(1):
        for number in range(REQUESTS):
            bench.ask("first")
            bench.await_ended(number + 1)
    with bench.database.read() as session:
        rows = session.connection.execute(
            text("SELECT TIMESTAMPDIFF(MICROSECOND, queued_at, started_at) FROM runs")
        )
        return [row[0] / 1000 for row in rows]


def measure_rate(bench: Bench, workers: int) -> float:
    """Runs per second from the INSERT of all requests to the end of the last."""
    ended = int(bench.value("SELECT COUNT(*) FROM runs WHERE finished_at IS NOT NULL"))
    names = [f"w{workers}-{number}" for number in range(RUNS)]
    for name in names:
        bench.declare(name)
    with bench.workers(workers):
        began = time.perf_counter()
        for name in names:
            bench.ask(name)
        bench.await_ended(ended + RUNS)
        return RUNS / (time.perf_counter() - began)


def measure_claim(bench: Bench) -> tuple[float, float]:
    """Milliseconds of a claim with its release, and of the same statements alone."""
    states.claim_adapter(bench.database, "alone", owner="x", lease_seconds=0.001, now=now())
    claims, alone = [], []
    for number in range(CLAIMS):
        began = time.perf_counter()
        claim = states.claim_adapter(
            bench.database, "claimed", owner=f"o{number}", lease_seconds=60, now=now()
        )
        assert claim is not None
        states.release_adapter(bench.database, claim)
        claims.append(time.perf_counter() - began)
        began = time.perf_counter()
        issue_alone(bench.database, number)
        alone.append(time.perf_counter() - began)
    return statistics.median(claims) * 1000, statistics.median(alone) * 1000


def issue_alone(database: Database, number: int) -> None:
    """Issue what a claim and its release issue, knowing the answers beforehand."""
    moment = now().isoformat(sep=" ")
    values = {"adapter_name": "alone", "owner": f"o{number}"}
    with database.read() as session:
        session.fetch_one("get_adapter_state", adapter_name="alone")
    with database.transaction() as session:
        session.execute("claim_adapter", **values, attempt=number + 1, lease_ms=60_000, now=moment)
    with database.transaction() as session:
        session.execute("release_adapter", **values, attempt=number + 2, comes_last=0)


def report(name: str, figure: str, verdict: bool | None = None) -> bool:
    """Write one line; gives whether the figure is within its limit."""
    word = "" if verdict is None else "  ok" if verdict else "  MISSED"
    sys.stdout.write(f"{name:<52} {figure}{word}\n")
    return verdict is not False


def main() -> int:
    """Measure and report; 1 where a limit is missed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(start_server())
        server.execute("CREATE DATABASE bench CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        bench = Bench(server.url("mysql+pymysql", "bench"), folder)
        stack.callback(bench.database.close)
        starts = measure_start(bench)
        one, four = measure_rate(bench, 1), measure_rate(bench, WORKERS)
        claim, alone = measure_claim(bench)
    report(
        f"INSERT to start, looking every {POLL_SECONDS * 1000:.0f} ms",
        f"median {statistics.median(starts):.0f} ms, worst {max(starts):.0f} ms",
    )
    good = [
        report(
            f"runs per second, {WORKERS} workers / one (at least {LEAST_GAIN:g})",
            f"{four:.2f} / {one:.2f} = {four / one:.2f}",
            four / one >= LEAST_GAIN,
        ),
        report(
            f"claim and release / the same statements (at most {MOST_OVERHEAD:g})",
            f"{claim:.2f} ms / {alone:.2f} ms = {claim / alone:.2f}",
            claim / alone <= MOST_OVERHEAD,
        ),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
