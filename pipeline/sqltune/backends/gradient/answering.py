"""Answers many prompts at a time: a few threads send them in order and pass on each answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue

from sqltune.backends.base import Answer, AnswerRequest, Decoding
from sqltune.backends.gradient.client import GradientClient
from sqltune.backends.gradient.errors import CLOSED, MOST_CHARACTERS, is_about_one_prompt
from sqltune.backends.gradient.samples import estimate_tokens
from sqltune.errors import BackendUnavailable, PipelineError
from sqltune.prompt_formats import read_template
from sqltune.wire.gradient import CompleteRequest

#: How often a wait for an answer checks whether the backend was closed.
_CHECK_SECONDS = 0.25


class GradientAnswering:
    """One model's answers to a list of prompts."""

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
        self._template = read_template(decoding.prompt_format)
        self._is_closed = is_closed
        self._remaining = iter(requests)
        self._lock = threading.Lock()
        self._is_stopped = threading.Event()
        self._results: SimpleQueue[Answer | BaseException] = SimpleQueue()

    def run(self, slots: int) -> Iterator[Answer]:
        """Yield each answer as soon as it is known, with `slots` prompts sent at a time.

        Raises:
            BackendError: the failure concerns every prompt.
        """
        for _ in range(min(slots, len(self._requests))):
            threading.Thread(target=self._ask_remaining, name="gradient", daemon=True).start()
        try:
            for _ in self._requests:
                result = self._next()
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            self._is_stopped.set()

    def _next(self) -> Answer | BaseException:
        while not self._is_closed.is_set():
            try:
                return self._results.get(timeout=_CHECK_SECONDS)
            except Empty:
                continue
        return BackendUnavailable(CLOSED)

    def _ask_remaining(self) -> None:
        try:
            while not self._is_stopped.is_set() and (request := self._take()) is not None:
                self._results.put(self._ask(request))
        except BaseException as error:  # raised in the reading thread
            self._results.put(error)
            self._is_stopped.set()

    def _take(self) -> AnswerRequest | None:
        with self._lock:
            return next(self._remaining, None)

    def _ask(self, request: AnswerRequest) -> Answer:
        began = time.perf_counter()
        if request.messages is not None:
            return _error(request, "plain_text_only", _PLAIN_TEXT_ONLY)
        query = self._template.query(request.prompt, request.system_prompt)
        try:
            reply = self._client.complete(self._model_id, self._request(query))
        except PipelineError as error:
            if not is_about_one_prompt(error):
                raise
            return _error(request, error.code, str(error), _milliseconds(began))
        except ValueError as error:
            return _error(request, "not_sendable", str(error)[:MOST_CHARACTERS])
        text = self._template.answer(reply.generated_output)
        return Answer(
            prompt_key=request.prompt_key,
            text=text,
            finish_reason=reply.finish_reason[:32],
            # The service does not report token counts.
            prompt_tokens=estimate_tokens(query),
            output_tokens=min(estimate_tokens(text), self._decoding.max_new_tokens),
            latency_ms=_milliseconds(began),
        )

    def _request(self, query: str) -> CompleteRequest:
        return CompleteRequest(
            query=query,
            max_generated_token_count=self._decoding.max_new_tokens,
            temperature=self._decoding.temperature,
            # The query is already in our own template.
            auto_template=False,
        )


_PLAIN_TEXT_ONLY = (
    "the prompt is a conversation of several turns, and this service takes plain text: give one "
    "prompt, or use backend 'local'"
)


def _error(
    request: AnswerRequest, code: str, message: str, latency_ms: float | None = None
) -> Answer:
    return Answer(request.prompt_key, None, None, None, None, latency_ms, code, message)


def _milliseconds(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
