"""Asks many prompts at once: a few threads take them in order and tell each answer as it comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue

from sqltune.backends.base import Answer, AnswerRequest, Decoding
from sqltune.backends.gradient.client import GradientClient
from sqltune.backends.gradient.errors import CLOSED, MOST_CHARACTERS, is_about_one_prompt
from sqltune.backends.gradient.samples import estimate_tokens
from sqltune.backends.prompt_template import read_template
from sqltune.errors import BackendUnavailable, PipelineError
from sqltune.wire.gradient import CompleteRequest

#: How often who waits for an answer looks whether the backend was closed.
_CHECK_SECONDS = 0.25


class GradientAnswering:
    """The answers of one model to some prompts."""

    def __init__(
        self,
        client: GradientClient,
        model_id: str,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
        is_closed: threading.Event,
    ) -> None:
        self._client = client
        self._model_id = model_id
        self._requests = requests
        self._decoding = decoding
        self._template = read_template(decoding.prompt_template)
        self._is_closed = is_closed
        self._left = iter(requests)
        self._lock = threading.Lock()
        self._is_unwanted = threading.Event()
        self._told: SimpleQueue[Answer | BaseException] = SimpleQueue()

    def run(self, slots: int) -> Iterator[Answer]:
        """Yield each answer as soon as it is known, asking so many prompts at the same time.

        Raises:
            BackendError: no prompt can be answered, whichever it is.
        """
        for _ in range(min(slots, len(self._requests))):
            threading.Thread(target=self._ask_on, name="gradient", daemon=True).start()
        try:
            for _ in self._requests:
                told = self._next()
                if isinstance(told, BaseException):
                    raise told
                yield told
        finally:
            self._is_unwanted.set()

    def _next(self) -> Answer | BaseException:
        while not self._is_closed.is_set():
            try:
                return self._told.get(timeout=_CHECK_SECONDS)
            except Empty:
                continue
        return BackendUnavailable(CLOSED)

    def _ask_on(self) -> None:
        try:
            while not self._is_unwanted.is_set() and (request := self._take()) is not None:
                self._told.put(self._ask(request))
        except BaseException as error:  # raised again in the thread that reads
            self._told.put(error)
            self._is_unwanted.set()

    def _take(self) -> AnswerRequest | None:
        with self._lock:
            return next(self._left, None)

    def _ask(self, request: AnswerRequest) -> Answer:
        began = time.perf_counter()
        query = self._template.query(request.prompt, request.system_prompt)
        try:
            reply = self._client.complete(self._model_id, self._request(query))
        except PipelineError as error:
            if not is_about_one_prompt(error):
                raise
            return _error(request, error.code, str(error), began)
        except ValueError as error:
            return _error(request, "not_sendable", str(error)[:MOST_CHARACTERS], began)
        text = self._template.answer(reply.generated_output)
        return Answer(
            prompt_key=request.prompt_key,
            text=text,
            finish_reason=reply.finish_reason[:32],
            # The service counts neither.
            prompt_tokens=estimate_tokens(query),
            output_tokens=min(estimate_tokens(text), self._decoding.max_new_tokens),
            latency_ms=_milliseconds(began),
        )

    def _request(self, query: str) -> CompleteRequest:
        return CompleteRequest(
            query=query,
            max_generated_token_count=self._decoding.max_new_tokens,
            temperature=self._decoding.temperature,
            # The query is written in our own template already.
            auto_template=False,
        )


def _error(request: AnswerRequest, code: str, message: str, began: float) -> Answer:
    latency_ms = _milliseconds(began)
    return Answer(request.prompt_key, None, None, None, None, latency_ms, code, message)


def _milliseconds(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
