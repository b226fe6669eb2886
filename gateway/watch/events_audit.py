"""The log events of the audit log: what cannot be written, what is missing, and other nodes' heads. Rules as ever."""

from __future__ import annotations

from dataclasses import dataclass

from .event import Event


@dataclass(frozen=True, slots=True)
class AuditOpened(Event):
    """The one writer of a log has opened it: so many entries are durable. `torn`: a crash had cut a group short."""

    name = "audit_opened"
    log: str
    entries: int
    torn: bool


@dataclass(frozen=True, slots=True)
class AuditDegraded(Event):
    """A log cannot be written: nothing of it is acknowledged until it can. What waits is written then."""

    name = "audit_degraded"
    severity = "error"
    log: str
    why: str


@dataclass(frozen=True, slots=True)
class AuditWell(Event):
    """A log can be written again, after so long."""

    name = "audit_well"
    log: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AuditUnavailable(Event):
    """A process cannot have its entries written. Answers are refused, or given without, as configured."""

    name = "audit_unavailable"
    severity = "error"
    log: str
    why: str


@dataclass(frozen=True, slots=True)
class AuditAvailable(Event):
    """A process can have its entries written again, after so long."""

    name = "audit_available"
    log: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AuditEntriesLost(Event):
    """Entries find no room and are lost. Said once; how many is counted, and written into the log."""

    name = "audit_entries_lost"
    severity = "error"
    log: str


@dataclass(frozen=True, slots=True)
class AuditRunCutOff(Event):
    """A process ended without a word: entries whose answers it had given may be missing. That is written too."""

    name = "audit_run_cut_off"
    severity = "warning"
    log: str


@dataclass(frozen=True, slots=True)
class AuditNotPublished(Event):
    """A checkpoint could not be written. Said once, until one is; entries are taken meanwhile."""

    name = "audit_not_published"
    severity = "error"
    log: str
    why: str


@dataclass(frozen=True, slots=True)
class AuditForgotten(Event):
    """Entries were deleted because their time was over: below this index nothing is left."""

    name = "audit_forgotten"
    log: str
    entries: int


@dataclass(frozen=True, slots=True)
class AuditPeerGone(Event):
    """Another node's heads cannot be had, or not be read. Said once, until they are compared again."""

    name = "audit_peer_gone"
    severity = "warning"
    peer: str
    why: str


@dataclass(frozen=True, slots=True)
class AuditPeerBack(Event):
    """Another node's heads are compared again."""

    name = "audit_peer_back"
    peer: str


@dataclass(frozen=True, slots=True)
class AuditHeadsDisagree(Event):
    """Two signed heads of one log do not go together: it was rolled back, or has two histories. Both are kept.

    `peer` is the node that showed the second one, `origin` the log, `held` and `shown` are sizes.
    """

    name = "audit_heads_disagree"
    severity = "error"
    peer: str
    origin: str
    fault: str
    held: int
    shown: int
