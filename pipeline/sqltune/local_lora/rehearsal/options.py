"""Whether a training rehearses, and how much. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RehearsalMode(StrEnum):
    """The column `adapters.rehearsal`."""

    #: As the number of samples says.
    AUTO = "auto"
    ON = "on"
    OFF = "off"

    def is_on(self, *, by_default: bool) -> bool:
        """Return whether to rehearse, `by_default` where the mode is `auto`."""
        return self is RehearsalMode.ON or (self is RehearsalMode.AUTO and by_default)


@dataclass(frozen=True)
class RehearsalOptions:
    """How much is rehearsed beside the samples."""

    #: Questions that the base model is asked.
    count: int
    #: Rehearsal pairs in every optimizer step.
    per_step: int
    #: Steps of rehearsal alone after each step with samples.
    only_steps: int
    #: Factor on the divergence of a rehearsal pair's tokens, beside a sample's 1.
    weight: float
    #: Longest answer of the base model that is rehearsed, in tokens.
    answer_tokens: int
