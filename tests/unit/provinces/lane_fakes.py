"""Provinces that behave as told, and somebody who watches them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gateway.errors import CodeStopped, Reason
from gateway.provinces.breaker import BreakerState
from gateway.provinces.dialect import Dialect, Stated, UpstreamFailed, UpstreamFailure
from gateway.provinces.lane import Lane
from gateway.provinces.profile import Budget, DialectName, ProvinceName, ProvinceProfile, StatedMeaning
from gateway.values import CodeState, DivisionCode, Instant, IssuerId, OpaqueCode
from tests.unit.provinces.virtual_time import now

AT = Instant(1_600_000_000.0)
WORDS = tuple(f"word-{number}" for number in range(100))
BUDGET = Budget(fresh_for_s=60.0, deadline_s=1.0, in_flight=4, attempts=1, breaker_failures=3, breaker_rest_s=5.0)


def budget(**changes: Any) -> Budget:
    return replace(BUDGET, **changes)


def profile(name: str = "zhejiang", *, budget: Budget = BUDGET, **changes: Any) -> ProvinceProfile:
    """Return a profile that gives each of WORDS a meaning."""
    good = ProvinceProfile(
        name=ProvinceName(name),
        title=name,
        issuer=IssuerId(f"https://{name}.invalid"),
        division=DivisionCode("330000"),
        dialect=DialectName.ALIPAY,
        endpoint=f"https://{name}.invalid",
        registered_as={},
        credentials={},
        parameters={},
        states=MappingProxyType({word: StatedMeaning(CodeState.GREEN, "may pass") for word in WORDS}),
        reasons={},
        displayed={},
        budget=budget,
        shapes=(),
    )
    return replace(good, **changes)


def code(identifier: str = "1", name: str = "zhejiang", **changes: Any) -> OpaqueCode:
    """Return an opaque code of a province."""
    good = OpaqueCode(IssuerId(f"https://{name}.invalid"), DivisionCode("330100"), f"text {identifier}", identifier)
    return replace(good, **changes)


Act = Callable[[OpaqueCode, Instant, float], Awaitable[Stated]]
"""What a province does with one question."""


def says(word: str | None = None, *, after: float = 0.1, **more: Any) -> Act:
    """Answer with `word`, or with the one that belongs to the code's number."""

    async def act(asked: OpaqueCode, at: Instant, time_left: float) -> Stated:
        await asyncio.sleep(after)
        return Stated(WORDS[int(asked.identifier.split()[-1]) % len(WORDS)] if word is None else word, **more)

    return act


def fails(failure: UpstreamFailure, *, after: float = 0.0) -> Act:
    async def act(asked: OpaqueCode, at: Instant, time_left: float) -> Stated:
        await asyncio.sleep(after)
        raise UpstreamFailed(failure, "member")

    return act


def stops(reason: Reason) -> Act:
    async def act(asked: OpaqueCode, at: Instant, time_left: float) -> Stated:
        raise CodeStopped(reason)

    return act


def breaks(exc: Exception) -> Act:
    async def act(asked: OpaqueCode, at: Instant, time_left: float) -> Stated:
        raise exc

    return act


async def hangs(asked: OpaqueCode, at: Instant, time_left: float) -> Stated:
    """Take the question and never answer."""
    await asyncio.Event().wait()
    raise AssertionError


@dataclass
class Scripted:
    """A dialect whose province plays `acts` one after another, the last one for ever."""

    acts: list[Act] = field(default_factory=lambda: [says()])
    asked: list[OpaqueCode] = field(default_factory=list)
    given: list[float] = field(default_factory=list)
    """The time left of each question."""
    asked_at: list[float] = field(default_factory=list)
    inside: int = 0
    most_inside: int = 0
    closed: int = 0
    closes: Callable[[], Awaitable[None]] | None = None

    def plays(self, *acts: Act) -> None:
        self.acts = list(acts)

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:
        self.asked.append(code)
        self.given.append(time_left)
        self.asked_at.append(now())
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            return await act(code, at, time_left)
        finally:
            self.inside -= 1

    async def close(self) -> None:
        self.closed += 1
        if self.closes is not None:
            await self.closes()


@dataclass
class Watch:
    """Remembers what it was told."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    saved: Counter[str] = field(default_factory=Counter)
    fallbacks: list[tuple[str, bool]] = field(default_factory=list)
    states: list[tuple[str, BreakerState]] = field(default_factory=list)
    most_in_flight: int = 0
    last_in_flight: dict[str, int] = field(default_factory=dict)
    departed: list[str] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)

    def asked(self, province: ProvinceName, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.outcomes[(province, outcome)] += 1

    def remembered(self, province: ProvinceName) -> None:
        self.saved["remembered"] += 1

    def joined(self, province: ProvinceName) -> None:
        self.saved["joined"] += 1

    def fell_back(self, province: ProvinceName, *, answered: bool) -> None:
        self.fallbacks.append((province, answered))

    def breaker(self, province: ProvinceName, state: BreakerState) -> None:
        self.states.append((province, state))

    def in_flight(self, province: ProvinceName, questions: int) -> None:
        self.most_in_flight = max(self.most_in_flight, questions)
        self.last_in_flight[province] = questions

    def gone(self, province: ProvinceName) -> None:
        self.departed.append(province)

    def broke(self, province: ProvinceName, failure: Exception) -> None:
        self.broken.append(failure)

    def count(self, outcome: str, province: str = "zhejiang") -> int:
        return self.outcomes[(province, outcome)]


def lane(dialect: Dialect, watch: Watch, **changes: Any) -> Lane:
    """Return a lane in virtual time, with `changes` of the budget."""
    its = profile(budget=budget(**changes))
    return Lane(its, dialect, watch, places=its.budget.in_flight, monotonic=now)
