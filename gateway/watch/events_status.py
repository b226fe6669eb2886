"""The log events of live status: lists, batches, the store, sources that are followed. Rules as in `events.py`."""

from __future__ import annotations

from dataclasses import dataclass

from .event import Event


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
