"""The simulated people: who has which colour when, what their codes are, and that nobody real is among them."""

from __future__ import annotations

import pytest

from gateway.values import CodeState
from tests.conftest import FakeClock
from tests.simulators.provinces.people import ADDRESS_MARK, ID_MARK, NAME_MARK, NAME_MARK_HAN, PHONE_MARK, person
from tests.simulators.provinces.population import CODE_LIFE_S, DAY_S, Population
from tests.simulators.provinces.screens import Screens, fill


def people(clock: FakeClock, size: int = 1000, *, seed: int = 0, declares_daily: bool = False) -> Population:
    return Population("zhejiang", size, clock, seed=seed, declares_daily=declares_daily)


def test_the_mix_is_that_of_zhejiang(clock: FakeClock) -> None:
    everybody = people(clock, 2000)
    green = sum(everybody.colour(number).state is CodeState.GREEN for number in range(2000))
    assert green / 2000 == pytest.approx(0.947)
    seen = {everybody.colour(number).state for number in range(2000)}
    assert seen == {
        CodeState.GREEN,
        CodeState.YELLOW,
        CodeState.RED,
        CodeState.UNDER_REVIEW,
        CodeState.STALE_DECLARATION,
        CodeState.UNCONFIRMED,
    }


def test_the_same_seed_gives_the_same_world(clock: FakeClock) -> None:
    one, same, other = people(clock), people(clock), people(clock, seed=1)
    colours = [[every.colour(number).state for number in range(1000)] for every in (one, same, other)]
    assert colours[0] == colours[1] != colours[2]
    assert one.show(7).identifier == same.show(7).identifier != other.show(7).identifier


def test_a_state_that_a_province_has_no_word_for_is_yellow_there(clock: FakeClock) -> None:
    three = {CodeState.GREEN, CodeState.YELLOW, CodeState.RED}
    everybody = Population("sichuan", 1000, clock, states=three)
    assert {everybody.colour(number).state for number in range(1000)} == three


def test_a_colour_changes_when_it_is_set_and_its_past_stays(clock: FakeClock) -> None:
    everybody = people(clock)
    number = everybody.first(CodeState.GREEN)
    before = clock.now
    clock.advance(10)
    everybody.set(number, CodeState.RED, "A4")
    everybody.plan(clock.now + 60, number, CodeState.YELLOW)
    assert everybody.colour(number).reason == "A4"
    assert everybody.colour(number, before).state is CodeState.GREEN
    clock.advance(60)
    assert everybody.colour(number).state is CodeState.YELLOW
    with pytest.raises(ValueError, match="planned"):
        everybody.plan(before, number, CodeState.GREEN)


@pytest.mark.parametrize(("state", "days"), [(CodeState.YELLOW, 7), (CodeState.RED, 14)])
def test_daily_check_ins_turn_green_and_a_missed_day_starts_again(
    clock: FakeClock, state: CodeState, days: int
) -> None:
    everybody = people(clock)
    number = everybody.first(CodeState.GREEN)
    everybody.set(number, state)
    for _ in range(days - 1):
        everybody.check_in(number)
        clock.advance(DAY_S)
    assert everybody.colour(number).state is state
    clock.advance(DAY_S)  # a day without
    for _ in range(days):
        assert everybody.colour(number).state is state
        everybody.check_in(number)
        clock.advance(DAY_S)
    assert everybody.colour(number).state is CodeState.GREEN


def test_a_green_without_a_declaration_is_stale_where_one_is_wanted_daily(clock: FakeClock) -> None:
    everybody = people(clock, declares_daily=True)
    number = everybody.first(CodeState.GREEN)
    clock.advance(DAY_S)
    assert everybody.colour(number).state is CodeState.STALE_DECLARATION
    everybody.check_in(number)
    assert everybody.colour(number).state is CodeState.GREEN


def test_a_code_changes_each_minute_and_the_old_one_is_known_as_expired(clock: FakeClock) -> None:
    everybody = people(clock)
    first = everybody.show(3)
    assert everybody.show(3) == first
    clock.advance(CODE_LIFE_S)
    second = everybody.show(3)
    assert second.identifier != first.identifier
    found = everybody.resolve(first.identifier)
    assert found is not None
    assert found.expires <= clock.now < second.expires
    assert everybody.resolve("0" * 32) is None


def test_everything_about_a_person_carries_its_mark() -> None:
    for number in (0, 1, 12_345):
        somebody = person(number)
        assert NAME_MARK in somebody.name
        assert NAME_MARK_HAN in somebody.name
        assert somebody.id_number.startswith(ID_MARK)
        assert len(somebody.id_number) == 18
        assert somebody.phone.startswith(PHONE_MARK)
        assert len(somebody.phone) == 11
        assert ADDRESS_MARK in somebody.address
        for datum in (somebody.name, somebody.id_number, somebody.phone, somebody.address):
            assert datum in somebody.story
            assert datum not in repr(somebody)


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("<V0ding{hex:32}>", r"V0ding0123456789abcdef0123456789abcdef"),
        ("V5<{hex:32}{division}>", r"V50123456789abcdef0123456789abcdef320000"),
        ("{token:20}", r"[\w-]{20}"),
        ("{base64:64}", r"[A-Za-z0-9+/]{64}"),
        ("jk:<{digits:18}>:{token:4-8}", r"jk:\d{18}:[\w-]{4,8}"),
    ],
)
def test_a_template_is_filled(template: str, pattern: str) -> None:
    import re

    text, identifier = fill(template, "0123456789abcdef" * 2, "320000")
    assert re.fullmatch(pattern, text)
    assert identifier in text


def test_a_screen_shows_a_page_and_finds_it_again(clock: FakeClock) -> None:
    shape = {
        "kind": "url",
        "page": "code.example.invalid/qr",
        "parameter": "qrCode",
        "national_parameter": "national",
        "template": "<V0ding{hex:32}>",
    }
    screens = Screens(people(clock), "330000", shape)
    drawn = screens.draw(5, national="ab" * 16)
    assert drawn.text == f"https://code.example.invalid/qr?qrCode=V0ding{drawn.shown.identifier}&national={'ab' * 16}"
    assert screens.find(drawn.text) == screens.find(drawn.identifier) == drawn.shown
    assert screens.find("V0ding" + "0" * 32) is None
