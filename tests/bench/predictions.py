"""How fast a whole table is predicted, against the rate that the backend's slots allow.

    python -m tests.bench.predictions [rows]

Each answer takes 50 ms in 32 slots, so the ideal is 640 answers a second. Measured is everything
that a run does: reading the query, asking, and storing each answer. Then the same rows are looked
at again, unchanged, against reading them as a selection is read to see whether it changed; and the
memory of the process, which must not grow with the rows.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import text

from sqltune.database import migrations
from sqltune.database.connection import Database
from sqltune.database.tables import adapters
from sqltune.records import Adapter
from sqltune.runtime import Runtime, SilentReporter
from sqltune.selection import fingerprint_prompts
from sqltune.settings import Settings
from sqltune.syncing.sync import sync
from sqltune.wiring import open_migrated_runtime
from tests.mariadb_server import start_server

ROWS, FEW_ROWS = 100_000, 2_000
SLOTS, DELAY_SECONDS = 32, 0.05
LEAST_SHARE, MOST_TIMES = 0.95, 1.5
MOST_MEGABYTES = 40
SCRIPT = {"slots": SLOTS, "answer_delay_seconds": DELAY_SECONDS}
SETUP = (
    "CREATE TABLE tickets (ticket_id INTEGER PRIMARY KEY, question VARCHAR(200))",
    "INSERT INTO training_samples (dataset, prompt, response) VALUES ('office', 'a', 'b')",
    "INSERT INTO adapters (adapter_name, base_model, backend, eval_query)"
    " VALUES ('office', 'toy', 'scripted',"
    " 'SELECT ticket_id AS prompt_key, question AS prompt FROM tickets WHERE 1 = 0')",
)
SELECT_TICKETS = (
    "UPDATE adapters SET prediction_query ="
    " 'SELECT ticket_id AS row_key, question AS prompt FROM tickets"
)
READ_AS_PROMPTS = (
    "UPDATE adapters SET eval_query ="
    " 'SELECT ticket_id AS prompt_key, question AS prompt FROM tickets'"
)


def main(rows: int) -> int:
    """Measure both engines, print the figures; return 1 if a limit is missed."""
    with tempfile.TemporaryDirectory() as name, start_server() as server:
        server.execute("CREATE DATABASE predicted")
        urls = {
            "SQLite": f"sqlite:///{name}/bench.db",
            "MariaDB": server.url("mysql+pymysql", "predicted"),
        }
        script = Path(name) / "script.json"
        script.write_text(json.dumps(SCRIPT), encoding="utf-8")
        spawn = get_context("spawn")
        is_fine = True
        for engine, url in urls.items():
            settings = Settings(database_url=url, artifacts=Path(name) / engine, script=script)
            # One process must not be compared with the peak of another engine.
            with ProcessPoolExecutor(1, mp_context=spawn) as process:
                is_fine &= process.submit(measure_engine, engine, settings, rows).result()
    return 0 if is_fine else 1


def measure_engine(engine: str, settings: Settings, rows: int) -> bool:
    """Measure one engine; return whether its limits are kept."""
    migrate(settings.database_url)
    with open_migrated_runtime(settings, SilentReporter()) as runtime:
        return measure(engine, runtime, rows)


def migrate(url: str) -> None:
    """Create the tables."""
    database = Database.open(url)
    migrations.apply(database, now=lambda: datetime.now(UTC))
    database.close()


def measure(engine: str, runtime: Runtime, rows: int) -> bool:
    """Predict all rows, and look at them again; print both figures against their peers."""
    do(runtime, *SETUP)
    add_tickets(runtime, rows + FEW_ROWS)
    do(runtime, f"{SELECT_TICKETS} WHERE ticket_id <= {FEW_ROWS}'")
    predict(runtime)  # loads what a first run loads
    megabytes = peak()
    do(runtime, f"{SELECT_TICKETS}'")
    seconds = timed(lambda: predict(runtime))
    grown = peak() - megabytes
    again = timed(lambda: predict(runtime))
    do(runtime, READ_AS_PROMPTS)
    adapter = get_adapter(runtime)
    reader = runtime.selection_reader(lambda: None)
    reading = timed(lambda: fingerprint_prompts(reader, adapter))
    ideal = rows * DELAY_SECONDS / SLOTS
    is_fine = ideal / seconds >= LEAST_SHARE and grown <= MOST_MEGABYTES
    print(
        f"{engine}: {rows:,} rows in {seconds:.1f} s, {ideal / seconds:.0%} of the ideal rate (at "
        f"least {LEAST_SHARE:.0%}); {grown:.0f} MB more than for {FEW_ROWS:,} rows (at most "
        f"{MOST_MEGABYTES}); unchanged: {again:.2f} s, {again / reading:.2f} times reading them "
        f"(at most {MOST_TIMES})"
    )
    return is_fine and again / reading <= MOST_TIMES


def predict(runtime: Runtime) -> None:
    """Sync once; with nothing to train, all it does is to look at the rows and answer them."""
    outcomes = sync(runtime, ["office"], force=False, stop=threading.Event())
    assert all(outcome.error_message is None for outcome in outcomes), outcomes


def add_tickets(runtime: Runtime, count: int) -> None:
    """Insert tickets, numbered from 1."""
    for first in range(1, count + 1, FEW_ROWS):
        numbers = range(first, min(first + FEW_ROWS, count + 1))
        with runtime.database.transaction() as session:
            session.connection.execute(
                text("INSERT INTO tickets VALUES (:number, :question)"),
                [{"number": n, "question": f"Where is parcel {n}?"} for n in numbers],
            )


def do(runtime: Runtime, *statements: str) -> None:
    """Run statements that write."""
    for statement in statements:
        with runtime.database.transaction() as session:
            session.connection.execute(text(statement))


def get_adapter(runtime: Runtime) -> Adapter:
    """Return the adapter's row."""
    with runtime.database.read() as session:
        adapter = adapters.get_adapter(session, "office")
    assert adapter is not None
    return adapter


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak() -> float:
    """Return the most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
