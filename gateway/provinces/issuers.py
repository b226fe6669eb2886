"""All lanes, and the national platform in the place of a province that does not answer.

Rules:

- Each province has a lane of its own, which it shares with nobody: connections, places, breaker, memory.
- The national platform has two: its own codes, and those that it is asked about in a province's place, have half of its
  places each and a breaker each, so that the fall of a large province does not fill the platform for everybody.
- A province that may be stood in for gets a part of the asker's time, the platform the rest.
- What the platform does not know, it says nothing about: then the province's own failure is told.
- A reload keeps the lane of a province whose profile and files are what they were; any other is a new lane, and the old
  one is closed once its last calls have ended. What was said over a signature is forgotten: its key may be trusted no
  more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from gateway.errors import CodeStopped, Reason
from gateway.values import Instant, IssuerId, OnlineAnswer, OpaqueCode

from .breaker import BreakerState
from .dialect import REASON_OF, Dialect, UpstreamFailure
from .lane import Lane
from .observer import ProvinceObserver, WatchesCalls
from .profile import DialectName, ProvinceName, ProvinceProfile

SHARE_OF_THE_PLATFORM: Final = 0.4
"""What is kept of an asker's time for asking the national platform, if its deadline is not shorter."""

CLOSE_S: Final = 2.0
"""Seconds that a dialect has to give up its connections."""


class KnowsProvinces(Protocol):
    """The profiles in force."""

    @property
    def profiles(self) -> tuple[ProvinceProfile, ...]:
        """All of them."""
        ...

    @property
    def by_issuer(self) -> Mapping[IssuerId, ProvinceProfile]:
        """The one that each issuer is asked by."""
        ...

    @property
    def national(self) -> ProvinceProfile | None:
        """The one that stands in for others."""
        ...


Connect = Callable[[ProvinceProfile], Dialect]
"""Makes the dialect of a profile. Opens no connection, so that one that is not used needs no closing."""


@dataclass(frozen=True, slots=True)
class LaneState:
    """How one lane does."""

    name: ProvinceName
    breaker: BreakerState
    in_flight: int


