"""Selection beside the bare tools: `python -m tests.bench.selection [--rows N] [--engine E]`.

MariaDB through singlestoredb: what `mariadb --quick` needs to dump the same query, and LOAD DATA to
load the same rows from prepared files into tables of the same keys. SQLite: a bare Python fetch of
the query, and executemany of the same rows into tables of the same keys. Both sides use the same
server or file and take turns. Each figure is printed with its limit.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqltune.database import migrations
from tests.databases import MIGRATED_AT
from tests.mariadb_server import AS_SINGLESTORE, start_server
from tests.singlestore_on_mariadb import open_database
from tests.sql_server import SqlServer

ROOT = Path(__file__).parents[2]
SAMPLE_BYTES = 400
_WORDS = ["how", "can", "the", "order", "refund", "invoice", "please", "customer", "it's", "é"]
_QUERY = (
    "SELECT sample_id AS sample_key, prompt, response, system_prompt, weight, group_key, split "
    "FROM training_samples WHERE dataset = 'bench'"
)
#: A server with the settings of production, not the lean one of the tests.
_SERVER = (
    AS_SINGLESTORE,
    "--local-infile=1",
    "--innodb-buffer-pool-size=1G",
    "--innodb-log-file-size=512M",
    "--innodb-flush-log-at-trx-commit=1",
)
#: Figures that exceeded their limit in this run.
MISSED: list[str] = []
_CONTENTS = "content_hash, prompt, response, system_prompt, weight, group_key, split"
_SAMPLES = "manifest_id, position, sample_key, content_hash"


@dataclass(frozen=True)
class Ours:
    """What our side took, in a process of its own."""

    fingerprint_seconds: float
    fingerprint_growth_mb: float
    write_seconds: float
    write_growth_mb: float
    longest_transaction: float
    compare_seconds: float


def sample_texts(rows: int) -> Iterator[tuple[str, str]]:
    """Yield prompts and responses, together of SAMPLE_BYTES each, the same ones every time."""
    chance = random.Random(1)
    for number in range(rows):
        text = " ".join(chance.choices(_WORDS, k=80))
        yield f"{number} {text}"[:150], text[150:SAMPLE_BYTES]


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["mariadb", "sqlite", "all"], default="all")
    parser.add_argument("--ours", help="measure our side alone, on the database of this address")
    options = parser.parse_args()
    if options.ours:
        from tests.bench.selection_ours import measure

        print(*measure(options.ours))
        return
    if options.engine in ("sqlite", "all"):
        with tempfile.TemporaryDirectory() as folder:
            _bench_sqlite(Path(folder) / "bench.db", options.rows)
    if options.engine in ("mariadb", "all"):
        _bench_mariadb(options.rows)
    if MISSED:
        raise SystemExit(1)


def _bench_sqlite(path: Path, rows: int) -> None:
    url = f"sqlite:///{path}"
    _migrate(url)
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO training_samples (dataset, prompt, response) VALUES ('bench', ?, ?)",
            sample_texts(rows),
        )
        connection.commit()
    fetch = _fetch_sqlite(path)
    with Person(path) as person:
        ours = _measure_ours(url)
    load = _load_sqlite(path)
    fetch = min(fetch, _fetch_sqlite(path))
    _report("SQLite", rows, ours, read=fetch, load=load, read_name="bare fetch", limit=4.0)
    # A writer that waits for SQLite's lock retries ever less often; sqlite3 gives up after 5 s.
    waited = person.longest_seconds
    _line("a person's longest wait", f"{waited:.3f} s", waited, 5.0)


class Person:
    """A person who writes every few milliseconds, and how long the lock kept them waiting."""

    def __init__(self, path: Path) -> None:
        """Begin when entered."""
        self.longest_seconds = 0.0
        self._path = path
        self._stopped = Event()
        self._thread = Thread(target=self._write_now_and_then)

    def __enter__(self) -> Person:
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stopped.set()
        self._thread.join()

    def _write_now_and_then(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as connection:
            while not self._stopped.wait(0.01):
                began = time.perf_counter()
                connection.execute("BEGIN IMMEDIATE")
                self.longest_seconds = max(self.longest_seconds, time.perf_counter() - began)
                connection.execute("ROLLBACK")


def _fetch_sqlite(path: Path) -> float:
    with closing(sqlite3.connect(path)) as connection:
        began = time.perf_counter()
        cursor = connection.execute(_QUERY)
        while cursor.fetchmany(1000):
            pass
        return time.perf_counter() - began


def _load_sqlite(path: Path) -> float:
    """Insert the rows that our side wrote once more, into tables of the same keys."""
    with closing(sqlite3.connect(path)) as connection:
        for table in ("contents", "manifest_samples"):
            for (statement,) in connection.execute(
                "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (table,)
            ).fetchall():
                copied = statement.replace(table, f"bench_{table}")
                connection.execute(copied)
        samples = connection.execute(
            f"SELECT {_SAMPLES} FROM manifest_samples WHERE manifest_id = 1 ORDER BY position"
        ).fetchall()
        contents = connection.execute(
            "SELECT c.content_hash, c.prompt, c.response, c.system_prompt, c.weight, c.group_key, "
            "c.split FROM manifest_samples AS m JOIN contents AS c "
            "ON c.content_hash = m.content_hash WHERE m.manifest_id = 1 ORDER BY m.position"
        ).fetchall()
        began = time.perf_counter()
        connection.executemany(
            f"INSERT INTO bench_contents ({_CONTENTS}) VALUES (?,?,?,?,?,?,?)", contents
        )
        connection.executemany(
            f"INSERT INTO bench_manifest_samples ({_SAMPLES}) VALUES (?,?,?,?)", samples
        )
        connection.commit()
        return time.perf_counter() - began


def _bench_mariadb(rows: int) -> None:
    with start_server(*_SERVER) as server, tempfile.TemporaryDirectory() as folder:
        server.execute("CREATE DATABASE bench")
        url = server.url("singlestoredb", "bench") + "?local_infile=true"
        _migrate(server.url("singlestoredb", "bench"))
        source = Path(folder) / "source.tsv"
        with source.open("w") as file:
            file.writelines(f"bench\t{p}\t{r}\n" for p, r in sample_texts(rows))
        _load_file(server, source, "training_samples", "dataset, prompt, response")
        dump = _dump(server, Path(folder) / "dump.tsv")
        ours = _measure_ours(url)
        load = _load_mariadb(server, Path(folder))
        dump = min(dump, _dump(server, Path(folder) / "dump.tsv"))
        _report("MariaDB", rows, ours, read=dump, load=load, read_name="dump", limit=1.5)


def _dump(server: SqlServer, path: Path) -> float:
    return _client(server, "--quick", "--skip-column-names", "--execute", _QUERY, output=path)


def _load_mariadb(server: SqlServer, folder: Path) -> float:
    """Load the rows that our side wrote once more, from files, into tables of the same keys."""
    samples, contents = folder / "samples.tsv", folder / "contents.tsv"
    order = f"SELECT {_SAMPLES} FROM manifest_samples WHERE manifest_id = 1 ORDER BY position"
    _client(server, "--quick", "--skip-column-names", "--execute", order, output=samples)
    names = ", ".join(f"c.{name.strip()}" for name in _CONTENTS.split(","))
    joined = (
        f"SELECT {names} FROM manifest_samples AS m JOIN contents AS c "
        "ON c.content_hash = m.content_hash WHERE m.manifest_id = 1 ORDER BY m.position"
    )
    _client(server, "--quick", "--skip-column-names", "--execute", joined, output=contents)
    for path in (samples, contents):
        _write_nulls(path)
    server.execute(
        "CREATE TABLE bench_contents LIKE contents",
        "CREATE TABLE bench_manifest_samples LIKE manifest_samples",
        database="bench",
    )
    seconds = _load_file(server, contents, "bench_contents", _CONTENTS)
    return seconds + _load_file(server, samples, "bench_manifest_samples", _SAMPLES)


def _write_nulls(path: Path) -> None:
    """Put LOAD DATA's word for NULL where the client printed its own."""
    text = path.read_bytes().replace(b"\tNULL", b"\t\\N")
    path.write_bytes(text)


