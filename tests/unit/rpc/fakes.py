"""A desk that behaves: what it decides follows from the code's bytes alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import grpc

from gateway.callers.rights import Rights, everyone_may, up_to
from gateway.errors import REASONS, NotReady, Reason, Step
from gateway.receipts.receipt import Answer, Draft, IssuedReceipt, Receipt, SignedTogether
from gateway.rpc.desk import VerificationDesk
from gateway.values import (
    Assurance,
    Caller,
    ClinicalItem,
    CodeState,
    Decision,
    DisplayedCode,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    Measure,
    OpaqueCode,
    Profile,
    Purpose,
    Way,
)

AT = Instant(1_600_000_000.25)
CANARY = "Zhang Wei 330102199001011234"
"""Stands for what must never leave: a bug's exception text that quotes a code."""


@dataclass
class FakePipeline:
    """Judges by the code's bytes alone.

    - b"green:<issuer>" passes, b"bug" fails with the canary in the text, b"not ready" cannot be judged
    - b"ask:<issuer>" is opaque: its issuer answers green once `let_answer(issuer)` was called, unavailable if the time
      is up before that. The issuer "at-once" answers at once, "bug" fails, "deaf" never answers, whatever the time.
    """

    seen: list[tuple[bytes, Instant, DivisionCode | None]] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    purposes: list[Purpose | None] = field(default_factory=list)
    items: list[ClinicalItem | None] = field(default_factory=list)
    shown: list[DisplayedCode] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, float]] = field(default_factory=list)
    """(issuer, seconds it may take), as the questions were put."""
    waiting: int = 0
    """Questions under way."""
    most_waiting: int = 0
    _answers: dict[str, asyncio.Event] = field(default_factory=dict)

    def verify(
        self,
        code: bytes,
        *,
        at: Instant,
        division: DivisionCode | None,
        way: Way = Way.VERIFY,
        purpose: Purpose | None = None,
        item: ClinicalItem | None = None,
    ) -> Decision | OpaqueCode:
        self.items.append(item)
        self.seen.append((code, at, division))
        self.ways.append(way)
        self.purposes.append(purpose)
        self.first.set()
        if code == b"bug":
            raise KeyError(CANARY)
        if code == b"not ready":
            raise NotReady(CANARY)
        if not code:
            return _stopped(Reason.EMPTY_CODE, at)
        if len(code) > 32_768:
            return _stopped(Reason.TOO_LARGE, at)
        if code.startswith(b"ask:"):
            issuer = code.removeprefix(b"ask:").decode()
            return OpaqueCode(IssuerId(issuer), DivisionCode("520000"), code.decode(), issuer)
        if not code.startswith(b"green:"):
            return _stopped(Reason.UNRECOGNISED, at)
        return _green(code.removeprefix(b"green:").decode(), at, division)

    def let_answer(self, *issuers: str) -> None:
        """Let these issuers answer from now on."""
        for issuer in issuers:
            self._answer_of(issuer).set()

    async def ask_issuer(
        self,
        code: OpaqueCode,
        *,
        at: Instant,
        division: DivisionCode | None,
        time_left: float,
        way: Way = Way.VERIFY,
        purpose: Purpose | None = None,
    ) -> Decision:
        self.asked.append((code.issuer, time_left))
        self.ways.append(way)
        self.purposes.append(purpose)
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            if code.issuer == "bug":
                raise KeyError(CANARY)
            if code.issuer != "at-once":
                await asyncio.wait_for(
                    self._answer_of(code.issuer).wait(), None if code.issuer == "deaf" else time_left
                )
        except TimeoutError:
            return _stopped(Reason.UPSTREAM_UNAVAILABLE, at, Format.OPAQUE)
        finally:
            self.waiting -= 1
        return replace(_green(code.issuer, at, division), format=Format.OPAQUE, assurance=Assurance.SCANNED_ONLINE)

    def assess(
        self, code: DisplayedCode, *, at: Instant, division: DivisionCode | None, purpose: Purpose | None = None
    ) -> Decision:
        self.shown.append(code)
        self.purposes.append(purpose)
        if code.word != "green":
            return replace(_stopped(Reason.UNKNOWN_STATE, at, Format.OPAQUE), assurance=Assurance.DISPLAYED)
        return replace(_green("shown", at, division), format=Format.OPAQUE, assurance=Assurance.DISPLAYED)

    def _answer_of(self, issuer: str) -> asyncio.Event:
        return self._answers.setdefault(issuer, asyncio.Event())


