"""The log events: one frozen type each.

Rules:

- What is not a field of one of these types cannot be logged: there is no free text and no "extra".
- A field holds a number, an enumerated word, a name from the configuration or the trust list, or a place in our own
  source. Never a code, a token, a caller's word, an address of a caller, or the text of an exception.
- An event's name and fields are a contract with those who read the log: additions only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .event import Event, Frames, Part
from .events_audit import (
    AuditAvailable,
    AuditDegraded,
    AuditEntriesLost,
    AuditForgotten,
    AuditHeadsDisagree,
    AuditNotPublished,
    AuditOpened,
    AuditPeerBack,
    AuditPeerGone,
    AuditRunCutOff,
    AuditUnavailable,
    AuditWell,
)
from .events_callers import RatesApart, RatesTogether
from .events_handles import HandleKeyBack, HandleKeyMade, HandleKeysDestroyed, HandleKeyUnavailable
from .events_replay import ReplayFound, ReplayGuardAlone, ReplayGuardShared, ReplayUnchecked
from .events_status import (
    BatchRefused,
    IssuerContradictsItself,
    SourceBack,
    SourceGone,
    SourceListRefused,
    StatusFileBroken,
    StatusListAdopted,
    StatusListClosed,
    StatusListOpened,
    StatusListSetAside,
    StoreDegraded,
    StoreWell,
    TokenListLapsed,
)


@dataclass(frozen=True, slots=True)
class Starting(Event):
    """The process has read its configuration and begins to load."""

    name = "starting"
    version: str
    environment: str


@dataclass(frozen=True, slots=True)
class StartRefused(Event):
    """The gateway does not start. `where` is an option or a file, `why` our own words about it."""

    name = "start_refused"
    severity = "error"
    part: Part
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class TrustLoaded(Event):
    """Trust lists are in force. `refused_keys` were on a list and not taken."""

    name = "trust_loaded"
    issuers: int
    keys: int
    refused_keys: int
    epoch: int


@dataclass(frozen=True, slots=True)
class PolicyLoaded(Event):
    """Rules are in force."""

    name = "policy_loaded"
    divisions: int


@dataclass(frozen=True, slots=True)
class ProvincesLoaded(Event):
    """Profiles of provinces are in force: their opaque codes are resolved."""

    name = "provinces_loaded"
    provinces: int


@dataclass(frozen=True, slots=True)
class ListsLoaded(Event):
    """Published lists of journeys and places are in force."""

    name = "lists_loaded"
    lists: int


@dataclass(frozen=True, slots=True)
class CallersLoaded(Event):
    """It is known who may ask what: rows of the registry, domains with authorities of their own.

    `everyone` tells that there is no registry: whoever gets in may ask.
    """

    name = "callers_loaded"
    callers: int
    domains: int
    everyone: bool


@dataclass(frozen=True, slots=True)
class SignerLoaded(Event):
    """The receipt key is usable."""

    name = "signer_loaded"
    issuer: str
    key_id: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Serving(Event):
    """The edges are open, at these addresses of ours; empty: this process has no such edge."""

    name = "serving"
    grpc: str
    http: str
    tls: bool
    status: str = ""


@dataclass(frozen=True, slots=True)
class ReadinessChanged(Event):
    """/readyz and the gRPC health service changed their answer. `failing` names the checks that are not ok."""

    name = "readiness_changed"
    ready: bool
    failing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReloadDone(Event):
    """A reload put trust lists, rules, profiles and published lists in force, together."""

    name = "reload_done"
    epoch: int
    issuers: int
    keys: int
    divisions: int
    provinces: int
    lists: int


@dataclass(frozen=True, slots=True)
class ReloadRefused(Event):
    """A reload changed nothing: what was in force stays. `why` says what is wrong with `file`."""

    name = "reload_refused"
    severity = "error"
    part: Part
    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Draining(Event):
    """Told to stop: not ready from now on, still serving for `lame_duck_s`."""

    name = "draining"
    lame_duck_s: float
    grace_s: float


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """All calls have ended and both edges are closed."""

    name = "stopped"
    uptime_s: float


@dataclass(frozen=True, slots=True)
class ProcessReady(Event):
    """One of the gateway's processes serves, so long after it was started."""

    name = "process_ready"
    process: str
    pid: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ProcessDied(Event):
    """One of the gateway's processes ended untold: an exit status, or minus the number of a signal.

    `again_in_s` is 0 where it ended the start and is not started again.
    """

    name = "process_died"
    severity = "error"
    process: str
    pid: int
    status: int
    lived_s: float
    again_in_s: float


