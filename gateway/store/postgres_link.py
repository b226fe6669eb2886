"""One connection to PostgreSQL that is made when it is needed, and made anew when it was lost.

- Each session asks for what durability and a short patience need, whatever the server's defaults are.
- After any failure the connection is thrown away: what state it is in need not be known.
- Nothing of a DSN, a statement or a row is told: the kind of fault only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import asyncpg

from gateway.changes import StoreDegraded

from .migrations import StoreUnfit

SCHEMA: Final = "hcgw"
"""Where all tables of ours are."""

LOST: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, EOFError)
"""Everything that a server or the way to it does to us."""

_UNFIT: Final = ("28", "3D", "3F", "42")
"""Classes of SQLSTATE that waiting does not cure: no entry, no such database, no such schema, table or right."""

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    connect_s: float = 3.0
    command_s: float = 5.0
    lock_s: float = 3.0
    """For a row that another node is changing."""
    retry_s: float = 1.0
    """Between two tries of who listens."""
    alive_s: float = 10.0
    """After which a silent connection is asked whether it is there."""


@dataclass(slots=True)
class Link:
    """The connection. One task uses it at a time, others wait."""

    dsn: str = field(repr=False)
    patience: Patience = Patience()
    _connection: Connection | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def use(self, run: Callable[[Connection], Awaitable[T]]) -> T:
        """Run something with the connection. Raises: StoreUnfit, StoreDegraded, what `run` raises of its own."""
        async with self._lock:
            try:
                connection = await self.connected()
                return await run(connection)
            except LOST as failed:
                self.lose()
                raise told(failed) from None
            except asyncio.CancelledError:
                self.lose()
                raise

    async def connected(self) -> Connection:
        """Return the connection, made if need be. Raises: one of LOST."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self.dsn, self.patience)
        return self._connection

    def lose(self) -> None:
        """Throw the connection away."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """End it."""
        if self._connection is not None:
            with suppress(*LOST):
                await self._connection.close(timeout=self.patience.connect_s)
            self.lose()


async def connect(dsn: str, patience: Patience) -> Connection:
    """Open a session. Raises: one of LOST."""
    return await asyncpg.connect(
        dsn,
        timeout=patience.connect_s,
        command_timeout=patience.command_s,
        server_settings={
            "application_name": "hcgw",
            "search_path": SCHEMA,
            "synchronous_commit": "on",
            "lock_timeout": f"{patience.lock_s * 1000:.0f}",
            # A node that hangs in the middle lets go of its rows.
            "idle_in_transaction_session_timeout": f"{4 * patience.command_s * 1000:.0f}",
            "jit": "off",
        },
    )


def told(failed: BaseException) -> StoreDegraded | StoreUnfit:
    """Return what to tell of a failure."""
    if isinstance(failed, asyncpg.PostgresError):
        code = str(failed.sqlstate)
        kind = StoreUnfit if code.startswith(_UNFIT) else StoreDegraded
        return kind(f"postgresql: {type(failed).__name__} ({code})")
    if isinstance(failed, ValueError):
        return StoreUnfit("postgresql: the DSN cannot be read")
    return StoreDegraded(f"postgresql: {type(failed).__name__}")
