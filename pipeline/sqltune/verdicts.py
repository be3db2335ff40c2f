"""What a verdict rests on: the comparison of two sets of answers, and the rules of the gate.

Beside them, how a version stands alone, which the history of evaluations keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.records import Phase


@dataclass(frozen=True, slots=True)
class PromptChange:
    """The scores of one prompt before and after."""

    prompt_key: str
    category: str | None
    before: float
    after: float

    @property
    def change(self) -> float:
        """How much the score rose; below 0: the answer is worse."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class CategoryChange:
    """The mean change of the prompts of one category."""

    category: str
    prompts: int
    mean_change: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the answers after training compare with those before, prompt by prompt, on the primary
    scorer.
    """

    compared_phase: Phase  #: BEFORE, or BASE where nothing was live
    prompts_compared: int
    error_count: int  #: prompts left out because one of the two answers or scores is an error
    leaked_count: int  #: prompts that are trained on; left out, unless `are_all_leaked`
    are_all_leaked: bool  #: no other prompt was scored, so these are compared all the same
    wins: int
    losses: int
    ties: int
    mean_before: float | None  #: None: nothing could be compared
    mean_after: float | None
    mean_change: float | None
    interval_low: float | None  #: paired bootstrap interval of the mean change
    interval_high: float | None
    interval_level: float  #: for instance 0.95
    #: how often signs by chance show as much above the required gain, or more; None: not compared
    p_value: float | None
    repeated_count: int = 0  #: prompts left out because another has the same content
    categories: tuple[CategoryChange, ...] = ()  #: the greatest fall first
    worst: tuple[PromptChange, ...] = ()  #: the prompts that lost most, the greatest loss first

    @property
    def scored(self) -> int:
        """The prompts that were to be compared, those with errors included."""
        return self.prompts_compared + self.error_count


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a version must show to go live; the columns of `adapters` of these names."""

    min_gain: float | None = 0.0
    gate_confidence: float | None = None
    max_error_share: float = 0.1
    max_regressed_share: float | None = None
    gate_by_category: float | None = None
    min_prompts: int = 1
    gate_without_prompts: str = "accept"


@dataclass(frozen=True, slots=True)
class Standing:
    """How well a version answered the prompts of one evaluation; columns of `evaluations`."""

    prompt_count: int  #: that can be scored
    clean_count: int  #: of these, not trained on
    leaked_count: int  #: of these, trained on
    error_count: int  #: of these, without a score; they are in no mean
    mean_score: float | None  #: over all prompts; None: none has a score
    clean_score: float | None  #: over the clean prompts; None: none has a score
    interval_low: float | None  #: bootstrap interval of clean_score; None: fewer than two scores
    interval_high: float | None
    interval_level: float  #: for instance 0.95
    prompt_set_key: str  #: hash of the prompts with their expected texts and scorers
    decoding_key: str
    comparison_key: str  #: hash of both and of which prompts are clean
