"""The number of tokens in one epoch of an adapter's samples, counted or estimated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from sqltune.backends.base import Backend, BaseModel
from sqltune.errors import PipelineError, RunInterrupted
from sqltune.records import Sample

#: Rows whose tokens are counted one by one; the tokens of further rows are estimated from these.
_ROWS_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one epoch."""

    count: int
    kind: str  #: exact, estimated


def count_epoch_tokens(
    backend: Backend,
    base_model: BaseModel,
    samples: Iterable[Sample],
    rows: int,
    *,
    prompt_format: str,
) -> Tokens | None:
    """Count the tokens of the first samples and return the tokens of all `rows`.

    Returns None if the backend cannot count, for instance because its libraries are missing: a plan
    or a run does not fail for that.
    """
    counted, total, is_exact = 0, 0, True
    try:
        counted_samples = islice(samples, _ROWS_COUNTED)
        for count in backend.count_tokens(base_model, counted_samples, prompt_format):
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
