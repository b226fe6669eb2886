"""Callers who were turned away, by why. Who they were is nobody's number: a name may be that of one gate."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter

REASONS: Final = (
    "NO_IDENTITY",
    "CALL_NOT_ALLOWED",
    "PURPOSE_NOT_ALLOWED",
    "DIVISION_NOT_ALLOWED",
    "PROFILE_NOT_ALLOWED",
    "ITEM_NOT_ALLOWED",
    "NOT_ENROLLED",
    "RATE_LIMITED",
)
"""As in the ErrorInfo that the caller gets."""


class CallerMetrics:
    """The numbers of one gateway's callers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the family, with every reason at 0."""
        family = Counter(
            "hcgw_callers_refused",
            "Calls that ended because they were not the caller's.",
            ("reason",),
            registry=registry,
        )
        self._refused = {reason: family.labels(reason) for reason in REASONS}

    def refused(self, reason: str) -> None:
        """Count a caller who was turned away."""
        found = self._refused.get(reason)
        if found is not None:
            found.inc()
