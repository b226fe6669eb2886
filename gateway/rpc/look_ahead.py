"""Answers in the order of their questions, where some must be waited for and most need not.

Rules:

- As long as every answer is there at once, nothing here costs anything: it is handed on as it comes.
- While one is waited for, up to `AHEAD` later questions are read and judged, and their answers stand in line. So one
  slow issuer costs a stream its own time once, and not once for each of its codes.
- A question that ends the stream does so after the answers before it. Whatever ends it, nothing is left running.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, Final

AHEAD: Final = 32

Later = Coroutine[Any, Any, bytes]


async def in_order(
    requests: AsyncIterator[bytes], begin: Callable[[bytes], bytes | Later]
) -> AsyncGenerator[bytes, None]:
    """Yield one answer per request. `begin` gives an answer, or what is to be awaited for it.

    Raises: what `begin` or an answer raises, once all answers before it have been yielded.
    """
    line: deque[asyncio.Task[bytes]] = deque()
    reading: asyncio.Task[bytes | None] | None = None
    ended: Exception | bool = False
    try:
        while not ended or line:
            # the answers that are there, or the next request, whatever comes first
            if line:
                if reading is None and not ended and len(line) < AHEAD:
                    reading = asyncio.create_task(_next(requests))
                await asyncio.wait([line[0], *([reading] if reading else [])], return_when=asyncio.FIRST_COMPLETED)
                while line and line[0].done():
                    yield line.popleft().result()
                if reading is None or not reading.done():
                    continue
                raw, reading = reading.result(), None
            else:
                raw, reading = await (reading or _next(requests)), None
            if raw is None:
                ended = True
                continue
            try:
                answer = begin(raw)
            except Exception as failure:  # noqa: BLE001 raised below, after the answers before it
                ended = failure
                continue
            if isinstance(answer, bytes) and not line:
                yield answer
            else:
                line.append(asyncio.create_task(_at_once(answer) if isinstance(answer, bytes) else answer))
        if isinstance(ended, Exception):
            raise ended
    finally:
        ended = True  # a failure holds this frame, and this frame must not hold the failure: the call would stay alive
        left = [*line, *([reading] if reading else [])]
        for task in left:
            task.cancel()
        if left:
            await asyncio.gather(*left, return_exceptions=True)


async def _next(requests: AsyncIterator[bytes]) -> bytes | None:
    return await anext(requests, None)


async def _at_once(answer: bytes) -> bytes:
    return answer
