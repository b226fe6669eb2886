"""How old a list may be: by issuer and purpose, the stricter where both are configured and not together."""

from __future__ import annotations

import math

import pytest

from gateway.status.freshness import BUDGETS, DEFAULT, Budget, Budgets
from gateway.values import IssuerId, Purpose

GUIZHOU, YUNNAN = IssuerId("https://code.gz.example"), IssuerId("https://code.yn.example")
OF_GUIZHOU = Budget(30.0, 600.0)
OF_VENUES = Budget(60.0, 120.0)
OF_TRAINS_FROM_YUNNAN = Budget(300.0, 7_200.0)
CONFIGURED = Budgets(
    by_issuer={GUIZHOU: OF_GUIZHOU},
    by_purpose={Purpose.VENUE_ENTRY: OF_VENUES, Purpose.TRANSPORT_ARRIVAL: OF_VENUES},
    by_both={(YUNNAN, Purpose.TRANSPORT_ARRIVAL): OF_TRAINS_FROM_YUNNAN},
)


@pytest.mark.parametrize(
    ("issuer", "purpose", "budget"),
    [
        (YUNNAN, None, DEFAULT),
        (YUNNAN, Purpose.MEDICAL_CARE, DEFAULT),
        (YUNNAN, Purpose.VENUE_ENTRY, OF_VENUES),
        (YUNNAN, Purpose.TRANSPORT_ARRIVAL, OF_TRAINS_FROM_YUNNAN),
        (GUIZHOU, None, OF_GUIZHOU),
        (GUIZHOU, Purpose.SELF_CHECK, OF_GUIZHOU),
        (GUIZHOU, Purpose.VENUE_ENTRY, Budget(30.0, 120.0)),
        (GUIZHOU, Purpose.TRANSPORT_ARRIVAL, Budget(30.0, 120.0)),
        (IssuerId("anybody"), Purpose.TRANSPORT_ARRIVAL, OF_VENUES),
    ],
)
def test_the_narrowest_budget_counts_and_of_two_the_stricter(
    issuer: IssuerId, purpose: Purpose | None, budget: Budget
) -> None:
    assert CONFIGURED.of(issuer, purpose) == budget


@pytest.mark.parametrize("purpose", [None, *Purpose])
def test_nothing_configured_is_the_default(purpose: Purpose | None) -> None:
    assert BUDGETS.of(GUIZHOU, purpose) is DEFAULT
    assert Budgets(OF_GUIZHOU).of(YUNNAN, purpose) is OF_GUIZHOU


@pytest.mark.parametrize(
    "budget",
    [(-1.0, 60.0), (61.0, 60.0), (0.0, math.inf), (math.nan, 60.0), (0.0, math.nan), (math.inf, math.inf)],
)
def test_a_budget_without_an_end_or_against_itself_is_refused(budget: tuple[float, float]) -> None:
    wrong = Budget(*budget)
    with pytest.raises(ValueError, match="budget"):
        Budgets(wrong)
    with pytest.raises(ValueError, match="budget"):
        Budgets(by_issuer={GUIZHOU: wrong})
    with pytest.raises(ValueError, match="budget"):
        Budgets(by_purpose={Purpose.VENUE_ENTRY: wrong})
    with pytest.raises(ValueError, match="budget"):
        Budgets(by_both={(GUIZHOU, Purpose.VENUE_ENTRY): wrong})


def test_what_is_surely_fresh_is_fresh_by_every_budget() -> None:
    assert CONFIGURED.surely_fresh_s == 30.0
    assert Budgets(Budget(5.0, 10.0), by_both={(GUIZHOU, Purpose.SELF_CHECK): Budget(0.0, 1.0)}).surely_fresh_s == 0.0
    assert BUDGETS.surely_fresh_s == DEFAULT.fresh_s
