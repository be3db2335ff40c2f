"""Answers as server-sent events, while they are generated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future

from starlette.types import Receive, Scope, Send

from sqltune.local_lora.asked_questions import GeneratedAnswer
from sqltune.server.openai_api.replying import DONE, ReplyForm, error_event, event
from sqltune.server.request_ends import RequestEnd
from sqltune.server.waiting import wait_with

_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


class GrowingAnswers:
    """The answers to one request, filled by the thread of the base model.

    Only the latest text of each is kept: a client that reads slowly costs no memory.
    """

    def __init__(self, count: int, equal_choices: int) -> None:
        """Begin without texts, in the thread of the event loop.

        Args:
            count: answers that are computed.
            equal_choices: how many choices each of them is given as.
        """
        self.texts = [""] * (count * equal_choices)
        self._equal_choices = equal_choices
        self.futures: list[Future[GeneratedAnswer]] = []
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def writer(self, index: int) -> Callable[[str], None]:
        """Return what takes the text of a computed answer, in any thread."""
        count = self._equal_choices
        places = slice(index * count, (index + 1) * count)

        def write(text: str) -> None:
            self.texts[places] = [text] * count
            self._wake()

        return write

    def add(self, future: Future[GeneratedAnswer]) -> None:
        """Take the future of the next answer, for each of its choices."""
        self.futures += [future] * self._equal_choices
        future.add_done_callback(lambda _: self._wake())

    async def change(self) -> None:
        """Wait until there is more text, or an answer has ended."""
        await self._changed.wait()
        self._changed.clear()

    def cancel(self) -> None:
        """End the answers that have not ended."""
        for future in self.futures:
            future.cancel()

    def failure(self, form: ReplyForm) -> Exception | None:
        """Return what ended an answer in place of its end; None: nothing did."""
        for future in self.futures:
            if future.done() and not future.cancelled():
                try:
                    form.require_answered(future.result())
                except Exception as error:
                    return error
        return None

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._changed.set)


class AnswerStream:
    """A reply that sends its answers as they grow."""

    def __init__(
        self,
        form: ReplyForm,
        answers: GrowingAnswers,
        end: RequestEnd,
    ) -> None:
        """Send these answers in this form.

        Args:
            form: of the reply.
            answers: to all choices.
            end: of the request.
        """
        self._form = form
        self._answers = answers
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it, as long as the client is there."""
        sending = asyncio.ensure_future(self._send(send))
        try:
            await wait_with(receive, sending)
            await sending
        except BaseException as error:
            self._end.fail(error)
            raise
        finally:
            self._answers.cancel()
            sending.cancel()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        async for content in self._events():
            await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _events(self) -> AsyncIterator[bytes]:
        indexes = range(len(self._answers.futures))
        sent = ["" for _ in indexes]
        open_indexes = set(indexes)
        if self._form.is_chat:
            for index in indexes:
                yield event(self._form.first_chunk(index))
        while open_indexes:
            error = self._answers.failure(self._form)
            if error is not None:
                self._end.fail(error)
                yield error_event(error)
                return
            for index in sorted(open_indexes):
                future = self._answers.futures[index]
                # In this order: an answer that is done is there with all of its text.
                answer = future.result() if future.done() else None
                text = self._answers.texts[index] if answer is None else answer.text or ""
                if len(text) > len(sent[index]) and text.startswith(sent[index]):
                    yield event(self._form.text_chunk(index, text[len(sent[index]) :]))
                    sent[index] = text
                if answer is not None:
                    yield event(self._form.last_chunk(index, answer))
                    open_indexes.remove(index)
            if open_indexes:
                await self._answers.change()
        answers = [future.result() for future in self._answers.futures]
        self._end.answer(*self._form.tokens(answers))
        if self._form.includes_usage:
            yield event(self._form.usage_chunk(answers))
        yield DONE
