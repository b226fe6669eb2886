"""Holding the port that the workers share.

Rules:

- Bound with SO_REUSEPORT and never listening: no connection is given to it, the workers bind beside it. So port 0 is
  one port for all of them, and it stays theirs while one is dead.
- First it is bound alone for a moment: SO_REUSEPORT would let two gateways share a port by accident, each with half of
  the calls.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack


class HeldPort:
    """A port of ours. Made by `hold_port`."""

    def __init__(self, port: int, sockets: ExitStack) -> None:
        self.port = port
        self._sockets = sockets

    def release(self) -> None:
        """Give it back to the system."""
        self._sockets.close()


def hold_port(host: str, port: int) -> HeldPort:
    """Return the port, held on every address of `host`; the system's choice if `port` is 0. Raises: OSError."""
    # As gateway/rpc does: the name localhost is not looked up.
    literal = "127.0.0.1" if host == "localhost" else host
    addresses = {
        (family, str(place[0]), place[2:])
        for family, _, _, _, place in socket.getaddrinfo(literal, port, type=socket.SOCK_STREAM)
    }
    with ExitStack() as sockets:
        for family, address, rest in sorted(addresses):
            if port:
                _bound(family, (address, port, *rest), shared=False).close()
            held = sockets.enter_context(_bound(family, (address, port, *rest), shared=True))
            port = int(held.getsockname()[1])
        return HeldPort(port, sockets.pop_all())


def _bound(family: socket.AddressFamily, place: tuple[object, ...], *, shared: bool) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        # REUSEADDR: connections that have just ended do not count as taken. Listening sockets do.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(place)
    except BaseException:
        found.close()
        raise
    return found
