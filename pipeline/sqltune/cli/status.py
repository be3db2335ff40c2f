"""Prints what `sqltune status` found: a block per adapter that fits 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqltune.cli.ages import describe_age, describe_time_since
from sqltune.cli.tables import open_console
from sqltune.visible import visible

if TYPE_CHECKING:
    from rich.console import Console


def write_status(rows: Sequence[dict[str, Any]], *, now: datetime) -> None:
    """Write what each adapter is, and below it why, and what its run and its runner do.

    Args:
        rows: of the query `list_status`.
        now: the time in UTC, from which ages are counted.
    """
    with open_console() as console:
        for row in rows:
            _write_adapter(console, row, now)


def _write_adapter(console: Console, row: dict[str, Any], now: datetime) -> None:
    from rich.padding import Padding
    from rich.text import Text

    name = visible(row["adapter_name"]) + ("" if row["is_enabled"] else " (disabled)")
    live = f"v{row['live_version']} live" if row["live_version"] else "nothing live"
    state = row["state"].replace("_", " ")
    console.print(Text.assemble((name, "bold"), f"  {live}  {state}"), soft_wrap=True)
    for line in _lines(row, now):
        console.print(Padding(Text(visible(line)), (0, 0, 0, 2)))


def _lines(row: dict[str, Any], now: datetime) -> Iterator[str]:
    if row["state_reason"]:
        is_dated = row["state_since"] and not row["is_open"]
        since = f", {describe_age(row['state_since'], now)}" if is_dated else ""
        yield f"{row['state_reason']}{since}"
    if row["run_id"] is not None:
        yield _last_run(row, now)
    if row["lease_owner"]:
        yield f"runner {row['lease_owner']} for {describe_time_since(row['claimed_at'], now)}"


def _last_run(row: dict[str, Any], now: datetime) -> str:
    text = f"run {row['run_id']} {row['run_state'].replace('_', ' ')}"
    if row["is_open"]:
        text += f" for {describe_time_since(row['state_changed_at'], now)}"
        if row["last_alive_at"]:
            text += f", alive {describe_age(row['last_alive_at'], now)}"
    return f"{text}; stuck" if row["stuck_reason"] else text
