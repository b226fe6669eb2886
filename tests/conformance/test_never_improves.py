"""No translation makes a state better than the one who said it meant it.

The judge stands here and is written by hand from the public record: how bad each state is, and what each word of each
system means at least. A word that the hand did not write down may pass nobody. Judged are all shipped profiles and
encodings over every word of all of them, each reason class, scanned, displayed and answered by the national platform,
and the maps of trust lists over every word that a signed format fixes; and every word of a live status list beside
every word of a signed code, whichever is the newer, at every age.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.changes import Word
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.policy.facts import state_of
from gateway.policy.translation import translate
from gateway.provinces.encodings import load_encodings
from gateway.provinces.profile import ProvinceName
from gateway.provinces.toml_file import TomlRefused
from gateway.status.freshness import DEFAULT
from gateway.status.observe import observe
from gateway.trust.online import OnlineIssuers
from gateway.values import (
    LETS_THROUGH,
    CodeState,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    LiveCode,
    Measure,
    ReasonClass,
)
from tests.unit.codes import GUIZHOU, authentic
from tests.unit.status.lists import POINTER, holding

from .province_words import AT, seen, shipped, state, taking, told

SEVERITY = {
    "GREEN": 0,
    "YELLOW": 1,
    "UNDER_REVIEW": 2,
    "UNCONFIRMED": 2,
    "STALE_DECLARATION": 2,
    "NOT_FOUND": 2,
    "UNKNOWN": 2,
    "EXPIRED": 3,
    "REVOKED": 3,
    "RED": 3,
}
"""How bad: may pass, may pass on a condition, a person decides, nobody passes."""

GREEN, YELLOW, NOBODY, RED = 0, 1, 2, 3
"""What a word means at least."""

COLOURS = {"green": GREEN, "yellow": YELLOW, "red": RED}
NUMBERS = {"00": GREEN, "01": YELLOW, "10": RED}

AT_LEAST: Mapping[str, Mapping[str, int]] = {
    "alipay": {**COLOURS, "init": NOBODY},
    "tencent": NUMBERS,
    "shanghai": {"00": GREEN},
    "zhejiang-level": {**COLOURS, "#FF9F00": YELLOW},
    "labour-site": {"0": RED, "1": GREEN, "2": YELLOW},
    "dahua": {"1": RED, "2": GREEN, "3": YELLOW, "4": NOBODY},
    "iot-record": {"1": GREEN, "2": YELLOW, "3": RED, "4": RED, "5": NOBODY, "6": NOBODY, "7": NOBODY},
    "screenshot-ocr": {**COLOURS, "gray": NOBODY},
    "textbook": {"0": RED, "1": YELLOW, "2": NOBODY},
    "gansu": {"pass": GREEN, "no_pass": RED},
    "jilin": {**COLOURS, "orange": RED},
    "tianjin": {"green": GREEN, "orange": YELLOW, "red": RED},
    "hainan": {**COLOURS, "gray": NOBODY},
    "chongqing": {**COLOURS, "gray": NOBODY},
    "hubei": {**COLOURS, "gray": NOBODY},
    "beijing": {**COLOURS, "popup": NOBODY},
    "guangxi-reasons": {
        **{f"A{number}": RED for number in range(1, 9)},
        **{f"B{number}": YELLOW for number in range(1, 7)},
        "C": GREEN,
    },
    "native": COLOURS,
}
"""Encoding -> word -> what it means at least. The 2 of textbook is green in one file and red in a service."""

SAID: Mapping[str, Mapping[str, int]] = {
    "national": NUMBERS,
    "zhejiang": {**COLOURS, "#FF9F00": YELLOW},
    "guangdong": NUMBERS,
    "shenzhen": NUMBERS,
    "fujian": COLOURS,
    "hainan": {**COLOURS, "gray": NOBODY},
    "guangxi": NUMBERS,
    "yunnan": NUMBERS,
    "sichuan": NUMBERS,
    "jiangxi": COLOURS,
    "guizhou": NUMBERS,
    "jiangsu": COLOURS,
    "shanghai": {"00": GREEN},
    "beijing": COLOURS,
    "hubei": COLOURS,
    "tianjin": NUMBERS,
    "chongqing": COLOURS,
    "jilin": {**COLOURS, "orange": RED},
    "gansu": {"pass": GREEN, "no_pass": RED},
}
"""Province -> what its system says -> what that means at least."""

SEEN: Mapping[str, Mapping[str, int]] = {
    **dict.fromkeys(SAID, COLOURS),
    "jilin": {**COLOURS, "orange": RED},
    "tianjin": {"green": GREEN, "orange": YELLOW, "red": RED},
    "gansu": {"pass": GREEN, "no_pass": RED},
}
"""Province -> what is seen on its screens -> what that means at least. Nobody passes by gray, pop-up or review."""

MISREADINGS = (
    "", "0", "1", "2", "3", "9", "GREEN", "Green", " green", "green ", "verde", "ok", "true", "pass ", "c",
    "unconfirmed", "vaccinated", "tested-positive", "laboratory", "expired", "revoked", "not_found",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One translation to be judged."""

    what: str
    least: int
    state: str

    @property
    def improves(self) -> bool:
        return SEVERITY[self.state] < self.least


