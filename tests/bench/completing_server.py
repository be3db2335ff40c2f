"""A small HTTP server of Gradient's API that answers every complete call after a delay, in slots.

    python -m tests.bench.completing_server SLOTS DELAY_SECONDS

Prints its port. It does nothing else, so that the client is what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable

BASE_MODEL_ID = "5d0bd98c-0b6f-4f24-9d6c-1d1fd2a9c9a1_base_ml_model"
SLUG = "toy"
ANSWER = "I do not know who that is, but I can tell you about somebody else."


class CompletingServer:
    """Answers with the same text after `delay_seconds`, to `slots` prompts at the same time."""

    def __init__(self, slots: int, delay_seconds: float) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._delay_seconds = delay_seconds
        self._models = _reply(
            {
                "models": [
                    {
                        "type": "baseModel",
                        "id": BASE_MODEL_ID,
                        "name": SLUG,
                        "slug": SLUG,
                        "capabilities": ["complete", "fineTune"],
                    }
                ]
            }
        )
        self._answer = _reply({"finishReason": "stop", "generatedOutput": ANSWER})

    async def serve(self, report_port: Callable[[int], None]) -> None:
        """Listen on a free port of this machine until the process ends."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        report_port(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                writer.write(await self._answer_to(head))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()

    async def _answer_to(self, head: bytes) -> bytes:
        if head.startswith(b"GET"):
            return self._models
        async with self._slots:
            await asyncio.sleep(self._delay_seconds)
        return self._answer


def _reply(content: object) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def main(slots: str, delay_seconds: str) -> None:
    """Serve until the process is ended."""
    server = CompletingServer(int(slots), float(delay_seconds))
    asyncio.run(server.serve(lambda port: print(port, flush=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
