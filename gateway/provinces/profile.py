"""What a province's profile says, checked. `profile_file.py` makes these from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NewType

from gateway.formats.opaque import CodeShape
from gateway.values import CodeState, DivisionCode, IssuerId, ReasonClass

ProvinceName = NewType("ProvinceName", str)
"""A profile's short name, as its file has it: zhejiang. Safe as a metric label."""


class DialectName(StrEnum):
    """Which kind of provincial system it is."""

    ALIPAY = "alipay"
    TENCENT = "tencent"
    JIANGSU = "jiangsu"
    ZHEJIANG = "zhejiang"
    NATIONAL = "national"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class StatedMeaning:
    """What one word of the issuer means."""

    state: CodeState
    meaning: str
    """The issuer's own rule, in one public sentence."""
    reason_class: ReasonClass | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """How long, how many, how often."""

    fresh_for_s: float
    """Seconds that an answer may be relied on, and remembered."""
    deadline_s: float
    """Seconds that one question to the province may take, all attempts together."""
    in_flight: int
    """Questions to the province at one time; more wait, and are shed when they have waited too long."""
    attempts: int
    """How often one question is put at most; 1: never again."""
    breaker_failures: int
    """Failures in a row after which the province is left alone."""
    breaker_rest_s: float
    """Seconds that it is left alone, before one question tries again."""


@dataclass(frozen=True, slots=True)
class ProvinceProfile:
    """One province's system: whose codes they are, how to ask, what the answers mean."""

    name: ProvinceName
    title: str
    issuer: IssuerId
    """As verdicts name it."""
    division: DivisionCode
    """Six digits of GB/T 2260; 100000 is the national platform."""
    dialect: DialectName
    endpoint: str
    """URL: https, or http to loopback under the ugly name; grpc dialect: host:port."""
    registered_as: Mapping[str, str]
    """The gateway's own names as registered with the province, by the dialect's parameter; never a checker's."""
    credentials: Mapping[str, Path]
    """The dialect's credential -> the file that holds it. Secrets are never values."""
    parameters: Mapping[str, str]
    """What else the dialect lets a province choose, by name: city_code, paths, the echo member."""
    states: Mapping[str, StatedMeaning]
    """The issuer's word or number, as text -> what it means. Any other is UNKNOWN."""
    reasons: Mapping[str, ReasonClass]
    """The issuer's reason codes. Any other reason is dropped unread: it may be a story."""
    displayed: Mapping[str, CodeState]
    """What a checker may see on a screen -> what it means."""
    budget: Budget
    shapes: tuple[CodeShape, ...]
    """How its codes look. Empty for one that is only asked in another's place."""
    dynamic_s: float | None = None
    """Seconds that a code of its is good for once it is shown, because each showing has its own; None: it is static."""
    falls_back: bool = False
    """Whether the national platform is asked when the province does not answer."""
    ca_file: Path | None = None
    """PEM authorities of the endpoint; None: the system's."""
    insecure_http_to_loopback: bool = False
    """For simulators: plaintext, loopback only."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Section of the file -> where its values are from, or `assumed`."""
