"""The other doors of the pipeline: codes that only their issuer can read, codes only seen, codes to be converted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from gateway.errors import CodeStopped, NotReady, Outcome, Reason, Step
from gateway.formats.opaque import CodeShape, OpaqueShapes
from gateway.pipeline import Pipeline, step_outcomes
from gateway.policy.book import PolicyBook
from gateway.policy.rules import parse_rules
from gateway.trust.online import OnlineIssuers
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import (
    Assurance,
    CodeState,
    Decision,
    DisplayedCode,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    Measure,
    OnlineAnswer,
    OpaqueCode,
    ReasonClass,
    RiskLevel,
    Way,
)
from keys.ring import KeyRing
from tests.unit.codes import AT

HAINAN = IssuerId("https://hainan.example")
OTHER = IssuerId("https://other.example")
SECRET = "c4n4ry" + "0" * 26
CODE = b"HI:" + SECRET.encode()
RECEIVER = DivisionCode("330000")
RULES = """
division = "330000"
version = "doors"
[[rule]]
from = ["460000"]
states = ["GREEN"]
ways = ["verify"]
measure = "PASS"
origin_risk = ["LOW"]
source = "test"
[[rule]]
from = ["460000"]
states = ["GREEN"]
ways = ["display", "convert"]
conditions = ["register_on_arrival"]
measure = "LIMITED"
source = "test"
"""
STATES = {"00": CodeState.GREEN, "10": CodeState.RED, "20": CodeState.EXPIRED}


@dataclass(slots=True)
class Answers:
    """An issuer in memory, that remembers what it was asked."""

    says: OnlineAnswer | Reason
    asked: list[tuple[OpaqueCode, Instant, float]] = field(default_factory=list)

    async def resolve(self, code: OpaqueCode, *, at: Instant, time_left: float) -> OnlineAnswer:
        self.asked.append((code, at, time_left))
        if isinstance(self.says, Reason):
            raise CodeStopped(self.says)
        return self.says


class LowEverywhere:
    """Lists in memory."""

    def risk_of(self, division: DivisionCode, at: Instant) -> RiskLevel:
        return RiskLevel.LOW


def shape(issuer: IssuerId = HAINAN) -> CodeShape:
    return CodeShape(issuer, DivisionCode("460000"), "HI:<{token:32}>")


def known() -> OnlineIssuers:
    issuer = IssuerProfile(
        HAINAN, DivisionCode("460000"), frozenset({Format.OPAQUE}), STATES, {"00": "Nothing was found."}
    )
    return OnlineIssuers({HAINAN: issuer}, {DivisionCode("460000"): replace(issuer, states={"green": CodeState.GREEN})})


def rooms(
    says: OnlineAnswer | Reason = Reason.UPSTREAM_UNAVAILABLE,
    *,
    shapes: tuple[CodeShape, ...] = (shape(),),
    online: OnlineIssuers | None = None,
    expires: Instant | None = None,
) -> tuple[Pipeline, Answers]:
    asks = Answers(says)
    pipeline = Pipeline(
        TrustSnapshot(KeyRing([]), {}, {}, expires=expires),
        PolicyBook([parse_rules(RULES)]),
        opaque=OpaqueShapes(shapes),
        online=known() if online is None else online,
        asks=asks,
        risks=LowEverywhere(),
    )
    return pipeline, asks


async def scan(pipeline: Pipeline, way: Way = Way.VERIFY) -> Decision:
    code = pipeline.verify(CODE, at=AT, division=RECEIVER, way=way)
    assert isinstance(code, OpaqueCode)
    return await pipeline.ask_issuer(code, at=AT, division=RECEIVER, time_left=0.8, way=way)


def answer(statement: str = "00", *, age: float = 1.0, **changes: object) -> OnlineAnswer:
    return replace(OnlineAnswer(statement, Instant(AT - age), 60.0), **changes)  # type: ignore[arg-type]


async def test_an_opaque_code_is_read_asked_about_and_judged() -> None:
    pipeline, asks = rooms(answer())
    decision = await scan(pipeline)
    assert (decision.measure, decision.reasons) == (Measure.PASS, (Reason.STATE_GREEN,))
    assert (decision.state, decision.format) == (CodeState.GREEN, Format.OPAQUE)
    assert (decision.issuer, decision.division) == (HAINAN, "460000")
    assert (decision.assurance, decision.status_age) == (Assurance.SCANNED_ONLINE, 1.0)
    assert decision.meaning == "Nothing was found."
    assert set(step_outcomes(decision).values()) == {Outcome.OK}
    [(code, at, time_left)] = asks.asked
    assert (code.identifier, code.text, at, time_left) == (SECRET, CODE.decode(), AT, 0.8)


@pytest.mark.parametrize(
    ("says", "measure", "reason", "state", "step"),
    [
        (Reason.EXPIRED, Measure.DENY, Reason.EXPIRED, CodeState.EXPIRED, Step.VALIDITY),
        (Reason.CODE_NOT_FOUND, Measure.MANUAL, Reason.CODE_NOT_FOUND, CodeState.NOT_FOUND, Step.STATUS),
        (Reason.NOT_ITS_ISSUERS, Measure.MANUAL, Reason.NOT_ITS_ISSUERS, CodeState.UNKNOWN, Step.SIGNATURE),
        (Reason.UPSTREAM_UNAVAILABLE, Measure.MANUAL, Reason.UPSTREAM_UNAVAILABLE, CodeState.UNKNOWN, Step.SIGNATURE),
        (Reason.UPSTREAM_INVALID, Measure.MANUAL, Reason.UPSTREAM_INVALID, CodeState.UNKNOWN, Step.SIGNATURE),
        (Reason.UPSTREAM_REFUSED, Measure.MANUAL, Reason.UPSTREAM_REFUSED, CodeState.UNKNOWN, Step.SIGNATURE),
        (answer("20"), Measure.DENY, Reason.EXPIRED, CodeState.EXPIRED, Step.VALIDITY),
        (answer(expire_time=Instant(AT)), Measure.DENY, Reason.EXPIRED, CodeState.EXPIRED, Step.VALIDITY),
        (answer("10"), Measure.DENY, Reason.STATE_RED, CodeState.RED, Step.POLICY),
        (answer("10", age=600), Measure.DENY, Reason.STATE_RED, CodeState.RED, Step.POLICY),
        (answer(""), Measure.MANUAL, Reason.UNKNOWN_STATE, CodeState.UNKNOWN, Step.POLICY),
        (answer("green"), Measure.MANUAL, Reason.UNKNOWN_STATE, CodeState.UNKNOWN, Step.POLICY),
        (answer(age=60.5), Measure.MANUAL, Reason.STATUS_STALE, CodeState.GREEN, Step.STATUS),
        (answer(age=-60), Measure.DENY, Reason.NOT_YET_VALID, CodeState.UNKNOWN, Step.VALIDITY),
        (answer(reason_class=ReasonClass.RED_CONFIRMED_CASE), Measure.MANUAL, Reason.UNKNOWN_STATE, None, Step.POLICY),
        (answer(answered_by=OTHER), Measure.MANUAL, Reason.ISSUER_NOT_CONNECTED, CodeState.UNKNOWN, Step.SIGNATURE),
    ],
)
@pytest.mark.parametrize("way", [Way.VERIFY, Way.CONVERT])
async def test_whatever_an_issuer_says_is_a_verdict(
    says: OnlineAnswer | Reason, measure: Measure, reason: Reason, state: CodeState | None, step: Step, way: Way
) -> None:
    pipeline, _ = rooms(says)
    decision = await scan(pipeline, way)
    assert (decision.measure, decision.reasons[0], decision.stopped_at) == (measure, reason, step)
    assert decision.state is (state or CodeState.UNKNOWN)
    assert decision.format is Format.OPAQUE


async def test_the_way_of_recognition_reaches_the_rules() -> None:
    pipeline, _ = rooms(answer())
    converted = await scan(pipeline, Way.CONVERT)
    assert converted.measure is Measure.LIMITED
    assert converted.reasons == (Reason.STATE_GREEN, Reason.CONDITION_REGISTER_ON_ARRIVAL)


async def test_nobody_is_asked_where_nobody_can_be() -> None:
    pipeline = Pipeline(
        TrustSnapshot(KeyRing([]), {}, {}), PolicyBook([parse_rules(RULES)]), opaque=OpaqueShapes([shape()])
    )
    decision = await scan(pipeline)
    assert (decision.measure, decision.reasons) == (Measure.MANUAL, (Reason.ISSUER_NOT_CONNECTED,))


async def test_an_answer_for_an_issuer_that_no_profile_knows_counts_for_nothing() -> None:
    pipeline, _ = rooms(answer(), online=OnlineIssuers())
    decision = await scan(pipeline)
    assert (decision.measure, decision.reasons) == (Measure.MANUAL, (Reason.ISSUER_NOT_CONNECTED,))


def test_offline_an_opaque_code_asks_nobody() -> None:
    pipeline, asks = rooms(answer())
    decision = pipeline.verify_offline(CODE, at=AT, division=RECEIVER)
    assert (decision.measure, decision.reasons) == (Measure.MANUAL, (Reason.ISSUER_NOT_CONNECTED,))
    assert asks.asked == []


def test_a_code_that_two_issuers_claim_is_asked_of_neither() -> None:
    pipeline, asks = rooms(answer(), shapes=(shape(), shape(OTHER)))
    decision = pipeline.verify(CODE, at=AT, division=RECEIVER)
    assert isinstance(decision, Decision)
    assert (decision.measure, decision.reasons) == (Measure.MANUAL, (Reason.ISSUER_AMBIGUOUS,))
    assert asks.asked == []


def test_an_expired_trust_list_reads_no_opaque_code_either() -> None:
    pipeline, asks = rooms(answer(), expires=AT)
    with pytest.raises(NotReady):
        pipeline.verify(CODE, at=AT, division=RECEIVER)
    assert asks.asked == []


@pytest.mark.parametrize(
    ("shown", "measure", "reasons", "step"),
    [
        (
            DisplayedCode(DivisionCode("460000"), "green", Instant(AT - 10)),
            Measure.LIMITED,
            (Reason.STATE_GREEN, Reason.CONDITION_REGISTER_ON_ARRIVAL),
            None,
        ),
        (
            DisplayedCode(DivisionCode("460000"), "green", Instant(AT - 301)),
            Measure.MANUAL,
            (Reason.STATUS_STALE,),
            Step.STATUS,
        ),
        (
            DisplayedCode(DivisionCode("460000"), "green", Instant(AT + 31)),
            Measure.DENY,
            (Reason.NOT_YET_VALID,),
            Step.VALIDITY,
        ),
        (DisplayedCode(DivisionCode("460000"), "mauve"), Measure.MANUAL, (Reason.UNKNOWN_STATE,), Step.POLICY),
        (DisplayedCode(DivisionCode("460000"), "red"), Measure.DENY, (Reason.STATE_RED,), Step.POLICY),
        (DisplayedCode(DivisionCode("110000"), "green"), Measure.MANUAL, (Reason.UNKNOWN_ISSUER,), Step.SIGNATURE),
    ],
)
def test_a_code_that_was_only_seen_is_judged_by_rows_for_such(
    shown: DisplayedCode, measure: Measure, reasons: tuple[Reason, ...], step: Step | None
) -> None:
    pipeline, asks = rooms(answer())
    decision = pipeline.assess(shown, at=AT, division=RECEIVER)
    assert (decision.measure, decision.reasons, decision.stopped_at) == (measure, reasons, step)
    assert asks.asked == []


async def test_a_decision_shows_nothing_of_an_opaque_code() -> None:
    for says in (answer(), answer(""), Reason.UPSTREAM_INVALID):
        pipeline, asks = rooms(says)
        shown = repr(await scan(pipeline)) + repr(asks.asked)
        assert "c4n4ry" not in shown
