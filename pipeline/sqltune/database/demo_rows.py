"""The demo's rows: the statements of `sql/demo/`, as a person would have typed them."""

from __future__ import annotations

from sqltune.database.connection import Session
from sqltune.database.queries import find_sql_folder
from sqltune.database.scripts import split_script


def demo_statements() -> list[str]:
    """Give the statements in order, without comments and closing semicolons."""
    files = sorted((find_sql_folder() / "demo").glob("*.sql"))
    return [s for path in files for s in split_script(path.read_text("utf-8"))]


def has_adapter(session: Session, adapter_name: str) -> bool:
    """Whether the demo's adapter is declared already."""
    return any(row.adapter_name == adapter_name for row in session.fetch_all("list_adapters"))


def run_statement(session: Session, statement: str) -> None:
    """Run one statement of the demo."""
    session.run_script(statement)
