"""Runs the tables: the good code passes; the one made from it ends in exactly the listed reason, never in a pass."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.errors import REASONS, Effect, Step
from gateway.values import Measure

from . import cases_claims, cases_headers, cases_signatures, cases_texts
from .case import Case
from .world import world

CASES = (*cases_headers.CASES, *cases_claims.CASES, *cases_texts.CASES, *cases_signatures.CASES)
NAMING_STEPS = (Step.KEY_USAGE, Step.VALIDITY, Step.STATUS, Step.POLICY)


def test_each_good_code_passes() -> None:
    assert {kind: world().judge(code).measure for kind, code in world().codes.items()} == dict.fromkeys(
        world().codes, Measure.PASS
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hostile_code(case: Case) -> None:
    assert world().judge(world().codes[case.origin]).measure is Measure.PASS
    hostile = case.hostile()
    assert hostile != world().codes[case.origin]

    decision = world().judge(hostile)

    assert decision.reasons[0] is case.reason
    assert decision.measure is case.measure
    assert decision.measure in (Measure.DENY, Measure.MANUAL)
    assert REASONS[case.reason].effect in (Effect.DENY, Effect.MANUAL)
    assert decision.stopped_at is REASONS[case.reason].step
    if decision.stopped_at not in NAMING_STEPS:
        assert decision.issuer is None


def test_each_class_has_at_least_two_inputs_and_none_is_listed_twice() -> None:
    assert min(Counter(case.attack for case in CASES).values()) >= 2
    assert max(Counter(map(str, CASES)).values()) == 1
