"""What is written into the audit log: one frozen type for each kind of entry, its canonical bytes, and a strict reader.

Rules:

- There is no field for a person, a code, a code's id, a pseudonym, a checkpoint, a request id, an index of a list, or
  for the exact time of a decision. What is not a field here cannot be written.
- Every entry holds bytes that nobody can guess (a commitment, or a salt), so that no hash of it can be tried out.
- One entry has one spelling: JSON in ASCII, members in order, no blank, no member that says nothing. The reader takes
  no other.
- `writer` tells which run of which process wrote it, and its number there: the same entry sent again is known by it.
- A kind's name and members are a contract with those who keep logs for years: additions only, optional ones.

Source: docs/audit.md, "What is written".
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum, IntEnum, StrEnum
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Final, NamedTuple, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from gateway.errors import GatewayError, Reason
from gateway.values import CallerId, CodeState, DivisionCode, IssuerId, Measure, Profile, Purpose, ReasonClass

MAX_ENTRY: Final = 65_535
"""Bytes. Source: C2SP tlog-tiles, entry bundles."""

MAX_BODY: Final = MAX_ENTRY - len(',"writer":"0123456789abcdef-1234567890123456"')
"""Bytes of an entry whose writer is not named yet."""

COMMITMENT_BYTES: Final = 32
SALT_BYTES: Final = 16

RunId = NewType("RunId", str)
"""16 hex digits, drawn at random when a process begins to write. Says nothing of the machine."""

Milliseconds = NewType("Milliseconds", int)
"""Since 1970, UTC."""


class LogName(StrEnum):
    """The logs there are: what is kept for how long differs."""

    DECISIONS = "decisions"
    CHANGES = "changes"


class Gap(StrEnum):
    """Why entries are missing that should stand here. Additions only."""

    QUEUE_FULL = "queue_full"
    """The log could not be written, answers were given, and what may wait in memory had run full."""
    RUN_CUT_OFF = "run_cut_off"
    """A process ended without having handed over what it had; how much is not known."""
    TOO_LONG = "too_long"
    """An entry had more bytes than an entry may have."""


class Matter(StrEnum):
    """What has editions. Additions only."""

    TRUST = "trust"
    RULES = "rules"
    PROFILES = "profiles"
    CALLERS = "callers"


class Cause(StrEnum):
    """What put an edition in force. Who ordered it, the operator's host tells: it is done by signals and files."""

    START = "start"
    RELOAD = "reload"


class Delivery(StrEnum):
    """How a batch of colours came to this machine."""

    HERE = "here"
    """Over its StatusService, or from a gateway that it follows."""
    FROM_LOG = "from_log"
    """Read from the log of batches: it came in before the keeper was started anew, or at another node."""


@dataclass(frozen=True, slots=True)
class DecisionEntry:
    """Somebody asked about a code and was given a measure.

    `bucket` is the beginning, in seconds since 1970, of the span of time in which that was.
    """

    kind: ClassVar = "decision"
    call: str
    """The RPC's name: VerifyCode."""
    caller: CallerId
    purpose: Purpose
    profile: Profile
    measure: Measure
    reasons: tuple[Reason, ...]
    trust: tuple[str, ...]
    """The trust lists in force, `sequence:SHA-256` each."""
    bucket: int
    commitment: bytes = field(repr=False)
    """The digest of the code that stands in the receipt (gateway/receipts/commitment.py), if one was given. Else 32
    random bytes: a digest whose salt was thrown away could be told from them by nobody."""
    division: DivisionCode | None = None
    """The receiving one."""
    rule: str | None = None
    """Version of its rules."""
    clinical_item: str | None = None
    """Which one was disclosed, under the profile CLINIC; never what it said."""
    lawful_basis: str | None = None
    """What the caller stated for that."""


@dataclass(frozen=True, slots=True)
class DecisionGapEntry:
    """Decisions are missing: `lost` of them, or unknown how many; between the buckets `since` and `until`."""

    kind: ClassVar = "decision_gap"
    why: Gap
    since: int
    until: int
    salt: bytes = field(repr=False)
    lost: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Places that a batch gave one state, for one reason, by order of one authority."""

    state: CodeState
    places: int
    authority: str
    reason_class: ReasonClass | None = None
    corrects: int | None = None
    """The number of the batch whose change this one corrects."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Places that read one state when a list was filled."""

    state: CodeState
    places: int


