"""What one process of a gateway does: answers about codes, keeps the lists that they are judged by, or both."""

from __future__ import annotations

from enum import Flag, auto


class Duties(Flag):
    """What a process is for. A gateway of one process has both."""

    ANSWER = auto()
    """Verification and the other services, on `grpc.listen`."""
    KEEP = auto()
    """Live status: taken, followed, handed on, on `status.listen`."""


EVERYTHING = Duties.ANSWER | Duties.KEEP
