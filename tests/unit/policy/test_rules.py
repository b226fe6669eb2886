"""A rules file is taken whole or refused with the place of its fault."""

from __future__ import annotations

import pytest

from gateway.policy.rules import _RULE_MEMBERS, MAX_RULES, UNLESS_NAMED, RulesInvalid, parse_rules
from gateway.values import CodeState, Measure, ReasonClass, RiskLevel, Way

GOOD = """\
division = "330000"
version = "v1"
[[rule]]
from = ["520000"]
to = ["330100", "330782"]
formats = ["native"]
states = ["GREEN"]
ways = ["display", "verify"]
since = 2020-02-28
until = 2020-03-01T00:00:00Z
measure = "PASS"
max_age_hours = 24
source = "test"
[[rule]]
from = ["*"]
states = ["YELLOW"]
measure = "LIMITED"
origin_risk = ["MEDIUM", "HIGH"]
reason_classes = ["YELLOW_SAME_VEHICLE"]
conditions = ["health_monitoring"]
source = "test"
[[rule]]
from = ["*"]
formats = ["hcert"]
states = ["UNCONFIRMED"]
measure = "LIMITED"
conditions = ["register_on_arrival"]
rule_set = "zhejiang"
otherwise = "DENY"
source = "test"
"""


def test_a_good_file_is_taken_in_order() -> None:
    rules = parse_rules(GOOD, rule_sets={"zhejiang"})
    assert (rules.division, rules.version, len(rules.rules)) == ("330000", "v1", 3)
    first, second, third = rules.rules
    assert (first.measure, first.max_age, first.source) == (Measure.PASS, 86_400.0, "test")
    assert first.origins == {"520000"}
    assert first.receivers == {"330100", "330782"}
    assert first.ways == {Way.DISPLAY, Way.VERIFY}
    assert (len(second.origins), len(second.receivers), len(second.formats)) == (0, 0, 0)
    assert second.risks == {RiskLevel.MEDIUM, RiskLevel.HIGH}
    assert second.reason_classes == {ReasonClass.YELLOW_SAME_VEHICLE}
    assert (third.rule_set, third.otherwise) == ("zhejiang", Measure.DENY)
    assert second.rule_set is None


def test_a_day_begins_at_midnight_in_china_and_a_date_time_says_where() -> None:
    first = parse_rules(GOOD, rule_sets={"zhejiang"}).rules[0]
    assert first.since == 1_582_819_200.0  # 2020-02-27T16:00:00Z
    assert first.until == 1_583_020_800.0  # 2020-03-01T00:00:00Z


def test_a_row_that_names_no_way_accepts_nothing_that_is_only_displayed() -> None:
    second = parse_rules(GOOD, rule_sets={"zhejiang"}).rules[1]
    assert second.ways == UNLESS_NAMED == {Way.VERIFY, Way.CONVERT}


