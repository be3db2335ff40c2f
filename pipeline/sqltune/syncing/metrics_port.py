"""The worker's port: `/metrics` for Prometheus and `/healthz` for probes.

Anybody who reaches the port may ask, so it has few connections and reads the database for one call
at a time: whatever clients do, the worker keeps the files and connections that its work takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from sqltune.server.connections import Limits
from sqltune.server.running import bind, most_connections, running
from sqltune.syncing.metrics import WorkerMetrics

#: Of the files that the process may open.
_SHARE_OF_FILES = 0.125
#: Calls for the metrics that may wait while one is answered; connections are left for probes.
_MOST_WAITING = 3
#: No call has a body.
_BODY_BYTES = 64 * 1024


def make_app(metrics: WorkerMetrics) -> ASGIApp:
    """Return the two routes as an ASGI application."""
    one_at_a_time = CapacityLimiter(1)

    async def show_metrics(request: Request) -> Response:
        if one_at_a_time.statistics().tasks_waiting >= _MOST_WAITING:
            return PlainTextResponse("other calls for the metrics are waiting already\n", 429)
        text = await run_sync(metrics.render, limiter=one_at_a_time)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def healthz(request: Request) -> Response:
        is_well, state = metrics.health()
        return JSONResponse(state, 200 if is_well else 503)

    async def refuse(request: Request) -> Response:
        return PlainTextResponse("try /metrics or /healthz\n", 404)

    return Router(
        [
            Route("/metrics", show_metrics, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/{path:path}", refuse),
        ],
        redirect_slashes=False,
    )


@contextmanager
def served(metrics: WorkerMetrics, host: str, port: int) -> Iterator[str]:
    """Serve the metrics while the block runs; yield the address.

    Raises:
        ConfigError: the address cannot be used.
    """
    limits = Limits(most_connections(_SHARE_OF_FILES), body_bytes=_BODY_BYTES)
    with (
        bind(host, port, "set SQLTUNE_WORKER_PORT") as listener,
        running(make_app(metrics), listener, limits) as address,
    ):
        yield address.root
