"""The same gradient each time, also on a GPU, whose quickest operations add in any order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import deterministic

#: torch makes its attributes when it is imported, so type checkers do not find them.
_FILLING: Any = deterministic


@contextmanager
def repeatable(device: torch.device, *, is_on: bool = True) -> Iterator[None]:
    """Let torch choose operations that give the same bits each time; processors do so anyway."""
    if device.type != "cuda" or not is_on:
        yield
        return
    before = torch.get_deterministic_debug_mode()
    filled = _FILLING.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # Filling every new tensor would only help to find errors, and takes time.
    _FILLING.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
        _FILLING.fill_uninitialized_memory = filled


def is_not_repeatable(error: BaseException) -> bool:
    """Return whether an operation was refused because it has no repeatable form."""
    return isinstance(error, RuntimeError) and "deterministic" in str(error)
