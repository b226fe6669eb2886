"""One registry per gateway, and everything that is in it.

Rules:

- No global registry: two gateways in one process (a test, the demo) do not see each other's numbers.
- Nothing is labelled by what a caller sends. Gate, person, code and token are never labels.
- docs/operation.md lists every one of them; a test holds the list to the code.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from gateway.values import Instant

from .audit import AuditMetrics
from .callers import CallerMetrics
from .conversion import ConversionMetrics
from .disclosures import DisclosureCounts
from .following import FollowMetrics, WatchMetrics
from .handles import HandleMetrics
from .lists import ListMetrics
from .provinces import ProvinceMetrics
from .receipts import ReceiptMetrics
from .replay import ReplayMetrics
from .rpc import RpcMetrics
from .status import StatusMetrics
from .trust import TrustMetrics
from .verdicts import VerdictCounts


class _Plain:
    """A registry's families without the ``_created`` series, which would double the scrape and which nobody asked for.

    (The library's own switch for them is one for the whole process.)
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [one for one in family.samples if not one.name.endswith("_created")]
            yield family


class Metrics:
    """The numbers of one gateway."""

    def __init__(self, clock: Callable[[], Instant], *, version: str) -> None:
        """Make all families; `clock` tells the instant that ages are counted to."""
        self.registry = CollectorRegistry(auto_describe=False)
        self.rpc = RpcMetrics(self.registry)
        self.verdicts = VerdictCounts()
        self.registry.register(self.verdicts)
        self.trust = TrustMetrics(clock)
        self.registry.register(self.trust)
        self.lists = ListMetrics(clock)
        self.registry.register(self.lists)
        self.provinces = ProvinceMetrics(self.registry)
        self.callers = CallerMetrics(self.registry)
        self.conversions = ConversionMetrics(self.registry)
        self.receipts = ReceiptMetrics(self.registry)
        self.replay = ReplayMetrics(self.registry)
        self.disclosures = DisclosureCounts()
        self.registry.register(self.disclosures)
        self.handles = HandleMetrics(self.registry)
        self.audit = AuditMetrics(self.registry)
        self.status = StatusMetrics(self.registry, clock)
        self.following = FollowMetrics(self.registry)
        self.watches = WatchMetrics(self.registry)
        self._trust_reload = self._gauge(
            "hcgw_trust_last_reload_successful", "1 if the last reload put the trust lists on disk in force."
        )
        self._config_reload = self._gauge(
            "hcgw_config_last_reload_successful", "1 if the last reload put everything that it re-reads in force."
        )
        self._reload_time = self._gauge(
            "hcgw_config_last_reload_success_timestamp_seconds",
            "When the start or a reload last put everything in force.",
        )
        self._ready = self._gauge("hcgw_ready", "1 while /readyz and the gRPC health service say ready.")
        build = Gauge("hcgw_build_info", "Always 1.", ("version", "python"), registry=self.registry)
        build.labels(version, platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)
        self._clock = clock

    def reloaded(self) -> None:
        """Tell that everything that is re-read was put in force."""
        self._trust_reload.set(1)
        self._config_reload.set(1)
        self._reload_time.set(self._clock())

    def reload_refused(self) -> None:
        """Tell that a reload changed nothing."""
        self._trust_reload.set(0)
        self._config_reload.set(0)

    def ready(self, *, ready: bool) -> None:
        """Tell whether the gateway says ready."""
        self._ready.set(1 if ready else 0)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all numbers and their content type, in the form that an Accept header prefers.

        May run beside the event loop, in a thread: what it reads is copied or immutable.
        """
        return exposition(self.registry, accept)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return all numbers of a registry and their content type, in the form that an Accept header prefers."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # the library dies of a version that is no number
        encode, content_type = choose_encoder("")
    return encode(_Plain(registry)), content_type
