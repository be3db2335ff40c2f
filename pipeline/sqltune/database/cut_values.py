"""Finds what a server cut from the values of a query: it says so in a warning alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqltune.errors import DataError

#: Warnings after which a value is not the one that the query computed, and the cure.
_CURES = {
    1260: "raise group_concat_max_len on the server (SET GLOBAL group_concat_max_len = ...)",
    1301: "raise max_allowed_packet on the server",
    1265: "cut it in the query, for instance with LEFT",
    1406: "cut it in the query, for instance with LEFT",
    1300: "store it as UTF-8",
    1366: "convert it to utf8mb4",
    1977: "convert it to utf8mb4",
    3854: "convert it to utf8mb4",
}
#: A text that CAST made shorter; of a number or a time it means no more than a bad comparison.
_CUT_TEXT = re.compile(r"Truncated incorrect (VAR)?(CHAR|BINARY)\b", re.IGNORECASE)
_CUT_TEXT_CODE = 1292

Fetch = Callable[[str], list[tuple[Any, ...]]]


def refuse_cut_values(fetch: Fetch) -> None:
    """Refuse the rows of the last statement if the server warned that it cut or changed a value.

    Args:
        fetch: runs a statement on the same connection and returns its rows; texts are bytes.

    Raises:
        DataError: names the warning and the cure.
    """
    ((total,),) = fetch("SHOW COUNT(*) WARNINGS")
    if not total:
        return
    warnings = [(int(code), _text(message)) for _, code, message in fetch("SHOW WARNINGS")]
    for code, message in warnings:
        cure = _find_cure(code, message)
        if cure is not None:
            raise _refuse(f"the server cut a value of the query ({message}): {cure}")
    if total > len(warnings):
        raise _refuse(
            f"the server gave {total:,} warnings to the query and keeps only {len(warnings):,}, so "
            f"whether it cut a value is unknown: change the query so that it gives none, the first "
            f"is: {warnings[0][1] if warnings else 'not kept'}"
        )


def _find_cure(code: int, message: str) -> str | None:
    if code == _CUT_TEXT_CODE and _CUT_TEXT.search(message):
        return "cut it on purpose with LEFT, which gives no warning"
    return _CURES.get(code)


def _refuse(message: str) -> DataError:
    return DataError(message, code="value_cut")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
