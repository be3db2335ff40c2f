"""What row checks found, in words, below the tables of `plan` and `validate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqltune.operations.forecast import Forecast
    from sqltune.operations.row_checks import RowSummary


def describe_requests(forecast: Forecast) -> Iterator[str]:
    """Yield what waits for a sync or a worker, and what of it would be refused."""
    for each in forecast.requests:
        table = "alias_changes" if each.is_alias_change else "runs"
        noun = "1 request waits" if each.count == 1 else f"{each.count:,} requests wait"
        refused = "" if each.refusal is None else f", and will be refused: {each.refusal}"
        words = f"{each.asks} (from row {each.first_id} of {table} on)"
        if each.count == 1:
            words = f"{each.asks} (row {each.first_id} of {table})"
        yield f"{forecast.adapter_name}: {noun}: {words}{refused}"


def describe_rows(forecast: Forecast) -> Iterator[str]:
    """Yield what a plan found wrong with rows, and why its sync would fail."""
    name = forecast.adapter_name
    for noun, rows in (("samples", forecast.sample_rows), ("prompts", forecast.prompt_rows)):
        if rows is not None and (rows.bad or rows.warnings):
            yield f"{name}: {noun}: {summarise_rows(rows)}{name_warnings(rows)}"
    if forecast.fault is not None and forecast.fault != forecast.reason:
        yield f"{name}: a sync would fail: {forecast.fault}"


def summarise_rows(rows: RowSummary) -> str:
    """Return how many rows can be used, and why the others cannot."""
    held_out = f", {rows.held_out:,} held out" if rows.held_out else ""
    if not rows.bad:
        return f"{rows.usable:,} usable{held_out}"
    rules = ", ".join(_count_rule(rows, rule, number) for rule, number in rows.rules.items())
    return f"{rows.usable:,} usable{held_out}, {rows.bad:,} bad: {rules}"


def name_warnings(rows: RowSummary) -> str:
    """Return how often each rule warns, to follow how many rows can be used."""
    counted = ", ".join(f"{n:,} {rule.replace('_', ' ')}" for rule, n in rows.warnings.items())
    return f"; warnings: {counted}" if counted else ""


def _count_rule(rows: RowSummary, rule: str, number: int) -> str:
    words = f"{number:,} {rule.replace('_', ' ')}"
    if rule == "too_long" and rows.longest_tokens and rows.most_tokens:
        return f"{words} ({rows.longest_tokens:,} tokens of {rows.most_tokens:,})"
    return words
