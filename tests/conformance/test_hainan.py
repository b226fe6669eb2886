"""Hainan and its seven partners, both directions, all three ways: with the profiles and the rules that ship.

The agreement is of 2020-02-28, between Hainan and Zhejiang: a shown code is accepted (display), a scanned one looked
up (verify), a local one is made from it (convert). That the other six agreed the same is assumed.

Each code is told by its text, its issuer is asked (in memory, by the words of its profile), and the receiver's rules
decide. What is expected stands in the tables here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from gateway.errors import CodeStopped, Reason
from gateway.formats.native_claims import NativeClaims
from gateway.formats.native_encode import encode_jws
from gateway.pipeline import Pipeline
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.provinces.directory import ProvinceDirectory
from gateway.provinces.profile import ProvinceName, ProvinceProfile
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import (
    Algorithm,
    Assurance,
    CodeState,
    Decision,
    DisplayedCode,
    DivisionCode,
    Format,
    Instant,
    IssuerProfile,
    KeyId,
    Measure,
    OnlineAnswer,
    OpaqueCode,
    TrustedKey,
    Way,
)
from keys.algorithms import make_verifier
from keys.ring import KeyRing
from tests.simulators.provinces.screens import fill

AT = Instant(datetime.fromisoformat("2020-06-01T09:00:00+08:00").timestamp())
THE_DAY = Instant(datetime.fromisoformat("2020-02-28T00:00:00+08:00").timestamp())
FRESH_FOR = 60.0

HAINAN = "hainan"
PARTNERS = ("zhejiang", "guangdong", "fujian", "guangxi", "yunnan", "sichuan", "jiangxi")
DIRECTIONS = [(HAINAN, partner) for partner in PARTNERS] + [(partner, HAINAN) for partner in PARTNERS]

WORDS = {
    "hainan": ("green", "yellow", "red"),
    "zhejiang": ("green", "yellow", "red"),
    "guangdong": ("00", "01", "10"),
    "fujian": ("green", "yellow", "red"),
    "guangxi": ("00", "01", "10"),
    "yunnan": ("00", "01", "10"),
    "sichuan": ("00", "01", "10"),
    "jiangxi": ("green", "yellow", "red"),
}
"""What each issuer answers for green, yellow and red."""

Expected = tuple[Measure, tuple[Reason, ...], CodeState]

GREEN, YELLOW, RED, UNKNOWN = CodeState.GREEN, CodeState.YELLOW, CodeState.RED, CodeState.UNKNOWN
MONITORED = (Reason.STATE_YELLOW, Reason.CONDITION_TEST_WITHIN_48_HOURS, Reason.CONDITION_HEALTH_MONITORING)

SCANNED: dict[str, Expected] = {
    "green": (Measure.PASS, (Reason.STATE_GREEN,), GREEN),
    "yellow": (Measure.LIMITED, MONITORED, YELLOW),
    "red": (Measure.DENY, (Reason.STATE_RED,), RED),
    "stale": (Measure.MANUAL, (Reason.STATUS_STALE,), GREEN),
    "unknown": (Measure.MANUAL, (Reason.UNKNOWN_STATE,), UNKNOWN),
    "expired": (Measure.DENY, (Reason.EXPIRED,), CodeState.EXPIRED),
    "not found": (Measure.MANUAL, (Reason.CODE_NOT_FOUND,), CodeState.NOT_FOUND),
    "silent": (Measure.MANUAL, (Reason.UPSTREAM_UNAVAILABLE,), UNKNOWN),
}
"""Verify and convert: the conversion is made of what passes, with a condition or without."""

SHOWN: dict[str, Expected] = {
    "green": (Measure.LIMITED, (Reason.STATE_GREEN, Reason.CONDITION_REGISTER_ON_ARRIVAL), GREEN),
    "yellow": (Measure.MANUAL, (Reason.STATE_YELLOW,), YELLOW),
    "red": (Measure.DENY, (Reason.STATE_RED,), RED),
    "stale": (Measure.MANUAL, (Reason.STATUS_STALE,), GREEN),
    "unknown": (Measure.MANUAL, (Reason.UNKNOWN_STATE,), UNKNOWN),
}
"""Display: a picture proves nothing, so whoever comes in on it is registered."""

SHOWN_AS_AGREED: dict[str, Expected] = SHOWN | {"green": (Measure.PASS, (Reason.STATE_GREEN,), GREEN)}
"""Between Hainan and Zhejiang, whose agreement lets a green code through that is only shown."""


@dataclass(slots=True)
class Answers:
    """An issuer in memory: says one thing, and remembers what it was asked."""

    says: OnlineAnswer | Reason
    asked: list[OpaqueCode] = field(default_factory=list)

    async def resolve(self, code: OpaqueCode, *, at: Instant, time_left: float) -> OnlineAnswer:
        """See AsksIssuers."""
        self.asked.append(code)
        if isinstance(self.says, Reason):
            raise CodeStopped(self.says)
        return self.says


@cache
def provinces() -> ProvinceDirectory:
    return ProvinceDirectory.load(Path(__file__).parents[2] / "deploy" / "provinces")


@cache
def policies() -> PolicyBook:
    return PolicyBook.load(SHIPPED)


def profile(name: str) -> ProvinceProfile:
    return provinces().by_name[ProvinceName(name)]


def text_of(issuer: ProvinceProfile) -> bytes:
    """Return a code as `issuer` draws them."""
    shape = issuer.shapes[0]
    whole, _ = fill(shape.template, "0123456789abcdef" * 2, issuer.division)
    return (whole if shape.page is None else f"https://{shape.page}?{shape.parameter}={whole}").encode()


def answers(name: str, seen: str, at: Instant) -> Answers:
    """Return the issuer that says what was `seen` of one of its codes."""
    silent = {"expired": Reason.EXPIRED, "not found": Reason.CODE_NOT_FOUND, "silent": Reason.UPSTREAM_UNAVAILABLE}
    if seen in silent:
        return Answers(silent[seen])
    green, yellow, red = WORDS[name]
    words = {"green": green, "stale": green, "yellow": yellow, "red": red, "unknown": ""}
    age = FRESH_FOR + 1 if seen == "stale" else 1.0
    return Answers(OnlineAnswer(words[seen], Instant(at - age), FRESH_FOR))


def pipeline(asks: Answers) -> Pipeline:
    known = provinces()
    trusts_nobody = TrustSnapshot(KeyRing([]), {}, {})
    return Pipeline(trusts_nobody, policies(), opaque=known.shapes, online=known.online, asks=asks)


async def scan(issuer: str, receiver: str, seen: str, way: Way, at: Instant = AT) -> Decision:
    """Send a code of `issuer` the whole way to `receiver`."""
    asks = answers(issuer, seen, at)
    rooms, where = pipeline(asks), profile(receiver).division
    code = rooms.verify(text_of(profile(issuer)), at=at, division=where, way=way)
    assert isinstance(code, OpaqueCode)
    decision = await rooms.ask_issuer(code, at=at, division=where, time_left=1.0, way=way)
    assert [asked.issuer for asked in asks.asked] == [profile(issuer).issuer]
    return decision


def show(issuer: str, receiver: str, seen: str, at: Instant = AT) -> Decision:
    """Show a page of `issuer` to a checker of `receiver`, five seconds old or (stale) ten minutes."""
    word = {"stale": "green", "unknown": "purple"}.get(seen, seen)
    page_time = Instant(at - (600.0 if seen == "stale" else 5.0))
    asks = Answers(Reason.UPSTREAM_UNAVAILABLE)
    shown = DisplayedCode(profile(issuer).division, word, page_time)
    decision = pipeline(asks).assess(shown, at=at, division=profile(receiver).division)
    assert asks.asked == []  # nobody learns of it
    return decision


def told(decision: Decision) -> Expected:
    return decision.measure, decision.reasons, decision.state


@pytest.mark.parametrize("way", [Way.VERIFY, Way.CONVERT])
@pytest.mark.parametrize("seen", SCANNED)
@pytest.mark.parametrize(("issuer", "receiver"), DIRECTIONS)
async def test_a_scanned_code_is_verified_or_converted(issuer: str, receiver: str, seen: str, way: Way) -> None:
    decision = await scan(issuer, receiver, seen, way)
    assert told(decision) == SCANNED[seen]
    if seen in ("green", "yellow", "red"):
        assert decision.assurance is Assurance.SCANNED_ONLINE
        assert decision.division == profile(issuer).division
        assert decision.meaning


@pytest.mark.parametrize("seen", SHOWN)
@pytest.mark.parametrize(("issuer", "receiver"), DIRECTIONS)
def test_a_displayed_code_is_accepted_as_the_receiver_says(issuer: str, receiver: str, seen: str) -> None:
    decision = show(issuer, receiver, seen)
    expected = SHOWN_AS_AGREED if {issuer, receiver} == {"hainan", "zhejiang"} else SHOWN
    assert told(decision) == expected[seen]
    assert decision.assurance is Assurance.DISPLAYED


def test_a_page_without_a_time_passes_nobody_where_a_picture_may() -> None:
    shown = DisplayedCode(profile("zhejiang").division, "green", None)
    decision = pipeline(Answers(Reason.EXPIRED)).assess(shown, at=AT, division=profile(HAINAN).division)
    assert told(decision) == (Measure.MANUAL, (Reason.STATUS_STALE,), GREEN)


async def test_a_missed_declaration_of_hainan_is_no_green_elsewhere() -> None:
    asks = Answers(OnlineAnswer("gray", AT, FRESH_FOR))
    rooms, where = pipeline(asks), profile("zhejiang").division
    code = rooms.verify(text_of(profile(HAINAN)), at=AT, division=where)
    assert isinstance(code, OpaqueCode)
    decision = await rooms.ask_issuer(code, at=AT, division=where, time_left=1.0)
    assert (decision.measure, decision.reasons[0]) == (Measure.LIMITED, Reason.STATE_STALE_DECLARATION)


@pytest.mark.parametrize(
    ("at", "verified", "converted", "displayed"),
    [
        (THE_DAY - 1, Measure.LIMITED, Reason.CONVERSION_NOT_AGREED, Reason.DISPLAY_NOT_ACCEPTED),
        (THE_DAY, Measure.PASS, Reason.STATE_GREEN, Reason.STATE_GREEN),
    ],
)
@pytest.mark.parametrize(("issuer", "receiver"), DIRECTIONS)
async def test_nothing_is_agreed_before_the_day(
    issuer: str, receiver: str, at: float, verified: Measure, converted: Reason, displayed: Reason
) -> None:
    now = Instant(at)
    assert (await scan(issuer, receiver, "green", Way.CONVERT, now)).reasons[0] is converted
    assert show(issuer, receiver, "green", now).reasons[0] is displayed
    assert (await scan(issuer, receiver, "green", Way.VERIFY, now)).measure is verified


@pytest.mark.parametrize("issuer", PARTNERS)
@pytest.mark.parametrize("receiver", PARTNERS)
async def test_the_partners_agreed_with_hainan_and_not_with_one_another(issuer: str, receiver: str) -> None:
    converted = await scan(issuer, receiver, "green", Way.CONVERT)
    assert told(converted)[:2] == (Measure.MANUAL, (Reason.CONVERSION_NOT_AGREED,))
    assert told(show(issuer, receiver, "green"))[:2] == (Measure.MANUAL, (Reason.DISPLAY_NOT_ACCEPTED,))
    assert (await scan(issuer, receiver, "red", Way.CONVERT)).measure is Measure.DENY
    assert show(issuer, receiver, "red").measure is Measure.DENY


SIGNED: dict[str, Expected] = {seen: SCANNED[seen] for seen in ("green", "yellow", "red", "unknown")}


@pytest.mark.parametrize("way", [Way.VERIFY, Way.CONVERT])
@pytest.mark.parametrize("seen", SIGNED)
@pytest.mark.parametrize(("issuer", "receiver"), DIRECTIONS)
def test_a_signed_code_fares_as_an_opaque_one(issuer: str, receiver: str, seen: str, way: Way) -> None:
    of, key = profile(issuer), signing_key()
    claims = NativeClaims(
        of.issuer, of.division, "purple" if seen == "unknown" else seen, int(AT) - 60, int(AT) + 60, "code-1"
    )
    code = encode_jws(claims, key_id=KEY_ID, algorithm=Algorithm.ED25519, sign=lambda text: key.sign(text).signature)
    verifier = make_verifier(Algorithm.ED25519, bytes(key.verify_key))
    ring = KeyRing([TrustedKey(of.issuer, KEY_ID, Algorithm.ED25519, verifier)])
    signers = {of.issuer: IssuerProfile(of.issuer, of.division, frozenset({Format.NATIVE}))}
    rooms = Pipeline(TrustSnapshot(ring, signers, {}), policies())
    decision = rooms.verify(code.encode(), at=AT, division=profile(receiver).division, way=way)
    assert isinstance(decision, Decision)
    measure, reasons, state = SIGNED[seen]
    assert told(decision) == (measure, (*reasons, Reason.NOT_PUBLISHED), state)
    assert decision.assurance is Assurance.SCANNED_SIGNED


KEY_ID = KeyId(b"partner-1")


@cache
def signing_key() -> SigningKey:
    return SigningKey.generate()


def test_every_code_of_a_county_falls_under_its_provinces_rules() -> None:
    asks = Answers(Reason.EXPIRED)
    shown = DisplayedCode(profile("guangdong").division, "green", AT)
    decision = pipeline(asks).assess(shown, at=AT, division=DivisionCode("460105"))
    assert told(decision) == SHOWN["green"]
