"""The words of the gateway: what the rooms say to one another.

Each room returns one type and takes the one before it, so that a skipped step is a type error:

    ClaimedCode (formats) -> AuthenticCode (trust) -> LiveCode (status) -> Decision (policy)
        -> Disclosure (disclosure) -> Receipt (receipts)

Nothing here holds a name, a birth date, an ID number or a clinical detail. Where a type must carry bytes that contain
them (what a signature covers), the field is kept out of `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple, NewType

from keys.values import Algorithm, Instant, IssuerId, KeyId, KeyUse, TrustedKey

from .errors import Reason, Step
from .quick import quick

__all__ = [
    "Algorithm",
    "Assurance",
    "AuthenticCode",
    "Caller",
    "CallerId",
    "CallerKind",
    "ClaimedCode",
    "CodeState",
    "Decision",
    "DivisionCode",
    "Format",
    "Freshness",
    "Instant",
    "IssuerId",
    "IssuerProfile",
    "KeyId",
    "KeyUse",
    "LiveCode",
    "Measure",
    "Profile",
    "Purpose",
    "Revocations",
    "RevokedCodes",
    "StatusPointer",
    "Step",
    "TrustedKey",
]  # fmt: skip

DivisionCode = NewType("DivisionCode", str)
"""Where a code comes from or is shown: six digits of GB/T 2260, or an ISO 3166-1 alpha-2 code for a foreign issuer."""

CallerId = NewType("CallerId", str)
"""Who asks, as the edge established it (a certificate's name), never as the caller typed it."""


class Measure(IntEnum):
    """What the gate does. Numbers are those of the wire; 0 is never sent."""

    PASS = 1
    LIMITED = 2
    DENY = 3
    MANUAL = 4


class CodeState(IntEnum):
    """What the issuer says of the holder, in the common vocabulary. Numbers are those of the wire."""

    UNKNOWN = 1
    GREEN = 2
    YELLOW = 3
    RED = 4
    UNDER_REVIEW = 5
    UNCONFIRMED = 6
    STALE_DECLARATION = 7
    EXPIRED = 8
    REVOKED = 9
    NOT_FOUND = 10


class Format(StrEnum):
    """The family of encodings that a code belongs to."""

    NATIVE = "native"
    HCERT = "hcert"
    SHC = "shc"
    VDSNC = "vdsnc"
    DIVOC = "divoc"
    UNKNOWN = "unknown"


class Assurance(IntEnum):
    """How the gateway came to know. Numbers are those of the wire."""

    SCANNED_SIGNED = 1
    SCANNED_ONLINE = 2
    DISPLAYED = 3
    ID_ASSISTED = 4
    OFFLINE = 5


class Freshness(StrEnum):
    """How far the live status can be relied on at the instant of the request."""

    NOT_PUBLISHED = "not_published"
    """The issuer publishes no live status for this code: what was signed is all there is."""
    FRESH = "fresh"
    STALE = "stale"


class Purpose(IntEnum):
    """Why the caller asks. Numbers are those of the wire; unset is refused."""

    TRANSPORT_DEPARTURE = 1
    TRANSPORT_ARRIVAL = 2
    VENUE_ENTRY = 3
    RESIDENCE_ENTRY = 4
    WORK_RESUMPTION = 5
    MEDICAL_CARE = 6
    SELF_CHECK = 7


class Profile(IntEnum):
    """Which disclosure the caller asks for. Numbers are those of the wire; unset means GATE, the least."""

    GATE = 1
    STAFF = 2


class CallerKind(StrEnum):
    """How the caller's identity was established."""

    TLS_PEER = "tls_peer"
    DEV_LOOPBACK = "dev_loopback"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Made by the edge from the transport, handed to every handler, never read from the request."""

    caller_id: CallerId
    kind: CallerKind


@dataclass(frozen=True, slots=True)
class StatusPointer:
    """Where the issuer publishes the live status of one code (Token Status List `uri` and `idx`)."""

    uri: str
    index: int


@quick
@dataclass(frozen=True, slots=True)
class ClaimedCode:
    """What a code says of itself. Nothing in it is proven.

    `issuer`, `key_id` and `algorithm` are hints for finding the key. `signed` is exactly what the signature covers.
    `statement` is the issuer's own word for the holder's state ("green", "vaccinated"); translating it is policy.
    """

    format: Format
    issuer: IssuerId
    """Empty if the code names none."""
    key_id: KeyId | None
    algorithm: Algorithm | None
    """None if the signed header names none: then the key's own algorithm is the only one tried."""
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    statement: str = field(repr=False)
    issue_time: Instant | None = None
    not_before: Instant | None = None
    expire_time: Instant | None = None
    division: DivisionCode | None = None
    """The division that the code itself names; must lie within the issuer's own."""
    required_use: KeyUse | None = None
    """What the signing key must be allowed to attest. None: none of the uses that keys are limited to."""
    code_id: str | None = field(default=None, repr=False)
    """What the issuer revokes by: SHC `rid`, native `jti`."""
    subject: str | None = field(default=None, repr=False)
    """The issuer's own rotating pseudonym of the holder."""
    holder_binding: str | None = field(default=None, repr=False)
    """Thumbprint of the holder's key, or a commitment."""
    status_pointer: StatusPointer | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    """The signer's certificate (DER) where the format carries it. Never trusted for being carried."""
    obstacle: Reason | None = None
    """Why the signature cannot be checked here (UNSUPPORTED_ALGORITHM, UNSUPPORTED_PROOF); trust stops with it."""
    notes: tuple[Reason, ...] = ()
    """Deviations from the format's schema that do not stop the reading."""


@dataclass(frozen=True, slots=True)
class IssuerProfile:
    """What the trust list says of an issuer beside its keys."""

    issuer: IssuerId
    division: DivisionCode | None
    formats: frozenset[Format]
    states: Mapping[str, CodeState] = field(default_factory=dict)
    """The issuer's statement -> common vocabulary, over the meaning that its format gives it (docs/trust-list.md)."""


class RevokedCodes(NamedTuple):
    """What an issuer has revoked among the codes of one key."""

    counter: int
    """The edition of the list."""
    codes: Mapping[str, Instant | None]
    """Revoked code id -> None (for good), or the instant before which codes are revoked."""

    def __repr__(self) -> str:
        """Show what concerns nobody in person."""
        return f"RevokedCodes(counter={self.counter})"


Revocations = Mapping[tuple[IssuerId, KeyId], RevokedCodes]


@dataclass(frozen=True, slots=True)
class AuthenticCode:
    """A code whose signature is its issuer's, made with a key that may attest this kind of statement."""

    claimed: ClaimedCode
    issuer: IssuerProfile
    key: TrustedKey


@quick
@dataclass(frozen=True, slots=True)
class LiveCode:
    """An authentic code inside its validity and not revoked, with how old the issuer's word for it is."""

    authentic: AuthenticCode
    assurance: Assurance
    freshness: Freshness
    observed_time: Instant | None
    """When the issuer last said so: the live status' time, or the code's issue time."""
    status_age: float | None
    """Seconds from `observed_time` to the instant of the request; never negative."""
    valid_until: Instant | None
    notes: tuple[Reason, ...] = ()


@quick
@dataclass(frozen=True, slots=True)
class Decision:
    """What it means here. Complete: disclosure only takes away from it.

    The first reason is the one that decided; notes follow. `stopped_at` is the step that did not end in ok, None if
    all did. `issuer` and `division` are None until the signature is proven.
    """

    measure: Measure
    reasons: tuple[Reason, ...]
    decided_time: Instant
    stopped_at: Step | None
    format: Format
    state: CodeState = CodeState.UNKNOWN
    issuer: IssuerId | None = None
    division: DivisionCode | None = None
    assurance: Assurance | None = None
    observed_time: Instant | None = None
    status_age: float | None = None
    valid_until: Instant | None = None
    rule_version: str | None = None
