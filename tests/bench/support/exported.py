"""The rows as a file: what the comparison needs on a machine without a database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class SupportRow:
    """A ticket as the views select it."""

    key: int
    prompt: str
    #: What was answered; with a held-out ticket what is expected.
    response: str
    #: train or test.
    split: str
    #: The words without which an answer is wrong; None where it is trained on.
    decisive: str | None = None
    #: Whether no trained ticket has this wording.
    is_new_wording: bool = False


def write_jsonl(rows: Sequence[SupportRow], path: Path) -> None:
    """Write one row a line."""
    lines = (json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def load_jsonl(path: Path) -> list[SupportRow]:
    """Read what `write_jsonl` wrote."""
    # Not splitlines: a prompt may have the line separators of Unicode.
    lines = path.read_text("utf-8").removesuffix("\n").split("\n")
    return [SupportRow(**json.loads(line)) for line in lines]


def select_train(rows: Sequence[SupportRow]) -> list[SupportRow]:
    """Return the rows that are trained on."""
    return [row for row in rows if row.split == "train"]


def select_held_out(rows: Sequence[SupportRow]) -> list[SupportRow]:
    """Return the rows that are only asked."""
    return [row for row in rows if row.split != "train"]
