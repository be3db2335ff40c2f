"""The routes: from HTTP to the service and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from sqltune.server import refusals
from sqltune.server.bodies import Bodies
from sqltune.server.call_metrics import CallMetrics
from sqltune.server.completing import make_reply
from sqltune.server.guarding import Guard
from sqltune.server.replies import json_reply
from sqltune.server.service import Service
from sqltune.server.waiting import wait_for_all, wait_to_the_end
from sqltune.wire.gradient import (
    ID_LENGTH,
    CapabilityFilter,
    CompleteRequest,
    CreateRequest,
    ErrorType,
    FineTuneRequest,
)

_BOOLEANS = {"true": True, "false": False}


def make_app(
    service: Service,
    metrics: CallMetrics,
    more: Callable[[Bodies], Sequence[Route]],
    *,
    new_id: Callable[[], str],
    token: str | None,
    hosts: frozenset[str] | None = None,
    seconds: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """Return the server as an ASGI application.

    Args:
        service: what the routes do.
        metrics: counts the calls.
        more: makes the routes of OpenAI's API, and of what else asks by name.
        new_id: makes the id of a call.
        token: what clients must send; None accepts any token.
        hosts: the values of the header Host that are answered; None: any.
        seconds: a clock that never goes back.
    """
    bodies = Bodies()
    routes = Routes(service, metrics, bodies)
    router = Router(
        [
            Route("/models", routes.list_models, methods=["GET"]),
            Route("/models", routes.create, methods=["POST"]),
            Route("/models/{model_id}", routes.get, methods=["GET"]),
            Route("/models/{model_id}", routes.delete, methods=["DELETE"]),
            Route("/models/{model_id}/fine-tune", routes.fine_tune, methods=["POST"]),
            Route("/models/{model_id}/complete", routes.complete, methods=["POST"]),
            Route("/healthz", routes.healthz, methods=["GET"]),
            Route("/metrics", routes.show_metrics, methods=["GET"]),
            *more(bodies),
        ],
        redirect_slashes=False,
    )
    return Guard(router, token=token, hosts=hosts, metrics=metrics, seconds=seconds, new_id=new_id)


class Routes:
    """One method per route."""

    def __init__(self, service: Service, metrics: CallMetrics, bodies: Bodies) -> None:
        """Route calls to this service."""
        self._service = service
        self._metrics = metrics
        self._bodies = bodies

    async def list_models(self, request: Request) -> Response:
        """`GET /models`."""
        capability = _capability(request.query_params.get("capability"))
        only_base = _boolean(request.query_params.get("onlyBase"))
        return json_reply(self._service.list_models(capability, only_base=only_base))

    async def create(self, request: Request) -> Response:
        """`POST /models`."""
        async with self._bodies.read(request, CreateRequest) as body:
            if "\0" in body.model.name:
                raise refusals.refuse(
                    ErrorType.BODY_PARSING, "model.name: must not contain NUL", payload={}
                )
            return json_reply(await run_in_threadpool(self._service.create, body))

    async def get(self, request: Request) -> Response:
        """`GET /models/{id}`."""
        return json_reply(self._service.get(request.path_params["model_id"]))

    async def delete(self, request: Request) -> Response:
        """`DELETE /models/{id}`."""
        model_id = request.path_params["model_id"]
        await wait_to_the_end(await run_in_threadpool(self._service.delete, model_id))
        return Response("{}", media_type="application/json")

    async def fine_tune(self, request: Request) -> Response:
        """`POST /models/{id}/fine-tune`: runs to its end even if the client disconnects."""
        async with self._bodies.read(request, FineTuneRequest) as body:
            reply = await wait_to_the_end(self._service.fine_tune(_model_id(request), body))
        self._metrics.count_training(reply.number_of_trainable_tokens)
        return json_reply(reply)

    async def complete(self, request: Request) -> Response:
        """`POST /models/{id}/complete`: not asked any more once the client disconnects."""
        async with self._bodies.read(request, CompleteRequest) as body:
            future = self._service.complete(_model_id(request), body)
            (answer,) = await wait_for_all(request.receive, [future])
        self._metrics.count_answer(answer.output_tokens)
        return json_reply(make_reply(answer))

    async def healthz(self, request: Request) -> Response:
        """`GET /healthz`: replies `ok` while every base model answers, else what is wrong."""
        problems = self._service.problems()
        text = "".join(f"{line}\n" for line in problems or ["ok"])
        return PlainTextResponse(text, 503 if problems else 200)

    async def show_metrics(self, request: Request) -> Response:
        """`GET /metrics`, for Prometheus."""
        return Response(self._metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _model_id(request: Request) -> str:
    model_id: str = request.path_params["model_id"]
    if len(model_id) != ID_LENGTH:
        raise refusals.refuse(
            ErrorType.QUERY_OR_PATH_PARSING,
            f"id: must have {ID_LENGTH} characters, got {len(model_id)}",
            payload={},
        )
    return model_id


def _capability(text: str | None) -> CapabilityFilter:
    if not text:
        return CapabilityFilter.FINE_TUNE
    if text not in set(CapabilityFilter):
        raise refusals.refuse(
            ErrorType.QUERY_OR_PATH_PARSING,
            f"capability: must be one of {', '.join(CapabilityFilter)}",
            payload={},
        )
    return CapabilityFilter(text)


def _boolean(text: str | None) -> bool:
    """Read True and False as the SDK writes them, and true and false; empty means False."""
    if not text:
        return False
    if text.lower() not in _BOOLEANS:
        raise refusals.refuse(
            ErrorType.QUERY_OR_PATH_PARSING, "onlyBase: must be true or false", payload={}
        )
    return _BOOLEANS[text.lower()]
