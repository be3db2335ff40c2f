"""What live versions answered to the rows of a prediction_query: `predictions`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

from sqltune.database.connection import Session
from sqltune.database.times import format_time


class KnownPrediction(NamedTuple):
    """What is known of a row's prediction, without its answer."""

    row_key: str
    content_hash: str
    version_number: int
    run_id: int
    attempt_count: int
    error_code: str | None  #: None: there is an answer


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row of `predictions`: an answer, or the error in its place."""

    row_key: str
    content_hash: str
    answer: str | None  #: None: error_code says why
    finish_reason: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    latency_ms: float | None
    attempt_count: int
    error_code: str | None
    error_message: str | None


def fetch_predictions(
    session: Session, adapter_name: str, row_keys: Sequence[str]
) -> dict[str, KnownPrediction]:
    """Return what is known of these rows, by key; at most a few hundred at once."""
    rows = session.fetch_all("fetch_predictions", adapter_name=adapter_name, row_keys=row_keys)
    return {row[0]: KnownPrediction._make(row) for row in rows}


def replace_predictions(
    session: Session,
    adapter_name: str,
    rows: Sequence[Prediction],
    *,
    version_number: int,
    run_id: int,
    now: datetime,
) -> None:
    """Store what a run found out about some rows, in place of what was known, and count them."""
    keys = [row.row_key for row in rows]
    session.execute("delete_predictions", adapter_name=adapter_name, row_keys=keys)
    common = {
        "adapter_name": adapter_name,
        "version_number": version_number,
        "run_id": run_id,
        "answered_at": format_time(now),
    }
    session.execute_many("insert_prediction", [asdict(row) | common for row in rows])
    session.execute("add_responses_stored", run_id=run_id, added=len(rows))


def count_predictions(session: Session, adapter_name: str, run_id: int) -> tuple[int, int]:
    """Return how many rows a run settled, and how many of them are errors."""
    row = session.fetch_one("count_predictions", adapter_name=adapter_name, run_id=run_id)
    return (0, 0) if row is None else (int(row.settled_count), int(row.error_count))


def count_stored(session: Session, adapter_name: str) -> int:
    """Return how many rows of an adapter have a prediction, an error included."""
    row = session.fetch_one("count_stored_predictions", adapter_name=adapter_name)
    return 0 if row is None else int(row.stored_count)


def set_rows_to_predict(session: Session, run_id: int, asked_count: int) -> None:
    """Store how many rows a run asks."""
    session.execute("set_rows_to_predict", run_id=run_id, asked_count=asked_count)
