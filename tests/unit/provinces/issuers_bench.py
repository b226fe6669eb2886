"""All lanes with their provinces and their watch, for the tests of `Issuers`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import CodeStopped
from gateway.provinces.issuers import Issuers
from gateway.provinces.profile import ProvinceProfile
from gateway.values import IssuerId, OnlineAnswer
from tests.unit.provinces.lane_fakes import (
    AT,
    Scripted,
    Watch,
    code,
    profile,
)
from tests.unit.provinces.virtual_time import now

NATIONAL = IssuerId("https://national.invalid")


@dataclass(frozen=True, slots=True)
class Directory:
    """The profiles of a test."""

    profiles: tuple[ProvinceProfile, ...]
    national: ProvinceProfile | None = None

    @property
    def by_issuer(self) -> Mapping[IssuerId, ProvinceProfile]:
        return {one.issuer: one for one in self.profiles}


def directory(*names: str, **changes: Any) -> Directory:
    """Return profiles that fall back, and the national platform if it is named."""
    found = tuple(profile(name, falls_back=True, **changes) for name in names)
    return Directory(found, next((one for one in found if one.name == "national"), None))


class Bench:
    """All lanes with their provinces and their watch."""

    def __init__(self, found: Directory) -> None:
        self.provinces: dict[str, list[Scripted]] = {}
        self.watch = Watch()
        self.issuers = Issuers(found, self.connect, self.watch, monotonic=now)

    def connect(self, its: ProvinceProfile) -> Scripted:
        made = Scripted()
        self.provinces.setdefault(its.name, []).append(made)
        return made

    def __getitem__(self, name: str) -> Scripted:
        return self.provinces[name][-1]

    async def ask(self, name: str = "zhejiang", number: int = 1, *, time_left: float = 1.0, **more: Any) -> object:
        """Return the answer or the reason that stopped the code."""
        try:
            return await self.issuers.resolve(code(str(number), name, **more), at=AT, time_left=time_left)
        except CodeStopped as stopped:
            return stopped.reason


def said(heard: object) -> OnlineAnswer:
    assert isinstance(heard, OnlineAnswer), heard
    return heard
