"""The questions of one batch, claimed by this runner until they are settled.

A claim ends by time, so that a runner that dies leaves its questions to the others; one that was
overtaken finds that its answers match no row any more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqltune.database.patience import with_patience
from sqltune.database.tables import questions
from sqltune.database.tables.questions import SettledQuestion
from sqltune.errors import DatabaseError, PipelineError, RunInterrupted
from sqltune.evaluation.storable_answers import clean_message
from sqltune.runtime import Runtime

logger = logging.getLogger(__name__)


class QuestionClaims:
    """What one runner has claimed under one name."""

    def __init__(
        self, runtime: Runtime, stop: threading.Event, monotonic: Callable[[], float]
    ) -> None:
        """Claim nothing yet; `stop` is set when this process is to end."""
        self.answered = 0
        self.failed = 0
        self._runtime = runtime
        self._stop = stop
        self._monotonic = monotonic
        self._owner = runtime.new_id()
        self._renewed_at = monotonic()

    def claim(self, question_ids: Iterable[int]) -> set[int]:
        """Claim questions; return those that no other runner took first."""
        wanted = sorted(question_ids)

        def claim_them() -> set[int]:
            with self._runtime.database.transaction() as session:
                return {
                    question_id
                    for question_id in wanted
                    if questions.claim_question(
                        session, question_id, owner=self._owner, expires_at=self._expiry()
                    )
                }

        return with_patience(claim_them, self._stop, self._runtime.pauses_seconds)

    def check(self) -> None:
        """Renew the claims in time.

        Raises:
            RunInterrupted: this process was asked to stop.
        """
        if self._stop.is_set():
            raise RunInterrupted("this process was asked to stop; what is not answered waits")
        if self._monotonic() - self._renewed_at < self._runtime.settings.lease_seconds / 3:
            return
        began = self._monotonic()
        try:
            with self._runtime.database.transaction() as session:
                questions.renew_claims(session, owner=self._owner, expires_at=self._expiry())
            self._renewed_at = began
        except DatabaseError as error:
            # The next check tries again, and an answer to a lost claim is stored nowhere.
            logger.warning(
                "the claims of questions could not be renewed: %s",
                error,
                extra={"event": "lease_renewal_failed"},
            )

    def settle(self, settled: Sequence[SettledQuestion]) -> None:
        """Store answers and errors, each only while its question is claimed."""
        if not settled:
            return
        # Two runners that lock rows in one order cannot wait for each other.
        ordered = sorted(settled, key=lambda each: each.question_id)

        # Of two tries, the first may have stored them though the reply to its COMMIT was lost.
        stored: set[SettledQuestion] = set()

        def store() -> None:
            with self._runtime.database.transaction() as session:
                stored.update(
                    questions.settle_questions(
                        session, ordered, owner=self._owner, now=self._runtime.now()
                    )
                )

        with_patience(store, self._stop, self._runtime.pauses_seconds)
        failed = sum(each.error_code is not None for each in stored)
        self.failed += failed
        self.answered += len(stored) - failed

    def give_back(self, reason: PipelineError | None = None) -> None:
        """Return what is not settled to those that wait, with the reason."""

        def return_them() -> None:
            with self._runtime.database.transaction() as session:
                questions.return_questions(
                    session,
                    owner=self._owner,
                    code=reason.code if reason else None,
                    reason=clean_message(str(reason)) if reason else None,
                )

        with_patience(return_them, self._stop, self._runtime.pauses_seconds)

    def _expiry(self) -> datetime:
        return self._runtime.now() + timedelta(seconds=self._runtime.settings.lease_seconds)
