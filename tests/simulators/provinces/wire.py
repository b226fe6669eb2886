"""What can be done to a connection: end it with RST."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

_LINGER_OF_ZERO = struct.pack("ii", 1, 0)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Close with RST instead of FIN, at once; what is not sent yet is lost."""
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OF_ZERO)
    if isinstance(transport, asyncio.Transport):
        transport.abort()
