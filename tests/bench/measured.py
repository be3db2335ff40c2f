"""Keeps what a long bench has measured in a file, from which one that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

Row = TypeVar("Row")


def read_measured(kind: type[Row], file: Path | None) -> list[Row]:
    """Return the rows in a file, each of one dataclass; none where there is no file yet."""
    text = file.read_text("utf-8") if file and file.exists() else "[]"
    return [kind(**row) for row in json.loads(text)]


def write_measured(rows: Sequence[Any], file: Path | None) -> None:
    """Write all rows so far, where there is a file for them."""
    if file:
        content = json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False)
        file.write_text(content + "\n", encoding="utf-8")