@dataclass(frozen=True, slots=True)
class ColourEntry:
    """A batch of colours was taken: whose, on whose orders, and who delivered it. Not which places."""

    kind: ClassVar = "colours"
    at: Milliseconds
    """When this was written."""
    issuer: IssuerId
    uri: str
    """The list's address."""
    number: int
    digest: bytes
    """SHA-256 of the batch as it was signed: by it the batch is found in the log of batches."""
    issued: Milliseconds
    """When its issuer made it."""
    signers: tuple[str, ...]
    """Key ids, in base64url: more than one where a second person had to sign."""
    orders: tuple[Order, ...]
    delivery: Delivery
    salt: bytes = field(repr=False)
    further_orders: int = 0
    """Orders that are left out here: those with the fewest places."""
    further_places: int = 0
    filled: tuple[Filled, ...] = ()
    """Places that were filled at one go, before the list was first changed."""
    delivered_by: CallerId | None = None
    """Whose certificate the call came with; absent where that is not known any more."""
    opens: int | None = None
    """The capacity of a list that this batch opens."""
    closes: bool = False


@dataclass(frozen=True, slots=True)
class ColoursAdoptedEntry:
    """A list was taken over as it stood at batch `number`: those between it and `after` are not known here."""

    kind: ClassVar = "colours_adopted"
    at: Milliseconds
    issuer: IssuerId
    uri: str
    after: int
    number: int
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EditionEntry:
    """From now on a process judges by other lists, rules, profiles or rights."""

    kind: ClassVar = "edition"
    at: Milliseconds
    matter: Matter
    process: str
    cause: Cause
    after: tuple[str, ...]
    """What is in force, `edition:SHA-256` each, or a name in the place of the edition."""
    salt: bytes = field(repr=False)
    before: tuple[str, ...] | None = None
    """Absent at a start: the entry before it tells."""


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """The one writer of the logs began; the decisions had so many entries.

    What processes held in memory only, and had answered, may be missing before it where the configuration allows that.
    """

    kind: ClassVar = "opened"
    at: Milliseconds
    decisions: int
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DegradedEntry:
    """A log could not be written for a while."""

    kind: ClassVar = "degraded"
    at: Milliseconds
    log: LogName
    since: Milliseconds
    why: str
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangeGapEntry:
    """Changes are missing: `lost` of them, or unknown how many."""

    kind: ClassVar = "change_gap"
    at: Milliseconds
    why: Gap
    salt: bytes = field(repr=False)
    lost: int | None = None


@dataclass(frozen=True, slots=True)
class ForgottenEntry:
    """Entries of a log were deleted, salts and all, because their time is over. Their hashes stay."""

    kind: ClassVar = "forgotten"
    at: Milliseconds
    log: LogName
    before: Milliseconds
    """What was written before this was due."""
    entries: int
    """Below this index nothing is left."""
    salt: bytes = field(repr=False)


Entry = (
    DecisionEntry
    | DecisionGapEntry
    | ColourEntry
    | ColoursAdoptedEntry
    | EditionEntry
    | OpenedEntry
    | DegradedEntry
    | ChangeGapEntry
    | ForgottenEntry
)

KINDS: Final[Mapping[str, type[Entry]]] = {kind.kind: kind for kind in get_args(Entry)}
"""Every kind of entry, by its name."""


class Written(NamedTuple):
    """An entry as it was read, and who wrote it."""

    entry: Entry
    run: RunId
    number: int


class EntryInvalid(GatewayError):
    """Bytes are no entry, or not in its one spelling. `member` is what is wrong; nothing of its value is told."""

    def __init__(self, member: str) -> None:
        super().__init__(f"no entry of an audit log: {member}")
        self.member = member


_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
_WRITER: Final = re.compile(rb'"writer":"([0-9a-f]{16})-(0|[1-9][0-9]{0,15})"\}\Z')


def body_of(entry: Entry) -> bytes:
    """Return an entry's bytes but for its writer; `written` adds that."""
    return _encode({"kind": entry.kind, "v": 1} | _members(entry)).encode("ascii")


def written(body: bytes, run: RunId, number: int) -> bytes:
    """Return the bytes of an entry whose `body` was written by a run as its `number`. The member stands last."""
    return b'%b,"writer":"%b-%d"}' % (body[:-1], run.encode("ascii"), number)


