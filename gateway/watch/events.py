"""The log events: one frozen type each.

Rules:

- What is not a field of one of these types cannot be logged: there is no free text and no "extra".
- A field holds a number, an enumerated word, a name from the configuration or the trust list, or a place in our own
  source. Never a code, a token, a caller's word, an address of a caller, or the text of an exception.
- An event's name and fields are a contract with those who read the log: additions only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Severity = Literal["debug", "info", "warning", "error"]
Part = Literal[
    "config", "trust", "policy", "provinces", "lists", "callers", "signer", "conversion", "status", "grpc", "http"
]

Frames = tuple[str, ...]
"""Our own places in a traceback, innermost last: ``module:function:line``."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    name: ClassVar[str]
    severity: ClassVar[Severity] = "info"


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
class StatusListOpened(Event):
    """An issuer has opened a list of live status: codes that point to it are judged by it."""

    name = "status_list_opened"
    issuer: str
    uri: str
    capacity: int


@dataclass(frozen=True, slots=True)
class StatusListClosed(Event):
    """An issuer has closed a list: every place of it reads unknown."""

    name = "status_list_closed"
    issuer: str
    uri: str


@dataclass(frozen=True, slots=True)
class StatusListAdopted(Event):
    """A list was taken over from a snapshot of another gateway, as it stood at this number."""

    name = "status_list_adopted"
    issuer: str
    uri: str
    number: int


@dataclass(frozen=True, slots=True)
class StatusListSetAside(Event):
    """A list, or its file, is not used any more, or goes on in a new file: `why` says what does not fit."""

    name = "status_list_set_aside"
    severity = "error"
    issuer: str
    uri: str
    why: str


@dataclass(frozen=True, slots=True)
class StatusFileBroken(Event):
    """A list's file is not what its writer left: it has another name now, and the list is made anew."""

    name = "status_file_broken"
    severity = "error"
    file: str
    fault: str


@dataclass(frozen=True, slots=True)
class BatchRefused(Event):
    """A batch of live status was refused. `issuer` is empty unless a signature proves it. At most 5 lines a second."""

    name = "batch_refused"
    severity = "warning"
    issuer: str
    refusal: str
    suppressed: int


@dataclass(frozen=True, slots=True)
class IssuerContradictsItself(Event):
    """An issuer signed two batches under one number: somebody else has its keys. The first one counts."""

    name = "issuer_contradicts_itself"
    severity = "error"
    issuer: str
    uri: str
    number: int
    held: str
    other: str


@dataclass(frozen=True, slots=True)
class StoreDegraded(Event):
    """What must survive cannot be written: no batch is acknowledged until it can. Codes are judged on."""

    name = "store_degraded"
    severity = "error"
    why: str


@dataclass(frozen=True, slots=True)
class StoreWell(Event):
    """The store can be written again."""

    name = "store_well"


@dataclass(frozen=True, slots=True)
class SourceGone(Event):
    """A gateway that is followed sends nothing any more. Said once, until it is back. `why` is the first failure."""

    name = "source_gone"
    severity = "warning"
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class SourceBack(Event):
    """A gateway that is followed sends again."""

    name = "source_back"
    source: str


@dataclass(frozen=True, slots=True)
class SourceListRefused(Event):
    """A followed gateway's batches or snapshot of a list are refused, and not asked for again for a while."""

    name = "source_list_refused"
    severity = "warning"
    source: str
    issuer: str
    uri: str
    refusal: str


@dataclass(frozen=True, slots=True)
class TokenListLapsed(Event):
    """A plain list has expired and no newer one came: it says nothing any more."""

    name = "token_list_lapsed"
    severity = "warning"
    issuer: str
    uri: str


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
    where: Literal["main", "thread", "loop", "finaliser", "http"]
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
        ClockJumped,
        Unhandled,
        LibrarySpoke,
    )
}
"""Every event there is, by its name in the log."""