@dataclass(frozen=True, slots=True)
class ProcessSilent(Event):
    """One of the gateway's processes has answered nothing for so long, and is killed."""

    name = "process_silent"
    severity = "error"
    process: str
    pid: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ProcessNotStarted(Event):
    """The system would not start a process (no memory, no process id); it is tried again."""

    name = "process_not_started"
    severity = "error"
    process: str
    again_in_s: float


@dataclass(frozen=True, slots=True)
class HttpAnswered(Event):
    """An operator's request was answered. `route` is one of ours or "other"; no query, no address."""

    name = "http_answered"
    severity = "debug"
    method: str
    route: str
    status: int
    duration_ms: float


@dataclass(frozen=True, slots=True)
class RpcFailed(Event):
    """A call ended in INTERNAL: a fault of ours. `exception` is a type's name, never its text."""

    name = "rpc_failed"
    severity = "error"
    method: str
    exception: str
    frames: Frames


@dataclass(frozen=True, slots=True)
class BreakerOpened(Event):
    """A province does nothing but fail and is left alone, but for a probe now and then. `failure` is the last one."""

    name = "breaker_opened"
    severity = "warning"
    province: str
    failure: str


@dataclass(frozen=True, slots=True)
class BreakerClosed(Event):
    """A province that was left alone answers again, or has a new profile."""

    name = "breaker_closed"
    province: str


@dataclass(frozen=True, slots=True)
class CredentialsRefused(Event):
    """A province does not accept the gateway's credentials or rights. Said once, until it answers again."""

    name = "credentials_refused"
    severity = "error"
    province: str


@dataclass(frozen=True, slots=True)
class ConnectorFailed(Event):
    """A dialect died of an answer: a fault of ours, told to the asker as garbage. `exception` is a type's name."""

    name = "connector_failed"
    severity = "error"
    province: str
    exception: str
    frames: Frames


@dataclass(frozen=True, slots=True)
class ClockJumped(Event):
    """The system's clock was set while the gateway ran, by so many seconds: ages and ends are judged by it."""

    name = "clock_jumped"
    severity = "warning"
    seconds: float


@dataclass(frozen=True, slots=True)
class Unhandled(Event):
    """An exception that nobody caught. `where` is the hook that saw it."""

    name = "unhandled"
    severity = "error"
    where: Literal["main", "thread", "loop", "finaliser", "http", "handles"]
    exception: str
    frames: Frames


@dataclass(frozen=True, slots=True)
class LibrarySpoke(Event):
    """A library logged something; its text is withheld. `suppressed` records before it were left out (10 a second)."""

    name = "library_spoke"
    severity = "warning"
    logger: str
    level: str
    exception: str
    frames: Frames
    suppressed: int


EVENTS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (
        Starting,
        StartRefused,
        TrustLoaded,
        PolicyLoaded,
        ProvincesLoaded,
        ListsLoaded,
        CallersLoaded,
        SignerLoaded,
        Serving,
        ReadinessChanged,
        ReloadDone,
        ReloadRefused,
        Draining,
        Stopped,
        ProcessReady,
        ProcessDied,
        ProcessSilent,
        ProcessNotStarted,
        HttpAnswered,
        RpcFailed,
        BreakerOpened,
        BreakerClosed,
        CredentialsRefused,
        ConnectorFailed,
        HandleKeyMade,
        HandleKeysDestroyed,
        HandleKeyUnavailable,
        HandleKeyBack,
        StatusListOpened,
        StatusListClosed,
        StatusListAdopted,
        StatusListSetAside,
        StatusFileBroken,
        BatchRefused,
        IssuerContradictsItself,
        StoreDegraded,
        StoreWell,
        SourceGone,
        SourceBack,
        SourceListRefused,
        TokenListLapsed,
        ReplayUnchecked,
        ReplayGuardAlone,
        ReplayGuardShared,
        ReplayFound,
        RatesApart,
        RatesTogether,
        AuditOpened,
        AuditDegraded,
        AuditWell,
        AuditUnavailable,
        AuditAvailable,
        AuditEntriesLost,
        AuditRunCutOff,
        AuditNotPublished,
        AuditForgotten,
        AuditPeerGone,
        AuditPeerBack,
        AuditHeadsDisagree,
        ClockJumped,
        Unhandled,
        LibrarySpoke,
    )
}
"""Every event there is, by its name in the log."""
