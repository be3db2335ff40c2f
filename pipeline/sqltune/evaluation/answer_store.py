"""Stores the answers of one phase, or their errors, and scores them while others are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqltune.backends.base import Answer
from sqltune.database.connection import Session
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import responses, scores
from sqltune.evaluation.answering_model import AnsweringModel
from sqltune.evaluation.asking import split_rows
from sqltune.evaluation.scoring import Scoring, score_answer
from sqltune.evaluation.storable_answers import make_missing, make_storable
from sqltune.records import Phase, Response, RunPrompt, Score

#: Reused answers are in the database already, so losing more of them at once costs little; their
#: transaction with scores stays far below 200 ms.
REUSED_AT_ONCE = 200
#: A prompt and what was answered; None: an error.
_Stored = tuple[RunPrompt, str | None]


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """What one call did to answer a phase."""

    asked: int = 0  #: prompts sent to the backend
    stored: int = 0  #: rows written: answers, errors and reused answers
    errors: int = 0  #: rows that are errors
    reused: int = 0  #: answers known from earlier runs
    found: int = 0  #: prompts that already had a row


class AnswerStore:
    """Stores the answers of one phase, and scores each batch while the next is answered."""

    def __init__(
        self,
        scope: RunScope,
        phase: Phase,
        model: AnsweringModel,
        *,
        scoring: Scoring | None,
        on_progress: Callable[[int], None],
        reuses: bool = True,
    ) -> None:
        """Store what `model` answers in this phase.

        Args:
            scope: the run.
            phase: which of the run's phases this is.
            model: what answers.
            scoring: how answers are scored; None: they are scored later.
            on_progress: called after each commit with the number of prompts that have a row.
            reuses: whether answers that are known from other runs are taken.
        """
        self.result = PhaseResult()
        self._scope = scope
        self._phase = phase
        self._model = model
        self._scoring = scoring
        self._on_progress = on_progress
        self._reuses = reuses
        self._done = 0
        self._waiting: dict[str, RunPrompt] = {}
        self._scores: list[Score] = []

    def begin(self, chunk: Sequence[RunPrompt]) -> list[RunPrompt]:
        """Begin a chunk: store the answers that are known, and return the prompts to ask."""
        answered = self._fetch_answered(chunk)
        self._done += len(answered)
        self.result = replace(self.result, found=self.result.found + len(answered))
        self._waiting = {p.prompt_key: p for p in chunk if p.prompt_key not in answered}
        if self._waiting and self._reuses:
            self._reuse(list(self._waiting.values()))
        self._on_progress(self._done)
        missing = list(self._waiting.values())
        self.result = replace(self.result, asked=self.result.asked + len(missing))
        return missing

    def add(self, answers: Sequence[Answer]) -> None:
        """Store a batch of answers; one that was not asked for, or is repeated, is dropped.

        Raises:
            RunInterrupted, RunCancelled: while answers were scored, all of which are stored.
        """
        self._score(self.add_unscored(answers))

    def add_unscored(self, answers: Sequence[Answer]) -> list[_Stored]:
        """Store a batch of answers; those that `add` does not score, a later runner does."""
        wanted = {a.prompt_key: a for a in answers if a.prompt_key in self._waiting}
        rows = [self._row_of(self._waiting[key], answer) for key, answer in wanted.items()]
        return [stored for batch in split_rows(rows, _text_of) for stored in self._write(batch)]

    def end(self) -> None:
        """Store an error for every prompt of the chunk that the backend did not answer."""
        missing = [self._row_of(p, make_missing(key)) for key, p in self._waiting.items()]
        for batch in split_rows(missing, _text_of):
            self._write(batch)

    def write_scores(self) -> None:
        """Write the scores that wait for the next batch."""
        if self._scores:
            with self._scope.transaction() as session:
                self._insert_scores(session)
            self._scores = []

    def _fetch_answered(self, chunk: Sequence[RunPrompt]) -> set[str]:
        first, last = chunk[0].prompt_key, chunk[-1].prompt_key
        with self._scope.read() as session:
            return responses.fetch_answered_keys(
                session, self._scope.run_id, self._phase, first, last
            )

    def _reuse(self, prompts: Sequence[RunPrompt]) -> None:
        with self._scope.read() as session:
            known = responses.fetch_known_answers(
                session,
                prompts,
                self._scope.run_id,
                self._phase,
                self._model.model_key,
                self._model.decoding_key,
            )
        for batch in split_rows(known, _text_of, REUSED_AT_ONCE):
            self._score(self._write(batch))
        self.result = replace(self.result, reused=self.result.reused + len(known))

    def _write(self, rows: Sequence[Response]) -> list[_Stored]:
        scope = self._scope
        with scope.transaction() as session:
            responses.insert_responses(session, scope.run_id, rows, now=scope.now())
            self._insert_scores(session)
        self._scores = []
        stored = [(self._waiting.pop(row.prompt_key), row.response) for row in rows]
        self._done += len(rows)
        self.result = replace(
            self.result,
            stored=self.result.stored + len(rows),
            errors=self.result.errors + sum(row.error_code is not None for row in rows),
        )
        self._on_progress(self._done)
        return stored

    def _insert_scores(self, session: Session) -> None:
        scope = self._scope
        scores.insert_scores(session, scope.run_id, self._scores, now=scope.now())

    def _score(self, stored: Sequence[_Stored]) -> None:
        """Score answers that are stored; a text near the scorers' limits takes seconds."""
        if self._scoring is None:
            return
        for prompt, response in stored:
            if response is not None and not self._scoring.is_later(prompt.scorer):
                self._scope.check()
                self._scores += score_answer(self._scoring, self._phase, prompt, response)

    def _row_of(self, prompt: RunPrompt, answer: Answer) -> Response:
        answer = make_storable(answer, self._model.is_forgotten)
        return Response(
            prompt_key=prompt.prompt_key,
            phase=self._phase,
            content_hash=prompt.content_hash,
            model_key=self._model.model_key,
            decoding_key=self._model.decoding_key,
            response=answer.text,
            error_code=answer.error_code,
            error_message=answer.error_message,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            output_tokens=answer.output_tokens,
            latency_ms=answer.latency_ms,
            reused_run_id=None,
        )


def _text_of(row: Response) -> str | None:
    return row.response
