"""Counts each request for a model once, when it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect

from sqltune.server.tuned_models import AskedModel
from sqltune.server.use_recording import EndedRequest, RequestOutcome


class RequestEnd:
    """The end of one request: at the end of the block with an error, else where it is noted.

    What is noted after the first end is not counted: a client may hang up when all is sent.
    """

    def __init__(
        self, model: AskedModel, began: float, count: Callable[[EndedRequest], None]
    ) -> None:
        """Count a request for a model.

        Args:
            model: what was asked.
            began: when, by `time.monotonic`.
            count: counts it; must not block.
        """
        self._model = model
        self._began = began
        self._count = count
        self._is_noted = False

    def __enter__(self) -> RequestEnd:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self.fail(error)

    def answer(self, prompt_tokens: int, output_tokens: int) -> None:
        """Note that it was answered, with the tokens of prompts and answers."""
        self._note(RequestOutcome.ANSWERED, prompt_tokens, output_tokens)

    def fail(self, error: BaseException) -> None:
        """Note what ended it in place of an answer."""
        is_failed = isinstance(error, Exception) and not isinstance(error, ClientDisconnect)
        self._note(RequestOutcome.FAILED if is_failed else RequestOutcome.CANCELLED)

    def _note(self, outcome: RequestOutcome, *tokens: int) -> None:
        if self._is_noted:
            return
        self._is_noted = True
        self._count(
            EndedRequest(
                self._model.name,
                self._model.version_number,
                self._model.label,
                outcome,
                time.monotonic() - self._began,
                *tokens,
            )
        )
