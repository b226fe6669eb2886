"""Rule sets: which rules apply where, to what and when; what they say together; and files that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.instants import parse_instant
from gateway.policy.acceptance_rule import FieldInvalid, Outcome, parse_rule
from gateway.policy.rule_sets import MAX_FILE_BYTES, Judged, RuleSet, RuleSetInvalid, RuleSets
from gateway.values import DivisionCode, Instant

ZHEJIANG, HANGZHOU, GUIZHOU = DivisionCode("330000"), DivisionCode("330100"), DivisionCode("520000")
NOON = parse_instant("2022-01-01T12:00:00Z")

TRUE: Any = {"===": [{"var": "payload.answer"}, "yes"]}
FALSE: Any = {"===": [{"var": "payload.answer"}, "no"]}
BREAKS: Any = {"plusTime": [{"var": "payload.answer"}, 0, "day"]}
NO_BOOLEAN: Any = {"var": "payload.answer"}
PAYLOAD = {"answer": "yes"}


def rule(identifier: str = "GR-CN-0001", logic: Any = TRUE, **changes: Any) -> dict[str, Any]:
    """Return a rule of the EU format, with members changed; ... as a value takes the member away."""
    prefix, country, _ = identifier.split("-")
    kinds = {"VR": "Vaccination", "TR": "Test", "RR": "Recovery", "SR": "Status"}
    members = {
        "Identifier": identifier,
        "Type": "Invalidation" if prefix == "IR" else "Acceptance",
        "Country": country,
        "Version": "1.0.0",
        "SchemaVersion": "1.0.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "1.0.0",
        "CertificateType": kinds.get(prefix, "General"),
        "Description": [{"lang": "en", "desc": "A rule of nobody's."}],
        "ValidFrom": "2021-01-01T00:00:00Z",
        "ValidTo": "2030-01-01T00:00:00Z",
        "AffectedFields": ["answer"],
        "Logic": logic,
    } | changes
    return {name: value for name, value in members.items() if value is not ...}


def sets(*rules: dict[str, Any], **value_sets: tuple[str, ...]) -> RuleSets:
    return RuleSets({"s": RuleSet(map(parse_rule, rules))}, value_sets)


def judge(
    held: RuleSets,
    at: Instant = NOON,
    *,
    payload: dict[str, Any] = PAYLOAD,
    division: DivisionCode = HANGZHOU,
    region: str | None = None,
    certificate_type: str | None = None,
) -> Judged:
    return held.judge("s", payload, division=division, region=region, certificate_type=certificate_type, at=at)


# together


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([("GR-CN-0001", TRUE)], Outcome.MET),
        ([("GR-CN-0001", FALSE)], Outcome.NOT_MET),
        ([("GR-CN-0001", BREAKS)], Outcome.UNDETERMINED),
        ([("GR-CN-0001", NO_BOOLEAN)], Outcome.UNDETERMINED),
        ([("GR-CN-0001", {"+": [1, {"var": "payload.none"}]})], Outcome.UNDETERMINED),
        ([("GR-CN-0001", 1)], Outcome.UNDETERMINED),
        ([("IR-CN-0001", TRUE)], Outcome.NOT_MET),
        ([("IR-CN-0001", FALSE)], Outcome.MET),
        ([("IR-CN-0001", NO_BOOLEAN)], Outcome.UNDETERMINED),
        ([("GR-CN-0001", TRUE), ("GR-CN-0002", TRUE), ("IR-CN-0001", FALSE)], Outcome.MET),
        ([("GR-CN-0001", TRUE), ("GR-CN-0002", FALSE)], Outcome.NOT_MET),
        ([("GR-CN-0001", TRUE), ("IR-CN-0001", TRUE)], Outcome.NOT_MET),
        ([("GR-CN-0001", TRUE), ("GR-CN-0002", BREAKS)], Outcome.UNDETERMINED),
        ([("GR-CN-0001", BREAKS), ("GR-CN-0002", FALSE)], Outcome.NOT_MET),
        ([], Outcome.EMPTY),
    ],
)
def test_what_a_set_says(rules: list[tuple[str, Any]], expected: Outcome) -> None:
    judged = judge(sets(*(rule(*one) for one in rules)))
    assert judged.outcome is expected
    assert len(judged.rules) == len(rules)


def test_every_rule_is_told_with_its_version() -> None:
    judged = judge(sets(rule("GR-CN-0001"), rule("GR-CN-0002", FALSE, Version="1.2.3")))
    assert judged.rules == (("GR-CN-0001", "1.0.0", Outcome.MET), ("GR-CN-0002", "1.2.3", Outcome.NOT_MET))


def test_a_set_that_is_not_there_is_empty() -> None:
    assert sets(rule()).judge("t", PAYLOAD, division=HANGZHOU, at=NOON) == Judged(Outcome.EMPTY, ())


@pytest.mark.parametrize("path", ["payload.v.0.ci", "payload.dob", "payload.nam", "payload.nam.fnt"])
@pytest.mark.parametrize("identifier", ["GR-CN-0001", "IR-CN-0001"])
def test_a_rule_that_wants_to_know_who_it_is_decides_nothing(path: str, identifier: str) -> None:
    """It would see null: a rule against stolen certificates would let them all through."""
    held = sets(rule(identifier, {"in": [{"extractFromUVCI": [{"var": path}, 1]}, ["stolen"]]}))
    assert judge(held).outcome is Outcome.UNDETERMINED


def test_what_rules_are_told_beside_the_payload() -> None:
    told = {
        "validationClock": "2022-01-01T12:00:00.000+00:00",
        "countryCode": "CN",
        "division": "330100",
        "region": "west",
        "valueSets.names.1": "b",
    }
    rules = [
        rule(f"GR-CN-000{place}", {"===": [{"var": f"external.{name}"}, value]})
        for place, (name, value) in enumerate(told.items())
    ]
    assert judge(sets(*rules, names=("a", "b")), region="west").outcome is Outcome.MET


# which rules apply


@pytest.mark.parametrize(
    ("country", "division", "applies"),
    [
        ("CN", HANGZHOU, True),
        ("330000", HANGZHOU, True),
        ("330100", HANGZHOU, True),
        ("330100", ZHEJIANG, False),
        ("520000", HANGZHOU, False),
        ("330100", DivisionCode("330106"), True),
        ("AT", HANGZHOU, False),
        ("AT", DivisionCode("AT"), True),
        ("CN", DivisionCode("AT"), False),
    ],
)
def test_rules_of_the_division_and_of_what_encloses_it_apply(
    country: str, division: DivisionCode, applies: bool
) -> None:
    judged = judge(sets(rule(f"GR-{country}-0001")), division=division)
    assert judged.outcome is (Outcome.MET if applies else Outcome.EMPTY)


@pytest.mark.parametrize(
    ("of_rule", "asked", "applies"),
    [(..., None, True), (..., "west", True), ("west", "west", True), ("west", "east", False), ("west", None, False)],
)
def test_rules_of_the_region_and_of_none_apply(of_rule: Any, asked: str | None, applies: bool) -> None:
    judged = judge(sets(rule(Region=of_rule)), region=asked)
    assert judged.outcome is (Outcome.MET if applies else Outcome.EMPTY)


@pytest.mark.parametrize(
    ("payload", "given", "expected"),
    [
        ({}, None, ["GR"]),
        ({"v": [{}]}, None, ["GR", "VR"]),
        ({"v": [{}]}, "Vaccination", ["GR", "VR"]),
        ({"v": []}, None, ["GR"]),
        ({"v": [{}], "t": [{}]}, "Vaccination", ["GR", "TR", "VR"]),
        ({"r": [{}]}, None, ["GR", "RR"]),
        ({}, "Status", ["GR", "SR"]),
    ],
)
def test_rules_of_the_type_and_general_ones_apply(
    payload: dict[str, Any], given: str | None, expected: list[str]
) -> None:
    held = sets(*(rule(f"{prefix}-CN-0001", True) for prefix in ("GR", "VR", "TR", "RR", "SR")))
    judged = judge(held, payload=payload, certificate_type=given)
    assert [one.identifier[:2] for one in judged.rules] == expected


# time

FIRST, LAST = parse_instant("2022-01-01T00:00:00Z"), parse_instant("2022-02-01T00:00:00Z")


@pytest.mark.parametrize(
    ("at", "applies"),
    [(FIRST - 0.001, False), (FIRST, True), (NOON, True), (LAST, True), (LAST + 0.001, False), (LAST + 1e9, False)],
)
def test_a_rule_holds_from_its_first_to_its_last_instant(at: float, applies: bool) -> None:
    held = sets(rule(ValidFrom="2022-01-01T00:00:00Z", ValidTo="2022-02-01T00:00:00Z"))
    assert judge(held, Instant(at)).outcome is (Outcome.MET if applies else Outcome.EMPTY)


def test_a_rule_dated_ahead_switches_on_by_itself() -> None:
    held = sets(
        rule("GR-CN-0001", TRUE),
        rule("GR-CN-0001", FALSE, Version="1.10.0", ValidFrom="2022-01-01T00:00:00Z", ValidTo="2022-02-01T00:00:00Z"),
        rule("GR-CN-0002", TRUE, ValidFrom="2022-01-15T00:00:00Z"),
    )
    told = [
        [(one.identifier[-1], one.version, one.outcome.name) for one in judge(held, Instant(at)).rules]
        for at in (FIRST - 1, FIRST, parse_instant("2022-01-15T00:00:00Z"), LAST, LAST + 1)
    ]
    assert told == [
        [("1", "1.0.0", "MET")],
        [("1", "1.10.0", "NOT_MET")],
        [("1", "1.10.0", "NOT_MET"), ("2", "1.0.0", "MET")],
        [("1", "1.10.0", "NOT_MET"), ("2", "1.0.0", "MET")],
        [("1", "1.0.0", "MET"), ("2", "1.0.0", "MET")],
    ]


def test_versions_are_numbers() -> None:
    held = sets(rule(Version="1.9.0", logic=FALSE), rule(Version="1.10.0"))
    assert judge(held).rules == (("GR-CN-0001", "1.10.0", Outcome.MET),)


def test_a_newer_version_for_another_region_ends_the_older_one_here() -> None:
    held = sets(rule(Version="1.0.0"), rule(Version="1.1.0", Region="west"))
    assert judge(held).outcome is Outcome.EMPTY
    assert judge(held, region="west").rules == (("GR-CN-0001", "1.1.0", Outcome.MET),)


def test_the_clock_of_rules_is_the_given_one() -> None:
    clock = {"plusTime": [{"var": "external.validationClock"}, 0, "hour"]}
    held = sets(rule(logic={"not-before": [clock, {"plusTime": ["2022-01-01T12:00:00Z", 0, "hour"]}]}))
    assert judge(held, NOON).outcome is Outcome.MET
    assert judge(held, Instant(NOON - 0.001)).outcome is Outcome.NOT_MET


# refused rules


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"Identifier": ...}, ("Identifier",)),
        ({"Identifier": "GR-AT-0001"}, ("Identifier",)),
        ({"Identifier": "VR-CN-0001"}, ("Identifier",)),
        ({"Identifier": "IR-CN-0001"}, ("Identifier",)),
        ({"Identifier": "GR-CN-1"}, ("Identifier",)),
        ({"Identifier": 7}, ("Identifier",)),
        ({"Type": "Invalidation"}, ("Identifier",)),
        ({"Type": "acceptance"}, ("Type",)),
        ({"Country": "China"}, ("Identifier",)),
        ({"Country": ...}, ("Country",)),
        ({"Region": ""}, ("Region",)),
        ({"Region": None}, ("Region",)),
        ({"Region": "far too long"}, ("Region",)),
        ({"Version": "1.0"}, ("Version",)),
        ({"Version": "1.0.0-beta"}, ("Version",)),
        ({"Version": "01.0.0"}, ("Version",)),
        ({"Version": 1}, ("Version",)),
        ({"SchemaVersion": "2.0.0"}, ("SchemaVersion",)),
        ({"Engine": "CQL"}, ("Engine",)),
        ({"Engine": ...}, ("Engine",)),
        ({"EngineVersion": "2.0.0"}, ("EngineVersion",)),
        ({"CertificateType": "Colour"}, ("CertificateType",)),
        ({"CertificateType": "Vaccination"}, ("Identifier",)),
        ({"Description": "text"}, ("Description",)),
        ({"Description": []}, ("Description",)),
        ({"Description": ["text"]}, ("Description", 0)),
        ({"Description": [{"lang": "en"}]}, ("Description", 0)),
        ({"Description": [{"lang": "english", "desc": "x"}]}, ("Description", 0, "lang")),
        ({"Description": [{"lang": "en", "desc": " "}]}, ("Description", 0, "desc")),
        ({"Description": [{"lang": "de", "desc": "Text"}]}, ("Description",)),
        ({"ValidFrom": "2021-01-01"}, ("ValidFrom",)),
        ({"ValidFrom": "2021-02-30T00:00:00Z"}, ("ValidFrom",)),
        ({"ValidFrom": 1_600_000_000}, ("ValidFrom",)),
        ({"ValidTo": ...}, ("ValidTo",)),
        ({"ValidTo": "2020-01-01T00:00:00Z"}, ("ValidTo",)),
        ({"AffectedFields": []}, ("AffectedFields",)),
        ({"AffectedFields": "v"}, ("AffectedFields",)),
        ({"AffectedFields": ["v", 0]}, ("AffectedFields", 1)),
        ({"Logic": ...}, ("Logic",)),
        ({"Logic": None}, ("Logic",)),
        ({"Logic": {"and": [True, {"foo": []}]}}, ("Logic", "and", 1, "foo")),
        ({"Measure": "PASS"}, ("Measure",)),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_the_member(changes: dict[str, Any], path: tuple[str | int, ...]) -> None:
    with pytest.raises(FieldInvalid) as refused:
        parse_rule(rule(**changes))
    assert refused.value.path == path


@pytest.mark.parametrize("document", [None, [], "text", 7, [rule()]])
def test_a_rule_is_an_object(document: object) -> None:
    with pytest.raises(FieldInvalid) as refused:
        parse_rule(document)
    assert refused.value.path == ()


# files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a set of two rules and two value sets."""
    (tmp_path / "s" / "inner").mkdir(parents=True)
    (tmp_path / "valuesets").mkdir()
    (tmp_path / "s" / "first.json").write_text(json.dumps(rule(), indent=2))
    members = {"in": [{"var": "payload.answer"}, {"var": "external.valueSets.answers"}]}
    (tmp_path / "s" / "inner" / "second.json").write_text(json.dumps(rule("GR-CN-0002", members), indent=2))
    (tmp_path / "valuesets" / "plain.json").write_text(json.dumps({"names": ["a"], "more": []}))
    in_the_format = {"valueSetId": "answers", "valueSetDate": "2021-01-01", "valueSetValues": {"yes": {"lang": "en"}}}
    (tmp_path / "valuesets" / "answers.json").write_text(json.dumps(in_the_format))
    (tmp_path / "s" / "README.md").write_text("not a rule")
    for kept_by_others in (tmp_path / "..data", tmp_path / "s" / "..data", tmp_path / "s" / ".git" / "inner"):
        kept_by_others.mkdir(parents=True)
        (kept_by_others / "first.json").write_text(json.dumps(rule()))
    return tmp_path