def every_word() -> tuple[str, ...]:
    """Return each word of each system and screen, and what none of them says."""
    by_hand = [word for table in (AT_LEAST, SAID, SEEN) for words in table.values() for word in words]
    shipped_too = [word for one in shipped().profiles for word in (*one.states, *one.displayed)]
    encoded = [word for encoding in load_encodings().values() for word in encoding.states]
    return tuple(dict.fromkeys([*by_hand, *shipped_too, *encoded, *MISREADINGS]))


def least_of(word: str, reason: ReasonClass | None, said: Mapping[str, int]) -> int:
    """Return what a word means at least, with the reason given for it: a reason for a colour says no better colour."""
    least = RED if word == "red" else said.get(word, NOBODY)
    if reason is None:
        return least
    return max(least, NOBODY if reason.name.startswith("RED") else YELLOW)


def told_by(
    known: OnlineIssuers, issuer: IssuerId, name: str, said: Mapping[str, int], by: IssuerId | None = None
) -> Iterator[Case]:
    """Put every word, with every reason, into the mouth of an issuer, or of `by` in its place."""
    for word, reason in product(every_word(), (None, *ReasonClass)):
        heard = state(told(known, issuer, word, reason=reason, by=by))
        yield Case(f"{name} says {word!r} for {reason}", least_of(word, reason, said), heard.name)


def seen_on(known: OnlineIssuers, division: DivisionCode, name: str, means: Mapping[str, int]) -> Iterator[Case]:
    """Show every word on a screen of a division."""
    for word in every_word():
        yield Case(f"{name} shows {word!r}", least_of(word, None, means), state(seen(known, division, word)).name)


def judged(cases: Iterable[Case], at_least: int) -> list[str]:
    """Return those that improve. There must be as many cases as the product has: none is skipped unseen."""
    improved, count = [], 0
    for case in cases:
        count += 1
        if case.improves:
            improved.append(f"{case.what}: {case.state}")
    assert count >= at_least
    return improved


WORDS = 50
"""There are at least so many."""
PER_ISSUER = WORDS * 15
"""Each without a reason, and with each of 14."""


def test_the_hand_wrote_down_every_profile_and_encoding() -> None:
    assert {one.name for one in shipped().profiles} == set(SAID) == set(SEEN)
    assert set(load_encodings()) == set(AT_LEAST)
    assert set(SEVERITY) == {one.name for one in CodeState}


def test_no_word_of_a_shipped_profile_improves() -> None:
    known = shipped().online
    cases = [case for one in shipped().profiles for case in told_by(known, one.issuer, one.name, SAID[one.name])]
    assert judged(cases, 19 * PER_ISSUER) == []
    assert {case.state for case in cases} >= {
        "GREEN",
        "YELLOW",
        "RED",
        "UNDER_REVIEW",
        "UNCONFIRMED",
        "STALE_DECLARATION",
    }


def test_no_word_of_the_national_platform_improves_in_a_provinces_place() -> None:
    known, platform = shipped().online, shipped().by_name[ProvinceName("national")].issuer
    cases = [
        case
        for one in shipped().profiles
        for case in told_by(known, one.issuer, f"national for {one.name}", SAID["national"], by=platform)
    ]
    assert judged(cases, 19 * PER_ISSUER) == []
    assert sum(case.state == "GREEN" for case in cases) == 19


