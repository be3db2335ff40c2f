"""What a sync did, in its last lines: what ended, what to do now, and a sum of it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqltune.cli.ages import describe_duration
from sqltune.cli.options import NO_ADAPTER
from sqltune.records import RunState, SyncDecision

if TYPE_CHECKING:
    from sqltune.syncing.outcomes import Outcome


def describe_outcomes(outcomes: Sequence[Outcome], seconds: float) -> Iterator[str]:
    """Yield the last lines of a sync that took so many seconds."""
    if not outcomes:
        yield NO_ADAPTER
        return
    for outcome in outcomes:
        if outcome.is_news:
            yield str(outcome)
            if outcome.state is RunState.FAILED:
                yield f"  `sqltune logs {outcome.run_id}` shows what happened"
    yield _sum_up(outcomes, seconds)


def _sum_up(outcomes: Sequence[Outcome], seconds: float) -> str:
    names = len({outcome.adapter_name for outcome in outcomes})
    counts = Counter(map(_word, outcomes))
    parts = ", ".join(f"{count:,} {word}" for word, count in counts.most_common())
    adapters = "1 adapter" if names == 1 else f"{names:,} adapters"
    return f"{adapters}: {parts}, in {describe_duration(seconds)}"


def _word(outcome: Outcome) -> str:
    if outcome.is_new and outcome.state is not None:
        return str(outcome.state.value)
    if outcome.decision in (SyncDecision.BLOCKED, SyncDecision.REFUSED):
        return "refused"
    if outcome.decision is SyncDecision.UP_TO_DATE:
        return "failed before" if outcome.state is RunState.FAILED else "up to date"
    is_waiting = outcome.decision is SyncDecision.WAIT
    return "waiting" if is_waiting else outcome.decision.value.replace("_", " ")
