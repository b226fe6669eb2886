"""The seam through which calls are watched. `gateway/watch` fills it; this room defines no metric and no event."""

from __future__ import annotations

from typing import Protocol

import grpc


class Observer(Protocol):
    """Is told of every call of a method that has a row in `methods.py`. Must neither raise nor wait.

    `method` is the full name on the wire, "/package.Service/Method". Nothing that a caller sent is handed over.
    """

    def rpc_started(self, method: str) -> None:
        """Take note that a call of `method` has begun."""
        ...

    def message_received(self, method: str) -> None:
        """Take note of a message of the caller."""
        ...

    def message_sent(self, method: str) -> None:
        """Take note of an answer handed to the transport."""
        ...

    def rpc_ended(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        """Take note that the call ended with `code`, `seconds` after its start."""
        ...

    def caller_refused(self, method: str, reason: str) -> None:
        """Take note that a caller was turned away, for a reason of our own words."""
        ...

    def rpc_failed(self, method: str, failure: Exception) -> None:
        """Take note of a bug: the call ends in INTERNAL. Of `failure` only the type and the frames may be told on."""
        ...


class NobodyObserves:
    """An observer that looks away."""

    def rpc_started(self, method: str) -> None:
        """See Observer."""

    def message_received(self, method: str) -> None:
        """See Observer."""

    def message_sent(self, method: str) -> None:
        """See Observer."""

    def rpc_ended(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        """See Observer."""

    def caller_refused(self, method: str, reason: str) -> None:
        """See Observer."""

    def rpc_failed(self, method: str, failure: Exception) -> None:
        """See Observer."""
