"""The files of the `scripted` backend: one per adapter, a line per step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from sqltune.backends.base import TrainedAdapter, TrainingOptions

#: The suffix of a finished adapter's file, and of an unfinished one.
FINISHED, PART = ".jsonl", ".part"


def adapter_path(folder: Path, name: str) -> Path:
    """Return the path of a finished adapter's file."""
    return folder / f"{name}{FINISHED}"


def read_whole_lines(part: Path) -> bytes:
    """Return the complete lines of a file, without the partial line that a crash left."""
    try:
        content = part.read_bytes()
    except FileNotFoundError:  # its writer has just finished or given up
        return b""
    return content[: content.rfind(b"\n") + 1]


def describe_adapter(path: Path, options: TrainingOptions) -> TrainedAdapter:
    """Return the adapter that is stored in a finished file."""
    content = path.read_bytes()
    return TrainedAdapter(
        external_id=path.stem,
        artifact_uri=str(path),
        artifact_bytes=len(content),
        artifact_sha256=hashlib.sha256(content).hexdigest(),
        options=options,
    )


def read_learned(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the prompts that an adapter was trained on, with their responses."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield from ((prompt, text) for prompt, text in json.loads(line).get("samples", ()))
