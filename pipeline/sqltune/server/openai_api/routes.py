"""OpenAI's routes: from HTTP to questions, and from answers back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive

from sqltune.local_lora.asked_questions import GeneratedAnswer, Question
from sqltune.local_lora.sampling import Sampling
from sqltune.server.bodies import Bodies
from sqltune.server.openai_api.asking import (
    count_equal_choices,
    make_chat_questions,
    make_completion_questions,
    make_sampling,
)
from sqltune.server.openai_api.errors import PREFIX, refuse_field
from sqltune.server.openai_api.replying import ReplyForm
from sqltune.server.openai_api.streaming import AnswerStream, GrowingAnswers
from sqltune.server.replies import plain_reply
from sqltune.server.request_ends import RequestEnd
from sqltune.server.tuned_models import AskedModel, ListedModel, TunedModels
from sqltune.server.use_recording import EndedRequest
from sqltune.server.waiting import wait_for_all, wait_with
from sqltune.wire.openai import AnsweringRequest, ChatRequest, CompletionRequest

_OWNER = "sqltune"


@dataclass(frozen=True)
class _UnderstoodRequest:
    """A request that was understood."""

    model: AskedModel
    questions: Sequence[Question]
    #: How many choices each answer is given as.
    equal_choices: int
    sampling: Sampling
    form: ReplyForm


class OpenAiRoutes:
    """One method per route."""

    def __init__(
        self,
        models: TunedModels,
        bodies: Bodies,
        *,
        count: Callable[[EndedRequest], None],
        now: Callable[[], datetime],
        rng: random.Random,
    ) -> None:
        """Ask these models.

        Args:
            models: finds models by name.
            bodies: reads bodies, with one bound for all.
            count: counts a request that has ended; must not block.
            now: returns the time, in UTC.
            rng: makes ids and seeds.
        """
        self._models = models
        self._bodies = bodies
        self._count = count
        self._now = now
        self._rng = rng
        self._started = _timestamp(now())

    def list_routes(self) -> list[Route]:
        """Return the routes, for a router."""
        return [
            Route(f"{PREFIX}models", self.list_models, methods=["GET"]),
            # A name on the Hub has a slash, which clients send as it is, or escape.
            Route(f"{PREFIX}models/{{name:path}}", self.get_model, methods=["GET"]),
            Route(f"{PREFIX}chat/completions", self.chat, methods=["POST"]),
            Route(f"{PREFIX}completions", self.complete, methods=["POST"]),
        ]

    async def list_models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        listed = await run_in_threadpool(self._models.list_all)
        return plain_reply({"object": "list", "data": [self._item(each) for each in listed]})

    async def get_model(self, request: Request) -> Response:
        """`GET /v1/models/{model}`, of any name that can be asked."""
        name = request.path_params["name"].replace("%2F", "/").replace("%2f", "/")
        await run_in_threadpool(self._models.find, name)
        return plain_reply(self._item(ListedModel(name, None)))

    async def chat(self, request: Request) -> Any:
        """`POST /v1/chat/completions`."""
        began = time.monotonic()
        async with self._bodies.read(request, ChatRequest) as body:
            model = await run_in_threadpool(self._models.find, body.model)
            with RequestEnd(model, began, self._count) as end:
                questions = make_chat_questions(body, model, self._rng.getrandbits(63))
                asked = self._understand(body, model, questions)
                return await self._answer(request, asked, end, is_streamed=bool(body.stream))

    async def complete(self, request: Request) -> Any:
        """`POST /v1/completions`."""
        began = time.monotonic()
        async with self._bodies.read(request, CompletionRequest) as body:
            model = await run_in_threadpool(self._models.find, body.model)
            with RequestEnd(model, began, self._count) as end:
                questions = make_completion_questions(body, model, self._rng.getrandbits(63))
                asked = self._understand(body, model, questions)
                return await self._answer(request, asked, end, is_streamed=bool(body.stream))

    def _understand(
        self, body: AnsweringRequest, model: AskedModel, questions: Sequence[Question]
    ) -> _UnderstoodRequest:
        is_chat = isinstance(body, ChatRequest)
        options = body.stream_options
        form = ReplyForm(
            id=f"{'chatcmpl' if is_chat else 'cmpl'}-{self._rng.getrandbits(128):032x}",
            created=_timestamp(self._now()),
            model=model.label,
            fingerprint=f"fp_{model.fingerprint[-12:]}",
            is_chat=is_chat,
            choices_each=body.n or 1,
            includes_usage=bool(options and options.include_usage),
        )
        return _UnderstoodRequest(
            model, questions, count_equal_choices(body), make_sampling(body), form
        )

    async def _answer(
        self, request: Request, asked: _UnderstoodRequest, end: RequestEnd, *, is_streamed: bool
    ) -> Any:
        if is_streamed:
            answers = await self._begin(request.receive, asked)
            return AnswerStream(asked.form, answers, end)
        computed = await wait_for_all(request.receive, self._ask(asked))
        for answer in computed:
            asked.form.require_answered(answer)
        given = [answer for answer in computed for _ in range(asked.equal_choices)]
        end.answer(*asked.form.tokens(given))
        return plain_reply(asked.form.whole(given))

    async def _begin(self, receive: Receive, asked: _UnderstoodRequest) -> GrowingAnswers:
        """Begin the answers of a stream: what is refused by then is refused with its status."""
        answers = GrowingAnswers(len(asked.questions), asked.equal_choices)
        try:
            for future in self._ask(asked, answers):
                answers.add(future)
            await wait_with(receive, asyncio.ensure_future(answers.change()))
            if (error := answers.failure(asked.form)) is not None:
                raise error
        except BaseException:
            answers.cancel()
            raise
        return answers

    def _ask(
        self, asked: _UnderstoodRequest, answers: GrowingAnswers | None = None
    ) -> list[Future[GeneratedAnswer]]:
        """Queue all questions, or none."""
        thread = asked.model.base.thread
        _require_room(asked, thread.most_waiting)
        futures: list[Future[GeneratedAnswer]] = []
        try:
            for index, question in enumerate(asked.questions):
                on_text = answers.writer(index) if answers else None
                futures.append(thread.ask(asked.model.lane, question, asked.sampling, on_text))
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return futures

    def _item(self, model: ListedModel) -> dict[str, object]:
        created = self._started if model.since is None else _timestamp(model.since)
        return {"id": model.name, "object": "model", "created": created, "owned_by": _OWNER}


def _require_room(asked: _UnderstoodRequest, most: int) -> None:
    """Refuse what no later attempt could queue either."""
    count = len(asked.questions)
    if count > most:
        drawn_each = asked.form.choices_each // asked.equal_choices
        raise refuse_field(
            "n" if drawn_each > 1 else asked.form.param,
            f"the request asks for {count} answers, and {most} calls may wait for a model here: "
            "ask for fewer, in several requests",
        )


def _timestamp(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())
