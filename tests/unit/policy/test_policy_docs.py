"""docs/policy.md and deploy/policy say what the gateway does."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Reason
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.policy.facts import facts
from gateway.policy.rules import CONDITIONS, RulesInvalid, parse_rules
from gateway.status.observe import observe
from gateway.values import (
    Assurance,
    CodeState,
    DivisionCode,
    Format,
    Instant,
    LiveCode,
    Measure,
    ReasonClass,
    RiskLevel,
    Way,
)
from tests.unit.codes import AT, authentic

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "policy.md").read_text()
MEMBER = re.compile(r"^\| `(\w+)` \| ([^|]*)", re.MULTILINE)


def members(section: str) -> dict[str, str]:
    """Return the members that a section's table has, with what it says of each."""
    return dict(MEMBER.findall(TEXT.partition(f"\n## {section}\n")[2].partition("\n## ")[0]))


ONE = 'division="330000"\nversion="1"\n[[rule]]\nfrom=["*"]\nstates=["GREEN"]\nmeasure="PASS"\nsource="test"\n'


@pytest.mark.parametrize("member", sorted({*members("Members of a rule"), "speed"}))
def test_every_member_of_a_rule_is_told_and_no_other_is_known(member: str) -> None:
    with pytest.raises(RulesInvalid) as invalid:
        parse_rules(re.sub(rf"^{member}=.*\n", "", ONE, flags=re.MULTILINE) + f"{member}=[[]]\n")
    assert invalid.value.path == f"rule[0].{member}"
    assert (invalid.value.description == "is not a known member") is (member == "speed")


def test_there_are_as_many_members_as_are_told() -> None:
    from gateway.policy.rules import _RULE_MEMBERS  # what is known is known nowhere else

    assert set(members("Members of a rule")) == _RULE_MEMBERS


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("formats", {found.value for found in Format} - {"unknown"}),
        ("ways", {way.value for way in Way}),
        ("origin_risk", {risk.name for risk in RiskLevel}),
        ("measure", {measure.name for measure in Measure}),
        ("conditions", set(CONDITIONS)),
    ],
)
def test_every_word_is_told(member: str, words: set[str]) -> None:
    said = set(re.findall(r"`(\w+)`", members("Members of a rule")[member]))
    assert said == words


def test_every_fact_is_told() -> None:
    code = replace(observe(authentic(), {}, AT), assurance=Assurance.SCANNED_SIGNED)
    assert list(members("CertLogic sets")) == list(facts(code, CodeState.GREEN, Way.VERIFY, RiskLevel.LOW))


def test_the_example_is_one() -> None:
    [example] = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert len(parse_rules(example, rule_sets={"certificates"}).rules) == 3


def test_the_rules_that_ship_name_sources_and_pass_no_unknown() -> None:
    book = PolicyBook.load(SHIPPED)
    told = TEXT.partition("\n## The rules that ship\n")[2]
    assert {rules.division for rules in book.divisions} == set(re.findall(r"\b[1-9]\d0000\b", told))
    for rules in book.divisions:
        assert rules.version.startswith(rules.division)
        for rule in rules.rules:
            assert rule.source
            assert rule.measure is not Measure.PASS or rule.states == {CodeState.GREEN}
            assert rule.measure is not Measure.PASS or Way.DISPLAY not in rule.ways or rule.max_age is not None


@dataclass(frozen=True, slots=True)
class Risk:
    """One risk everywhere."""

    level: RiskLevel

    def risk_of(self, division: DivisionCode, at: Instant) -> RiskLevel:
        return self.level


HAINAN = {"division": DivisionCode("460100")}
COVID = {"tg": "840539006"}


def code(reason_class: ReasonClass | None = None, age: float = 60, **changes: Any) -> LiveCode:
    found = authentic(issue_time=Instant(AT - age), **{**HAINAN, **changes})
    issuer = replace(found.issuer, division=DivisionCode("460000"))
    return replace(observe(replace(found, issuer=issuer, reason_class=reason_class), {}, AT), notes=())


def certificate(**entries: object) -> LiveCode:
    return code(format=Format.HCERT, statement="vaccinated", division=None, evidence={"ver": "1.3.0", **entries})


