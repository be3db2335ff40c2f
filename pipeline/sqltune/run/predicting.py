"""Answers the rows of an adapter's prediction_query, as its state `predicting`.

The query is read to its end first. Then rows are asked in chunks, and each answer is committed at
most 100 ms after it is known. A run that is resumed after a crash reads the query again; what it
has answered already counts as answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqltune.backends.base import Answer, AnswerRequest
from sqltune.database.tables import predictions, runs, states
from sqltune.database.tables.predictions import Prediction
from sqltune.errors import BackendError, LeaseLost
from sqltune.evaluation import AnsweringModel, make_missing, make_storable
from sqltune.evaluation.asking import ask, split_rows
from sqltune.records import Run, RunState
from sqltune.run.answering import answering_model
from sqltune.run.next_step import NOTHING
from sqltune.run.work import Work, add_event, count_noun, get_version
from sqltune.selection import (
    PredictionScan,
    PredictionTask,
    RowNeed,
    RowToAsk,
    describe_scan,
    make_settled_key,
    scan_predictions,
)

#: Rows and characters of prompts that are asked at once. The last answers to a chunk leave slots
#: of the backend unused, so a chunk is many times what any backend answers at a time.
_CHUNK_ROWS, _CHUNK_CHARACTERS = 4_000, 8_000_000


def predict(work: Work, run: Run) -> None:
    """Ask the rows that need an answer, and end the run.

    Raises:
        BackendError: the backend failed, or no row at all was answered.
        DataError: the query cannot be used.
    """
    version = get_version(work, run.version_number)
    task = PredictionTask(
        work.adapter,
        version.version_number,
        asks_all=run.is_forced or work.adapter.predict == "all",
        max_attempts=work.runtime.settings.max_attempts,
        run_id=run.run_id,
    )
    scope = work.scope
    with scope.read() as session:
        stored_count = predictions.count_stored(session, run.adapter_name)
    with scan_predictions(scope.database, work.selection_reader, task) as scan:
        store = _PredictionStore(work, answering_model(work, version), version.version_number)
        _begin(work, run, scan, store)
        for chunk in _chunks(scan):
            scope.check()
            store.write_errors([row for row in chunk if row.error_code is not None])
            _ask(work, store, [row for row in chunk if row.error_code is None])
    # A prediction that somebody removes meanwhile is missing from the count.
    key = make_settled_key(task, scan.total.result(), stored_count + scan.new_count)
    _end(work, run, scan, store, key)


def _begin(work: Work, run: Run, scan: PredictionScan, store: _PredictionStore) -> None:
    scan.findings.store(work.scope)
    waiting = scan.counts.total()
    # What a run has answered before it was resumed counts as done.
    store.done = max(0, (run.prompts_selected or 0) - waiting)
    store.total = store.done + waiting
    with work.scope.transaction() as session:
        predictions.set_rows_to_predict(session, run.run_id, store.total)
        # However far this run gets, rows that were settled may no longer be.
        states.set_predicted_key(session, run.adapter_name, None)
    work.say(describe_scan(scan))


def _ask(work: Work, store: _PredictionStore, rows: Sequence[RowToAsk]) -> None:
    if not rows:
        return
    requests = [AnswerRequest(r.key, r.prompt, r.system_prompt, r.messages) for r in rows]
    store.expect(rows)
    model = store.model
    answers = model.backend.answer(model.base_model, model.adapter, requests, model.decoding)
    ask(answers, work.scope.check, store.add)
    store.add_missing()


def _chunks(scan: PredictionScan) -> Iterator[list[RowToAsk]]:
    """Yield rows in chunks that are asked at once."""
    chunk: list[RowToAsk] = []
    characters = 0
    for row in scan.rows():
        chunk.append(row)
        characters += len(row.prompt) + len(row.system_prompt or "") + len(row.messages_text or "")
        if len(chunk) == _CHUNK_ROWS or characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _end(
    work: Work, run: Run, scan: PredictionScan, store: _PredictionStore, settled_key: str
) -> None:
    with work.scope.read() as session:
        rows, errors = predictions.count_predictions(session, run.adapter_name, run.run_id)
    # Rows that failed before may fail for a reason of their own.
    if rows == errors and store.asked > scan.counts[RowNeed.RETRIED]:
        raise BackendError(
            f"none of {count_noun(store.asked, 'row')} was answered; the first error: {store.first}"
        )
    message = f"v{run.version_number} answered {count_noun(rows - errors, 'row')}"
    if errors:
        message += f"; {count_noun(errors, 'row')} without an answer (report_predictions says why)"
    if store.kept:
        message += f"; {count_noun(store.kept, 'error')} left an earlier answer as it was"
    now = work.scope.now()
    with work.scope.transaction() as session:
        add_event(work, session, RunState.SUCCEEDED.value, message)
        end = runs.RunEnd(RunState.SUCCEEDED, next_step=NOTHING)
        if not runs.end_run(session, run, end, now=now):
            raise LeaseLost(f"run {run.run_id} is no longer {run.state.value}")
        states.clear_current_run(session, run.adapter_name, None)
        # No row is tried again.
        if errors == scan.counts[RowNeed.BAD] and not store.kept:
            states.set_predicted_key(session, run.adapter_name, settled_key)
    work.say(message)


@dataclass(slots=True)
class _PredictionStore:
    """Stores what rows are answered, batch by batch."""

    work: Work
    model: AnsweringModel
    version_number: int
    total: int = 0
    done: int = 0
    asked: int = 0
    kept: int = 0  #: errors that replace no answer
    first: str = ""  #: error of a row that was asked
    waiting: dict[str, RowToAsk] = field(default_factory=dict)

    def expect(self, rows: Sequence[RowToAsk]) -> None:
        """Wait for the answers to these rows."""
        self.waiting = {row.key: row for row in rows}

    def add(self, answers: Sequence[Answer]) -> None:
        """Store a batch of answers; one that was not asked for, or is repeated, is dropped."""
        wanted = {a.prompt_key: a for a in answers if a.prompt_key in self.waiting}
        rows = []
        for key, answer in wanted.items():
            row, stored = self.waiting.pop(key), make_storable(answer, self.model.is_forgotten)
            self.asked += 1
            if stored.error_code is not None:
                self.first = self.first or f"{stored.error_code}: {stored.error_message}"
                if row.has_answer:
                    self.kept += 1
                    self.done += 1
                    continue
            rows.append(_prediction(row, stored))
        self._write(rows)

    def add_missing(self) -> None:
        """Store an error for every row that the backend did not answer."""
        self.add([make_missing(key) for key in self.waiting])

    def write_errors(self, rows: Sequence[RowToAsk]) -> None:
        """Store the errors of rows that cannot be asked."""
        self._write([_error(row) for row in rows])

    def _write(self, rows: Sequence[Prediction]) -> None:
        scope = self.work.scope
        for batch in split_rows(rows, lambda row: row.answer):
            with scope.transaction() as session:
                predictions.replace_predictions(
                    session,
                    scope.claim.adapter_name,
                    batch,
                    version_number=self.version_number,
                    run_id=scope.run_id,
                    now=scope.now(),
                )
            self.done += len(batch)
            self.work.runtime.reporter.progress("predicting", self.done, self.total)


def _prediction(row: RowToAsk, answer: Answer) -> Prediction:
    return Prediction(
        row_key=row.key,
        content_hash=row.content_hash,
        answer=answer.text,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        output_tokens=answer.output_tokens,
        latency_ms=answer.latency_ms,
        attempt_count=row.attempt_count,
        error_code=answer.error_code,
        error_message=answer.error_message,
    )


def _error(row: RowToAsk) -> Prediction:
    return Prediction(
        row_key=row.key,
        content_hash=row.content_hash,
        answer=None,
        finish_reason=None,
        prompt_tokens=None,
        output_tokens=None,
        latency_ms=None,
        attempt_count=row.attempt_count,
        error_code=row.error_code,
        error_message=row.error_message,
    )
