"""Fills the observer seam of gateway/rpc: counts every call, tells of faults of ours.

Must neither raise nor wait: it runs in the middle of every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import RpcFailed
from .logs import EventLog, exception_name, own_frames
from .rpc import RpcMetrics

if TYPE_CHECKING:
    import grpc


class RpcObserver:
    """Told of every call by gateway/rpc (its `Observer`)."""

    __slots__ = ("_log", "_series")

    def __init__(self, metrics: RpcMetrics, log: EventLog) -> None:
        self._series = metrics.of
        self._log = log

    def rpc_started(self, method: str) -> None:
        """Count a call that has begun."""
        self._series(method).started.inc()

    def message_received(self, method: str) -> None:
        """Count a message of the caller."""
        self._series(method).received.inc()

    def message_sent(self, method: str) -> None:
        """Count an answer."""
        self._series(method).sent.inc()

    def rpc_ended(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        """Count the end of a call and how long it took."""
        series = self._series(method)
        series.handled[code.value[0]].inc()
        series.seconds.observe(seconds)

    def rpc_failed(self, method: str, failure: Exception) -> None:
        """Tell of a fault of ours: the type and our own frames, never the text, which may quote a request."""
        self._log.emit(RpcFailed(method, exception_name(failure), own_frames(failure.__traceback__)))
