"""Waiting for what other threads compute, for as long as the client does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

Result = TypeVar("Result")


def wait_to_the_end(future: Future[Result]) -> Awaitable[Result]:
    """Wait for another thread's result; cancelling the wait does not cancel the work."""
    return asyncio.shield(asyncio.wrap_future(future))


async def wait_for_all(receive: Receive, futures: Sequence[Future[Result]]) -> list[Result]:
    """Wait for other threads' results as long as the client does; then cancel the work.

    Raises:
        ClientDisconnect: the client is gone.
    """
    results = [asyncio.wrap_future(future) for future in futures]
    together = asyncio.gather(*results)
    try:
        await wait_with(receive, together)
        return together.result()
    finally:
        for result in results:
            result.cancel()
        together.cancel()


async def wait_with(receive: Receive, work: asyncio.Future[Any]) -> None:
    """Wait until something is done, as long as the client is there.

    Raises:
        ClientDisconnect: the client is gone.
    """
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
    finally:
        gone.cancel()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
