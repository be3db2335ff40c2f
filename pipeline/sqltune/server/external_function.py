"""SingleStore's `SELECT complete('support-bot@live', question) FROM tickets`, over HTTP.

SingleStore sends the rows of a query in batches. A row is asked as a completion of OpenAI's API is;
the statements that make the function are in sql/functions.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive

from sqltune.errors import CallRefused
from sqltune.local_lora.asked_questions import ROWS_AT_ONCE, GeneratedAnswer, Question
from sqltune.local_lora.sampling import Sampling
from sqltune.server.bodies import Bodies, require_few_items
from sqltune.server.openai_api.asking import CHAT_TOKENS
from sqltune.server.request_ends import RequestEnd
from sqltune.server.tuned_models import AskedModel, TunedModels
from sqltune.server.use_recording import EndedRequest
from sqltune.server.waiting import wait_for_all
from sqltune.wire.external_functions import JSON, ROWDAT_1, FunctionRow, read_batch, write_batch

logger = logging.getLogger(__name__)

#: Where SingleStore finds the function.
PATH = "/singlestore/complete"
#: The type of a reply in each format.
_REPLY_TYPES = {JSON: JSON, ROWDAT_1: "x-application/rowdat_1"}
_VERSION = "1.0"
_QUEUE_FULL = 429
_SAMPLING = Sampling()
#: How long a batch waits for room in a full queue each time: a refusal would end the whole query.
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _AskedRow:
    """A row that is to be answered."""

    place: int
    model: AskedModel
    prompt: str

    @property
    def question(self) -> Question:
        """What the base model is asked: a completion, as long as an answer of a chat."""
        return replace(self.model.continue_text(self.prompt), max_new_tokens=CHAT_TOKENS)


_Queued = list[tuple[_AskedRow, Future[GeneratedAnswer]]]


class ExternalFunction:
    """Answers the batches of `complete`."""

    def __init__(
        self,
        models: TunedModels,
        bodies: Bodies,
        *,
        count: Callable[[EndedRequest], None],
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Ask these models.

        Args:
            models: finds models by name.
            bodies: reads bodies, with one bound for all.
            count: counts a row that was answered, or could not be; must not block.
            patience_seconds: how long a batch waits for room in a full queue.
        """
        self._models = models
        self._bodies = bodies
        self._count = count
        self._patience_seconds = patience_seconds

    def list_routes(self) -> list[Route]:
        """Return the route, for a router."""
        return [Route(PATH, self.complete, methods=["POST"])]

    async def complete(self, request: Request) -> Response:
        """`POST /singlestore/complete`: one batch."""
        form = _format_of(request)
        async with self._bodies.read_bytes(request) as body:
            if form == JSON:
                require_few_items(body)
            try:
                rows = read_batch(form, body)
            except ValueError as error:
                raise CallRefused(str(error), status=400) from None
            texts = await self._answer(request.receive, rows)
        results = [(row.row_id, text) for row, text in zip(rows, texts, strict=True)]
        return Response(write_batch(form, results), media_type=_REPLY_TYPES[form])

    async def _answer(self, receive: Receive, rows: Sequence[FunctionRow]) -> list[str | None]:
        """Return the answer to each row; None where its model or its prompt is NULL."""
        names = {row.model for row in rows if row.model is not None and row.prompt is not None}
        models = {name: await run_in_threadpool(self._models.find, name) for name in sorted(names)}
        waiting = deque(
            _AskedRow(place, models[row.model], row.prompt)
            for place, row in enumerate(rows)
            if row.model is not None and row.prompt is not None
        )
        open_rows = {asked.place: asked for asked in waiting}
        texts: list[str | None] = [None] * len(rows)
        nulls: Counter[tuple[str, str]] = Counter()
        began = time.monotonic()
        try:
            while waiting:
                began = time.monotonic()
                queued = await self._queue(receive, waiting)
                answers = await wait_for_all(receive, [future for _, future in queued])
                for (asked, _), answer in zip(queued, answers, strict=True):
                    texts[asked.place] = answer.text
                    del open_rows[asked.place]
                    if (reason := self._note(asked.model, answer, began)) is not None:
                        nulls[asked.model.label, reason] += 1
        except BaseException as error:
            for asked in open_rows.values():
                RequestEnd(asked.model, began, self._count).fail(error)
            raise
        _log_nulls(nulls)
        return texts

    async def _queue(self, receive: Receive, waiting: deque[_AskedRow]) -> _Queued:
        """Queue what there is room for, and wait for room where there is none.

        Raises:
            CallRefused: there was no room for too long, or the server is stopping.
            ClientDisconnect: the client is gone.
        """
        full: CallRefused | None = None
        try:
            async with asyncio.timeout(self._patience_seconds):
                while True:
                    try:
                        return self._queue_now(waiting)
                    except CallRefused as refused:
                        if refused.status != _QUEUE_FULL:
                            raise
                        full = refused
                    await wait_for_all(receive, [waiting[0].model.base.thread.room()])
        except TimeoutError as late:
            raise full or late from None

    def _queue_now(self, waiting: deque[_AskedRow]) -> _Queued:
        """Take and queue as many rows as are answered together, or as there is room for.

        Raises:
            CallRefused: there is room for none, or the server is stopping.
        """
        queued: _Queued = []
        try:
            while waiting and len(queued) < ROWS_AT_ONCE:
                asked = waiting[0]
                future = asked.model.base.thread.ask(asked.model.lane, asked.question, _SAMPLING)
                queued.append((waiting.popleft(), future))
        except CallRefused as refused:
            if not queued or refused.status != _QUEUE_FULL:
                for _, future in queued:
                    future.cancel()
                raise
        return queued

    def _note(self, model: AskedModel, answer: GeneratedAnswer, began: float) -> str | None:
        """Count a row; return why it is NULL."""
        end = RequestEnd(model, began, self._count)
        if answer.text is not None:
            end.answer(answer.prompt_tokens, answer.output_tokens)
            return None
        reason = answer.finish_reason.value if answer.error is None else answer.error.code
        end.fail(answer.error or CallRefused(reason, status=400))
        return reason


def _log_nulls(nulls: Mapping[tuple[str, str], int]) -> None:
    """Log why rows are NULL: the query's result has no place for it."""
    for (label, reason), count in nulls.items():
        logger.warning(
            "complete() has returned NULL for %d rows of %s: %s",
            count,
            label,
            reason,
            extra={"event": "rows_not_answered", "model": label, "reason": reason, "rows": count},
        )


def _format_of(request: Request) -> str:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in _REPLY_TYPES:
        raise CallRefused(f"the content type must be {JSON} or {ROWDAT_1}", status=415)
    version = request.headers.get("s2-ef-version", _VERSION)
    if version != _VERSION:
        raise CallRefused(f"version {version[:20]!r} of external functions is unknown", status=400)
    return given
