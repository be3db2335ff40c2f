"""What every call passes through: one spelling of the path, credentials, and a handler for errors.

Without a token, calls must name this machine: see `exposure.local_hosts`.

An exception that reaches uvicorn makes it drop the connection, and a client's next POST on it is
lost; so every exception is caught here and answered in the API's shape.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sqltune.errors import CallRefused
from sqltune.server import refusals
from sqltune.server.call_metrics import CallMetrics
from sqltune.server.external_function import PATH as EXTERNAL_FUNCTION
from sqltune.server.openai_api.errors import PREFIX, error_body
from sqltune.server.replies import error_reply, plain_reply

logger = logging.getLogger(__name__)

#: A health probe has neither token nor workspace.
_OPEN_PATHS = frozenset({"/healthz"})
#: Paths that Gradient's API does not have: they need no workspace.
_OWN_PATHS = frozenset({"/healthz", "/metrics", EXTERNAL_FUNCTION})
#: Recorded for a call whose client disconnected before the reply, as proxies do.
CLIENT_GONE = 499
_OPENAI_ROUTES = frozenset(
    f"{PREFIX}{path}" for path in ("models", "chat/completions", "completions")
)
_ROUTE = re.compile(r"^/models/[^/]+(?P<verb>/complete|/fine-tune)?$")


class Guard:
    """An ASGI application that wraps another one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        hosts: frozenset[str] | None,
        metrics: CallMetrics,
        seconds: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Guard an application.

        Args:
            app: answers the calls that pass.
            token: what clients must send; None accepts any token.
            hosts: the values of the header Host that are answered; None: any.
            metrics: counts the calls.
            seconds: a clock that never goes back.
            new_id: makes the id of a call, by which the log and the client name it.
        """
        self._app = app
        self._token = token
        self._hosts = hosts
        self._metrics = metrics
        self._seconds = seconds
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._seconds()
        recorder = _StatusRecorder(send, self._new_id())
        # With an app in its scope, the router raises instead of answering in its own shape.
        scope = {**scope, "path": clean_path(scope["raw_path"]), "root_path": "", "app": self}
        try:
            self._check(scope)
            await self._app(scope, receive, recorder)
        except ClientDisconnect:
            recorder.status = CLIENT_GONE
        except Exception as error:
            await self._answer_error(error, scope, receive, recorder)
        self._note(scope, recorder, self._seconds() - began)

    def _check(self, scope: Scope) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self._hosts is not None:
            _check_host(headers, self._hosts)
        if scope["path"] not in _OPEN_PATHS:
            self._check_token(headers.get(b"authorization", b""))
        needs_workspace = not (scope["path"] in _OWN_PATHS or _is_openai(scope["path"]))
        if needs_workspace and not headers.get(b"x-gradient-workspace-id"):
            raise CallRefused("the header x-gradient-workspace-id is missing", status=400)

    def _check_token(self, header: bytes) -> None:
        scheme, _, token = header.partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            raise CallRefused("the header Authorization: Bearer ... is missing", status=401)
        # In constant time: the duration must not reveal how much of the token is right.
        if self._token is not None and not hmac.compare_digest(token, self._token.encode()):
            raise CallRefused("the access token is wrong", status=401)

    async def _answer_error(
        self, error: Exception, scope: Scope, receive: Receive, recorder: _StatusRecorder
    ) -> None:
        refusal = _refusal(error, scope)
        if recorder.status is None:
            reply = _error_reply_of(scope["path"], refusal)
            await reply(scope, receive, recorder)

    def _note(self, scope: Scope, recorder: _StatusRecorder, seconds: float) -> None:
        route, status = route_of(scope["path"]), recorder.status
        self._metrics.count_call(scope["method"], route, status or 0, seconds)
        logger.info(
            "%s %s: %s after %.3f s",
            scope["method"],
            route,
            status,
            seconds,
            extra={
                "event": "call_answered",
                "method": scope["method"],
                "route": route,
                "status": status,
                "seconds": round(seconds, 4),
                "request_id": recorder.request_id,
            },
        )


def _check_host(headers: Mapping[bytes, bytes], hosts: frozenset[str]) -> None:
    """Refuse what a browser sends for a page of another server."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if host not in hosts:
        raise CallRefused(
            f"the header Host is {host[:60]!r}: without SQLTUNE_SERVE_TOKEN this server answers "
            f"as {_any_of(hosts)} alone",
            status=403,
        )
    origin = headers.get(b"origin")
    if origin is not None and origin.decode("latin-1").lower().removeprefix("http://") not in hosts:
        raise CallRefused(
            "the header Origin names another server: without SQLTUNE_SERVE_TOKEN its pages may not "
            "call this one",
            status=403,
        )


def _any_of(words: Iterable[str]) -> str:
    return " or ".join(sorted(words))


def _is_openai(path: str) -> bool:
    return f"{path}/".startswith(PREFIX)


def _error_reply_of(path: str, refusal: CallRefused) -> Response:
    """Return an error in the shape of the API that the path belongs to."""
    if not _is_openai(path):
        return error_reply(refusal)
    # What is wrong with the server's files does not go away within a client's retries.
    headers = {"x-should-retry": "false"} if refusal.status == 500 else None
    return plain_reply(error_body(refusal), refusal.status, headers)


def _refusal(error: Exception, scope: Scope) -> CallRefused:
    if not isinstance(error, HTTPException):
        return refusals.translate(error)
    known = "/v1/models and /v1/chat/completions" if _is_openai(scope["path"]) else "/api/models"
    text = f"there is no such route for {scope['method']}; see {known}"
    return CallRefused(text, status=error.status_code)


class _StatusRecorder:
    """Forwards what is sent, with the id of the call, and records the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = (b"x-request-id", self.request_id.encode())
            message = {**message, "headers": [*message.get("headers", ()), own]}
        await self._send(message)


def clean_path(raw_path: bytes) -> str:
    """Return a path without repeated or trailing slashes, and without `/api` at its beginning.

    A slash that a client escaped is part of an id and separates nothing: it stays escaped.
    """
    escaped = re.sub("%2f", "%252F", raw_path.decode("latin-1"), flags=re.IGNORECASE)
    path = re.sub(r"/+", "/", unquote(escaped)).rstrip("/")
    return path.removeprefix("/api") if path == "/api" or path.startswith("/api/") else path


def route_of(path: str) -> str:
    """Return a path without the client's own values, for logs and metrics."""
    if path in {"/models", *_OWN_PATHS, *_OPENAI_ROUTES}:
        return path
    if path.startswith(f"{PREFIX}models/"):
        return f"{PREFIX}models/{{id}}"
    match = _ROUTE.match(path)
    return f"/models/{{id}}{match['verb'] or ''}" if match else "other"
