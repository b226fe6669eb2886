"""What a demonstration shows of the simulated provinces: a code of each, and what a gate in Zhejiang must say of it.

The expected verdicts follow from what the simulation knows to be true and from the shipped rules of 330000; the gateway
has no part in making them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.values import CodeState

from .faults import Fault, FaultKind
from .world import NATIONAL, ProvinceWorld

HANGING: Final = "hubei"
LYING: Final = "chongqing"
FALLEN: Final = "zhejiang"

Sample = dict[str, str]


def samples(world: ProvinceWorld) -> Iterator[Sample]:
    """Yield the samples, and turn the switches that some of them need."""
    for name, province in world.provinces.items():
        if name not in (HANGING, LYING, FALLEN):
            yield _sample(world, name, CodeState.GREEN, f"{_title(name)} green (opaque, {province.profile['dialect']})")
    for name, state in (
        ("jiangsu", CodeState.YELLOW),
        ("sichuan", CodeState.RED),
        ("hainan", CodeState.STALE_DECLARATION),
        ("beijing", CodeState.UNCONFIRMED),
        ("fujian", CodeState.UNDER_REVIEW),
    ):
        if name in world.provinces:
            word = state.name.lower().replace("_", " ")
            yield _sample(world, name, state, f"{_title(name)} {word} (opaque)")
    if "guangdong" in world.provinces:
        old = world.code("guangdong", 0, age_s=600).text.decode()
        yield _row("Guangdong, a success that says expired", old, "DENY", "EXPIRED")
        yield _row("Guangdong, an id that nobody made", "GD:" + "0" * 32, "MANUAL", "CODE_NOT_FOUND")
    for name, title, measure, reason in (
        ("hainan", "Hainan green (opaque), converted", "PASS", "STATE_GREEN"),
        ("guangdong", "Guangdong green (opaque), to be converted", "MANUAL", "CONVERSION_NOT_AGREED"),
    ):
        if name in world.provinces:
            code = world.code(name, world.people(name).first(CodeState.GREEN)).text.decode()
            yield _row(title, code, measure, reason, way="convert")
    if FALLEN in world.provinces and NATIONAL in world.provinces:
        world.fault(FALLEN, Fault(FaultKind.RESET))
        title = "Zhejiang is down; the national platform answers"
        yield _sample(world, FALLEN, CodeState.GREEN, title)
    if HANGING in world.provinces:
        world.fault(HANGING, Fault(FaultKind.HANG))
        code = world.code(HANGING, world.people(HANGING).first(CodeState.GREEN)).text.decode()
        yield _row("Hubei hangs", code, "MANUAL", "UPSTREAM_UNAVAILABLE")
    if LYING in world.provinces:
        world.fault(LYING, Fault(FaultKind.OTHER_PERSON))
        code = world.code(LYING, world.people(LYING).first(CodeState.RED)).text.decode()
        yield _row("Chongqing answers about somebody else", code, "MANUAL", "UPSTREAM_INVALID")


def _sample(world: ProvinceWorld, name: str, state: CodeState, title: str) -> Sample:
    code = world.code(name, world.people(name).first(state)).text.decode()
    measure, reason = {
        CodeState.GREEN: ("PASS", "STATE_GREEN"),
        CodeState.YELLOW: ("LIMITED", "STATE_YELLOW"),
        CodeState.STALE_DECLARATION: ("LIMITED", "STATE_STALE_DECLARATION"),
        CodeState.RED: ("DENY", "STATE_RED"),
        CodeState.UNDER_REVIEW: ("MANUAL", "STATE_UNDER_REVIEW"),
        CodeState.UNCONFIRMED: ("MANUAL", "NO_RULES"),
    }[state]
    return _row(title, code, measure, reason)


def _title(name: str) -> str:
    return "National platform" if name == NATIONAL else name.capitalize()


def _row(title: str, code: str, measure: str, reason: str, *, way: str = "verify") -> Sample:
    return {"title": title, "code": code, "measure": measure, "reason": reason, "way": way}
