"""Interrupted trainings on disk: one safetensors file with the position in its header.

One file, so that it is replaced in one operation and is always of one step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sqltune.errors import TrainingError
from sqltune.local_lora.files import write_file

CHECKPOINT_FILE = "checkpoint.safetensors"
_UNREADABLE = (OSError, SafetensorError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Checkpoint:
    """How many steps were done, and with which options."""

    #: Optimizer steps in the weights.
    steps_done: int
    #: Optimizer steps planned.
    total_steps: int
    #: The options, as JSON has them.
    options: dict[str, Any]
    #: What was found to fit into memory, as JSON has it.
    memory: dict[str, Any]
    #: Hash of the pairs that are rehearsed beside the samples; empty: there are none.
    rehearsal: str = ""
    #: Of the best epoch all but its matrices; None: no epoch was measured.
    best: dict[str, Any] | None = None


def write_checkpoint(folder: Path, position: Checkpoint, tensors: Mapping[str, Tensor]) -> Path:
    """Write a checkpoint in place of the one before; return the file.

    Raises:
        BackendError: it cannot be written, for instance because the disk is full.
    """
    header = {
        "steps_done": str(position.steps_done),
        "total_steps": str(position.total_steps),
        "options": json.dumps(position.options),
        "memory": json.dumps(position.memory),
        "rehearsal": position.rehearsal,
        "best": json.dumps(position.best),
    }
    path = folder / CHECKPOINT_FILE
    write_file(path, safetensors.torch.save(dict(tensors), metadata=header))
    return path


def read_checkpoint(folder: Path) -> tuple[Checkpoint, dict[str, Tensor]]:
    """Return the position and the tensors of the checkpoint in a folder.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    try:
        with safe_open(folder / CHECKPOINT_FILE, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dict
            return _position(file.metadata()), tensors
    except _UNREADABLE as exc:
        raise _unreadable(folder, exc) from exc


def read_position(folder: Path) -> Checkpoint:
    """Return the position alone of the checkpoint in a folder.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    try:
        with safe_open(folder / CHECKPOINT_FILE, framework="pt") as file:
            return _position(file.metadata())
    except _UNREADABLE as exc:
        raise _unreadable(folder, exc) from exc


def _position(header: Mapping[str, str]) -> Checkpoint:
    return Checkpoint(
        int(header["steps_done"]),
        int(header["total_steps"]),
        json.loads(header["options"]),
        json.loads(header["memory"]),
        header["rehearsal"],
        json.loads(header["best"]),
    )


def _unreadable(folder: Path, exc: Exception) -> TrainingError:
    return TrainingError(
        f"the checkpoint in {folder} cannot be read ({type(exc).__name__}: {exc}); train from "
        "the start"
    )
