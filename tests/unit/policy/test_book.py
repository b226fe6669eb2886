"""What a receiving division makes of a code: measure, reasons and the step that stopped it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Reason, Step
from gateway.formats.hcert_payload import WORST_FIRST
from gateway.policy.book import SHIPPED, PolicyBook, PolicyUnavailable
from gateway.policy.rules import parse_rules
from gateway.policy.translation import translate
from gateway.status.observe import observe
from gateway.values import CodeState, DivisionCode, Format, LiveCode, Measure
from tests.unit.codes import AT, authentic, key

ZHEJIANG = DivisionCode("330000")
BOOK = PolicyBook.load(SHIPPED)


def live(**changes: Any) -> LiveCode:
    return observe(authentic(**changes), {}, AT)


@pytest.mark.parametrize(
    ("changes", "division", "measure", "reasons", "stopped_at"),
    [
        ({}, "330000", Measure.PASS, (Reason.STATE_GREEN,), None),
        ({}, "330106", Measure.PASS, (Reason.STATE_GREEN,), None),
        (
            {"statement": "yellow"},
            "330000",
            Measure.LIMITED,
            (Reason.STATE_YELLOW, Reason.CONDITION_TEST_WITHIN_48_HOURS, Reason.CONDITION_HEALTH_MONITORING),
            None,
        ),
        ({"statement": "red"}, "330000", Measure.DENY, (Reason.STATE_RED,), Step.POLICY),
        ({"statement": "red"}, "110000", Measure.DENY, (Reason.STATE_RED,), Step.POLICY),
        ({"statement": "under_review"}, "330000", Measure.MANUAL, (Reason.STATE_UNDER_REVIEW,), Step.POLICY),
        ({"statement": "orange"}, "330000", Measure.MANUAL, (Reason.UNKNOWN_STATE,), Step.POLICY),
        ({"statement": "unconfirmed"}, "330000", Measure.MANUAL, (Reason.NO_RULES,), Step.POLICY),
        ({}, "110000", Measure.MANUAL, (Reason.NO_RULES,), Step.POLICY),
        ({}, None, Measure.MANUAL, (Reason.NO_RULES,), Step.POLICY),
        ({"statement": "red"}, None, Measure.MANUAL, (Reason.NO_RULES,), Step.POLICY),
        ({"issue_time": AT - 90_000.0}, "330000", Measure.MANUAL, (Reason.STATUS_STALE,), Step.STATUS),
        ({"issue_time": None}, "330000", Measure.MANUAL, (Reason.STATUS_STALE,), Step.STATUS),
    ],
)
def test_a_state_and_a_division_make_a_measure(
    changes: dict[str, Any],
    division: str | None,
    measure: Measure,
    reasons: tuple[Reason, ...],
    stopped_at: Step | None,
) -> None:
    where = None if division is None else DivisionCode(division)
    for _ in range(2):  # the second time from what was found before
        decision = BOOK.decide(live(**changes), where, AT)
        assert decision.measure is measure
        assert decision.reasons == (*reasons, Reason.NOT_PUBLISHED)
        assert decision.stopped_at is stopped_at
        assert decision.decided_time == AT


@pytest.mark.parametrize(
    ("found", "statement", "states", "state"),
    [
        (Format.NATIVE, "green", {}, CodeState.GREEN),
        (Format.NATIVE, "GREEN", {}, CodeState.UNKNOWN),
        (Format.NATIVE, "orange", {"orange": CodeState.YELLOW}, CodeState.YELLOW),
        (Format.NATIVE, "red", {"red": CodeState.GREEN}, CodeState.RED),
        (Format.HCERT, "tested-positive", {"tested-positive": CodeState.GREEN}, CodeState.RED),
        (Format.NATIVE, "yellow", {"yellow": CodeState.GREEN}, CodeState.YELLOW),
        (Format.NATIVE, "yellow", {"yellow": CodeState.UNDER_REVIEW}, CodeState.YELLOW),
        (Format.NATIVE, "yellow", {"yellow": CodeState.RED}, CodeState.RED),
        (Format.NATIVE, "under_review", {"under_review": CodeState.GREEN}, CodeState.UNDER_REVIEW),
        (Format.NATIVE, "unconfirmed", {"unconfirmed": CodeState.GREEN}, CodeState.UNCONFIRMED),
        (Format.NATIVE, "stale_declaration", {"stale_declaration": CodeState.GREEN}, CodeState.STALE_DECLARATION),
        (Format.NATIVE, "green", {"green": CodeState.YELLOW}, CodeState.YELLOW),
        (Format.SHC, "laboratory", {"laboratory": CodeState.GREEN}, CodeState.UNKNOWN),
        (Format.VDSNC, "laboratory", {"laboratory": CodeState.UNCONFIRMED}, CodeState.UNKNOWN),
        (Format.HCERT, "laboratory", {"laboratory": CodeState.RED}, CodeState.RED),
        (Format.HCERT, "vaccinated", {}, CodeState.UNCONFIRMED),
        (Format.HCERT, "vaccinated", {"vaccinated": CodeState.GREEN}, CodeState.GREEN),
        (Format.HCERT, "green", {}, CodeState.UNKNOWN),
        (Format.HCERT, "attested", {}, CodeState.UNKNOWN),
        (Format.SHC, "laboratory", {}, CodeState.UNKNOWN),
        (Format.SHC, "immunization", {}, CodeState.UNCONFIRMED),
        (Format.DIVOC, "anything", {}, CodeState.UNKNOWN),
    ],
)
def test_a_statement_is_translated_by_its_issuer_and_never_improved(
    found: Format, statement: str, states: dict[str, CodeState], state: CodeState
) -> None:
    assert translate(authentic(format=found, statement=statement, states=states)) is state


STATEMENT_ROW = re.compile(r"^\| ([a-z, ]+) \| `([a-z_-]+)` \| [^|]+ \| ([A-Z_]+) \| (yes|no) \|$", re.MULTILINE)


def published_statements() -> list[tuple[Format, str, CodeState, bool]]:
    """Return the rows of docs/trust-list.md, one per format."""
    text = (Path(__file__).parents[3] / "docs" / "trust-list.md").read_text()
    return [
        (Format(found), statement, CodeState[means], fixed == "yes")
        for formats, statement, means, fixed in STATEMENT_ROW.findall(text)
        for found in formats.split(", ")
    ]


@pytest.mark.parametrize(("found", "statement", "means", "fixed"), published_statements())
def test_a_statement_means_what_is_published(found: Format, statement: str, means: CodeState, fixed: bool) -> None:
    def meaning(states: dict[str, CodeState]) -> CodeState:
        return translate(authentic(format=found, statement=statement, states=states))

    assert meaning({}) is means
    assert meaning({statement: CodeState.RED}) is CodeState.RED
    assert (meaning({statement: CodeState.GREEN}) is CodeState.GREEN) is (not fixed)


def test_every_statement_of_the_formats_is_published() -> None:
    published = {(found, statement) for found, statement, _, _ in published_statements()}
    assert {statement for found, statement in published if found is Format.HCERT} == set(WORST_FIRST)
    assert {found for found, statement in published if statement == "attested"} == set(Format) - {
        Format.NATIVE,
        Format.OPAQUE,
        Format.UNKNOWN,
    }


def test_every_state_but_green_is_kept_from_passing_by_every_shipped_rule() -> None:
    for rules in BOOK.divisions:
        for rule in rules.rules:
            if rule.measure is Measure.PASS:
                assert rule.states == {CodeState.GREEN}


@pytest.mark.parametrize(
    ("statement", "division", "measure", "reason", "step"),
    [
        ("green", "330000", Measure.MANUAL, Reason.STATUS_STALE, Step.STATUS),
        ("green", None, Measure.MANUAL, Reason.STATUS_STALE, Step.STATUS),
        ("red", "330000", Measure.DENY, Reason.STATE_RED, Step.POLICY),
    ],
)
def test_a_stale_status_passes_nobody_and_softens_nothing(
    statement: str, division: str | None, measure: Measure, reason: Reason, step: Step
) -> None:
    stale = observe(authentic(statement=statement, by=key(revocation_counter=1)), {}, AT)
    decision = BOOK.decide(stale, None if division is None else DivisionCode(division), AT)
    assert (decision.measure, decision.reasons[0], decision.stopped_at) == (measure, reason, step)


ONE = 'division="330000"\nversion="1"\n[[rule]]\nfrom=["*"]\nstates=["GREEN"]\nmeasure="PASS"\nsource="test"\n'


def test_a_rule_for_the_county_counts_before_its_provinces() -> None:
    county = parse_rules(ONE.replace("330000", "330106").replace("PASS", "MANUAL"))
    book = PolicyBook([parse_rules(ONE), county])
    assert book.decide(live(), DivisionCode("330106"), AT).measure is Measure.MANUAL
    assert book.decide(live(), DivisionCode("330102"), AT).measure is Measure.PASS


def test_two_files_for_one_division_are_refused() -> None:
    with pytest.raises(ValueError, match="330000"):
        PolicyBook([parse_rules(ONE), parse_rules(ONE)])


@pytest.mark.parametrize("content", [None, b"division = 1", b"\xff\xfe"])
def test_a_folder_without_good_rules_is_unavailable(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "330000.toml").write_bytes(content)
    with pytest.raises(PolicyUnavailable):
        PolicyBook.load(tmp_path)


def test_two_files_of_one_division_are_unavailable(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(ONE)
    with pytest.raises(PolicyUnavailable):
        PolicyBook.load(tmp_path)
