"""What one training reports of itself; read by the process that compares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingReport:
    """What a training took."""

    #: Learning rate, batch, rank and alpha, for people.
    settings: str
    seconds: float
    #: Of the process, all threads.
    cpu_seconds: float
    #: All tokens that were read, padding not counted.
    tokens: int
    steps: int
