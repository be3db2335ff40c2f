"""How fast base models were trained on this machine before, in one small file among the artifacts.

Plans read it to say how long a training will take. It may be deleted at any time. No torch.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqltune.errors import FilesNotWritten
from sqltune.local_lora.files import write_file

#: Tokens of one training below which its speed says little about others.
LEAST_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class Rates:
    """The speed of one training."""

    trained_tokens_per_second: float  #: prompt and response, forward and backward
    #: of the base model's answers to rehearse; None: there was nothing to answer
    answers_per_second: float | None


@dataclass(slots=True)
class Stopwatch:
    """Adds up what a training computes, and how long that takes."""

    tokens: int = 0
    step_seconds: float = 0.0
    answers: int = 0
    answer_seconds: float = 0.0

    def add_step(self, tokens: int, seconds: float) -> None:
        """Add an optimizer step."""
        self.tokens += tokens
        self.step_seconds += seconds

    def add_answers(self, answers: int, seconds: float) -> None:
        """Add answers to rehearse; those that took no time were answered earlier."""
        if seconds > 0:
            self.answers += answers
            self.answer_seconds += seconds

    def rates(self) -> Rates | None:
        """Return the speed, or None if the training was too short to show it."""
        if self.tokens < LEAST_TOKENS or self.step_seconds <= 0:
            return None
        answered = self.answers / self.answer_seconds if self.answers else None
        return Rates(self.tokens / self.step_seconds, answered)


class MeasuredRates:
    """The rates of the last training of each base model on each device."""

    def __init__(self, file: Path) -> None:
        """Keep them in a file, which need not exist."""
        self._file = file.expanduser()

    def find(self, revision: str | None, device: str) -> Rates | None:
        """Return the rates of the last training, or None if there was none here."""
        try:
            return Rates(**self._read()[_key(revision, device)])
        except (KeyError, TypeError):
            return None

    def record(self, revision: str | None, device: str, rates: Rates) -> None:
        """Store the rates of a training; without them a plan only knows less."""
        known = self._read()
        key = _key(revision, device)
        if rates.answers_per_second is None and isinstance(known.get(key), dict):
            # A training without rehearsal does not make an earlier figure wrong.
            answered = known[key].get("answers_per_second")
            rates = Rates(rates.trained_tokens_per_second, answered)
        with suppress(FilesNotWritten):
            write_file(self._file, json.dumps({**known, key: asdict(rates)}).encode("utf-8"))

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def _key(revision: str | None, device: str) -> str:
    return f"{revision} on {device}"
