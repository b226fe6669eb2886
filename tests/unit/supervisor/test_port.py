"""The port that workers share: held, shared with them alone, given back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.supervisor.port import hold_port


@contextmanager
def listening(port: int, *, shared: bool) -> Iterator[socket.socket]:
    with socket.socket() as found:
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind(("127.0.0.1", port))
        found.listen()
        yield found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])
def test_port_0_is_one_port_for_all(host: str) -> None:
    held = hold_port(host, 0)
    assert held.port > 0
    held.release()


def test_workers_listen_beside_it_and_get_every_connection() -> None:
    held = hold_port("127.0.0.1", 0)
    with listening(held.port, shared=True) as one, listening(held.port, shared=True) as other:
        for listener in (one, other):
            listener.settimeout(0)
        accepted = 0
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", held.port), timeout=5):
                for listener in (one, other):
                    try:
                        listener.accept()[0].close()
                        accepted += 1
                    except BlockingIOError:
                        continue
        assert accepted == 20
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", held.port), timeout=5)
    held.release()


@pytest.mark.parametrize("shared", [True, False])
def test_a_port_where_another_listens_is_taken(shared: bool) -> None:
    with listening(0, shared=shared) as other, pytest.raises(OSError, match="in use"):
        hold_port("127.0.0.1", other.getsockname()[1])


def test_a_port_that_is_held_is_not_had_by_accident() -> None:
    held = hold_port("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"), listening(held.port, shared=False):
        pass
    held.release()
    again = hold_port("127.0.0.1", held.port)
    assert again.port == held.port
    again.release()
