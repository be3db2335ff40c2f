"""How many tokens one epoch of an adapter's samples has, counted or estimated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from sqltune.backends.base import Backend, BaseModel
from sqltune.errors import PipelineError, RunInterrupted
from sqltune.records import Sample

#: Rows whose tokens are counted one by one; above, the rest is estimated from these.
_ROWS_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one epoch."""

    count: int
    kind: str  #: exact, estimated


def count_epoch_tokens(
    backend: Backend, base_model: BaseModel, samples: Iterable[Sample], rows: int
) -> Tokens | None:
    """Count the tokens of the first samples and give those of all `rows`.

    Gives None where the backend cannot count, for instance without its libraries: a plan is told
    and a run goes on also then.
    """
    counted, total, is_exact = 0, 0, True
    try:
        for count in backend.count_tokens(base_model, islice(samples, _ROWS_COUNTED)):
            counted, total = counted + 1, total + count.tokens
            is_exact = is_exact and count.is_exact
    except RunInterrupted:
        raise
    except PipelineError:
        return None
    if counted == 0:
        return None
    if counted < rows:
        return Tokens(round(total * rows / counted), "estimated")
    return Tokens(total, "exact" if is_exact else "estimated")
