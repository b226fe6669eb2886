"""A receiving gateway of Zhejiang that converts, with the real rooms, and two provinces that can change their minds.

Guizhou signs its codes; Yunnan's are opaque, and Yunnan is asked through a fake that behaves: it answers what it is
told to say, says why it does not, or hangs until it is let go.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from nacl.signing import SigningKey

from gateway.conversion.converter import Converted, Converter
from gateway.conversion.observer import ConversionOutcome, RecheckOutcome
from gateway.conversion.recheck import Rechecks
from gateway.conversion.settings import ConversionSettings
from gateway.errors import CodeStopped, Reason
from gateway.formats.native_encode import NativeClaims, encode_jws
from gateway.formats.opaque import CodeShape, OpaqueShapes
from gateway.pipeline import Pipeline
from gateway.policy.book import PolicyBook
from gateway.policy.rules import parse_rules
from gateway.trust.online import OnlineIssuers
from gateway.trust.snapshot import TrustSnapshot, with_converter
from gateway.values import (
    Algorithm,
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    KeyId,
    OnlineAnswer,
    OpaqueCode,
    RevokedCodes,
    TrustedKey,
    Way,
)
from keys.algorithms import make_verifier
from keys.ring import KeyRing
from keys.signer import Signer, generate_dev_key
from tests.conftest import NOON, FakeClock

OURS = IssuerId("https://interop.zhejiang.example")
LISTS = "https://interop.zhejiang.example/status"
GUIZHOU = IssuerId("https://code.guizhou.example")
YUNNAN = IssuerId("https://code.yunnan.example")
ZHEJIANG = DivisionCode("330000")
HANGZHOU = DivisionCode("330100")
HAINAN = DivisionCode("460000")
KEY_ID = KeyId(b"gz-1")
SEED = SigningKey(hashlib.sha256(b"healthcode-gateway unit tests: conversion").digest())

STATES = {
    "green": CodeState.GREEN,
    "yellow": CodeState.YELLOW,
    "red": CodeState.RED,
    "under_review": CodeState.UNDER_REVIEW,
    "unconfirmed": CodeState.UNCONFIRMED,
    "stale_declaration": CodeState.STALE_DECLARATION,
}

RULES = """
division = "{division}"
version = "{division}-test"
[[rule]]
from = ["*"]
states = ["GREEN"]
ways = ["verify", "convert"]
measure = "PASS"
max_age_hours = 24
source = "test"
[[rule]]
from = ["*"]
states = ["YELLOW", "STALE_DECLARATION", "UNDER_REVIEW", "UNCONFIRMED"]
ways = ["verify", "convert"]
measure = "LIMITED"
conditions = ["test_within_48_hours"]
max_age_hours = 24
source = "test"
"""


@dataclass
class Yunnan:
    """Answers what it is told to say."""

    says: dict[str, str] = field(default_factory=dict)
    """By identifier; any other is green."""
    stops: Reason | None = None
    fails: Exception | None = None
    gate: asyncio.Event | None = None
    """Set to a new event: questions hang until it is set."""
    expires: Instant | None = None
    asked: list[tuple[str, float]] = field(default_factory=list)
    waiting: int = 0
    most_waiting: int = 0

    async def resolve(self, code: OpaqueCode, *, at: Instant, time_left: float) -> OnlineAnswer:
        self.asked.append((code.identifier, time_left))
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            if self.gate is not None:
                await self.gate.wait()
            else:
                await asyncio.sleep(0)
        finally:
            self.waiting -= 1
        if self.fails is not None:
            raise self.fails
        if self.stops is not None:
            raise CodeStopped(self.stops)
        return OnlineAnswer(self.says.get(code.identifier, "green"), at, 60.0, self.expires)


@dataclass
class Counts:
    """Keeps what it is told of conversions."""

    asked: list[ConversionOutcome] = field(default_factory=list)
    live: int = 0
    marks: list[CodeState] = field(default_factory=list)
    looks: list[RecheckOutcome] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def conversion_asked(self, outcome: ConversionOutcome) -> None:
        self.asked.append(outcome)

    def conversions_live(self, count: int) -> None:
        self.live = count

    def conversion_marked(self, state: CodeState) -> None:
        self.marks.append(state)

    def original_rechecked(self, outcome: RecheckOutcome) -> None:
        self.looks.append(outcome)

    def recheck_failed(self, failure: Exception) -> None:
        self.failures.append(failure)


class World:
    """The gateway, its provinces and its clock."""

    def __init__(self, folder: Path, **changes: float) -> None:
        self.clock = FakeClock()
        self.counts = Counts()
        self.yunnan = Yunnan()
        folder.mkdir(exist_ok=True)
        self.key: Signer = generate_dev_key(folder / "conversion.pem")
        self.settings = ConversionSettings(OURS, LISTS, **changes)  # type: ignore[arg-type]
        self.revoked: dict[str, Instant | None] = {}
        self.states: dict[str, CodeState] = {}
        self.restart()

    def restart(self) -> None:
        """Begin anew with the same keys and an empty memory."""
        self.converter = Converter(self.settings, self.key, self.counts)
        self.reload()
        self.rechecks = Rechecks(self.converter, lambda: self.pipeline, self.clock, self.counts)

    def reload(self, *, guizhou: bool = True) -> None:
        """Put trust and rules in force as they are now."""
        verifier = make_verifier(Algorithm.ED25519, bytes(SEED.verify_key))
        keys = [TrustedKey(GUIZHOU, KEY_ID, Algorithm.ED25519, verifier)]
        listed = {GUIZHOU: IssuerProfile(GUIZHOU, DivisionCode("520000"), frozenset({Format.NATIVE}), self.states)}
        revocations = {(GUIZHOU, KEY_ID): RevokedCodes(1, dict(self.revoked))}
        trust = TrustSnapshot(KeyRing(keys), listed if guizhou else {}, revocations, keys=tuple(keys))
        online = IssuerProfile(YUNNAN, DivisionCode("530000"), frozenset({Format.OPAQUE}), STATES)
        self.pipeline = Pipeline(
            with_converter(trust, OURS, self.converter.signer),
            PolicyBook([parse_rules(RULES.format(division=division)) for division in (ZHEJIANG, HAINAN)]),
            opaque=OpaqueShapes([CodeShape(YUNNAN, DivisionCode("530000"), "YN<{hex:8}>")]),
            online=OnlineIssuers({YUNNAN: online}),
            asks=self.yunnan,
            lists=self.converter,
        )

    @property
    def at(self) -> Instant:
        return self.clock()

    def pass_time(self, seconds: float) -> None:
        self.clock.now = Instant(self.clock.now + seconds)

    async def judged(self, code: bytes, division: DivisionCode = ZHEJIANG, way: Way = Way.VERIFY) -> Decision:
        """Return what a gate of `division` makes of a code now."""
        found = self.pipeline.verify(code, at=self.at, division=division, way=way)
        if isinstance(found, Decision):
            return found
        return await self.pipeline.ask_issuer(found, at=self.at, division=division, time_left=1.0, way=way)

    async def converted(self, code: bytes, division: DivisionCode = ZHEJIANG) -> Converted | None:
        """Return what ConvertCode would give for it."""
        decision = await self.judged(code, division, Way.CONVERT)
        return self.converter.convert(decision, code, division=division, at=self.at)

    async def made(self, code: bytes, division: DivisionCode = ZHEJIANG) -> Converted:
        """Return a converted code, which there must be."""
        made = await self.converted(code, division)
        assert made is not None, self.counts.asked[-1]
        return made

    async def look_again(self, seconds: float | None = None) -> None:
        """Let some time pass (else: until everything is due), then look once."""
        self.pass_time(self.settings.recheck_s if seconds is None else seconds)
        await self.rechecks.look()
        await self.rechecks.answered()


def opaque(number: int = 1) -> bytes:
    """Return a code of Yunnan's."""
    return f"YN{number:08x}".encode()


def signed(
    state: str = "green", *, number: int = 1, issued: float = -60, lives: float = 7_200, **more: object
) -> bytes:
    """Return a code of Guizhou's, made `issued` seconds after noon."""
    begins = int(NOON + issued)
    claims = NativeClaims(GUIZHOU, "520100", state, begins, begins + int(lives), f"code-{number}")._replace(
        subject="pseudonym-1",
        **more,  # type: ignore[arg-type]
    )
    return encode_jws(
        claims, key_id=KEY_ID, algorithm=Algorithm.ED25519, sign=lambda data: SEED.sign(data).signature
    ).encode()
