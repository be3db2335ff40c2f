"""The demo of the README: insert rows, sync once, and show the answers before and after."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqltune.database import migrations
from sqltune.database.demo_rows import demo_statements, has_adapter, run_statement
from sqltune.database.tables import reports
from sqltune.runtime import Runtime
from sqltune.syncing.outcomes import Outcome, exit_code
from sqltune.syncing.sync import sync

ADAPTER_NAME = "Pavanmodel"
_QUERY = (
    "SELECT prompt, response_before, response_after, score_before, score_after\n"
    "  FROM report_before_after\n"
    " WHERE adapter_name = 'Pavanmodel' AND is_latest = 1;"
)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo shows at its end."""

    rows: list[dict[str, Any]]
    closing: str
    exit_code: int


def run_demo(runtime: Runtime, *, stop: threading.Event, show: Callable[[str], None]) -> DemoResult:
    """Create the tables, insert the demo's rows once, sync, and return the rows before and after.

    Args:
        runtime: the parts to work with.
        stop: set when the process is asked to stop.
        show: called with each statement that a person would have typed.
    """
    migrations.apply(runtime.database, now=runtime.now)
    _insert_rows(runtime, show)
    show(f"\n$ sqltune sync {ADAPTER_NAME}")
    outcomes = sync(runtime, [ADAPTER_NAME], force=False, stop=stop)
    show(f"\n{_QUERY}")
    with runtime.database.read() as session:
        number = reports.find_compared_version(session, ADAPTER_NAME)
        rows = reports.list_before_after(session, ADAPTER_NAME, number) if number else []
    return DemoResult(rows, _closing(runtime, outcomes[0]), int(exit_code(outcomes)))


def _insert_rows(runtime: Runtime, show: Callable[[str], None]) -> None:
    with runtime.database.transaction() as session:
        if has_adapter(session, ADAPTER_NAME):
            show(f"-- The rows of {ADAPTER_NAME} are in {runtime.database.address} already.")
            return
        for statement in demo_statements():
            show(f"{statement};\n")
            run_statement(session, statement)


def _closing(runtime: Runtime, outcome: Outcome) -> str:
    where = f"Everything is in {runtime.database.address}."
    if not outcome.is_new:
        return f"Nothing changed, so nothing was trained. {where}"
    if outcome.error_message:
        return f"Run {outcome.run_id} failed: {outcome.error_message}"
    return f"Run {outcome.run_id} {outcome.state.value if outcome.state else ''}. {where}"
