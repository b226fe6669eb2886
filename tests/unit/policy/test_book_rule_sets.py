"""CertLogic sets in a book of rules: what they are told, what follows, how a folder is taken, what is explained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Reason, Step
from gateway.policy.acceptance_rule import Outcome
from gateway.policy.book import Explanation, PolicyBook, PolicyUnavailable
from gateway.status.observe import observe
from gateway.values import (
    Assurance,
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Freshness,
    Instant,
    LiveCode,
    Measure,
    ReasonClass,
    RiskLevel,
    Way,
)
from tests.unit.codes import AT, authentic

RECEIVER = DivisionCode("330000")
TABLE = """\
division = "330000"
version = "v1"

[[rule]]
from = ["520000"]
formats = ["opaque"]
states = ["GREEN"]
ways = ["display"]
measure = "MANUAL"
source = "first"

[[rule]]
from = ["*"]
formats = ["native", "opaque"]
states = ["GREEN"]
ways = ["verify", "display"]
max_age_hours = 1
measure = "PASS"
rule_set = "codes"
otherwise = "DENY"
source = "second"

[[rule]]
from = ["*"]
formats = ["hcert"]
states = ["UNCONFIRMED"]
measure = "LIMITED"
conditions = ["register_on_arrival"]
rule_set = "certificates"
source = "third"

[[rule]]
from = ["*"]
formats = ["shc"]
states = ["UNCONFIRMED"]
measure = "LIMITED"
conditions = ["register_on_arrival"]
rule_set = "certificates"
source = "fourth"

[[rule]]
from = ["*"]
states = ["GREEN"]
measure = "MANUAL"
source = "fifth"
"""


def rule(identifier: str, logic: object, *, kind: str = "Status", **changes: object) -> dict[str, object]:
    """Return a rule in the EU's format."""
    return {
        "Identifier": identifier,
        "Type": "Acceptance",
        "Country": identifier.split("-")[1],
        "Version": "1.0.0",
        "SchemaVersion": "1.0.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "1.0.0",
        "CertificateType": kind,
        "Description": [{"lang": "en", "desc": "a test"}],
        "ValidFrom": "2023-01-01T00:00:00Z",
        "ValidTo": "2024-01-01T00:00:00Z",
        "AffectedFields": ["any"],
        "Logic": logic,
    } | changes


SCANNED = rule("SR-CN-0001", {"===": [{"var": "payload.assurance"}, "SCANNED_SIGNED"]})
TWO_DOSES = rule("VR-330000-0001", {">=": [{"var": "payload.v.0.dn"}, 2]}, kind="Vaccination")


def folder(
    where: Path, *, codes: list[dict[str, object]], certificates: list[dict[str, object]], table: str = TABLE
) -> Path:
    (where / "330000.toml").write_text(table)
    for name, rules in (("codes", codes), ("certificates", certificates)):
        inner = where / "certlogic" / name
        inner.mkdir(parents=True)
        for place, content in enumerate(rules):
            (inner / f"{place}.json").write_text(json.dumps(content, indent=1))
    return where


@pytest.fixture
def book(tmp_path: Path) -> PolicyBook:
    return PolicyBook.load(folder(tmp_path, codes=[SCANNED], certificates=[TWO_DOSES]))


def live(*, assurance: Assurance = Assurance.SCANNED_SIGNED, **changes: Any) -> LiveCode:
    return replace(observe(authentic(**changes), {}, AT), assurance=assurance, notes=())


def certificate(doses: object, found: Format = Format.HCERT) -> LiveCode:
    evidence = None if doses is None else {"ver": "1.3.0", "v": [{"tg": "840539006", "dn": doses}]}
    statement = "immunization" if found is Format.SHC else "vaccinated"
    return live(format=found, statement=statement, evidence=evidence, expire_time=None, issue_time=Instant(AT - 60))


def told(decision: Decision) -> tuple[str, tuple[Reason, ...], Step | None]:
    return decision.measure.name, decision.reasons, decision.stopped_at


