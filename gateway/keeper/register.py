"""How the lists of this process's converted codes reach the keeper of its machine: over its socket, as batches.

Then every worker judges the codes that one of them has made, and so does every gateway that follows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.conversion.converter import Converter
from gateway.conversion.publishing import MOST_CHANGES, PublishingObserver, RegisterPublisher
from gateway.rpc.status_client import connected_status
from gateway.rpc.status_convert import write_batch
from gateway.values import Instant


class PublishedRegister:
    """Publishes one converter's lists. Make, start and stop it in the same event loop."""

    def __init__(
        self,
        converter: Converter,
        socket: Path,
        clock: Callable[[], Instant],
        observer: PublishingObserver,
        *,
        bulk_size: int,
    ) -> None:
        """Take whose lists, where the keeper listens, and how much it takes on one signature."""
        self._converter = converter
        self._most_changes = min(MOST_CHANGES, bulk_size)
        self._socket = socket
        self._clock = clock
        self._observer = observer
        self._connection = AsyncExitStack()
        self._publisher: RegisterPublisher | None = None

    async def start(self) -> None:
        """Begin, before anything is converted. The keeper need not be there yet."""
        client = await self._connection.enter_async_context(connected_status(f"unix:{self._socket}"))
        converter = self._converter
        self._publisher = RegisterPublisher(
            converter.register,
            converter.settings.issuer,
            converter.signer,
            client,
            write_batch,
            self._clock,
            most_changes=self._most_changes,
            observer=self._observer,
        )
        converter.published = self._publisher
        self._publisher.start()

    async def stop(self) -> None:
        """Close the lists, in bounded time: codes that point to them go to a person at once."""
        if self._publisher is not None:
            await self._publisher.stop()
        await self._connection.aclose()
