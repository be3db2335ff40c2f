"""What tests of imports share: records, how one is brought in, and the rows that it becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqltune.operations.importing import Imported, InputTable, import_file, read_mapping
from tests.database.selecting import Desk

SYSTEM = {"role": "system", "content": "Be short."}
USER = {"role": "user", "content": "Do you ship?"}
ASSISTANT = {"role": "assistant", "content": "Yes. 🚀"}
AGAIN = {"role": "user", "content": "To Chile?"}
SHAREGPT = [{"from": "human", "value": "Do you ship?"}, {"from": "gpt", "value": "Yes. 🚀"}]
PLAIN = [("Do you ship?", "Yes. 🚀", None, None)]
Bring = Callable[..., Imported]


def bringer(desk: Desk, folder: Path) -> Bring:
    """Return what writes a file and imports it into the adapter's dataset."""

    def bring_it(
        name: str, *records: object, table: str = "training_samples", maps: tuple[str, ...] = ()
    ) -> Imported:
        path, kind = folder / name, InputTable(table)
        if records:
            lines = (r if isinstance(r, str) else json.dumps(r) for r in records)
            path.write_text("\n".join(lines), encoding="utf-8")
        return import_file(
            desk.database,
            path,
            kind,
            desk.adapter.adapter_name,
            mapping=read_mapping(maps, kind),
            on_progress=lambda rows: None,
        )

    return bring_it


def samples(desk: Desk) -> list[tuple[Any, ...]]:
    """Return what was imported, in order."""
    return desk.rows(
        "SELECT prompt, response, system_prompt, messages FROM training_samples ORDER BY sample_id"
    )
