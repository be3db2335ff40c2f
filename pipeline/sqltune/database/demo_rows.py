"""The rows of the demo: the statements of `sql/demo/`, as a person would have typed them."""

from __future__ import annotations

from sqltune.database.connection import Session
from sqltune.database.queries import find_sql_folder
from sqltune.database.scripts import split_script


def demo_statements() -> list[str]:
    """Return the statements in order, without comments and closing semicolons."""
    files = sorted((find_sql_folder() / "demo").glob("*.sql"))
    return [s for path in files for s in split_script(path.read_text("utf-8"))]


def has_adapter(session: Session, adapter_name: str) -> bool:
    """Return whether the adapter of the demo is declared already."""
    return session.fetch_one("get_adapter", adapter_name=adapter_name) is not None


def run_statement(session: Session, statement: str) -> None:
    """Run one statement of the demo."""
    session.run_script(statement)
