"""Recipes: what a backend would train with where a row leaves options open, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sqltune.backends.base import BaseModel, TrainingOptions
from sqltune.records import Sample


@dataclass(frozen=True, slots=True)
class Recipe:
    """The options of one training, filled in, and what follows from them."""

    samples: int
    steps: int
    rehearsal_steps: int  #: of these, how many train rehearsal pairs alone
    batch_size: int
    learning_rate: float
    warmup_share: float  #: of the steps in which the rate rises
    lora_rank: int
    lora_alpha: int
    rehearsal_pairs: int  #: 0: nothing is rehearsed
    #: of all steps together, about: answers are counted as long as they may be; None: not counted
    rehearsal_tokens: int | None
    reasons: tuple[str, ...]  #: one for each option that the row leaves open
    seconds: float | None  #: of rehearsal answers and steps, about; None: nothing to estimate by
    is_measured: bool  #: False: by the model's size alone, because nothing was measured here yet


@runtime_checkable
class RecipeMaker(Protocol):
    """Has recipes of its own for what a row leaves open."""

    def make_recipe(
        self,
        base_model: BaseModel,
        options: TrainingOptions,
        sample_count: int,
        epoch_tokens: int | None,
        read_samples: Callable[[], Iterable[Sample]],
    ) -> Recipe:
        """Return what a training of so many samples would use; nothing is loaded for it.

        Args:
            base_model: as `describe` returned it.
            options: of the adapter's row.
            sample_count: how many samples there are.
            epoch_tokens: of all samples, once; None: not counted.
            read_samples: returns the samples, if they matter.
        """
        ...