class _Province:
    """A profile in force: its connection, its lane, and the lane of one that also stands in for others."""

    def __init__(
        self,
        profile: ProvinceProfile,
        connect: Connect,
        observer: ProvinceObserver,
        monotonic: Callable[[], float],
        *,
        stands_in: bool,
    ) -> None:
        self.profile = profile
        self.files = _stamps(profile)
        self._dialect = connect(profile)
        self._closing = False
        places = profile.budget.in_flight
        half = max(1, places // 2) if stands_in else 0
        self.own = Lane(profile, self._dialect, observer, places=max(1, places - half), monotonic=monotonic)
        self.stand_in = (
            Lane(profile, self._dialect, WatchesCalls(observer), places=half, monotonic=monotonic) if half else None
        )
        self._lanes = (self.own,) if self.stand_in is None else (self.own, self.stand_in)

    @property
    def in_flight(self) -> int:
        return sum(lane.in_flight for lane in self._lanes)

    def is_still(self, profile: ProvinceProfile, *, stands_in: bool) -> bool:
        """Tell whether nothing has changed, on paper or in the files that the profile names."""
        return (self.stand_in is not None) is stands_in and self.profile == profile and self.files == _stamps(profile)

    def retire(self) -> None:
        """Say nothing more: another has the name."""
        for lane in self._lanes:
            lane.retire()

    def forget(self) -> None:
        """Rely on nothing that was said until now."""
        for lane in self._lanes:
            lane.forget()

    async def close_when_done(self) -> None:
        """Close it once its calls have ended."""
        for lane in self._lanes:
            await lane.ended()
        await self.close()

    async def close(self) -> None:
        """End its calls and give up its connections, in bounded time."""
        for lane in self._lanes:
            await lane.close()
        if not self._closing:
            self._closing = True
            with suppress(Exception):  # what a dying connection has to say helps nobody
                async with asyncio.timeout(CLOSE_S):
                    await self._dialect.close()


@dataclass(frozen=True, slots=True)
class _Held:
    """What a reload hands on."""

    provinces: Mapping[ProvinceName, _Province]
    leaving: dict[asyncio.Task[None], _Province]


class Issuers:
    """Asks the provinces (the pipeline's `AsksIssuers`). For one event loop; `close` ends it."""

    def __init__(
        self,
        directory: KnowsProvinces,
        connect: Connect,
        observer: ProvinceObserver,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        before: _Held | None = None,
    ) -> None:
        """Make a lane for each profile of `directory`, or keep that of `before`, which `renewed` hands on.

        Raises: what `connect` raises; then nothing is open, and nothing has changed.
        """
        self._connect = connect
        self._observer = observer
        self._monotonic = monotonic
        held = before or _Held({}, {})
        self._leaving = held.leaving
        self._provinces: dict[ProvinceName, _Province] = {
            profile.name: self._kept_or_made(held.provinces.get(profile.name), profile, profile == directory.national)
            for profile in directory.profiles
        }
        self._by_issuer = {issuer: self._provinces[one.name] for issuer, one in directory.by_issuer.items()}
        self._national = None if directory.national is None else self._provinces[directory.national.name]
        for name, province in held.provinces.items():
            if self._provinces.get(name) is not province:
                self._let_go(province)
            if name not in self._provinces:
                observer.gone(name)
        for name, province in self._provinces.items():
            if held.provinces.get(name) is not province:
                province.own.show()

    async def resolve(self, code: OpaqueCode, *, at: Instant, time_left: float) -> OnlineAnswer:
        """Return what the issuer of `code` says, or the national platform in its place, within `time_left` seconds.

        1. The issuer is asked.
        2. If it fails, the platform is, where the profile says so. Not if the province works and does not take the
           code: the platform would be asked by another id in it, and whoever wrote the code chose both.

        Raises: CodeStopped with the issuer's verdict (EXPIRED, CODE_NOT_FOUND, NOT_ITS_ISSUERS), with
        ISSUER_NOT_CONNECTED, or with UPSTREAM_UNAVAILABLE, UPSTREAM_INVALID or UPSTREAM_REFUSED.
        """
        province, national = self._by_issuer.get(code.issuer), self._national
        if province is None:
            raise CodeStopped(Reason.ISSUER_NOT_CONNECTED)
        if not province.profile.falls_back or province is national:
            national = None
        ends = self._monotonic() + time_left
        # 1
        kept = 0.0
        if national is not None and national.stand_in is not None and national.stand_in.ready:
            kept = min(national.profile.budget.deadline_s, time_left * SHARE_OF_THE_PLATFORM)
        heard = await province.own.ask(code, at=at, time_left=time_left - kept)
        # 2
        failed = isinstance(heard, UpstreamFailure) and heard is not UpstreamFailure.ERROR_NUMBER
        if failed and national is not None:
            instead = await _ask_instead(national, code, at, ends - self._monotonic())
            self._observer.fell_back(province.profile.name, answered=instead is not None)
            heard = heard if instead is None else instead
        if isinstance(heard, UpstreamFailure):
            raise CodeStopped(REASON_OF[heard], heard.value)
        if isinstance(heard, Reason):
            raise CodeStopped(heard)
        return heard

    def lanes(self) -> tuple[LaneState, ...]:
        """Return how each province's lane does."""
        return tuple(LaneState(name, one.own.state, one.in_flight) for name, one in self._provinces.items())

    def renewed(self, directory: KnowsProvinces) -> Issuers:
        """Return what asks by `directory` from now on; what is closed in the end is that, and this one no more.

        Calls that still go through this one are served, by lanes that are kept or until theirs is closed. To be called
        in the event loop. Raises: as the constructor.
        """
        held = _Held(self._provinces, self._leaving)
        return Issuers(directory, self._connect, self._observer, monotonic=self._monotonic, before=held)

    async def close(self) -> None:
        """End all calls and connections, in bounded time. Whoever still waits hears UPSTREAM_UNAVAILABLE."""
        tasks = tuple(self._leaving)
        leaving = tuple(self._leaving.values())
        await asyncio.gather(*(one.close() for one in (*leaving, *self._provinces.values())))
        await asyncio.gather(*tasks)

    def _kept_or_made(self, before: _Province | None, profile: ProvinceProfile, stands_in: bool) -> _Province:  # noqa: FBT001 private
        if before is not None and before.is_still(profile, stands_in=stands_in):
            if profile.dialect is DialectName.NATIVE:
                before.forget()
            return before
        return _Province(profile, self._connect, self._observer, self._monotonic, stands_in=stands_in)

    def _let_go(self, province: _Province) -> None:
        province.retire()
        task = asyncio.get_running_loop().create_task(province.close_when_done())
        self._leaving[task] = province
        task.add_done_callback(self._leaving.pop)


async def _ask_instead(
    national: _Province, code: OpaqueCode, at: Instant, time_left: float
) -> OnlineAnswer | Reason | None:
    """Return what the national platform says of another's code; None if it does not answer, or does not know it."""
    if national.stand_in is None:
        return None
    issuer = national.profile.issuer
    question = replace(code, issuer=issuer, identifier=code.national or code.text)
    heard = await national.stand_in.ask(question, at=at, time_left=time_left)
    if isinstance(heard, OnlineAnswer):
        return replace(heard, answered_by=issuer, notes=(Reason.ANSWERED_BY_NATIONAL_PLATFORM, *heard.notes))
    return heard if heard is Reason.EXPIRED else None


def _stamps(profile: ProvinceProfile) -> tuple[object, ...]:
    """Return what changes when a file that the profile names does: a new secret is a new connection."""
    files = (*profile.credentials.values(), *(() if profile.ca_file is None else (profile.ca_file,)))
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
