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
from typing import Final, NamedTuple, NewType

from keys.values import Algorithm, Instant, IssuerId, KeyId, KeyUse, TrustedKey

from .clinical import ClinicalItem, SealedEntry
from .errors import Reason, Step
from .quick import quick

__all__ = [
    "LETS_THROUGH",
    "Algorithm",
    "Assurance",
    "AuthenticCode",
    "Caller",
    "CallerId",
    "CallerKind",
    "ClaimedCode",
    "ClinicalItem",
    "CodeMarks",
    "CodeState",
    "Decision",
    "DisplayedCode",
    "DivisionCode",
    "Format",
    "Freshness",
    "Handle",
    "Instant",
    "IssuerId",
    "IssuerProfile",
    "KeyId",
    "KeyUse",
    "LiveCode",
    "Measure",
    "OnlineAnswer",
    "OpaqueCode",
    "Origin",
    "PairwiseHandle",
    "Passage",
    "Profile",
    "Purpose",
    "ReasonClass",
    "Revocations",
    "RevokedCodes",
    "RiskLevel",
    "StatusPointer",
    "Step",
    "TrustedKey",
    "Way",
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


LETS_THROUGH: Final = frozenset({Measure.PASS, Measure.LIMITED})
"""The measures under which a person goes on."""


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
    OPAQUE = "opaque"
    """An id that means something to its issuer only."""


class ReasonClass(IntEnum):
    """Why an issuer gave a colour, as a class and never as a story. Numbers are those of the wire.

    Source: the reasons that Guangxi published, A1 to A8 for red, B1 to B6 for yellow.
    """

    RED_NATIONAL_PLATFORM = 1
    RED_CONFIRMED_CASE = 2
    RED_SUSPECTED_CASE = 3
    RED_CLOSE_CONTACT = 4
    RED_INBOUND = 5
    RED_RETURNEE_QUARANTINE = 6
    RED_HIGH_RISK_AREA = 7
    RED_OTHER_ORDER = 8
    YELLOW_NATIONAL_PLATFORM = 11
    YELLOW_DISCHARGED = 12
    YELLOW_TIME_SPACE_OVERLAP = 13
    YELLOW_MEDIUM_RISK_AREA = 14
    YELLOW_SAME_VEHICLE = 15
    YELLOW_OTHER = 16


class RiskLevel(IntEnum):
    """How risky a place is on a day, as its authority published. Numbers are those of the wire."""

    UNKNOWN = 1
    """No list in force speaks of the place: nothing is known, which is not the same as low."""
    LOW = 2
    MEDIUM = 3
    HIGH = 4


class Way(StrEnum):
    """Which of the three ways of recognition is asked for. Source: Hainan-Zhejiang agreement, 2020-02-28."""

    DISPLAY = "display"
    """A checker accepts a code that is shown, and applies her own rule to it."""
    VERIFY = "verify"
    """A checker scans it and learns which measure applies."""
    CONVERT = "convert"
    """A code of the receiving division is made from it."""


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
    AGING = "aging"
    """Older than it should be, and still inside its budget: allowed, and flagged."""
    STALE = "stale"
    """Known to be out of date."""
    UNAVAILABLE = "unavailable"
    """The code points to a list that is not held, or to a place in it that was never given out."""


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
    PROVINCE = 3
    CLINIC = 4


Handle = NewType("Handle", str)
"""The name of one person for one caller in one epoch: 22 letters of base64url."""


class PairwiseHandle(NamedTuple):
    """A handle, and until when its caller will find the person under it."""

    handle: Handle
    until: Instant

    def __repr__(self) -> str:
        """Show no handle."""
        return f"PairwiseHandle(until={self.until})"


class CallerKind(StrEnum):
    """How the caller's identity was established."""

    TLS_PEER = "tls_peer"
    DEV_LOOPBACK = "dev_loopback"
    LOCAL = "local"
    """A process of this gateway, over a socket file that only its user may open."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Made by the edge from the transport, handed to every handler, never read from the request."""

    caller_id: CallerId
    kind: CallerKind
    vouched_by: frozenset[str] = frozenset()
    """Trust domains whose own authorities signed her certificate; none if no authorities are told apart."""


@dataclass(frozen=True, slots=True)
class StatusPointer:
    """Where the issuer publishes the live status of one code (Token Status List `uri` and `idx`)."""

    uri: str
    index: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Which code a converted code was made from: its issuer and its issuer's division, nothing of the code itself."""

    issuer: IssuerId
    division: DivisionCode


@dataclass(frozen=True, slots=True)
class OpaqueCode:
    """What is read off an opaque code: whose it looks like and what that issuer would resolve. Nothing is proven."""

    issuer: IssuerId
    division: DivisionCode
    text: str = field(repr=False)
    """All that was scanned: some issuers resolve nothing less."""
    identifier: str = field(repr=False)
    """The id inside, as its issuer takes it."""
    national: str | None = field(default=None, repr=False)
    """The national platform's id where the code carries one, for when the issuer does not answer."""


@quick
@dataclass(frozen=True, slots=True)
class OnlineAnswer:
    """What an issuer said of an opaque code when it was asked. The holder's data were dropped before this was made."""

    statement: str
    """A word of the issuer's own state map; empty for any other word, which may be anything."""
    observed_time: Instant
    """When it was said."""
    fresh_for: float
    """Seconds from then that it may be relied on."""
    expire_time: Instant | None = None
    reason_class: ReasonClass | None = None
    answered_by: IssuerId | None = None
    """Who answered, if not the issuer itself."""
    notes: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class DisplayedCode:
    """What a checker saw on somebody's screen. It proves nothing."""

    division: DivisionCode
    """Whose code it looked like."""
    word: str = field(repr=False)
    """The colour or mark that was seen: green, orange, gray, popup. As typed: it may be anything."""
    displayed_time: Instant | None = None
    """The time that the page showed."""


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
    audience: DivisionCode | None = None
    """The one division that a converted code was made for."""
    origin: Origin | None = None
    """What a converted code was made from. Believed only of an issuer that converts."""
    evidence: Mapping[str, object] | None = field(default=None, repr=False)
    """The medical entries that a receiving division's rules judge, as they stand in the certificate but without name,
    birth date and certificate id. Read by rules only; gone with the decision."""
    clinical: SealedEntry | None = field(default=None, repr=False, compare=False)
    """The one item that was wanted, if the code holds it. None wherever none was."""


@dataclass(frozen=True, slots=True)
class IssuerProfile:
    """What the trust list says of an issuer beside its keys."""

    issuer: IssuerId
    division: DivisionCode | None
    formats: frozenset[Format]
    states: Mapping[str, CodeState] = field(default_factory=dict)
    """The issuer's statement -> common vocabulary, over the meaning that its format gives it (docs/trust-list.md)."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """The issuer's statement -> what it means by it, in one public sentence of its own rules."""
    converts: bool = False
    """Whether it makes codes out of those of others, and may therefore name their origin."""
    dynamic_s: float | None = None
    """Of opaque codes: seconds that one is good for once it is shown, because each showing has its own. None: they are
    static."""


class CodeMarks(NamedTuple):
    """What tells one code, and one person as her issuer knows her, from another.

    For handles and for the replay guard; nothing else may read it. A tuple, because one is made for every code.
    """

    issuer: IssuerId
    person: bytes
    """The issuer's pseudonym of the holder, else the code's id, else the SHA-256 of what was signed; told apart."""
    showing: bytes | None = None
    """The id of a *dynamic* code, which is good for one showing. None: a certificate, or a code that lives for long."""
    shown_until: Instant | None = None
    """When that showing's validity ends."""

    def __repr__(self) -> str:
        """Show what concerns nobody in person."""
        return f"CodeMarks(issuer={self.issuer!r}, shown_until={self.shown_until!r})"


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
    """A code whose issuer is established, in the way that `assurance` names.

    SCANNED_SIGNED: its signature is its issuer's, made with a key that may attest this kind of statement.
    SCANNED_ONLINE: its issuer said so when it was asked. DISPLAYED: a checker saw it, and nothing is proven.
    """

    claimed: ClaimedCode
    issuer: IssuerProfile
    key: TrustedKey | None
    """The key that signed it; None if nothing was signed."""
    assurance: Assurance = Assurance.SCANNED_SIGNED
    fresh_for: float | None = None
    """Seconds from the issue time that the word may be relied on; None if the code itself says how long."""
    reason_class: ReasonClass | None = None
    marks: CodeMarks | None = field(default=None, repr=False)
    """None for a displayed code."""


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
    listed_state: CodeState | None = None
    """What a live status list says, if one does; it counts more than the code."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of a person through a gate: what makes a receipt that is asked for again the same one."""

    first_time: Instant
    """When this verdict was first given to it."""
    secret: bytes = field(repr=False)
    """32 bytes that are like random to whoever has only the receipts, or only the code."""


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
    reason_class: ReasonClass | None = None
    meaning: str | None = None
    """What the issuer means by the state, in a sentence of its own rules."""
    origin: Origin | None = None
    """What a converted code was made from."""
    marks: CodeMarks | None = field(default=None, repr=False)
    """None until the issuer is established, and for a code that was only seen. Never disclosed."""
    clinical: SealedEntry | None = field(default=None, repr=False, compare=False)
    """The one item that was wanted, of a code that came as far as policy. Opened by the CLINIC disclosure only."""
