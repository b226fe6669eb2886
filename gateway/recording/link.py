"""From an outbox to the owner of its log: over the owner's socket file, or in the same process.

Rules:

- The owner may be away (it is started anew after a kill): it is tried for ever, and what it has not acknowledged is
  sent again. It knows what it has.
- A process that ends in order hands over what it has, in bounded time, and says so.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from .outbox import Outbox
from .owner import LogOwner
from .wire import Ack, State, WireBroken, bye, entries, hello, read_frame

FIRST_AGAIN_S: Final = 0.02
LONGEST_AGAIN_S: Final = 0.5
"""Between two tries to reach the owner."""

HAND_OVER_S: Final = 3.0
"""For what is left when the process ends."""


class Link(Protocol):
    """What carries an outbox's entries to its owner. Start and close it in the outbox's event loop."""

    def start(self) -> None:
        """Begin."""
        ...

    async def close(self) -> None:
        """Hand over what is left, in bounded time, and end."""
        ...


class DirectLink:
    """To an owner in the same process."""

    def __init__(self, outbox: Outbox, owner: LogOwner) -> None:
        """Take whose entries, and who writes them."""
        self._outbox = outbox
        self._owner = owner
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """See Link."""
        self._owner.states.add(self._told)
        self._outbox.linked(up=True)
        self._told(self._owner.degraded)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """See Link."""
        await handed_over(self._outbox)
        self._owner.states.discard(self._told)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _told(self, degraded: bool) -> None:  # noqa: FBT001 as the owner tells it
        self._outbox.degraded(degraded=degraded)

    async def _run(self) -> None:
        outbox = self._outbox
        while True:
            first, batch = await outbox.next()
            self._owner.submit(outbox.run, first, batch, outbox.acknowledged)


class SocketLink:
    """To the owner in another process of this machine."""

    def __init__(self, outbox: Outbox, path: Path) -> None:
        """Take whose entries, and the owner's socket file."""
        self._outbox = outbox
        self._path = path
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """See Link. The owner need not be there yet."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """See Link."""
        await handed_over(self._outbox)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        again_s = FIRST_AGAIN_S
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path)
            except OSError:
                await asyncio.sleep(again_s)
                again_s = min(LONGEST_AGAIN_S, again_s * 2)
                continue
            try:
                with suppress(OSError, WireBroken):
                    if await self._converse(reader, writer):
                        again_s = FIRST_AGAIN_S
            finally:
                self._outbox.linked(up=False)
                await _hang_up(writer, in_order=not self._outbox.waiting)
            await asyncio.sleep(again_s)
            again_s = min(LONGEST_AGAIN_S, again_s * 2)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send and hear until the connection ends; tell whether the owner ever spoke. Raises: OSError, WireBroken."""
        outbox = self._outbox
        writer.write(hello(outbox.run, outbox.log))
        greeting = await read_frame(reader)
        if not isinstance(greeting, Ack):
            return False
        outbox.acknowledged(greeting.number)
        outbox.linked(up=True)
        sending = asyncio.create_task(self._send(writer))
        try:
            while (frame := await read_frame(reader)) is not None:
                if isinstance(frame, Ack):
                    outbox.acknowledged(frame.number)
                elif isinstance(frame, State):
                    outbox.degraded(degraded=frame.degraded)
        finally:
            sending.cancel()
            await asyncio.wait({sending})
        return True

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # the reader sees the end too
            while True:
                first, batch = await self._outbox.next()
                writer.write(entries(first, batch))
                await writer.drain()


async def handed_over(outbox: Outbox) -> bool:
    """Wait until all of an outbox is durable, for as long as a process that ends may; tell whether it is."""
    with suppress(TimeoutError):
        await asyncio.wait_for(outbox.emptied(), HAND_OVER_S)
    return not outbox.waiting


async def _hang_up(writer: asyncio.StreamWriter, *, in_order: bool) -> None:
    with suppress(OSError):
        if in_order and not writer.is_closing():
            writer.write(bye())
        writer.close()
        await asyncio.wait_for(asyncio.shield(writer.wait_closed()), 1.0)
