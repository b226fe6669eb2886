"""What looking a code up costs in the pipeline, as the difference with and without.

- the same codes of the same issuers; the ones with point into the nation's lists, at random places that are green
- signatures are taken as good: they cost the same in both, and fifty times what is measured
- three differences: of the look-up alone; of the rooms that look up and weigh what they find; of the whole way, where
  a code that points to a list is also longer to read
- what is compared alternates every SLICE codes; of each slice the quickest turn counts, as on an undisturbed machine
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import TypeVar

from gateway.changes import Listed
from gateway.formats import read_code
from gateway.formats.native_claims import NativeClaims
from gateway.formats.native_encode import encode_jws
from gateway.held.mapped_lists import MappedLists
from gateway.pipeline import Pipeline
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.status.freshness import BUDGETS
from gateway.status.observe import StatusLists, observe
from gateway.trust.authenticate import find_signer, permit
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import (
    Algorithm,
    AuthenticCode,
    CodeState,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    KeyId,
    Measure,
    Purpose,
    StatusPointer,
    TrustedKey,
)
from keys.ring import KeyRing

from .codes import AT, ISSUERS, RECEIVING

T = TypeVar("T")

SLICE = 250
_KEY_ID = KeyId(b"2026-1")
_PURPOSE = Purpose.TRANSPORT_ARRIVAL
_GREEN = Listed(CodeState.GREEN, Instant(AT - 10.0))


class _AnySignature:
    """Takes every signature as good."""

    algorithm = Algorithm.ED25519

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Return True."""
        return True


class _SaysGreen:
    """Looks nothing up."""

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed:
        """Return green."""
        return _GREEN


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of one code."""

    without: float
    """A code that points nowhere, the whole way."""
    told: float
    """The same code with a pointer, the whole way, answered at once."""
    listed: float
    """The same, looked up in the lists."""
    rooms_without: float
    """Rooms 3 and 4 alone, of a code that points nowhere."""
    rooms_listed: float
    """Rooms 3 and 4 alone, looked up in the lists."""


def _code(number: int, pointer: StatusPointer | None) -> bytes:
    claims = NativeClaims(
        issuer=f"https://code-{number % ISSUERS}.example",
        division="520100",
        state="green",
        issue_time=int(AT) - 600 - number % 1_000,
        expire_time=int(AT) + 3_600 + number,
        code_id=f"c{number:021d}",
        subject=f"p{number:021d}",
        status_uri=None if pointer is None else pointer.uri,
        status_index=None if pointer is None else pointer.index,
    )
    return encode_jws(claims, key_id=_KEY_ID, algorithm=Algorithm.ED25519, sign=lambda _: bytes(64)).encode()


def _green_places(lists: MappedLists, count: int) -> list[StatusPointer]:
    chance = random.Random(7)
    held = {each.name.issuer: each for each in lists.lists()}
    found: list[StatusPointer] = []
    while len(found) < count:
        issuer = IssuerId(f"https://code-{len(found) % ISSUERS}.example")
        pointer = StatusPointer(held[issuer].name.uri, chance.randrange(held[issuer].capacity))
        listed = lists.look_up(issuer, pointer, AT)
        if listed is not None and listed.state is CodeState.GREEN:
            found.append(pointer)
    return found


def _trust() -> TrustSnapshot:
    names = [IssuerId(f"https://code-{number}.example") for number in range(ISSUERS)]
    ring = KeyRing([TrustedKey(name, _KEY_ID, Algorithm.ED25519, _AnySignature()) for name in names])
    profiles = {name: IssuerProfile(name, DivisionCode("520000"), frozenset({Format.NATIVE}), {}) for name in names}
    return TrustSnapshot(ring=ring, issuers=profiles, revocations={})


def _turn(codes: list[T], judge: Callable[[T], object]) -> Callable[[slice], float]:
    """Return what tells the CPU seconds of a slice of codes. Raises: AssertionError if a code does not pass."""
    for code in codes:
        if getattr(judge(code), "measure", None) is not Measure.PASS:
            raise AssertionError("a code does not pass")

    def turn(part: slice) -> float:
        of = codes[part]
        start = process_time()
        for code in of:
            judge(code)
        return process_time() - start

    return turn


def _whole_way(codes: list[bytes], lists: StatusLists) -> Callable[[slice], float]:
    verify = Pipeline(_trust(), PolicyBook.load(SHIPPED), lists=lists).verify
    return _turn(codes, lambda code: verify(code, at=AT, division=RECEIVING, purpose=_PURPOSE))


def _two_rooms(codes: list[bytes], lists: StatusLists) -> Callable[[slice], float]:
    """Rooms 3 and 4, of codes that were read and found authentic."""
    trust, decide = _trust(), PolicyBook.load(SHIPPED).decide
    authentic = [permit(find_signer(read_code(code, Format.NATIVE), trust), AT) for code in codes]

    def judge(code: AuthenticCode) -> object:
        return decide(observe(code, trust.revocations, AT, lists, BUDGETS, _PURPOSE), RECEIVING, AT)

    return _turn(authentic, judge)


def measure(lists: MappedLists, count: int, rounds: int) -> Cost:
    """Return what one code costs. Raises: AssertionError if a code does not pass."""
    plain = [_code(number, None) for number in range(count)]
    pointing = [_code(number, pointer) for number, pointer in enumerate(_green_places(lists, count))]
    ways = (
        _whole_way(plain, lists),
        _whole_way(pointing, _SaysGreen()),
        _whole_way(pointing, lists),
        _two_rooms(plain, lists),
        _two_rooms(pointing, lists),
    )
    parts = [slice(at, at + SLICE) for at in range(0, count, SLICE)]
    gc.collect()
    gc.freeze()
    times = [[[way(part) for way in ways] for part in parts] for _ in range(rounds)]
    gc.unfreeze()
    quickest = [[min(turn[at] for turn in turns) for turns in zip(*times, strict=True)] for at in range(len(ways))]
    return Cost(*(sum(way) / count for way in quickest))