@pytest.mark.parametrize(
    ("old", "new", "path", "line"),
    [
        ('division = "330000"', "division = 330000", "division", 1),
        ('division = "330000"', 'division = "33000"', "division", 1),
        ('version = "v1"', 'speed = 1\nversion = "v1"', "speed", 2),
        ('version = "v1"', "", "version", None),
        ('version = "v1"', 'version = ""', "version", 2),
        ('version = "v1"', f'version = "{"1" * 33}"', "version", 2),
        ('version = "v1"', "version = [", "file", 3),
        ('source = "test"\n[[rule]]', "[[rule]]", "rule[0].source", 3),
        ('source = "test"\n[[rule]]', 'source = " "\n[[rule]]', "rule[0].source", 13),
        ('from = ["520000"]', 'from = "520000"', "rule[0].from", 4),
        ('from = ["520000"]', "from = []", "rule[0].from", 4),
        ('from = ["520000"]', 'from = ["guizhou"]', "rule[0].from", 4),
        ('from = ["520000"]', 'from = ["5200001"]', "rule[0].from", 4),
        ('"330100", "330782"', "", "rule[0].to", 5),
        ('"330100", "330782"', '"330100", "320100"', "rule[0].to", 5),
        ('"330100", "330782"', '"zhejiang"', "rule[0].to", 5),
        ('"330100", "330782"', "330100", "rule[0].to", 5),
        ('formats = ["native"]', 'formats = ["unknown"]', "rule[0].formats", 6),
        ('states = ["GREEN"]', "states = []", "rule[0].states", 7),
        ('states = ["GREEN"]', 'states = ["UNKNOWN"]', "rule[0].states", 7),
        ('states = ["GREEN"]', 'states = ["EXPIRED"]', "rule[0].states", 7),
        ('"display", "verify"', '"display", "wave"', "rule[0].ways", 8),
        ('"display", "verify"', "", "rule[0].ways", 8),
        ("since = 2020-02-28", 'since = "2020-02-28"', "rule[0].since", 9),
        ("since = 2020-02-28", "since = 2020", "rule[0].since", 9),
        ("since = 2020-02-28", "since = 12:00:00", "rule[0].since", 9),
        ("since = 2020-02-28", "since = 2020-02-28T12:00:00", "rule[0].since", 9),
        ("since = 2020-02-28", "since = 1999-12-31", "rule[0].since", 9),
        ("since = 2020-02-28", "since = 2020-03-01T08:00:00+08:00", "rule[0].until", 10),
        ("since = 2020-02-28", "since = 2020-03-02", "rule[0].until", 10),
        ("until = 2020-03-01T00:00:00Z", "until = 2100-01-01", "rule[0].until", 10),
        ("until = 2020-03-01T00:00:00Z", "until = 0001-01-01T00:00:00+08:00", "rule[0].until", 10),
        ('states = ["GREEN"]', 'states = ["GREEN", "YELLOW"]', "rule[0].measure", 11),
        ('measure = "PASS"', 'measure = "WAVE_THROUGH"', "rule[0].measure", 11),
        ('measure = "PASS"', 'measure = ["PASS"]', "rule[0].measure", 11),
        ('measure = "PASS"', "", "rule[0].measure", 3),
        ("max_age_hours = 24", 'conditions = ["health_monitoring"]', "rule[0].conditions", 12),
        ("max_age_hours = 24", "max_age_hours = 0", "rule[0].max_age_hours", 12),
        ("max_age_hours = 24", "max_age_hours = true", "rule[0].max_age_hours", 12),
        ("max_age_hours = 24", "max_age_hours = nan", "rule[0].max_age_hours", 12),
        ("max_age_hours = 24", 'max_hours = "24"', "rule[0].max_hours", 12),
        ("max_age_hours = 24", 'otherwise = "DENY"', "rule[0].otherwise", 12),
        ('states = ["YELLOW"]', 'states = ["RED"]', "rule[1].measure", 17),
        ('states = ["YELLOW"]', 'states = ["YELLOW", "RED"]', "rule[1].measure", 17),
        ('"MEDIUM", "HIGH"', '"TERRIBLE"', "rule[1].origin_risk", 18),
        ('"MEDIUM", "HIGH"', "", "rule[1].origin_risk", 18),
        ('"YELLOW_SAME_VEHICLE"', '"B5"', "rule[1].reason_classes", 19),
        ('"YELLOW_SAME_VEHICLE"', "", "rule[1].reason_classes", 19),
        ('conditions = ["health_monitoring"]', "", "rule[1].conditions", 14),
        ('conditions = ["health_monitoring"]', 'conditions = ["smile"]', "rule[1].conditions", 20),
        ('rule_set = "zhejiang"', 'rule_set = "fujian"', "rule[2].rule_set", 28),
        ('rule_set = "zhejiang"', "rule_set = 1", "rule[2].rule_set", 28),
        ('formats = ["hcert"]', "", "rule[2].rule_set", 28),
        ('formats = ["hcert"]', 'formats = ["hcert", "opaque"]', "rule[2].rule_set", 28),
        ('"LIMITED"\nconditions = ["register_on_arrival"]', '"DENY"', "rule[2].rule_set", 27),
        ('otherwise = "DENY"', 'otherwise = "PASS"', "rule[2].otherwise", 29),
        ('otherwise = "DENY"', 'otherwise = "LIMITED"', "rule[2].otherwise", 29),
    ],
)
def test_a_fault_refuses_the_file_and_names_its_place(old: str, new: str, path: str, line: int | None) -> None:
    assert old in GOOD
    with pytest.raises(RulesInvalid) as invalid:
        parse_rules(GOOD.replace(old, new, 1), rule_sets={"zhejiang"})
    assert (invalid.value.path, invalid.value.line) == (path, line)


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("", "rule"),
        ("rule = []", "rule"),
        ("rule = {}", "rule"),
        ("rule = [1]", "rule[0]"),
        ("rule = [" + "{}," * (MAX_RULES + 1) + "]", "rule"),
        ("rule = " + "[" * 100_000, "file"),
    ],
)
def test_rules_must_be_tables_and_of_a_number(rest: str, path: str) -> None:
    with pytest.raises(RulesInvalid) as invalid:
        parse_rules('division = "330000"\nversion = "1"\n' + rest)
    assert invalid.value.path == path


ODD = (
    *("true", "0", "-1", "1e400", "nan", "inf", '""', '"*"', '"\\u0000"', "[]", "[[]]", '[""]', "[1]", "{}", "{a=1}"),
    *("1979-05-27", "07:32:00", "1979-05-27T07:32:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"),
    *('["GREEN", {}]', '["*", "*"]', "9223372036854775807"),
)


@pytest.mark.parametrize("odd", ODD)
def test_whatever_a_member_holds_the_file_is_taken_or_refused(odd: str) -> None:
    good = 'from=["*"]\nstates=["GREEN"]\nmeasure="PASS"\nsource="test"\n'
    for member in sorted(_RULE_MEMBERS):
        row = "".join(line + "\n" for line in good.splitlines() if not line.startswith(f"{member}="))
        text = f'division="330000"\nversion="1"\n[[rule]]\n{row}{member}={odd}\n'
        fault, rules = None, None
        try:
            rules = parse_rules(text, rule_sets={"s"})
        except RulesInvalid as invalid:
            fault = invalid
        if rules is None:
            assert fault is not None
            assert (fault.path.split(".")[0], fault.line is None) == ("rule[0]", False)
        else:
            assert all(rule.states == {CodeState.GREEN} or rule.measure is not Measure.PASS for rule in rules.rules)
