"""A running vLLM over HTTP: what it lists, and the two calls that change what it has loaded.

Written from vLLM's documentation (https://docs.vllm.ai/en/latest/features/lora/) and its source:

- `GET /v1/models` replies with base models, whose `parent` is null, and adapters, whose `root` is
  the folder that they were loaded from.
- `POST /v1/load_lora_adapter` replies with 200 and a text; with 400, InvalidUserInput, where the
  name is loaded already; with 404, NotFoundError, where the folder has no adapter; with 500 where
  the engine refuses the weights.
- `POST /v1/unload_lora_adapter` replies with 200 and a text; with 404, NotFoundError, where no
  adapter has the name.
- Without VLLM_ALLOW_RUNTIME_LORA_UPDATING neither route exists: 404, `Not Found`. A wrong key is
  refused with 401 in front of all of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from sqltune.errors import BackendError, BackendUnavailable, UnexpectedReply
from sqltune.http_replies import open_reply, read_body
from sqltune.settings import VERSION

#: vLLM replies when the weights are in memory; where that takes longer, a later list says that they
#: are, and a process that is to end does not wait for them.
CALL_SECONDS = 10.0
LIST_SECONDS = 5.0
#: Characters of a reply's message that an outcome repeats; a cure has room after it.
_MOST_MESSAGE = 130
_NOT_LOADED = "NotFoundError"
_NO_ROUTE = "Not Found"
NO_ROUTES = "start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
_NO_FOLDER = "SQLTUNE_VLLM_LORA_FOLDER says where vLLM sees the folder of artifacts"
_NO_KEY = "set SQLTUNE_VLLM_API_KEY to its key"
_NO_VLLM = "correct SQLTUNE_VLLM_URL"


class VllmModel(BaseModel):
    """A base model or an adapter, as vLLM lists it."""

    id: str
    root: str | None = None
    parent: str | None = None  #: None: a base model


class _Listing(BaseModel):
    data: list[VllmModel]


@dataclass(frozen=True, slots=True)
class VllmOutcome:
    """How a call ended."""

    is_done: bool
    text: str  #: the status of the reply with its message, or why there is none
    is_answered: bool = True


@dataclass(frozen=True, slots=True)
class _VllmReply:
    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    message: str  #: empty: the body has none
    type: str


@dataclass(frozen=True)
class VllmClient:
    """Sends requests to one server."""

    url: str
    key: str | None

    def list_models(self) -> list[VllmModel]:
        """Return the base models and the adapters that are loaded.

        Raises:
            BackendError: the server cannot be reached, or replies with something else.
        """
        reply = self._get("/v1/models")
        if reply.status != 200:
            text = self._describe(_read_error(reply))
            raise BackendError(f"{self.url} did not list its models: {text}")
        try:
            return _Listing.model_validate_json(reply.content).data
        except ValidationError as error:
            raise UnexpectedReply(
                f"{self.url} did not list its models as vLLM does: {_NO_VLLM}"
            ) from error

    def can_load(self) -> bool:
        """Return whether the server has the route that loads an adapter; it loads none.

        Raises:
            BackendError: the server cannot be reached.
        """
        # The route takes POST alone: where it exists, this is refused with another status.
        return self._get("/v1/load_lora_adapter").status != 404

    def load(self, lora_name: str, lora_path: str) -> VllmOutcome:
        """Load an adapter; what goes wrong is the outcome and no error."""
        return self._post("load", {"lora_name": lora_name, "lora_path": lora_path})

    def unload(self, lora_name: str) -> VllmOutcome:
        """Unload an adapter; one that is not loaded is unloaded."""
        return self._post("unload", {"lora_name": lora_name})

    def _get(self, path: str) -> _VllmReply:
        try:
            return self._request("GET", path, LIST_SECONDS, None)
        except ConnectionError as error:
            raise BackendUnavailable(
                f"vLLM was not reached at {self.url} ({error}): start it, or {_NO_VLLM}"
            ) from error

    def _post(self, kind: str, body: Mapping[str, str]) -> VllmOutcome:
        content = json.dumps(body).encode()
        try:
            reply = self._request("POST", f"/v1/{kind}_lora_adapter", CALL_SECONDS, content)
        except ConnectionError as error:
            return VllmOutcome(False, str(error), is_answered=False)
        except BackendError as error:
            return VllmOutcome(False, str(error))
        if reply.status == 200:
            return VllmOutcome(True, "HTTP 200")
        found = _read_error(reply)
        is_gone = kind == "unload" and found.status == 404 and found.type == _NOT_LOADED
        return VllmOutcome(is_gone, self._describe(found))

    def _describe(self, reply: _Refusal) -> str:
        message = reply.message if self.key is None else reply.message.replace(self.key, "***")
        text = f"HTTP {reply.status}" + (f": {message[:_MOST_MESSAGE]}" if message else "")
        if reply.status == 401:
            return f"{text}: {_NO_KEY}"
        if reply.status != 404:
            return text
        return f"{text}: {NO_ROUTES if message in ('', _NO_ROUTE) else _NO_FOLDER}"

    def _request(self, method: str, path: str, seconds: float, body: bytes | None) -> _VllmReply:
        """Send one request.

        Raises:
            ConnectionError: there is no reply.
            UnexpectedReply: it is none of vLLM's.
        """
        headers = {"User-Agent": f"sqltune/{VERSION}", "Content-Type": "application/json"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        url, deadline = f"{self.url}{path}", time.monotonic() + seconds
        with open_reply(method, url, headers=headers, body=body, seconds=seconds) as reply:
            return _VllmReply(reply.status_code, read_body(reply, deadline=deadline, cure=_NO_VLLM))


class _Error(BaseModel):
    message: str = ""
    type: str = ""


class _Wrapped(BaseModel):
    """Holds the error in a field; older releases of vLLM send its fields alone."""

    error: _Error | str


class _Detail(BaseModel):
    detail: str


def _read_error(reply: _VllmReply) -> _Refusal:
    """Return the message of a refusal; proxies send other bodies, from which nothing is taken."""
    for shape in (_Wrapped, _Detail, _Error):
        try:
            found = shape.model_validate_json(reply.content)
        except ValidationError:
            continue
        error = found.error if isinstance(found, _Wrapped) else found
        if isinstance(error, _Error):
            return _Refusal(reply.status, error.message, error.type)
        text = error.detail if isinstance(error, _Detail) else str(error)
        return _Refusal(reply.status, text, "")
    return _Refusal(reply.status, "", "")
