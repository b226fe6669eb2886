"""Receipts: how many were given, and how many signatures that took."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class ReceiptMetrics:
    """The numbers of one gateway's receipts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the families."""
        self._receipts = Counter("hcgw_receipts", "Signed receipts that were given.", registry=registry)
        self._signatures = Counter(
            "hcgw_receipt_signatures",
            "Signatures under receipts: one for each that was asked for alone, one for all of a batch.",
            registry=registry,
        )

    def signed(self, receipts: int) -> None:
        """Count one signature, and the receipts under it."""
        self._receipts.inc(receipts)
        self._signatures.inc()
