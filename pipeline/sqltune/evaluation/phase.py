"""Asks the prompts of a run in one phase, but none whose answer is stored or known.

Prompts come in fixed chunks in the order of prompt_key. Each answer is committed at most 100 ms
after it is known; the scores of a batch are written with the next batch, so that no answer waits
for a scorer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime

from sqltune.backends.base import (
    Answer,
    AnswerRequest,
    Backend,
    BaseModel,
    Decoding,
    TrainedAdapter,
)
from sqltune.database.connection import Database, Session
from sqltune.database.tables import responses, scores
from sqltune.errors import RunCancelled, RunInterrupted
from sqltune.evaluation.answer_store import AnswerStore, PhaseResult
from sqltune.evaluation.asking import BATCH_SIZE, Asking
from sqltune.evaluation.prompt_chunks import read_prompt_chunks
from sqltune.evaluation.scoring import Scoring, score_phase
from sqltune.records import Claim, Phase


def answer_phase(
    database: Database,
    claim: Claim,
    run_id: int,
    phase: Phase,
    backend: Backend,
    base_model: BaseModel,
    adapter: TrainedAdapter | None,
    decoding: Decoding,
    model_key: str,
    decoding_key: str,
    *,
    check: Callable[[], None],
    now: Callable[[], datetime],
    on_progress: Callable[[int], None],
    scoring: Scoring | None = None,
) -> PhaseResult:
    """Ask the prompts that have no row in this phase, and store the answers as they come.

    Args:
        adapter: None asks the base model alone.
        model_key: hash of the model that answers; equal ones give equal answers.
        decoding_key: hash of the decoding settings.
        check: raises when the run must stop; called at least twice a second.
        on_progress: told how many prompts of the phase have a row, after each commit.
        scoring: how answers are scored while others are asked; None: `score_responses` does all
            of it later.

    Raises:
        BackendError: the backend could not go on; the answers known by then are stored.
    """
    store = AnswerStore(
        database, claim, run_id, phase, model_key, decoding_key, now, on_progress, scoring
    )
    for chunk in read_prompt_chunks(database, run_id):
        check()
        missing = store.begin(chunk)
        if missing:
            requests = [AnswerRequest(p.prompt_key, p.prompt, p.system_prompt) for p in missing]
            _ask_chunk(store, backend.answer(base_model, adapter, requests, decoding), check)
    store.write_scores()
    if scoring is not None and store.result.found:
        # Whoever stored the last of them may have died before it wrote their scores.
        score_phase(database, claim, run_id, phase, scoring, check=check, now=now)
    return store.result


def forget_errors(
    database: Database,
    claim: Claim,
    run_id: int,
    reopen: Callable[[Session], None] = lambda session: None,
) -> int:
    """Forget every error in place of an answer or a score, so that it is asked or scored again.

    Args:
        reopen: called in the transaction that forgets the first ones: a run that has ended without
            them would never be asked for them again.
    """
    forgotten = 0
    for delete_errors in (responses.delete_error_responses, scores.delete_error_scores):
        while True:
            with database.transaction(claim) as session:
                deleted = delete_errors(session, run_id, BATCH_SIZE)
                if deleted and not forgotten:
                    reopen(session)
            if not deleted:
                break
            forgotten += deleted
    return forgotten


def _ask_chunk(
    store: AnswerStore, answers: Generator[Answer, None, None], check: Callable[[], None]
) -> None:
    with Asking(answers) as asking:
        try:
            for batch in asking.batches(check):
                store.add(batch)
                check()
        except (RunInterrupted, RunCancelled):
            store.add(asking.known())
            raise
    store.end()
