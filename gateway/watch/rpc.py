"""The grpc_server_* metrics, in the names of go-grpc-prometheus, filled through the observer seam of gateway/rpc.

Rules:

- Names, labels and label values are those that dashboards for go-grpc servers expect: `grpc_code` is "InvalidArgument".
- Methods are those that the server announced; any other name that a caller sends is counted as "unknown".
- Every combination is prefilled with 0, so that the first error is seen as a rise.
- Children are looked up once, when a method is announced: a call costs no label look-up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

STARTED: Final = "grpc_server_started"
HANDLED: Final = "grpc_server_handled"
HANDLING: Final = "grpc_server_handling_seconds"
RECEIVED: Final = "grpc_server_msg_received"
SENT: Final = "grpc_server_msg_sent"

LABELS: Final = ("grpc_type", "grpc_service", "grpc_method")
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
"""With edges at the objectives: 50 ms, 100 ms, 300 ms, 500 ms."""

CODES: Final = (
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
)
"""By number, as Go spells them."""


class CallType(StrEnum):
    """The four kinds of call, as the Go libraries spell them."""

    UNARY = "unary"
    CLIENT_STREAM = "client_stream"
    SERVER_STREAM = "server_stream"
    BIDI_STREAM = "bidi_stream"


@dataclass(frozen=True, slots=True)
class MethodSeries:
    """The series of one method, looked up once."""

    started: Counter
    handled: tuple[Counter, ...]
    """By status code number."""
    seconds: Histogram
    received: Counter
    sent: Counter


class RpcMetrics:
    """The grpc_server_* families of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._started = Counter(STARTED, "RPCs started on the server.", LABELS, registry=registry)
        self._handled = Counter(
            HANDLED, "RPCs completed on the server, by status code.", (*LABELS, "grpc_code"), registry=registry
        )
        self._seconds = Histogram(
            HANDLING, "Seconds from an RPC's start to its end.", LABELS, buckets=BUCKETS, registry=registry
        )
        self._received = Counter(RECEIVED, "Messages received from callers.", LABELS, registry=registry)
        self._sent = Counter(SENT, "Messages sent to callers.", LABELS, registry=registry)
        self._unknown = self._series(CallType.UNARY, "unknown", "unknown")
        self._methods: dict[str, MethodSeries] = {}

    def announce(self, methods: Iterable[tuple[str, CallType]]) -> None:
        """Make the series of methods, named as on the wire: ``/package.Service/Method``."""
        for path, kind in methods:
            service, _, method = path.strip("/").rpartition("/")
            self._methods.setdefault(path, self._series(kind, service, method))

    def of(self, path: str) -> MethodSeries:
        """Return the series of a method; of one that was not announced, those of "unknown"."""
        return self._methods.get(path, self._unknown)

    def _series(self, kind: CallType, service: str, method: str) -> MethodSeries:
        labels = (kind.value, service, method)
        return MethodSeries(
            started=self._started.labels(*labels),
            handled=tuple(self._handled.labels(*labels, code) for code in CODES),
            seconds=self._seconds.labels(*labels),
            received=self._received.labels(*labels),
            sent=self._sent.labels(*labels),
        )
