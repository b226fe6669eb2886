"""A rules file is taken whole or refused with the place of its fault."""

from __future__ import annotations

import pytest

from gateway.policy.rules import RulesInvalid, enclosing, parse_rules
from gateway.values import CodeState, DivisionCode, Format, Measure

GOOD = """
division = "330000"
version = "v1"
[[rule]]
from = ["520000"]
formats = ["native"]
states = ["GREEN"]
measure = "PASS"
max_age_hours = 24
source = "test"
[[rule]]
from = ["*"]
states = ["YELLOW"]
measure = "LIMITED"
conditions = ["health_monitoring"]
source = "test"
"""


def test_a_good_file_is_taken_in_order() -> None:
    rules = parse_rules(GOOD)
    assert (rules.division, rules.version, len(rules.rules)) == ("330000", "v1", 2)
    first = rules.find(DivisionCode("520100"), Format.NATIVE, CodeState.GREEN)
    assert first is not None
    assert (first.measure, first.max_age) == (Measure.PASS, 86_400.0)
    assert rules.find(DivisionCode("520100"), Format.HCERT, CodeState.GREEN) is None
    assert rules.find(DivisionCode("530100"), Format.NATIVE, CodeState.GREEN) is None
    assert rules.find(None, Format.NATIVE, CodeState.GREEN) is None
    anywhere = rules.find(None, Format.SHC, CodeState.YELLOW)
    assert anywhere is not None


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('division = "330000"', "division = 330000", "division"),
        ('division = "330000"', 'division = "33000"', "division"),
        ('division = "330000"', 'division = "330000"\nspeed = 1', "file.speed"),
        ('version = "v1"', "", "version"),
        ('version = "v1"', 'version = ""', "version"),
        ("division", "[", "file"),
        ('source = "test"\n[[rule]]', "[[rule]]", "rule[0].source"),
        ('source = "test"\n[[rule]]', 'source = " "\n[[rule]]', "rule[0].source"),
        ('from = ["520000"]', 'from = "520000"', "rule[0].from"),
        ('from = ["520000"]', "from = []", "rule[0].from"),
        ('from = ["520000"]', 'from = ["guizhou"]', "rule[0].from"),
        ('formats = ["native"]', 'formats = ["unknown"]', "rule[0].formats"),
        ('states = ["GREEN"]', "states = []", "rule[0].states"),
        ('states = ["GREEN"]', 'states = ["UNKNOWN"]', "rule[0].states"),
        ('states = ["GREEN"]', 'states = ["EXPIRED"]', "rule[0].states"),
        ('states = ["GREEN"]', 'states = ["GREEN", "YELLOW"]', "rule[0].measure"),
        ('measure = "PASS"', 'measure = "WAVE_THROUGH"', "rule[0].measure"),
        ('states = ["YELLOW"]', 'states = ["RED"]', "rule[1].measure"),
        ('conditions = ["health_monitoring"]', "", "rule[1].conditions"),
        ('conditions = ["health_monitoring"]', 'conditions = ["smile"]', "rule[1].conditions"),
        ("max_age_hours = 24", 'conditions = ["health_monitoring"]', "rule[0].conditions"),
        ("max_age_hours = 24", "max_age_hours = 0", "rule[0].max_age_hours"),
        ("max_age_hours = 24", "max_age_hours = true", "rule[0].max_age_hours"),
        ("max_age_hours = 24", "max_age_hours = nan", "rule[0].max_age_hours"),
        ("max_age_hours = 24", 'max_hours = "24"', "rule[0].max_hours"),
    ],
)
def test_a_fault_refuses_the_file_and_names_its_place(old: str, new: str, path: str) -> None:
    assert old in GOOD
    with pytest.raises(RulesInvalid) as invalid:
        parse_rules(GOOD.replace(old, new, 1))
    assert invalid.value.path == path


@pytest.mark.parametrize("rest", ["", "rule = [1]"])
def test_rules_must_be_tables_and_at_least_one(rest: str) -> None:
    with pytest.raises(RulesInvalid):
        parse_rules('division = "330000"\nversion = "1"\n' + rest)


@pytest.mark.parametrize(
    ("division", "outer"),
    [
        (None, ()),
        ("FR", ("FR",)),
        ("330106", ("330106", "330100", "330000")),
        ("330100", ("330100", "330000")),
        ("330000", ("330000",)),
    ],
)
def test_a_division_lies_in_its_prefecture_and_province(division: str | None, outer: tuple[str, ...]) -> None:
    assert enclosing(None if division is None else DivisionCode(division)) == outer
