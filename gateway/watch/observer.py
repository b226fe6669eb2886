"""Fills the observer seams of gateway/rpc and gateway/provinces: counts calls and questions, tells of faults of ours.

Must neither raise nor wait: it runs in the middle of every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .callers import CallerMetrics
from .events import BreakerClosed, BreakerOpened, ConnectorFailed, CredentialsRefused, RpcFailed
from .logs import EventLog, exception_name, own_frames
from .provinces import ANSWERED, NOT_PUT, REFUSED, ProvinceMetrics
from .rpc import RpcMetrics

if TYPE_CHECKING:
    import grpc


class RpcObserver:
    """Told of every call by gateway/rpc (its `Observer`)."""

    __slots__ = ("_log", "_refused", "_series")

    def __init__(self, metrics: RpcMetrics, callers: CallerMetrics, log: EventLog) -> None:
        self._series = metrics.of
        self._refused = callers.refused
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

    def caller_refused(self, method: str, reason: str) -> None:  # noqa: ARG002 by reason is enough
        """Count a caller who was turned away."""
        self._refused(reason)

    def rpc_failed(self, method: str, failure: Exception) -> None:
        """Tell of a fault of ours: the type and our own frames, never the text, which may quote a request."""
        self._log.emit(RpcFailed(method, exception_name(failure), own_frames(failure.__traceback__)))


_CLOSED: Final = 0
_OPEN: Final = 2


class LaneObserver:
    """Told of every question by gateway/provinces (its `ProvinceObserver`). For one event loop.

    What lasts is logged when it begins and when it ends, not at each question: a breaker that opens again and again is
    open until it closes, and credentials are refused until something is answered.
    """

    __slots__ = ("_cut_off", "_last_failure", "_log", "_metrics", "_refused")

    def __init__(self, metrics: ProvinceMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log
        self._last_failure: dict[str, str] = {}
        self._cut_off: set[str] = set()
        self._refused: set[str] = set()

    def asked(self, province: str, outcome: str, seconds: float) -> None:
        """Count a question that has ended, or was not put."""
        series = self._metrics.of(province)
        series.requests[outcome].inc()
        if outcome in NOT_PUT:
            return
        series.seconds.observe(seconds)
        if outcome == ANSWERED:
            self._refused.discard(province)
            return
        self._last_failure[province] = outcome
        if outcome == REFUSED and province not in self._refused:
            self._refused.add(province)
            self._log.emit(CredentialsRefused(province))

    def remembered(self, province: str) -> None:
        """Count an answer from memory."""
        self._metrics.of(province).remembered.inc()

    def joined(self, province: str) -> None:
        """Count a question that shares the call of another."""
        self._metrics.of(province).joined.inc()

    def fell_back(self, province: str, *, answered: bool) -> None:
        """Count that the national platform was asked."""
        self._metrics.of(province).fallbacks[answered].inc()

    def breaker(self, province: str, state: int) -> None:
        """Show a breaker's state; tell when it opens and when it closes."""
        self._metrics.of(province)  # shows its counters from the start
        self._metrics.show_breaker(province, state)
        if state == _OPEN and province not in self._cut_off:
            self._cut_off.add(province)
            self._log.emit(BreakerOpened(province, self._last_failure.get(province, "")))
        elif state == _CLOSED and province in self._cut_off:
            self._cut_off.discard(province)
            self._log.emit(BreakerClosed(province))

    def in_flight(self, province: str, questions: int) -> None:
        """Show how many questions are with the province."""
        self._metrics.show_in_flight(province, questions)

    def gone(self, province: str) -> None:
        """Show a province no more."""
        self._metrics.gone(province)
        self._cut_off.discard(province)
        self._refused.discard(province)
        self._last_failure.pop(province, None)

    def broke(self, province: str, failure: Exception) -> None:
        """Tell of a fault of a dialect: the type and our own frames, never the text, which may quote an answer."""
        self._log.emit(ConnectorFailed(province, exception_name(failure), own_frames(failure.__traceback__)))
