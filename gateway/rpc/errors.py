"""Failures to answer that only the edge knows. `status.py` has the table to RPC statuses."""

from __future__ import annotations

from gateway.errors import GatewayError, NotReady, RequestInvalid


class RulesBroken(RequestInvalid):
    """The request breaks rules of the schema. `violations` are (field path, description), the first named first."""

    def __init__(self, violations: tuple[tuple[str, str], ...]) -> None:
        super().__init__(*violations[0])
        self.violations = violations


class RequestTooLarge(GatewayError):
    """The request has more bytes than the edge reads."""


class OutOfTime(GatewayError):
    """The caller left too little time, or it ran out."""


class MethodUnknown(GatewayError):
    """There is no such RPC, or it has no row in `methods.py`."""


class Draining(NotReady):
    """The server is about to stop: a long call is ended early."""


class TooManyStreams(GatewayError):
    """The caller has as many long calls of this kind open as she may."""
