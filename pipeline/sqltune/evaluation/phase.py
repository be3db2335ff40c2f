"""Asks the prompts of a run in one phase, except those whose answer is stored or known.

Prompts are read in fixed chunks in the order of prompt_key. Each answer is committed at most 100 ms
after it is known; the scores of a batch are written with the next batch, so that no answer waits
for a scorer.
"""

from __future__ import annotations

from collections.abc import Callable

from sqltune.backends.base import AnswerRequest
from sqltune.database.connection import Session
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import responses, scores
from sqltune.evaluation.answer_store import AnswerStore, PhaseResult
from sqltune.evaluation.answering_model import AnsweringModel
from sqltune.evaluation.asking import BATCH_SIZE, ask
from sqltune.evaluation.prompt_chunks import read_prompt_chunks
from sqltune.evaluation.scoring import Scoring, score_phase
from sqltune.records import Phase, RunPrompt


def answer_phase(
    scope: RunScope,
    phase: Phase,
    model: AnsweringModel,
    *,
    on_progress: Callable[[int], None],
    scoring: Scoring | None = None,
    reuses: bool = True,
) -> PhaseResult:
    """Ask the prompts that have no row in this phase, and store each answer once it is known.

    Args:
        scope: the run; its `check` is called at least twice a second.
        phase: which of the run's phases this is.
        model: what answers.
        on_progress: called after each commit with the number of prompts that have a row.
        scoring: how answers are scored while others are asked; None: `score_responses` scores them
            later.
        reuses: whether answers that are known from other runs are taken.

    Raises:
        BackendError: the backend failed; the answers known by then are stored.
    """
    store = AnswerStore(
        scope, phase, model, scoring=scoring, on_progress=on_progress, reuses=reuses
    )
    for chunk in read_prompt_chunks(scope.database, scope.run_id):
        scope.check()
        missing = store.begin(chunk)
        if missing:
            requests = [_request(prompt) for prompt in missing]
            answers = model.backend.answer(
                model.base_model, model.adapter, requests, model.decoding
            )
            ask(answers, scope.check, store.add, store.add_unscored)
            store.end()
    store.write_scores()
    if scoring is not None and store.result.found:
        # A runner that stored the last of them may have died before it wrote their scores.
        score_phase(scope, phase, scoring)
    return store.result


def forget_errors(scope: RunScope, reopen: Callable[[Session], None] = lambda session: None) -> int:
    """Delete every error of a run, so that its prompt is asked or its answer scored again.

    Args:
        scope: the run.
        reopen: called in the transaction that deletes the first ones: if the run stayed ended
            without them, it would never ask for them again.
    """
    forgotten = 0
    for delete_errors in (responses.delete_error_responses, scores.delete_error_scores):
        while True:
            with scope.transaction() as session:
                deleted = delete_errors(session, scope.run_id, BATCH_SIZE)
                if deleted and not forgotten:
                    reopen(session)
            if not deleted:
                break
            forgotten += deleted
    return forgotten


def _request(prompt: RunPrompt) -> AnswerRequest:
    return AnswerRequest(prompt.prompt_key, prompt.prompt, prompt.system_prompt, prompt.messages)