MET = (Measure.LIMITED, (Reason.STATE_UNCONFIRMED, Reason.CONDITION_REGISTER_ON_ARRIVAL))
NOT_MET = (Measure.MANUAL, (Reason.RULES_NOT_MET, Reason.STATE_UNCONFIRMED))
TESTED = (Measure.LIMITED, (Reason.STATE_GREEN, Reason.CONDITION_TEST_WITHIN_48_HOURS, Reason.ORIGIN_AT_RISK))
# AT is 2023-11-14T22:13:20Z.
SAMPLED = {**COVID, "tr": "260415000"}


@pytest.mark.parametrize(
    ("live", "risk", "way", "expected"),
    [
        (code(), RiskLevel.LOW, Way.VERIFY, (Measure.PASS, (Reason.STATE_GREEN,))),
        (code(), RiskLevel.UNKNOWN, Way.CONVERT, (Measure.PASS, (Reason.STATE_GREEN,))),
        (code(), RiskLevel.HIGH, Way.VERIFY, (Measure.MANUAL, (Reason.STATE_GREEN, Reason.ORIGIN_AT_RISK))),
        (code(), RiskLevel.MEDIUM, Way.VERIFY, TESTED),
        (
            code(age=601),
            RiskLevel.MEDIUM,
            Way.VERIFY,
            (Measure.DENY, (Reason.RULES_NOT_MET, Reason.STATE_GREEN, Reason.ORIGIN_AT_RISK)),
        ),
        (code(), RiskLevel.LOW, Way.DISPLAY, (Measure.MANUAL, (Reason.DISPLAY_NOT_ACCEPTED,))),
        (
            code(format=Format.OPAQUE, statement="g", states={"g": CodeState.GREEN}),
            RiskLevel.LOW,
            Way.DISPLAY,
            (Measure.LIMITED, (Reason.STATE_GREEN, Reason.CONDITION_REGISTER_ON_ARRIVAL)),
        ),
        (
            code(ReasonClass.YELLOW_SAME_VEHICLE, statement="yellow"),
            RiskLevel.LOW,
            Way.VERIFY,
            (Measure.DENY, (Reason.STATE_YELLOW,)),
        ),
        (code(statement="yellow"), RiskLevel.LOW, Way.VERIFY, (Measure.MANUAL, (Reason.NO_RULES,))),
        (certificate(v=[{**COVID, "dn": 2, "sd": 2, "dt": "2023-10-31"}]), RiskLevel.LOW, Way.VERIFY, MET),
        (certificate(v=[{**COVID, "dn": 2, "sd": 2, "dt": "2023-11-01"}]), RiskLevel.LOW, Way.VERIFY, NOT_MET),
        (certificate(v=[{**COVID, "dn": 1, "sd": 2, "dt": "2023-09-01"}]), RiskLevel.LOW, Way.VERIFY, NOT_MET),
        (
            certificate(v=[{"tg": "1", "dn": 2, "sd": 2, "dt": "2023-10-01"}]),
            RiskLevel.LOW,
            Way.VERIFY,
            NOT_MET,
        ),
        (certificate(t=[{**SAMPLED, "sc": "2023-11-13T08:00:00Z"}]), RiskLevel.LOW, Way.VERIFY, MET),
        (certificate(t=[{**SAMPLED, "sc": "2023-11-12T08:00:00Z"}]), RiskLevel.LOW, Way.VERIFY, NOT_MET),
        (certificate(r=[{**COVID, "df": "2023-10-01", "du": "2024-03-01"}]), RiskLevel.LOW, Way.VERIFY, MET),
        (certificate(r=[{**COVID, "df": "2023-01-01", "du": "2023-11-14"}]), RiskLevel.LOW, Way.VERIFY, NOT_MET),
        (certificate(), RiskLevel.LOW, Way.VERIFY, NOT_MET),
    ],
)
def test_the_example_of_a_whole_folder_does_what_it_says(
    live: LiveCode, risk: RiskLevel, way: Way, expected: tuple[Measure, tuple[Reason, ...]]
) -> None:
    book = PolicyBook.load(ROOT / "deploy" / "policy")
    decision = book.decide(live, DivisionCode("330106"), AT, way=way, risks=Risk(risk))
    assert (decision.measure, decision.reasons) == expected