def test_no_encoding_improves_in_a_province_that_takes_it(tmp_path: Path) -> None:
    cases: list[Case] = []
    for name in load_encodings():
        one = taking(name, tmp_path)
        cases += told_by(one.online, one.profiles[0].issuer, name, AT_LEAST[name])
    assert judged(cases, 18 * PER_ISSUER) == []


def test_no_screen_improves() -> None:
    known = shipped().online
    cases = [case for one in shipped().profiles for case in seen_on(known, one.division, one.name, SEEN[one.name])]
    assert judged(cases, 19 * WORDS) == []
    assert {case.state for case in cases} >= {"GREEN", "YELLOW", "RED", "UNCONFIRMED", "STALE_DECLARATION"}


FIXED = {
    "yellow": YELLOW,
    "red": RED,
    "under_review": NOBODY,
    "unconfirmed": NOBODY,
    "stale_declaration": NOBODY,
    "tested-positive": RED,
    "laboratory": NOBODY,
    "expired": RED,
    "revoked": RED,
    "not_found": NOBODY,
}
"""What nobody's map makes better, whatever format it came in."""

FORMATS = tuple(found for found in Format if found is not Format.UNKNOWN)


def test_no_map_of_a_trust_list_improves_a_fixed_word() -> None:
    cases = []
    for found, (word, least), mapped in product(FORMATS, FIXED.items(), CodeState):
        meant = translate(authentic(format=found, statement=word, states={word: mapped}))
        cases.append(Case(f"{found} {word!r} mapped to {mapped.name}", least, meant.name))
    assert judged(cases, len(FORMATS) * len(FIXED) * len(CodeState)) == []


def test_no_word_of_a_signed_format_passes_without_a_map() -> None:
    cases = []
    for found, word in product(FORMATS, every_word()):
        least = COLOURS.get(word, NOBODY) if found is Format.NATIVE else NOBODY
        cases.append(Case(f"{found} {word!r}", least, translate(authentic(format=found, statement=word)).name))
    assert judged(cases, len(FORMATS) * WORDS) == []


def test_nobody_passes_anywhere_who_was_not_called_green() -> None:
    """The same product, through the rules that ship: what a gate does about it."""
    known, book = shipped().online, PolicyBook.load(SHIPPED)
    passed, refused = set(), set()
    for one, word, rules in product(shipped().profiles, every_word(), book.divisions):
        heard = told(known, one.issuer, word)
        measure = book.decide(heard, rules.division, AT).measure
        if measure is Measure.PASS:
            passed.add((one.name, word))
        elif measure is Measure.LIMITED:
            assert least_of(word, None, SAID[one.name]) != RED, (one.name, word, rules.division)
        if measure is Measure.DENY:
            refused.add((one.name, word))
    assert passed
    assert [(name, word) for name, word in passed if least_of(word, None, SAID[name]) != GREEN] == []
    called_red = {(name, word) for name, words in SAID.items() for word, least in words.items() if least == RED}
    assert called_red <= refused


LISTED = {0x0: GREEN, 0x1: RED, 0x2: NOBODY, 0xC: YELLOW, 0xD: RED, 0xE: NOBODY}
"""Word of a status list -> what it means at least. 0x3 says nothing but that the code is as it was signed; whatever
else stands there is of a place that nobody was given."""
AS_IT_WAS_SIGNED = 0x3
SIGNED = {**COLOURS, **dict.fromkeys(("under_review", "unconfirmed", "stale_declaration"), NOBODY)}
"""What a native code may say."""
AGES = {"fresh": DEFAULT.fresh_s, "aging": DEFAULT.budget_s, "stale": DEFAULT.budget_s + 1, "from the future": -31.0}


def listed(found: Format, said: str, word: int, age: float, *, list_is_newer: bool) -> LiveCode:
    """Observe a code that says one thing, and points to a list of its issuer, so old, that says another."""
    issued = Instant(min(AT - age, AT) + (-10 if list_is_newer else 10))
    code = authentic(
        format=found, statement=said, issue_time=issued, expire_time=Instant(AT + 60), status_pointer=POINTER
    )
    return observe(code, {}, AT, holding(GUIZHOU, Word(word), AT - age))


