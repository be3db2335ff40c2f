"""The prompts of a run and what models answered to them: `run_prompts` (read) and `responses`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.tables.message_texts import read_messages
from sqltune.database.times import format_time
from sqltune.records import Phase, Response, RunPrompt


@dataclass(frozen=True, slots=True)
class ResponseCounts:
    """How many prompts of one phase have a row, and how many of the rows are errors."""

    responses: int
    errors: int


def fetch_prompt_page(
    session: Session, run_id: int, after_key: str, page_size: int
) -> list[RunPrompt]:
    """Read the next prompts of a run in the order of prompt_key; '' begins at the first."""
    rows = session.fetch_all(
        "fetch_prompt_page", run_id=run_id, after_key=after_key, page_size=page_size
    )
    return [_run_prompt(row) for row in rows]


def fetch_answered_keys(
    session: Session, run_id: int, phase: Phase, first_key: str, last_key: str
) -> set[str]:
    """Return the prompts between two keys, both included, that have an answer or an error."""
    rows = session.fetch_all(
        "fetch_answered_keys",
        run_id=run_id,
        phase=phase.value,
        first_key=first_key,
        last_key=last_key,
    )
    return {row.prompt_key for row in rows}


def fetch_known_answers(
    session: Session,
    prompts: Sequence[RunPrompt],
    run_id: int,
    phase: Phase,
    model_key: str,
    decoding_key: str,
) -> list[Response]:
    """Return what the same model answered to these prompts before, under the same settings.

    Args:
        prompts: neighbours in the order of prompt_key, all of the run run_id.
    """
    rows = session.fetch_all(
        "fetch_known_answers",
        run_id=run_id,
        model_key=model_key,
        decoding_key=decoding_key,
        first_key=prompts[0].prompt_key,
        last_key=prompts[-1].prompt_key,
    )
    hashes = {prompt.prompt_key: prompt.content_hash for prompt in prompts}
    known: dict[str, Response] = {}
    for row in rows:
        if row.prompt_key in hashes and row.prompt_key not in known:
            blank = _blank(row.prompt_key, phase, hashes[row.prompt_key], model_key, decoding_key)
            known[row.prompt_key] = _known(blank, row)
    return list(known.values())


def insert_responses(
    session: Session, run_id: int, rows: Sequence[Response], *, now: datetime
) -> None:
    """Store answers and errors, and count them in the run."""
    answered_at = format_time(now)
    values = [
        {name: getattr(row, name) for name in Response.__dataclass_fields__}
        | {"phase": row.phase.value, "run_id": run_id, "answered_at": answered_at}
        for row in rows
    ]
    session.execute_many("insert_response", values)
    session.execute("add_responses_stored", run_id=run_id, added=len(values))


def count_responses(session: Session, run_id: int, phase: Phase) -> ResponseCounts:
    """Count the rows of one phase."""
    row = session.fetch_one("count_responses", run_id=run_id, phase=phase.value)
    if row is None:
        return ResponseCounts(0, 0)
    return ResponseCounts(int(row.response_count), int(row.error_count))


def delete_error_responses(session: Session, run_id: int, page_size: int) -> int:
    """Delete the next errors, so that their prompts are asked again, and return how many."""
    rows = session.fetch_all("fetch_error_responses", run_id=run_id, page_size=page_size)
    for row in rows:
        session.execute(
            "delete_response", run_id=run_id, prompt_key=row.prompt_key, phase=row.phase
        )
    session.execute("add_responses_stored", run_id=run_id, added=-len(rows))
    return len(rows)


def _run_prompt(row: Any) -> RunPrompt:
    fields = {name: getattr(row, name) for name in RunPrompt.__dataclass_fields__}
    return RunPrompt(**{**fields, "messages": read_messages(row.messages)})


def _blank(
    prompt_key: str, phase: Phase, content_hash: str, model_key: str, decoding_key: str
) -> Response:
    return Response(
        prompt_key=prompt_key,
        phase=phase,
        content_hash=content_hash,
        model_key=model_key,
        decoding_key=decoding_key,
        response=None,
        error_code=None,
        error_message=None,
        finish_reason=None,
        prompt_tokens=None,
        output_tokens=None,
        latency_ms=None,
        reused_run_id=None,
    )


def _known(blank: Response, row: Any) -> Response:
    return replace(
        blank,
        response=row.response,
        finish_reason=row.finish_reason,
        prompt_tokens=row.prompt_tokens,
        output_tokens=row.output_tokens,
        latency_ms=row.latency_ms,
        reused_run_id=row.run_id,
    )
