"""Gradient's REST API over HTTP: one method per route, records in and out, errors translated.

Reads are retried with back-off. A write is retried only if the service certainly did not begin it:
the service could not be reached, or replied that it is too busy. A write whose reply was lost may
have been carried out; this module does not decide, and raises the error.
"""

from __future__ import annotations

import threading
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel as Shape
from pydantic import ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
)

from sqltune.backends.gradient.account import GradientAccount
from sqltune.backends.gradient.errors import is_worth_repeating
from sqltune.backends.gradient.http import GradientHttp
from sqltune.errors import PipelineError, RateLimited, RequestRejected, UnexpectedReply
from sqltune.wire.gradient import (
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

#: Longest wait for a listing, a creation or a deletion. Fine-tuning and completing are limited by
#: the settings alone.
QUICK_SECONDS = 60.0
ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 30.0
_NOT_FOUND = 404

Reply = TypeVar("Reply", bound=Shape)


class GradientClient:
    """Sends requests to one service with one account; may be used by many threads.

    Args:
        account: the service and the credentials for it.
        slots: maximum number of completions at a time.
        timeout_seconds: longest wait for one reply.
        first_wait_seconds: pause before the first retry; it doubles with each further one.
    """

    def __init__(
        self,
        account: GradientAccount,
        *,
        slots: int,
        timeout_seconds: float,
        first_wait_seconds: float = 0.25,
    ) -> None:
        self._http = GradientHttp(account, slots=slots)
        self.address = account.url
        self._timeout_seconds = timeout_seconds
        self._quick_seconds = min(QUICK_SECONDS, timeout_seconds)
        self._first_wait_seconds = first_wait_seconds
        self._is_closed = threading.Event()
        self._retry_read = self._make_retrying(is_write=False)
        self._retry_write = self._make_retrying(is_write=True)

    def list_models(self, *, only_base: bool) -> list[BaseModelItem | AdapterItem]:
        """Return the base models, and every adapter unless `only_base`."""
        path = f"/models?capability=any&onlyBase={str(only_base).lower()}"
        return self._parse(ModelList, self._read("GET", path)).models

    def find_adapter(self, adapter_id: str) -> AdapterItem | None:
        """Return an adapter; None: the service has none with this id."""
        try:
            reply = self._read("GET", _path(adapter_id))
        except RequestRejected as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return self._parse(AdapterItem, reply)

    def create_adapter(self, request: CreateRequest) -> str:
        """Create an adapter and return its id."""
        reply = self._write("/models", request, self._quick_seconds)
        return self._parse(CreateReply, reply).id

    def fine_tune(self, adapter_id: str, request: FineTuneRequest) -> FineTuneReply:
        """Train an adapter once on samples, and return when that is done."""
        path = f"{_path(adapter_id)}/fine-tune"
        return self._parse(FineTuneReply, self._write(path, request, self._timeout_seconds))

    def complete(self, model_id: str, request: CompleteRequest) -> CompleteReply:
        """Let a base model or an adapter continue a text."""
        path, body = f"{_path(model_id)}/complete", _dump(request)

        def send() -> bytes:
            return self._http.ask(path, body, seconds=self._timeout_seconds)

        return self._parse(CompleteReply, self._retry_read(send))

    def delete_adapter(self, adapter_id: str) -> None:
        """Delete an adapter; it is no error if the service has none with this id."""
        try:
            self._read("DELETE", _path(adapter_id))
        except RequestRejected as error:
            if error.status != _NOT_FOUND:
                raise

    def close(self) -> None:
        """Close the connections and end every pause."""
        self._is_closed.set()
        self._http.close()

    def _read(self, method: str, path: str) -> bytes:
        """Send a request that may be repeated because a second time changes nothing more."""
        seconds = self._quick_seconds
        return self._retry_read(lambda: self._http.read(method, path, seconds=seconds))

    def _write(self, path: str, shape: Shape, seconds: float) -> bytes:
        body = _dump(shape)
        return self._retry_write(lambda: self._http.write(path, body, seconds=seconds))

    def _make_retrying(self, *, is_write: bool) -> Retrying:
        """Return the retry policy for reads or for writes; all threads share it."""
        return Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._pause,
            retry=retry_if_exception(lambda error: self._may_repeat(error, is_write=is_write)),
            sleep=sleep_using_event(self._is_closed),
            reraise=True,
        )

    def _may_repeat(self, error: BaseException, *, is_write: bool) -> bool:
        return (
            not self._is_closed.is_set()
            and isinstance(error, PipelineError)
            and is_worth_repeating(error, is_write=is_write)
        )

    def _pause(self, state: RetryCallState) -> float:
        """Return the pause before the next attempt: twice the last, or more if the service asks."""
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after_seconds if isinstance(error, RateLimited) else None
        own: float = self._first_wait_seconds * 2 ** (state.attempt_number - 1)
        return min(LONGEST_WAIT_SECONDS, max(own, asked or 0.0))

    def _parse(self, shape: type[Reply], body: bytes) -> Reply:
        try:
            return shape.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the body"
            raise UnexpectedReply(
                f"the service at {self.address} sent a reply that does not follow Gradient's API: "
                f"{place}: {first['msg']}"
            ) from None


def _path(model_id: str) -> str:
    return f"/models/{quote(model_id, safe='')}"


def _dump(shape: Shape) -> bytes:
    return shape.model_dump_json(by_alias=True).encode()