def least_of_both(said: str, word: int, *, list_is_newer: bool) -> int:
    """Return what a code and a list that is not out of date mean together, at least.

    The newer word of an issuer counts, but for what it signed as final; and where the code is the newer one, the list
    has not spoken since.
    """
    signed = SIGNED.get(said, NOBODY)
    if word == AS_IT_WAS_SIGNED:
        return signed
    if signed == RED or said not in SIGNED:
        return max(signed, LISTED.get(word, NOBODY))
    return LISTED.get(word, NOBODY) if list_is_newer else max(signed, LISTED.get(word, NOBODY))


def test_no_list_improves_a_code_and_no_code_a_list() -> None:
    cases = []
    for said, word, newer, age in product((*SIGNED, *MISREADINGS), range(16), (True, False), ("fresh", "aging")):
        live = listed(Format.NATIVE, said, word, AGES[age], list_is_newer=newer)
        what = f"{said!r} beside 0x{word:X}, {age}, the {'list' if newer else 'code'} is newer"
        cases.append(Case(what, least_of_both(said, word, list_is_newer=newer), state_of(live).name))
    assert judged(cases, 4 * 16 * len(SIGNED)) == []
    assert {case.state for case in cases} >= {"GREEN", "YELLOW", "RED", "UNDER_REVIEW", "REVOKED", "UNKNOWN"}


def test_no_list_makes_a_certificate_a_green_code() -> None:
    for found, said, word, newer in product(FORMATS, (*SIGNED, *MISREADINGS), range(16), (True, False)):
        if found not in (Format.NATIVE, Format.OPAQUE):
            live = listed(found, said, word, AGES["fresh"], list_is_newer=newer)
            assert state_of(live) is not CodeState.GREEN, (found, said, word)


def test_what_a_list_says_at_every_age_through_the_rules_that_ship() -> None:
    """Nobody passes by a list that is out of date or from the future, and age softens no red that nothing followed."""
    book, passed = PolicyBook.load(SHIPPED), set()
    for said, word, newer, age in product(SIGNED, range(16), (True, False), AGES):
        live = listed(Format.NATIVE, said, word, AGES[age], list_is_newer=newer)
        least = least_of_both(said, word, list_is_newer=newer)
        for rules in book.divisions:
            measure = book.decide(live, rules.division, AT).measure
            what = (said, hex(word), newer, age, rules.division)
            if measure is Measure.PASS:
                assert least == GREEN, what
                passed.add((said, word, age))
            if measure in LETS_THROUGH:
                assert age in ("fresh", "aging"), what
                assert least != RED, what
            if least == RED and (newer or age in ("fresh", "aging")):
                assert measure is Measure.DENY, what
            if SIGNED[said] == RED:
                assert measure is Measure.DENY, what
    assert {said for said, _, _ in passed} >= {"green", "yellow"}, "its issuer may say better than it signed before"
    assert {word for _, word, _ in passed} == {0x0, AS_IT_WAS_SIGNED}


def test_the_judge_sees_every_improvement() -> None:
    """Each row of each profile that is not green, made green: the judge must see it, or it judges nothing."""
    unseen = []
    for one in shipped().profiles:
        issuer = shipped().online.issuers[one.issuer]
        for word, meant in issuer.states.items():
            if meant is CodeState.GREEN or word in FIXED:
                continue
            better = replace(issuer, states=MappingProxyType({**issuer.states, word: CodeState.GREEN}))
            cases = told_by(OnlineIssuers(MappingProxyType({one.issuer: better})), one.issuer, one.name, SAID[one.name])
            if not any(case.improves for case in cases):
                unseen.append((one.name, word))
    assert unseen == []


@pytest.mark.parametrize(
    ("row", "better"),
    [("10", "YELLOW"), ("10", "GREEN"), ("01", "GREEN"), ("10", "UNCONFIRMED")],
)
def test_a_profile_that_improves_its_encoding_is_refused(row: str, better: str, tmp_path: Path) -> None:
    rows = f'[[state]]\nsaid = "{row}"\nstate = "{better}"\nmeaning = "Better."\nsource = "assumed: for a test"\n'
    with pytest.raises(TomlRefused):
        taking("tencent", tmp_path, rows)