def writer_of(raw: bytes) -> tuple[RunId, int] | None:
    """Return who wrote an entry, without reading the rest of it; None if that is not told in its place."""
    found = _WRITER.search(raw)
    return None if found is None else (RunId(found[1].decode("ascii")), int(found[2]))


def read_entry(raw: bytes) -> Written:
    """Return what an entry says.

    1. bounded, ASCII, JSON
    2. of a known kind, with its members and no others, each of its form
    3. in its one spelling

    Raises: EntryInvalid.
    """
    # 1
    if len(raw) > MAX_ENTRY:
        raise EntryInvalid("size")
    try:
        found = json.loads(raw.decode("ascii"))
    except (ValueError, RecursionError):
        raise EntryInvalid("JSON") from None
    # 2
    if not isinstance(found, dict) or found.pop("v", None) != 1:
        raise EntryInvalid("v")
    kind = KINDS.get(str(found.pop("kind", "")))
    writer = writer_of(raw)
    if kind is None or writer is None:
        raise EntryInvalid("kind" if kind is None else "writer")
    found.pop("writer", None)
    entry = _record(kind, found, "")
    # 3: duplicate members, blanks, another order, other escapes, leading zeros all end here
    if written(body_of(entry), *writer) != raw:
        raise EntryInvalid("spelling")
    return Written(entry, *writer)


def base64url(data: bytes) -> str:
    """Return bytes as they stand in an entry: base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _members(record: Any) -> dict[str, object]:
    """Return what a record says; what has its default says nothing and is left out."""
    return {one.name: _plain(value) for one in fields(record) if (value := getattr(record, one.name)) != one.default}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64url(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str | int):
        return value
    return _members(value)


Read = Callable[[object, str], object]
"""Reads a JSON value at a path. Raises: EntryInvalid."""

T = TypeVar("T")


def _record(kind: type[T], found: object, path: str) -> T:
    """Return the record of `kind` that a JSON object tells. Raises: EntryInvalid."""
    if not isinstance(found, dict):
        raise EntryInvalid(path or "object")
    readers = _readers(kind)  # type: ignore[arg-type]  # a class is hashable
    for name in found:
        if name not in readers:
            raise EntryInvalid(f"{path}unknown member")
    try:
        return kind(**{name: readers[name](value, f"{path}{name}") for name, value in found.items()})
    except TypeError:
        raise EntryInvalid(f"{path}missing member") from None


@cache
def _readers(kind: type) -> dict[str, Read]:
    hints = get_type_hints(kind)
    return {one.name: _reader(hints[one.name]) for one in fields(kind)}


def _reader(hint: Any) -> Read:
    """Return what reads a value of a field's type."""
    if isinstance(hint, NewType):
        return _reader(hint.__supertype__)
    if get_origin(hint) in (Union, UnionType):
        return _reader(next(one for one in get_args(hint) if one is not type(None)))
    if get_origin(hint) is tuple:
        return _sequence(_reader(get_args(hint)[0]))
    if issubclass(hint, Enum):
        return _word(hint)
    return _SIMPLE.get(hint, lambda value, path: _record(hint, value, f"{path}."))


def _sequence(read: Read) -> Read:
    def of(value: object, path: str) -> object:
        if not isinstance(value, list):
            raise EntryInvalid(path)
        return tuple(read(one, f"{path}[{place}]") for place, one in enumerate(value))

    return of


def _word(kind: type[Enum]) -> Read:
    words: dict[object, Enum] = {one.name if isinstance(one, int) else one.value: one for one in kind}

    def of(value: object, path: str) -> object:
        found = words.get(value) if isinstance(value, str) else None
        if found is None:
            raise EntryInvalid(path)
        return found

    return of


def _exactly(kind: type) -> Read:
    def of(value: object, path: str) -> object:
        if type(value) is not kind:
            raise EntryInvalid(path)
        return value

    return of


def _octets(value: object, path: str) -> object:
    try:
        return urlsafe_b64decode(str(value) + "=" * (-len(str(value)) % 4))
    except ValueError:
        raise EntryInvalid(path) from None


_SIMPLE: Final[Mapping[type, Read]] = {
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    bytes: _octets,
}