ARRIVES = ("LIMITED", (Reason.STATE_UNCONFIRMED, Reason.CONDITION_REGISTER_ON_ARRIVAL), None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (live(), ("PASS", (Reason.STATE_GREEN,), None)),
        (
            live(assurance=Assurance.SCANNED_ONLINE),
            ("DENY", (Reason.RULES_NOT_MET, Reason.STATE_GREEN), Step.POLICY),
        ),
        (live(issue_time=Instant(AT - 7200)), ("MANUAL", (Reason.STATUS_STALE,), Step.STATUS)),
        (live(statement="red"), ("DENY", (Reason.STATE_RED,), Step.POLICY)),
        (certificate(2), ARRIVES),
        (certificate(1), ("MANUAL", (Reason.RULES_NOT_MET, Reason.STATE_UNCONFIRMED), Step.POLICY)),
        (certificate("two"), ("MANUAL", (Reason.RULES_UNDETERMINED,), Step.POLICY)),
        (certificate(None), ("MANUAL", (Reason.RULES_UNDETERMINED,), Step.POLICY)),
        (certificate(None, Format.SHC), ("MANUAL", (Reason.RULES_UNDETERMINED,), Step.POLICY)),
        (
            live(format=Format.HCERT, statement="recovered", evidence={"r": [{"fr": "2023-10-01"}]}),
            ("MANUAL", (Reason.NO_RULES,), Step.POLICY),
        ),
    ],
)  # fmt: skip
def test_a_row_lets_through_only_what_its_set_is_met_by(
    book: PolicyBook, code: LiveCode, expected: tuple[str, tuple[Reason, ...], Step | None]
) -> None:
    decision = book.decide(code, RECEIVER, AT)
    assert told(decision) == expected
    assert book.explain(code, RECEIVER, AT).decision == decision


def test_a_set_that_holds_nothing_today_lets_nobody_through(book: PolicyBook) -> None:
    later = Instant(AT + 366 * 86_400)
    assert told(book.decide(live(), RECEIVER, later)) == ("MANUAL", (Reason.NO_RULES,), Step.POLICY)


FACTS = {
    "format": "native",
    "state": "GREEN",
    "reasonClass": None,
    "origin": "520000",
    "originRisk": "HIGH",
    "assurance": "SCANNED_SIGNED",
    "way": "verify",
    "statusAge": 60,
}
"""docs/policy.md, "What a set is told"."""


class HighEverywhere:
    """Lists in memory."""

    def risk_of(self, division: DivisionCode, at: Instant) -> RiskLevel:
        return RiskLevel.HIGH


@pytest.mark.parametrize("member", FACTS)
def test_a_set_is_told_what_the_gateway_found_out(tmp_path: Path, member: str) -> None:
    told_of = {"var": f"payload.{member}"}
    same = {"!": [told_of]} if FACTS[member] is None else {"===": [told_of, FACTS[member]]}
    there = {"and": [same, {"===": [{"var": "external.division"}, "330106"]}]}
    book = PolicyBook.load(folder(tmp_path, codes=[rule("SR-330000-0001", there)], certificates=[TWO_DOSES]))
    decided = {
        age: book.decide(live(issue_time=Instant(AT - age)), DivisionCode("330106"), AT, risks=HighEverywhere()).measure
        for age in (59.5, 3600)
    }
    assert decided == {59.5: Measure.PASS, 3600: Measure.DENY if member == "statusAge" else Measure.PASS}


def test_a_set_is_told_why_the_issuer_says_so(tmp_path: Path) -> None:
    same_vehicle = rule("SR-CN-0001", {"===": [{"var": "payload.reasonClass"}, "YELLOW_SAME_VEHICLE"]})
    table = TABLE.replace('states = ["GREEN"]\nways = ["verify"', 'states = ["YELLOW"]\nways = ["verify"').replace(
        '"PASS"', '"LIMITED"\nconditions = ["health_monitoring"]'
    )
    book = PolicyBook.load(folder(tmp_path, codes=[same_vehicle], certificates=[TWO_DOSES], table=table))
    code = live(statement="yellow")
    because = replace(code, authentic=replace(code.authentic, reason_class=ReasonClass.YELLOW_SAME_VEHICLE))
    assert book.decide(because, RECEIVER, AT).measure is Measure.LIMITED
    assert book.decide(code, RECEIVER, AT).measure is Measure.DENY


def outcomes(explained: Explanation) -> list[tuple[str, str | None, bool]]:
    return [(row.source, row.misfit, row.decided) for row in explained.rows]


