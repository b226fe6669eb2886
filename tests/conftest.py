"""What every test runs under: no network but loopback, a clock that is set by hand, a word on the public vectors."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
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


def _guard(name: str, address_of: Callable[[tuple[Any, ...]], object]) -> None:
    """Let the method `name` of all sockets refuse to reach another machine. C code with its own (grpc) is not seen."""
    reach = getattr(socket.socket, name)

    @wraps(reach)
    def guarded(its: socket.socket, *args: Any) -> Any:
        address = address_of(args)
        if isinstance(address, tuple) and _leaves_the_machine(address[0]):
            raise NetworkRefused(f"{name} beyond loopback")
        return reach(its, *args)

    setattr(socket.socket, name, guarded)


def _guard_names() -> None:
    """Let nobody look up the name of another machine."""
    look_up = socket.getaddrinfo

    @wraps(look_up)
    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        if _leaves_the_machine(host):
            raise NetworkRefused("getaddrinfo beyond loopback")
        return look_up(host, *args, **options)

    socket.getaddrinfo = guarded


# No audit hook, though it would see more: one in Python lets another thread run in the middle of sys.settrace, and when
# that is a thread of its own beginning, under coverage, Python refuses to trace it and it never runs.
_guard("connect", lambda args: args[0])
_guard("connect_ex", lambda args: args[0])
_guard("sendto", lambda args: args[-1])
_guard("sendmsg", lambda args: args[3] if len(args) > 3 else None)
_guard_names()


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
