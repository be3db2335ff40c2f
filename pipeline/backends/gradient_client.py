"""Gradient's REST API over HTTP: one method per route, records in and out, errors translated.

What only reads is asked again with back-off. What changes something is sent again only where it
certainly was not begun: the service could not be reached, or said that it is too busy. Whether a
write whose reply was lost was carried out, this module cannot know and does not guess.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel as Shape
from pydantic import ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
)

from pipeline.backends.gradient_account import GradientAccount
from pipeline.backends.gradient_errors import is_worth_repeating, raise_refusal, translate_errors
from pipeline.errors import RateLimited, RequestRejected, UnexpectedReply
from pipeline.wire.gradient import (
    AdapterItem,
    BaseModelItem,
    CompleteReply,
    CompleteRequest,
    CreateReply,
    CreateRequest,
    FineTuneReply,
    FineTuneRequest,
    ModelList,
)

CONNECT_SECONDS = 10.0
#: How long a listing or a deletion may take; what trains or generates has a limit of its own.
READ_SECONDS = 60.0
ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 30.0
#: Below the five seconds after which uvicorn, for one, closes an idle connection.
IDLE_SECONDS = 3.0

Result = TypeVar("Result")
Reply = TypeVar("Reply", bound=Shape)


class GradientClient:
    """Speaks to one service as one account; may be used by many threads.

    Args:
        account: where and as whom.
        slots: completes at the same time, at most.
        timeout_seconds: longest wait for the reply to a fine-tune or a complete.
        first_wait_seconds: pause before the first repetition; it doubles.
    """

    def __init__(
        self,
        account: GradientAccount,
        *,
        slots: int,
        timeout_seconds: float,
        first_wait_seconds: float = 0.25,
    ) -> None:
        self._account = account
        self._first_wait_seconds = first_wait_seconds
        self._is_closed = threading.Event()
        self._long = httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS, pool=None)
        self._reads = _open_http(account, connections=slots)
        # Each write gets a fresh connection: one that the service has just closed would look like
        # a lost reply.
        self._writes = _open_http(account, connections=None)

    @property
    def address(self) -> str:
        """Where the service is."""
        return self._account.url

    def list_models(self, *, only_base: bool) -> list[BaseModelItem | AdapterItem]:
        """Give the base models, or these and every adapter."""
        parameters = {"capability": "any", "onlyBase": str(only_base).lower()}
        reply = self._read("GET", "/models", parameters=parameters)
        return self._parse(ModelList, reply).models

    def find_adapter(self, adapter_id: str) -> AdapterItem | None:
        """Give an adapter; None: there is none of this id."""
        try:
            reply = self._read("GET", f"/models/{quote(adapter_id, safe='')}")
        except RequestRejected as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
        return self._parse(AdapterItem, reply)

    def create_adapter(self, request: CreateRequest) -> str:
        """Create an adapter and give its id."""
        reply = self._write("/models", request, self._reads.timeout)
        return self._parse(CreateReply, reply).id

    def fine_tune(self, adapter_id: str, request: FineTuneRequest) -> FineTuneReply:
        """Train an adapter on samples, once; comes back when that is done."""
        path = f"/models/{quote(adapter_id, safe='')}/fine-tune"
        return self._parse(FineTuneReply, self._write(path, request, self._long))

    def complete(self, model_id: str, request: CompleteRequest) -> CompleteReply:
        """Let a base model or an adapter go on with a text."""
        path = f"/models/{quote(model_id, safe='')}/complete"
        reply = self._read("POST", path, body=_dump(request), timeout=self._long)
        return self._parse(CompleteReply, reply)

    def delete_adapter(self, adapter_id: str) -> None:
        """Remove an adapter; one that is gone already is fine."""
        try:
            self._read("DELETE", f"/models/{quote(adapter_id, safe='')}")
        except RequestRejected as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    def close(self) -> None:
        """Close the connections and end every pause."""
        self._is_closed.set()
        self._reads.close()
        self._writes.close()

    def _read(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: bytes | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Response:
        request = self._reads.build_request(
            method,
            self._account.url + path,
            params=parameters,
            content=body,
            timeout=timeout or self._reads.timeout,
        )
        return self._repeat(lambda: self._send(self._reads, request), is_write=False)

    def _write(self, path: str, shape: Shape, timeout: httpx.Timeout) -> httpx.Response:
        request = self._writes.build_request(
            "POST", self._account.url + path, content=_dump(shape), timeout=timeout
        )
        return self._repeat(lambda: self._send(self._writes, request), is_write=True)

    def _send(self, http: httpx.Client, request: httpx.Request) -> httpx.Response:
        with translate_errors(self._account):
            reply = http.send(request)
        if reply.status_code != httpx.codes.OK:
            raise_refusal(self._account, reply)
        return reply

    def _repeat(self, send: Callable[[], Result], *, is_write: bool) -> Result:
        return Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._pause,
            retry=retry_if_exception(lambda error: is_worth_repeating(error, is_write=is_write)),
            sleep=sleep_using_event(self._is_closed),
            reraise=True,
        )(send)

    def _pause(self, state: RetryCallState) -> float:
        """Give the pause before the next attempt: as the service asks, else twice the last."""
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after_seconds if isinstance(error, RateLimited) else None
        own: float = self._first_wait_seconds * 2 ** (state.attempt_number - 1)
        return min(LONGEST_WAIT_SECONDS, max(own, asked or 0.0))

    def _parse(self, shape: type[Reply], reply: httpx.Response) -> Reply:
        try:
            return shape.model_validate_json(reply.content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the body"
            raise UnexpectedReply(
                f"the service at {self.address} sent a reply that Gradient's API does not have: "
                f"{place}: {first['msg']}",
                status=reply.status_code,
            ) from None


def _open_http(account: GradientAccount, *, connections: int | None) -> httpx.Client:
    return httpx.Client(
        headers={
            "x-gradient-workspace-id": account.workspace_id,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": "sqltune",
            "Authorization": f"Bearer {account.access_token}",
        },
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=None),
        limits=httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections or 0,
            keepalive_expiry=IDLE_SECONDS,
        ),
        # A proxy of the environment has nothing to do between two processes of one machine.
        trust_env=not account.is_loopback,
        follow_redirects=False,
    )


def _dump(shape: Shape) -> bytes:
    return shape.model_dump_json(by_alias=True).encode()
