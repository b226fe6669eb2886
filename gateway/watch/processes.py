"""The processes of one gateway, as their supervisor sees them: alive, answering, started again.

Rules:

- The supervisor's own numbers are under its own name; those about the processes name each in the label `process`.
- A process's own numbers are its own: the supervisor shows them with the label `process` added.
"""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from .events import ProcessDied, ProcessNotStarted, ProcessReady, ProcessSilent
from .logs import EventLog
from .metrics import exposition


class ProcessMetrics:
    """The supervisor's numbers."""

    def __init__(self, *, version: str) -> None:
        """Make all families."""
        self.own_registry = CollectorRegistry(auto_describe=False)
        self.processes_registry = CollectorRegistry(auto_describe=False)
        self._ready = Gauge(
            "hcgw_ready", "1 while /readyz and the gRPC health service say ready.", registry=self.own_registry
        )
        build = Gauge("hcgw_build_info", "Always 1.", ("version", "python"), registry=self.own_registry)
        build.labels(version, platform.python_version()).set(1)
        ProcessCollector(registry=self.own_registry)
        self._restarts = Counter(
            "hcgw_process_restarts",
            "Times that a process was started in the place of one that died or hung.",
            ("process",),
            registry=self.processes_registry,
        )
        self._up = Gauge(
            "hcgw_process_up",
            "1 if the process answered this scrape: its own numbers are in it.",
            ("process",),
            registry=self.processes_registry,
        )

    def announce(self, process: str) -> None:
        """Show a process before anything happened to it."""
        self._restarts.labels(process)
        self._up.labels(process).set(0)

    def restarted(self, process: str) -> None:
        """Count a start in the place of a dead process."""
        self._restarts.labels(process).inc()

    def ready(self, *, ready: bool) -> None:
        """Tell whether the gateway says ready."""
        self._ready.set(1 if ready else 0)

    def answered(self, process: str, *, answered: bool) -> None:
        """Tell whether a process is in the scrape that is being put together."""
        self._up.labels(process).set(1 if answered else 0)

    def own(self, accept: str) -> tuple[bytes, str]:
        """Return the numbers about the supervisor itself, and their content type."""
        return exposition(self.own_registry, accept)

    def processes(self, accept: str) -> bytes:
        """Return the numbers about the processes."""
        return exposition(self.processes_registry, accept)[0]


class ProcessWatch:
    """Fills the seam of gateway/supervisor: counts and logs what happens to processes."""

    def __init__(self, metrics: ProcessMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log

    def ready(self, process: str, pid: int, seconds: float) -> None:
        """Tell that it serves, so long after its start."""
        self._log.emit(ProcessReady(process, pid, round(seconds, 3)))

    def died(self, process: str, pid: int, status: int, lived_s: float, again_in_s: float) -> None:
        """Tell that it ended without being told to; `again_in_s` is 0 if it ended the start."""
        if again_in_s:
            self._metrics.restarted(process)
        self._log.emit(ProcessDied(process, pid, status, round(lived_s, 3), round(again_in_s, 3)))

    def silent(self, process: str, pid: int, seconds: float) -> None:
        """Tell that it hangs, and is killed."""
        self._log.emit(ProcessSilent(process, pid, round(seconds, 3)))

    def not_started(self, process: str, again_in_s: float) -> None:
        """Tell that the system would not start it."""
        self._log.emit(ProcessNotStarted(process, round(again_in_s, 3)))
