"""One published list: a compact JWS around a JSON document, read strictly (docs/lists.md).

Rules:

- `typ` is hcg-list+jwt; the signature is that of a key of its issuer's, trusted now and not limited to medical
  statements.
- A list has a sequence that only grows, a time, an end, and says what it covers: within that, silence means "not
  affected", outside it means nothing.
- An issuer speaks of places of its own division only; of journeys it may speak wherever they went.
- Anything unknown, missing or malformed refuses the whole list, and names line and member.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from gateway.divisions import is_division, lies_within
from gateway.errors import CodeStopped
from gateway.formats import jws
from gateway.lines import Path, line_of_json, told
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import DivisionCode, Format, Instant, IssuerId, IssuerProfile, RiskLevel
from keys.values import EARLIEST, LATEST

from .days import parse_day
from .names import Mode, NameInvalid, carriage, community, journey_numbers

T = TypeVar("T")

LIST_TYPE: Final = "hcg-list+jwt"
MAX_LIST_BYTES: Final = 32 * 1024 * 1024
MAX_ENTRIES: Final = 200_000
MAX_OF_ONE: Final = 100
"""Entries of one place, or of one journey."""
MAX_SEQUENCE: Final = (1 << 53) - 1
_DEPTH: Final = 6


class ListInvalid(ValueError):
    """A list cannot be used. `path` is the member, `line` its line in the signed document, None if it has none."""

    def __init__(self, path: str, why: str, line: int | None = None) -> None:
        super().__init__(f"{path}: {why}" if line is None else f"line {line}: {path}: {why}")
        self.path = path
        self.why = why
        self.line = line


class ListKind(StrEnum):
    """What a list is about."""

    JOURNEYS = "journeys"
    PLACES = "places"


@dataclass(frozen=True, slots=True)
class Journey:
    """A journey with a confirmed case aboard. Empty `carriages` means any."""

    day: date
    mode: Mode
    numbers: tuple[str, ...]
    carriages: frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A division, or one community in it, and its risk from `since` to before `until` (None: the list's end)."""

    division: DivisionCode
    community: str
    """In its one spelling; empty for the division as a whole."""
    name: str
    """As published."""
    risk: RiskLevel
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Cover:
    """What silence of the list means "not affected" for: days inclusive, and modes or divisions."""

    since: date
    until: date
    modes: frozenset[Mode]
    divisions: frozenset[DivisionCode]


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A list, authentic and whole."""

    issuer: IssuerId
    kind: ListKind
    sequence: int
    issued: Instant
    expires: Instant
    cover: Cover
    journeys: tuple[Journey, ...]
    places: tuple[Place, ...]


def read_list(data: bytes, trust: TrustSnapshot, at: Instant) -> PublishedList:
    """Return the list that `data` holds, if its issuer signed it.

    1. a compact JWS of its kind
    2. an issuer on the trust list, one of its keys valid at `at`, and that key's signature over these very bytes
    3. a strict JSON document in which nothing is unknown or missing
    4. what it covers, then each entry

    Does not check whether it has run out: an old list says nothing any more, which its reader must know.

    Raises: ListInvalid.
    """
    # 1
    try:
        token = jws.read_compact(data.strip(), types=_TYPES, max_bytes=MAX_LIST_BYTES)
        document = jws.read_json(token.payload, max_depth=_DEPTH, what="list")
    except CodeStopped as stopped:
        raise ListInvalid(stopped.detail or "list", stopped.reason.name) from None
    reader = _Reader(token.payload)
    # 2
    top = reader.members(document, (), _TOP)
    issuer = IssuerId(reader.text(top["iss"], ("iss",), 128))
    profile = _signed_by(issuer, token, trust, at)
    # 3
    kind = reader.word(top["list"], ("list",), {kind.value: kind for kind in ListKind})
    issued, expires = (Instant(float(reader.whole(top[name], (name,), EARLIEST, LATEST))) for name in ("iat", "exp"))
    if expires <= issued:
        raise reader.fault(("exp",), "must be later than iat")
    if issued > at + _SKEW:
        raise reader.fault(("iat",), "lies in the future")
    sequence = reader.whole(top["seq"], ("seq",), 1, MAX_SEQUENCE)
    # 4
    cover = _cover(reader, top["covers"], kind, profile)
    rows = top["entries"]
    if not isinstance(rows, list) or len(rows) > MAX_ENTRIES:
        raise reader.fault(("entries",), f"must be a list of at most {MAX_ENTRIES}")
    journeys: tuple[Journey, ...] = ()
    places: tuple[Place, ...] = ()
    if kind is ListKind.JOURNEYS:
        journeys = tuple(_journey(reader, row, ("entries", number)) for number, row in enumerate(rows))
    else:
        places = tuple(_place(reader, row, ("entries", number), profile) for number, row in enumerate(rows))
    _refuse_crowds(reader, [[(one.division, one.community)] for one in places])
    _refuse_crowds(reader, [[(one.day, one.mode, name) for name in set(one.numbers)] for one in journeys])
    return PublishedList(issuer, kind, sequence, issued, expires, cover, journeys, places)


_TYPES: Final = frozenset({LIST_TYPE})
_SKEW: Final = 30.0
_TOP: Final = frozenset({"iss", "list", "seq", "iat", "exp", "covers", "entries"})
_JOURNEY: Final = frozenset({"day", "mode", "number"})
_PLACE: Final = frozenset({"division", "risk", "since"})


def _signed_by(issuer: IssuerId, token: jws.CompactJws, trust: TrustSnapshot, at: Instant) -> IssuerProfile:
    profile = trust.issuers.get(issuer)
    if profile is None or Format.NATIVE not in profile.formats:
        raise ListInvalid("iss", "is no issuer that is trusted to state colours or places")
    algorithm = token.header.algorithm
    for key in trust.ring.find(issuer, token.header.key_id):
        fits = key.valid_at(at) and not key.uses and key.algorithm is algorithm
        if fits and key.verifier.verify(token.signature, token.signing_input):
            return profile
    raise ListInvalid("signature", "is none of a trusted key of its issuer's")


def _cover(reader: _Reader, value: object, kind: ListKind, profile: IssuerProfile) -> Cover:
    of_journeys = kind is ListKind.JOURNEYS
    what = "modes" if of_journeys else "divisions"
    top = reader.members(value, ("covers",), frozenset({"since", "until", what}))
    since, until = (reader.day(top[name], ("covers", name)) for name in ("since", "until"))
    if until < since:
        raise reader.fault(("covers", "until"), "must not be before since")
    words = top[what]
    if not isinstance(words, list) or not 0 < len(words) <= MAX_ENTRIES:
        raise reader.fault(("covers", what), "must be a list that is not empty")
    places = [("covers", what, number) for number in range(len(words))]
    if of_journeys:
        modes = frozenset(reader.word(word, place, _MODES) for word, place in zip(words, places, strict=True))
        return Cover(since, until, modes, frozenset())
    divisions = frozenset(reader.division(word, place, profile) for word, place in zip(words, places, strict=True))
    return Cover(since, until, frozenset(), divisions)


def _journey(reader: _Reader, value: object, path: Path) -> Journey:
    row = reader.members(value, path, _JOURNEY, optional=frozenset({"carriages"}))
    mode = reader.word(row["mode"], (*path, "mode"), _MODES)
    numbers = reader.named(row["number"], (*path, "number"), lambda text: journey_numbers(text, mode))
    carriages = row.get("carriages", [])
    if not isinstance(carriages, list) or len(carriages) > 32:
        raise reader.fault((*path, "carriages"), "must be a list of at most 32")
    return Journey(
        reader.day(row["day"], (*path, "day")),
        mode,
        numbers,
        frozenset(reader.named(one, (*path, "carriages", place), carriage) for place, one in enumerate(carriages)),
    )


def _place(reader: _Reader, value: object, path: Path, profile: IssuerProfile) -> Place:
    row = reader.members(value, path, _PLACE, optional=frozenset({"community", "until"}))
    since = reader.day(row["since"], (*path, "since"))
    until = reader.day(row["until"], (*path, "until")) if "until" in row else None
    if until is not None and until <= since:
        raise reader.fault((*path, "until"), "must be later than since")
    name = reader.text(row["community"], (*path, "community"), 64) if "community" in row else ""
    return Place(
        reader.division(row["division"], (*path, "division"), profile),
        reader.named(name, (*path, "community"), community) if name else "",
        name,
        reader.word(row["risk"], (*path, "risk"), _RISKS),
        since,
        until,
    )


def _refuse_crowds(reader: _Reader, named: Iterable[Iterable[Hashable]]) -> None:
    """Refuse a list that speaks of one thing again and again: each look-up of it would cost as much."""
    times: Counter[Hashable] = Counter()
    for number, names in enumerate(map(tuple, named)):
        times.update(names)
        if any(times[name] > MAX_OF_ONE for name in names):
            raise reader.fault(("entries", number), f"is there more than {MAX_OF_ONE} times")


_MODES: Final = {mode.name.lower(): mode for mode in Mode}
_RISKS: Final = {risk.name.lower(): risk for risk in RiskLevel if risk is not RiskLevel.UNKNOWN}


class _Reader:
    """Reads members of one document, and knows on which line they stand."""

    def __init__(self, document: bytes) -> None:
        self._document = document

    def fault(self, path: Path, why: str) -> ListInvalid:
        return ListInvalid(told(path) or "list", why, line_of_json(self._document.decode("utf-8"), path) or 1)

    def members(
        self, value: object, path: Path, required: frozenset[str], *, optional: frozenset[str] = frozenset()
    ) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self.fault(path, "must be an object")
        for name in value:
            if name not in required and name not in optional:
                raise self.fault((*path, name), "is not a known member")
        for name in required:
            if name not in value:
                raise self.fault((*path, name), "is required")
        return value

    def text(self, value: object, path: Path, most: int) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise self.fault(path, f"must be a text of 1 to {most} characters")
        return value

    def whole(self, value: object, path: Path, least: float, most: float) -> int:
        if type(value) is not int or not least <= value <= most:
            raise self.fault(path, f"must be a whole number of {least:.0f} to {most:.0f}")
        return value

    def word(self, value: object, path: Path, known: Mapping[str, T]) -> T:
        if not isinstance(value, str) or value not in known:
            raise self.fault(path, "must be one of " + ", ".join(known))
        return known[value]

    def day(self, value: object, path: Path) -> date:
        try:
            return parse_day(self.text(value, path, 10))
        except ValueError as invalid:
            if isinstance(invalid, ListInvalid):
                raise
            raise self.fault(path, "must be a day, as in 2020-02-17") from None

    def division(self, value: object, path: Path, profile: IssuerProfile) -> DivisionCode:
        text = self.text(value, path, 6)
        if not is_division(text):
            raise self.fault(path, "must be six digits of GB/T 2260")
        own = profile.division
        if own is not None and not lies_within(text, own):
            raise self.fault(path, "is not a part of the issuer's own division")
        return DivisionCode(text)

    def named(self, value: object, path: Path, read: Callable[[str], T]) -> T:
        try:
            return read(self.text(value, path, 64))
        except NameInvalid as invalid:
            raise self.fault(path, f"cannot be read: {invalid}") from None
