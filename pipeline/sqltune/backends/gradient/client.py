"""Gradient's REST API over HTTP: one method per route, records in and out, errors translated.

What only reads is asked again with back-off. What changes something is sent again only where it
certainly was not begun: the service could not be reached, or said that it is too busy. Whether a
write whose reply was lost was carried out, this module cannot know and does not guess.
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

#: How long a listing, a creation or a deletion may take at most; what trains or generates has the
#: limit of the settings alone.
QUICK_SECONDS = 60.0
ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 30.0
_NOT_FOUND = 404

Reply = TypeVar("Reply", bound=Shape)


class GradientClient:
    """Speaks to one service as one account; may be used by many threads.

    Args:
        account: where and as whom.
        slots: completes at the same time, at most.
        timeout_seconds: longest wait for one reply.
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
        self._http = GradientHttp(account, slots=slots)
        self.address = account.url
        self._timeout_seconds = timeout_seconds
        self._quick_seconds = min(QUICK_SECONDS, timeout_seconds)
        self._first_wait_seconds = first_wait_seconds
        self._is_closed = threading.Event()
        self._patient_read = self._make_patient(is_write=False)
        self._patient_write = self._make_patient(is_write=True)

    def list_models(self, *, only_base: bool) -> list[BaseModelItem | AdapterItem]:
        """Give the base models, or these and every adapter."""
        path = f"/models?capability=any&onlyBase={str(only_base).lower()}"
        return self._parse(ModelList, self._read("GET", path)).models

    def find_adapter(self, adapter_id: str) -> AdapterItem | None:
        """Give an adapter; None: there is none of this id."""
        try:
            reply = self._read("GET", _path(adapter_id))
        except RequestRejected as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return self._parse(AdapterItem, reply)

    def create_adapter(self, request: CreateRequest) -> str:
        """Create an adapter and give its id."""
        reply = self._write("/models", request, self._quick_seconds)
        return self._parse(CreateReply, reply).id

    def fine_tune(self, adapter_id: str, request: FineTuneRequest) -> FineTuneReply:
        """Train an adapter on samples, once; comes back when that is done."""
        path = f"{_path(adapter_id)}/fine-tune"
        return self._parse(FineTuneReply, self._write(path, request, self._timeout_seconds))

    def complete(self, model_id: str, request: CompleteRequest) -> CompleteReply:
        """Let a base model or an adapter go on with a text."""
        path, body = f"{_path(model_id)}/complete", _dump(request)

        def send() -> bytes:
            return self._http.ask(path, body, seconds=self._timeout_seconds)

        return self._parse(CompleteReply, self._patient_read(send))

    def delete_adapter(self, adapter_id: str) -> None:
        """Remove an adapter; one that is gone already is fine."""
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
        """Send what may be sent again, because a second time changes nothing more."""
        seconds = self._quick_seconds
        return self._patient_read(lambda: self._http.read(method, path, seconds=seconds))

    def _write(self, path: str, shape: Shape, seconds: float) -> bytes:
        body = _dump(shape)
        return self._patient_write(lambda: self._http.write(path, body, seconds=seconds))

    def _make_patient(self, *, is_write: bool) -> Retrying:
        """Give what calls a function again with back-off; one serves all threads."""
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
        """Give the pause before the next attempt: as the service asks, else twice the last."""
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
                f"the service at {self.address} sent a reply that Gradient's API does not have: "
                f"{place}: {first['msg']}"
            ) from None


def _path(model_id: str) -> str:
    return f"/models/{quote(model_id, safe='')}"


def _dump(shape: Shape) -> bytes:
    return shape.model_dump_json(by_alias=True).encode()
