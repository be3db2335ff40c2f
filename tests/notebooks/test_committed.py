"""The notebooks as they are committed: no outputs, one form, and the rows of the demo."""

from __future__ import annotations

import sqlite3

import nbformat
import pytest

from tests.notebooks.notebooks import FINETUNE, FOLDER, ROOT, SYNC_JOB, cell, read_notebook

NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
TABLES = {
    "training_samples": "dataset, prompt, response",
    "eval_prompts": "dataset, category, prompt, expected",
    "adapters": "adapter_name, base_model, backend, epochs, scorer, max_new_tokens",
}


def rows_of(*scripts: str) -> dict[str, list[tuple[object, ...]]]:
    """What statements insert into empty tables."""
    with sqlite3.connect(":memory:") as database:
        for table, columns in TABLES.items():
            declared = columns.replace("backend", "backend DEFAULT 'local'")
            database.execute(f"CREATE TABLE {table} ({declared})")
        for script in scripts:
            database.executescript(script)
        found = {
            table: database.execute(f"SELECT {columns} FROM {table} ORDER BY rowid").fetchall()
            for table, columns in TABLES.items()
        }
    database.close()
    return found


def test_there_are_the_two_notebooks() -> None:
    assert NAMES == [FINETUNE, SYNC_JOB]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_and_in_the_form_that_nbformat_writes(name: str) -> None:
    notebook = read_notebook(name)
    nbformat.validate(notebook)
    assert f"{nbformat.writes(notebook)}\n" == (FOLDER / f"{name}.ipynb").read_text("utf-8")
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_committed_without_outputs(name: str) -> None:
    cells = [c for c in read_notebook(name).cells if c.cell_type == "code"]
    assert [c.id for c in cells if c.outputs or c.execution_count is not None] == []


def test_both_notebooks_find_sqltune_and_the_database_in_the_same_words() -> None:
    first, second = read_notebook(FINETUNE), read_notebook(SYNC_JOB)
    for shared in ("install", "connect"):
        assert cell(first, shared).source == cell(second, shared).source


def test_the_notebook_inserts_the_rows_of_the_demo_and_a_second_time_none() -> None:
    notebook = read_notebook(FINETUNE)
    inserts = [
        cell(notebook, part).source.removeprefix("%%sql\n").replace("{{backend}}", "local")
        for part in ("adapter", "samples", "prompts")
    ]
    demo = [path.read_text("utf-8") for path in sorted((ROOT / "sql" / "demo").glob("*.sql"))]
    assert rows_of(*inserts) == rows_of(*demo)
    assert rows_of(*inserts, *inserts) == rows_of(*demo)


def test_no_statement_of_a_notebook_needs_one_engine() -> None:
    """What only some engines know, and what `%%sql` or a driver would take for a parameter."""
    words = ("||", ":", "%", "`", '"', " DUAL", "LIMIT", "ON CONFLICT", "ON DUPLICATE")
    bodies = {
        c.id: c.source.partition("\n")[2]
        for c in read_notebook(FINETUNE).cells
        if c.source.startswith("%%sql")
    }
    assert len(bodies) >= 5
    assert [(name, w) for name, body in bodies.items() for w in words if w in body] == []