def _green(issuer: str, at: Instant, division: DivisionCode | None) -> Decision:
    return Decision(
        Measure.PASS if division else Measure.MANUAL,
        (Reason.STATE_GREEN if division else Reason.NO_RULES, Reason.NOT_PUBLISHED),
        at,
        None if division else Step.POLICY,
        Format.NATIVE,
        CodeState.GREEN,
        IssuerId(issuer),
        DivisionCode("520100"),
        Assurance.SCANNED_SIGNED,
        Instant(at - 90.5),
        90.5,
        Instant(at + 3600),
        "330000-1" if division else None,
    )


def _stopped(reason: Reason, at: Instant, found: Format = Format.UNKNOWN) -> Decision:
    row = REASONS[reason]
    return Decision(Measure[row.effect.value], (reason,), at, row.step, found)


@dataclass
class FakeReceipts:
    """A receipt that tells what it was asked to sign, with the length of the code as its salt."""

    broken: bool = False
    """Whether its key is gone."""

    def issue(self, answer: Answer) -> IssuedReceipt:
        caller = answer.caller
        told = (answer.said.measure.name, caller.kind.value, caller.caller_id, answer.purpose.name, answer.request_id)
        return IssuedReceipt(Receipt("|".join(told)), b"" if answer.code is None else b"%d" % len(answer.code))

    def draft(self, answer: Answer) -> Draft:
        issued = self.issue(answer)
        return Draft(issued.text.encode(), issued.salt)

    def sign_together(self, payloads: Sequence[bytes], *, caller: Caller, at: Instant) -> SignedTogether:
        if self.broken:
            raise NotReady(CANARY)
        root = f"{caller.caller_id} " + " ".join(payload.decode().rpartition("|")[2] for payload in payloads)
        return SignedTogether(Receipt(root), tuple(payload[::-1] for payload in payloads))


@dataclass
class FakeClock:
    """Tells the next instant at each reading."""

    now: float = AT
    readings: int = 0

    def __call__(self) -> Instant:
        self.readings += 1
        return Instant(self.now + self.readings - 1)


@dataclass
class Desk:
    """A desk and the fakes on it."""

    pipeline: FakePipeline = field(default_factory=FakePipeline)
    clock: FakeClock = field(default_factory=FakeClock)
    watched: list[Decision] = field(default_factory=list)
    rights: Rights = field(default_factory=lambda: Rights(up_to(Profile.STAFF)))
    receipts: FakeReceipts | None = field(default_factory=FakeReceipts)
    loaded: bool = True

    def __call__(self) -> VerificationDesk:
        if not self.loaded:
            raise NotReady(CANARY)
        return VerificationDesk(
            self.pipeline, self.receipts, everyone_may(self.rights), clock=self.clock, watch=self.watched.append
        )


@dataclass
class RecordingObserver:
    """Keeps what it is told."""

    ended: list[tuple[str, grpc.StatusCode]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"started": 0, "received": 0, "sent": 0})
    failures: list[Exception] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def rpc_started(self, method: str) -> None:
        self.counts["started"] += 1

    def message_received(self, method: str) -> None:
        self.counts["received"] += 1

    def message_sent(self, method: str) -> None:
        self.counts["sent"] += 1

    def rpc_ended(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        assert seconds >= 0
        self.ended.append((method, code))

    def caller_refused(self, method: str, reason: str) -> None:
        self.refused.append((method, reason))

    def rpc_failed(self, method: str, failure: Exception) -> None:
        self.failures.append(failure)
