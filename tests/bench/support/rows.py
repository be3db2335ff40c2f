"""Stores the company's rows in a database, reads what its views select, and exports that.

    python -m tests.bench.support.rows rows.jsonl [--tickets 1500] [--held-out 200] [--seed 1]

The export is read by `support_gpu`, which needs no database.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, column, create_engine, insert, table, text

from tests.bench.support.company import Company, make_company
from tests.bench.support.exported import SupportRow, write_jsonl

TICKETS, HELD_OUT, SEED = 1_500, 200, 1
_TABLES = Path(__file__).with_name("tables.sql")
_SAMPLES = """
SELECT sample_key, prompt, response
  FROM support_samples
 WHERE split = 'train'
 ORDER BY sample_key
"""
_PROMPTS = "SELECT prompt_key, prompt, expected FROM support_prompts ORDER BY prompt_key"


def store(company: Company, engine: Engine) -> None:
    """Create the company's tables and views, and insert its rows."""
    with engine.begin() as connection:
        for statement in _TABLES.read_text("utf-8").split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        for name, rows in company.tables.items():
            connection.execute(insert(table(name, *map(column, rows[0]))), rows)


def read_rows(company: Company, engine: Engine) -> list[SupportRow]:
    """Return what the views select: the samples, then the held-out prompts."""
    with engine.connect() as connection:
        return [*_read_samples(connection), *_read_prompts(connection, company)]


def read_from_sqlite(company: Company) -> list[SupportRow]:
    """Return the same by way of a database that only this call uses."""
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/company.db")
        store(company, engine)
        rows = read_rows(company, engine)
        engine.dispose()
    return rows


def _read_samples(connection: Connection) -> Iterable[SupportRow]:
    for key, prompt, response in connection.execute(text(_SAMPLES)):
        yield SupportRow(key, prompt, response, "train")


def _read_prompts(connection: Connection, company: Company) -> Iterable[SupportRow]:
    for key, prompt, expected in connection.execute(text(_PROMPTS)):
        is_new = key in company.new_wordings
        yield SupportRow(key, prompt, expected, "test", company.decisive[key], is_new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--tickets", type=int, default=TICKETS)
    parser.add_argument("--held-out", type=int, default=HELD_OUT)
    parser.add_argument("--seed", type=int, default=SEED)
    options: Any = parser.parse_args()
    rows = read_from_sqlite(make_company(options.tickets, options.held_out, options.seed))
    write_jsonl(rows, options.path)
    print(f"{len(rows)} rows, {sum(row.split == 'test' for row in rows)} of them held out")


if __name__ == "__main__":
    main()