def test_a_folder_of_sets(folder: Path) -> None:
    held = RuleSets.load(folder)
    assert list(held.sets) == ["s"]
    assert "s" in held
    assert "valuesets" not in held
    assert [one.outcome for one in judge(held).rules] == [Outcome.MET, Outcome.MET]
    assert judge(held, payload={"answer": "no"}).outcome is Outcome.NOT_MET


@pytest.mark.parametrize(
    ("name", "text", "line", "field"),
    [
        ("s/third.json", "", 1, ""),
        ("s/third.json", '{\n "Identifier": \n}', 3, ""),
        ("s/third.json", '{"a": 1, "a": 2}', None, ""),
        ("s/third.json", '{"a": NaN}', None, ""),
        pytest.param("s/third.json", "[" * 500_000, None, "", id="deep"),
        pytest.param("s/third.json", " " * (MAX_FILE_BYTES + 1), None, "", id="large"),
        ("s/third.json", "[]", 1, ""),
        ("s/third.json", json.dumps(rule(Engine="CQL"), indent=2), 7, "Engine"),
        ("s/third.json", json.dumps(rule(Engine=...), indent=2), 1, "Engine"),
        (
            "s/third.json",
            json.dumps(rule(logic={"and": [True, {"foo": [1]}]}), indent=2),
            25,
            "Logic.and[1].foo",
        ),
        ("valuesets/third.json", "[]", 1, ""),
        ("valuesets/third.json", '{\n"x": "a"}', 2, "x"),
        ("valuesets/third.json", '{\n"x": [1]}', 2, "x"),
        ("valuesets/third.json", '{\n"names": []}', 2, "names"),
        ("valuesets/third.json", '{"valueSetId": "", "valueSetValues": {}}', 1, "valueSetId"),
        ("valuesets/third.json", '{"valueSetId": "x"}', 1, "valueSetValues"),
    ],
)
def test_one_broken_file_refuses_all(folder: Path, name: str, text: str, line: int | None, field: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(RuleSetInvalid) as refused:
        RuleSets.load(folder)
    assert (refused.value.file, refused.value.line, refused.value.field) == (str(folder / name), line, field)


def test_a_file_that_cannot_be_opened_is_refused(folder: Path) -> None:
    (folder / "s" / "third.json").mkdir()
    with pytest.raises(RuleSetInvalid) as refused:
        RuleSets.load(folder)
    assert (refused.value.file, refused.value.line) == (str(folder / "s" / "third.json"), None)


def test_a_byte_order_mark_is_no_json(folder: Path) -> None:
    """Python's own parser takes it, so that it knows no line of the fault."""
    (folder / "s" / "third.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(rule("GR-CN-0003")).encode())
    with pytest.raises(RuleSetInvalid) as refused:
        RuleSets.load(folder)
    assert (Path(refused.value.file).name, refused.value.line) == ("third.json", None)


def test_too_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.policy.rule_sets.MAX_FILES", 2)
    assert list(RuleSets.load(folder).sets) == ["s"]
    (folder / "s" / "third.json").write_text(json.dumps(rule("GR-CN-0003")))
    with pytest.raises(RuleSetInvalid) as refused:
        RuleSets.load(folder)
    assert refused.value.file == str(folder / "s")


def test_a_file_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "s" / "third.json").write_bytes(b'{"Identifier": "\xff"}')
    with pytest.raises(RuleSetInvalid) as refused:
        RuleSets.load(folder)
    assert refused.value.file.endswith("third.json")


def test_the_same_version_twice_is_refused(folder: Path) -> None:
    (folder / "s" / "again.json").write_text(json.dumps(rule(logic=FALSE)))
    with pytest.raises(RuleSetInvalid) as refused:
        RuleSets.load(folder)
    assert (refused.value.file, refused.value.field) == (str(folder / "s"), "Version")


@pytest.mark.parametrize("what", ["nothing there", "no folder in it", "a set without rules", "a file"])
def test_a_folder_without_rules_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "rules"
    if what == "a file":
        folder.write_text("{}")
    elif what != "nothing there":
        folder.mkdir()
        if what == "a set without rules":
            (folder / "s").mkdir()
    with pytest.raises(RuleSetInvalid):
        RuleSets.load(folder)


def test_the_rule_of_the_documentation_is_one() -> None:
    text = (Path(__file__).resolve().parent.parent.parent.parent / "docs" / "rules.md").read_text()
    documented = parse_rule(json.loads(text.partition("```json\n")[2].partition("```")[0]))
    held = RuleSets({"s": RuleSet([documented])})
    for day, expected in (("2021-12-18", Outcome.MET), ("2021-12-19", Outcome.NOT_MET)):
        payload = {"v": [{"dn": 2, "sd": 2, "dt": day}]}
        assert judge(held, payload=payload, region="west").outcome is expected
