"""Puts a word into a province's mouth, through the real loader and rooms."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gateway.policy.translation import translate
from gateway.provinces.directory import ProvinceDirectory
from gateway.provinces.encodings import load_encodings
from gateway.provinces.profile_file import profile_of
from gateway.provinces.profile_model import ProfileFile
from gateway.provinces.toml_file import read_toml
from gateway.status.observe import observe
from gateway.trust.online import OnlineIssuers, answered, displayed
from gateway.values import (
    CodeState,
    DisplayedCode,
    DivisionCode,
    Instant,
    IssuerId,
    LiveCode,
    OnlineAnswer,
    OpaqueCode,
    ReasonClass,
)

AT = Instant(1_700_000_000.0)
PROFILES = Path(__file__).parents[2] / "deploy" / "provinces"

NEW = """
name = "new"
title = "A province that takes an encoding as it is"
division = "990000"
issuer = "https://new.code.invalid"
dialect = "native"
source = "assumed: for a test"
[endpoint]
url = "new.code.invalid:443"
source = "assumed: for a test"
[budget]
fresh_for_s = 60
deadline_s = 1.5
in_flight = 4
attempts = 1
breaker_failures = 3
breaker_rest_s = 5
source = "assumed: for a test"
[states]
encoding = "ENCODING"
source = "assumed: for a test"
ROWS
[[recognise]]
kind = "text"
template = "NEW:<{token:8-64}>"
source = "assumed: for a test"
"""
"""What an operator writes for a new province."""


@cache
def shipped() -> ProvinceDirectory:
    """Return the profiles that ship."""
    return ProvinceDirectory.load(PROFILES)


def taking(encoding: str, folder: Path, rows: str = "") -> ProvinceDirectory:
    """Return a directory of one new province on an encoding. Raises: as the loader."""
    file = folder / "new.toml"
    file.write_text(NEW.replace("ENCODING", encoding).replace("ROWS", rows), encoding="utf-8")
    return ProvinceDirectory([profile_of(read_toml(file, ProfileFile), load_encodings())])


def told(
    known: OnlineIssuers,
    issuer: IssuerId,
    word: str,
    *,
    reason: ReasonClass | None = None,
    by: IssuerId | None = None,
    expire_time: Instant | None = None,
) -> LiveCode:
    """Return a code whose issuer, or `by` in its place, says `word` at AT. Raises: as the rooms."""
    code = OpaqueCode(issuer, DivisionCode("990000"), "text", "id")
    return observe(answered(code, OnlineAnswer(word, AT, 60.0, expire_time, reason, by), known, AT), {}, AT)


def seen(known: OnlineIssuers, division: DivisionCode, word: str) -> LiveCode:
    """Return a screen of a division on which a checker sees `word` at AT. Raises: as the rooms."""
    return observe(displayed(DisplayedCode(division, word, AT), known), {}, AT)


def state(live: LiveCode) -> CodeState:
    """Return what was said in the common vocabulary."""
    return translate(live.authentic)
