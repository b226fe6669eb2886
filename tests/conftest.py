"""What every test runs under: no network but loopback, a clock that is set by hand, a word on the public vectors."""

from __future__ import annotations

import ipaddress
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from keys.values import Instant
from tests.vectors import WHERE_TO_GET_THEM, vectors_dir

# How long an example takes, or takes to be drawn, tells about the machine and not about the code: no test fails for it.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

NOON = Instant(1_600_000_000.0)
"""2020-09-13T12:26:40Z: where the fake clock starts."""


class NetworkRefused(BaseException):
    """A test tried to leave the machine. Not an Exception, so that no fail-closed handler swallows it."""


def _leaves_the_machine(host: object) -> bool:
    """Tell whether `host` is anything but loopback; names other than localhost would ask a name server."""
    if host in (None, "", b"", "localhost", b"localhost"):
        return False
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return True
    return not (address.is_loopback or address.is_unspecified)


def _guard(event: str, args: tuple[Any, ...]) -> None:
    """Refuse to look up or reach another machine from Python. C code that opens its own sockets (grpc) is not seen."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        host = args[1][0] if isinstance(args[1], tuple) else None
    else:
        return
    if _leaves_the_machine(host):
        raise NetworkRefused(f"{event} beyond loopback")


# An audit hook sees every socket, also those of subclasses and of asyncio, and cannot be removed by a test.
sys.addaudithook(_guard)


def pytest_report_header() -> str:
    """Tell once whether the public vectors are there."""
    return WHERE_TO_GET_THEM if vectors_dir() is None else "public test vectors: found"


@dataclass
class FakeClock:
    """A clock that stands still until it is told otherwise. Call it to read it."""

    now: Instant = NOON

    def __call__(self) -> Instant:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`, which may be negative."""
        self.now = Instant(self.now + seconds)


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock at NOON that only this test moves."""
    return FakeClock()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let what this test starts be interrupted: tests that run in the background ignore SIGINT, and hand that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