def test_each_row_says_why_it_did_not_decide(book: PolicyBook) -> None:
    explained = book.explain(live(), DivisionCode("330106"), AT)
    assert explained.division == RECEIVER
    assert [row.place for row in explained.rows] == [0, 1, 2, 3, 4]
    assert outcomes(explained) == [
        ("first", "formats", False),
        ("second", None, True),
        ("third", "formats", False),
        ("fourth", "formats", False),
        ("fifth", None, False),
    ]
    judged = [row.judged for row in explained.rows if row.judged is not None]
    assert [(said.identifier, said.outcome) for one in judged for said in one.rules] == [("SR-CN-0001", Outcome.MET)]


def test_a_way_that_no_row_names_is_told_by_each_of_them(book: PolicyBook) -> None:
    explained = book.explain(live(), RECEIVER, AT, way=Way.CONVERT)
    assert outcomes(explained)[1:2] == [("second", "ways", False)]
    assert outcomes(explained)[4:] == [("fifth", None, True)]


def test_a_set_is_not_asked_about_what_is_too_old(book: PolicyBook) -> None:
    explained = book.explain(live(issue_time=Instant(AT - 7200)), RECEIVER, AT)
    assert explained.decision.reasons == (Reason.STATUS_STALE,)
    assert outcomes(explained)[1] == ("second", None, True)
    assert [row.judged for row in explained.rows] == [None] * 5


@pytest.mark.parametrize(
    ("code", "division", "reason", "asked"),
    [
        (live(statement="red"), "330000", Reason.STATE_RED, "330000"),
        (live(statement="purple"), "330000", Reason.UNKNOWN_STATE, "330000"),
        (replace(live(), freshness=Freshness.STALE), "330000", Reason.STATUS_STALE, "330000"),
        (live(audience=DivisionCode("460000")), "330000", Reason.AUDIENCE_MISMATCH, "330000"),
        (replace(live(), listed_state=CodeState.EXPIRED), "330000", Reason.EXPIRED, "330000"),
        (live(), "110000", Reason.NO_RULES, None),
        (live(), None, Reason.NO_RULES, None),
    ],
)
def test_where_no_row_was_asked_none_is_told(
    book: PolicyBook, code: LiveCode, division: str | None, reason: Reason, asked: str | None
) -> None:
    explained = book.explain(code, None if division is None else DivisionCode(division), AT)
    assert explained.decision.reasons == (reason,)
    assert (explained.division, explained.rows) == (asked, ())


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "field"),
    [
        ("330000.toml", 'rule_set = "codes"', 'rule_set = "nobodys"', 19, "rule[1].rule_set"),
        ("330000.toml", 'rule_set = "codes"', 'rule_set = "valuesets"', 19, "rule[1].rule_set"),
        ("330000.toml", 'version = "v1"', "version = 1", 2, "version"),
        ("certlogic/codes/0.json", '"CERTLOGIC"', '"DROOLS"', 7, "Engine"),
        ("certlogic/codes/0.json", '"===":', '"smile":', 22, "Logic.smile"),
        ("certlogic/codes/0.json", '"Type": "Acceptance",', '"Type": "Acceptance"', 4, ""),
    ],
)
def test_a_fault_refuses_the_folder_and_names_file_line_and_field(
    tmp_path: Path, file: str, old: str, new: str, line: int, field: str
) -> None:
    where = folder(tmp_path, codes=[SCANNED], certificates=[TWO_DOSES])
    broken = where / file
    text = broken.read_text()
    assert old in text
    broken.write_text(text.replace(old, new, 1))
    with pytest.raises(PolicyUnavailable) as refused:
        PolicyBook.load(where)
    assert refused.value.file == f"{broken}:{line}"
    assert refused.value.why.startswith(f"{field}: " if field else "is not JSON")


def test_a_folder_of_sets_without_any_is_refused(tmp_path: Path) -> None:
    (tmp_path / "330000.toml").write_text(TABLE)
    (tmp_path / "certlogic").mkdir()
    with pytest.raises(PolicyUnavailable) as refused:
        PolicyBook.load(tmp_path)
    assert refused.value.file == str(tmp_path / "certlogic")


def test_a_set_is_refused_where_there_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "330000.toml").write_text(TABLE)
    with pytest.raises(PolicyUnavailable) as refused:
        PolicyBook.load(tmp_path)
    assert refused.value.why.startswith("rule[1].rule_set: ")