def _load_file(server: SqlServer, path: Path, table: str, columns: str) -> float:
    statement = (
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table} CHARACTER SET utf8mb4 ({columns})"
    )
    return _client(server, "--local-infile=1", "--execute", statement)


def _client(server: SqlServer, *arguments: str, output: Path | None = None) -> float:
    command = server.client("--default-character-set=utf8mb4", "--batch", *arguments, "bench")
    with (output or Path(os.devnull)).open("wb") as file:
        began = time.perf_counter()
        subprocess.run(command, stdout=file, check=True)
        return time.perf_counter() - began


def _migrate(url: str) -> None:
    database = open_database(url)
    migrations.apply(database, now=lambda: MIGRATED_AT)
    database.close()


def _measure_ours(url: str) -> Ours:
    command = [sys.executable, "-m", "tests.bench.selection", "--ours", url]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return Ours(*map(float, done.stdout.split()))


def _report(name: str, rows: int, ours: Ours, *, read: float, load: float, **words: Any) -> None:
    print(f"{name}, {rows:,} samples of {SAMPLE_BYTES} bytes")
    bare = read + load
    _line("selected to written", f"{ours.write_seconds:.1f} s", ours.write_seconds / bare, 1.5)
    print(f"    bare: {bare:.1f} s = {words['read_name']} {read:.1f} s + load {load:.1f} s")
    ratio = ours.fingerprint_seconds / read
    _line("nothing to do", f"{ours.fingerprint_seconds:.1f} s", ratio, words["limit"])
    _line("memory while writing", f"{ours.write_growth_mb:.0f} MB", ours.write_growth_mb, 200)
    growth = ours.fingerprint_growth_mb
    # A page of rows and what the driver keeps; the table has 400 MB.
    _line("memory, nothing to do", f"{growth:.0f} MB", growth, 20)
    _line("longest transaction", f"{ours.longest_transaction:.3f} s", ours.longest_transaction, 0.2)
    share = ours.compare_seconds / ours.write_seconds
    _line("what changed since", f"{ours.compare_seconds:.1f} s", share, 0.5)


def _line(what: str, value: str, figure: float, limit: float) -> None:
    verdict = "ok" if figure <= limit else "MISSED"
    if figure > limit:
        MISSED.append(what)
    print(f"  {what:<23} {value:>10}   {figure:8.2f} limit {limit:g}  {verdict}")


if __name__ == "__main__":
    main()
