"""Answers the questions that wait, adapter by adapter, a batch of each in turn.

A question is answered once: it is claimed before it is asked, and its answer is stored only while
the claim lasts. An answer that a kill kept from its row is asked for again.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqltune.backends.base import Answer
from sqltune.backends.sharing import answer_now
from sqltune.database.tables import questions
from sqltune.database.tables.questions import SettledQuestion
from sqltune.errors import BackendError, ConfigError, DatabaseError, PipelineError, RunInterrupted
from sqltune.evaluation.asking import ask
from sqltune.evaluation.storable_answers import clean_message, make_storable
from sqltune.planning.refusing import ENDS_PROCESS, internal_error
from sqltune.questions.choosing import AskedQuestion, RefusedQuestion, choose_versions, refuse_name
from sqltune.questions.claims import QuestionClaims
from sqltune.run.versions import trained_adapter
from sqltune.runtime import Runtime

logger = logging.getLogger(__name__)

#: Questions that one runner claims at a time.
BATCH_SIZE = 32
#: So many runners may die with a question before it fails.
MAX_CRASHES = 3
#: Pause before an adapter whose backend is out of order is asked again; it doubles each time.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
_DIED = (
    f"{MAX_CRASHES} runners died while they answered this question, the last ones this one alone: "
    "look at their logs and at the memory of their machines, then set its state to 'waiting'"
)


@dataclass(slots=True)
class _Outage:
    """How long the questions to one adapter are left alone."""

    seconds: float
    until: float  #: by the monotonic clock
    reason: str


@dataclass
class Answering:
    """Answers questions for one process."""

    runtime: Runtime
    names: Sequence[str]  #: adapters whose questions are answered; none means all
    stop: threading.Event
    monotonic: Callable[[], float] = time.monotonic
    answered: int = 0
    failed: int = 0
    #: Adapters whose backend was out of order.
    paused: dict[Any, _Outage] = field(default_factory=dict)

    def answer_waiting(self) -> None:
        """Answer what waits now; what is asked meanwhile is answered in the rounds that this takes.

        Raises:
            RunInterrupted: `stop` was set; what was not answered waits.
            DatabaseError: rows could not be read or written; claims end by time.
        """
        self._take_back()
        with self.runtime.database.read() as session:
            counts = questions.count_waiting(session)
        waiting = [count for name, count in counts if not self.names or name in self.names]
        for _ in range(math.ceil(max(waiting, default=0) / BATCH_SIZE)):
            if not self.answer_round():
                return

    def answer_round(self) -> bool:
        """Answer a batch of the questions to each adapter; return whether there were any.

        Raises:
            RunInterrupted, DatabaseError: as in `answer_waiting`.
        """
        self._take_back()
        found = False
        for name in self._waiting_adapters():
            if not self._is_paused(name):
                found |= self._answer_batch(name)
        return found

    def _waiting_adapters(self) -> Iterator[str]:
        if self.names:
            yield from self.names
            return
        name: str | None = None
        while True:
            with self.runtime.database.read() as session:
                waiting = questions.find_waiting(session, name)
            if waiting is None:
                return
            question_id, found = waiting
            if isinstance(found, str):
                name = found
                yield name
            else:
                # No value that can be bound is equal to such a name, nor comes after it.
                self._answer_chosen(found, [refuse_name(question_id, found)])

    def _is_paused(self, name: str) -> bool:
        pause = self.paused.get(name)
        return pause is not None and self.monotonic() < pause.until

    def _answer_batch(self, name: str) -> bool:
        """Answer the questions to an adapter that wait longest; return whether there were any.

        Those with which a runner died are claimed one by one, so that none takes others along.
        """
        with self.runtime.database.read() as session:
            waiting = questions.fetch_waiting(session, name, BATCH_SIZE)
        suspects = [[question] for question in waiting if question.crash_count]
        others = [question for question in waiting if not question.crash_count]
        for together in filter(None, [others, *suspects]):
            if self._is_paused(name):
                return False
            with self.runtime.database.read() as session:
                chosen = choose_versions(session, together)
            self._answer_chosen(name, chosen)
        return bool(waiting)

    def _answer_chosen(
        self, name: str | bytes, chosen: Sequence[AskedQuestion | RefusedQuestion]
    ) -> None:
        """Claim questions to an adapter, and answer those that are ours."""
        if self.stop.is_set():
            raise RunInterrupted("this process was asked to stop")
        claims = QuestionClaims(self.runtime, self.stop, self.monotonic)
        ours = claims.claim(question.question_id for question in chosen)
        mine = [question for question in chosen if question.question_id in ours]
        try:
            self._answer_claimed(claims, mine)
        except RunInterrupted:
            claims.give_back()
            raise
        except BackendError as error:
            self._pause(name, error)
            claims.give_back(error)
        else:
            self.paused.pop(name, None)
        finally:
            self.answered += claims.answered
            self.failed += claims.failed
            self._log(name, claims)

    def _answer_claimed(
        self, claims: QuestionClaims, mine: Sequence[AskedQuestion | RefusedQuestion]
    ) -> None:
        """Settle what cannot be asked, and ask the rest, those to one version together."""
        groups: dict[object, dict[str, AskedQuestion]] = {}
        refused = []
        for question in mine:
            if isinstance(question, RefusedQuestion):
                refused.append(_failure(question.question_id, question.error))
            else:
                group = groups.setdefault(question.group, {})
                group[question.request.prompt_key] = question
        claims.settle(refused)
        for group in groups.values():
            self._ask(claims, group)

    def _ask(self, claims: QuestionClaims, pending: dict[str, AskedQuestion]) -> None:
        """Ask a version some questions; a failure that may pass is raised, any other is stored.

        What fails unexpectedly with several is asked one by one, so that none fails for another.
        """
        try:
            self._ask_together(claims, pending)
        except (RunInterrupted, DatabaseError, *ENDS_PROCESS):
            raise
        except BaseException as error:
            failure = error if isinstance(error, PipelineError) else internal_error(error)
            if failure.retryable and isinstance(failure, BackendError):
                raise failure from error
            if len(pending) > 1 and not isinstance(error, BackendError | ConfigError):
                for key, question in list(pending.items()):
                    self._ask(claims, {key: question})
                return
            claims.settle([_failure(q.question_id, failure, q) for q in pending.values()])

    def _ask_together(self, claims: QuestionClaims, pending: dict[str, AskedQuestion]) -> None:
        """Ask, and store each answer as it is known; `pending` keeps what has none."""
        forgotten = self.runtime.load_forgotten()
        is_forgotten = forgotten.holds_answer if forgotten else lambda text: False

        def store(answers: Sequence[Answer]) -> None:
            known = [answer for answer in answers if answer.prompt_key in pending]
            claims.settle(
                [
                    _settle(pending[answer.prompt_key], make_storable(answer, is_forgotten))
                    for answer in known
                ]
            )
            for answer in known:
                pending.pop(answer.prompt_key, None)

        ask(self._generate(list(pending.values())), claims.check, store)
        if pending:
            raise BackendError("the backend returned no answer", code="no_answer")

    def _generate(self, group: Sequence[AskedQuestion]) -> Generator[Answer, None, None]:
        """Yield the answers of one version; a base model may take minutes to load here."""
        version, decoding = group[0].version, group[0].decoding
        backend = self.runtime.backend(version.backend)
        base_model = backend.describe(version.base_model, version.base_model_revision)
        requests = [question.request for question in group]
        trained = trained_adapter(version)
        yield from answer_now(backend, base_model, trained, requests, decoding)

    def _pause(self, name: Any, error: BackendError) -> None:
        earlier = self.paused.get(name)
        seconds = min(2 * earlier.seconds, _LONGEST_PAUSE_SECONDS) if earlier else 0.0
        seconds = max(seconds, _FIRST_PAUSE_SECONDS)
        self.paused[name] = _Outage(seconds, self.monotonic() + seconds, str(error))

    def _take_back(self) -> None:
        """Return the questions of runners that died to those that wait."""
        now = self.runtime.now()
        latest = now + timedelta(seconds=2 * self.runtime.settings.lease_seconds)
        with self.runtime.database.read() as session:
            expired = questions.list_expired_claims(session, now=now, latest=latest)
        for claim in expired:
            failure = _DIED if claim.crash_count + 1 >= MAX_CRASHES else None
            with self.runtime.database.transaction() as session:
                questions.take_back(
                    session, claim, failure=failure, code="runner_died", now=now, latest=latest
                )

    def _log(self, name: Any, claims: QuestionClaims) -> None:
        logger.info(
            "%s: %s questions answered, %s failed",
            name,
            claims.answered,
            claims.failed,
            extra={"event": "questions_answered", "adapter": str(name)},
        )


def _settle(question: AskedQuestion, answer: Answer) -> SettledQuestion:
    """Return the row of an answer, or of the error in its place."""
    return SettledQuestion(
        question_id=question.question_id,
        answered_version=question.version.version_number,
        answer=answer.text,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        output_tokens=answer.output_tokens,
        latency_ms=answer.latency_ms,
        error_code=answer.error_code,
        error_message=answer.error_message,
    )


def _failure(
    question_id: int, error: PipelineError, asked: AskedQuestion | None = None
) -> SettledQuestion:
    version = None if asked is None else asked.version.version_number
    return SettledQuestion(
        question_id, version, error_code=error.code[:64], error_message=clean_message(str(error))
    )
