"""How old a live status may be.

Rules:

- Three ages, each told: fresh; older than it should be, allowed and flagged; past its budget, so that a person decides.
- An age has a budget by who said it and what for. Where both are configured, but not together, the stricter one counts.
- A list from the future was heard by another clock: it is not fresh, it is out of date.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.values import IssuerId, Purpose


class Budget(NamedTuple):
    """How old the word of a list may be, in seconds from when its issuer last said anything of it."""

    fresh_s: float
    """Up to here it is fresh."""
    budget_s: float
    """Up to here it is allowed, and flagged."""


DEFAULT: Final = Budget(fresh_s=60.0, budget_s=900.0)
"""An issuer says of each list every 20 seconds that it still stands. After three times of silence something is amiss;
after a quarter of an hour too much may have happened."""

_EACH: Final[tuple[Purpose | None, ...]] = (None, *Purpose)


class Budgets:
    """All budgets that are configured. Immutable."""

    __slots__ = ("_by_issuer", "_of_others", "surely_fresh_s")

    def __init__(
        self,
        default: Budget = DEFAULT,
        *,
        by_issuer: Mapping[IssuerId, Budget] | None = None,
        by_purpose: Mapping[Purpose, Budget] | None = None,
        by_both: Mapping[tuple[IssuerId, Purpose], Budget] | None = None,
    ) -> None:
        """Take what holds of all, of one issuer, of one purpose, and of one issuer for one purpose.

        Raises: ValueError for a budget that is negative or not a number, or shorter than what is fresh.
        """
        issuers, purposes, both = by_issuer or {}, by_purpose or {}, by_both or {}
        every = (default, *issuers.values(), *purposes.values(), *both.values())
        for budget in every:
            if not 0.0 <= budget.fresh_s <= budget.budget_s < float("inf"):
                raise ValueError("a live status is fresh for no longer than its budget, and that has an end")
        self.surely_fresh_s = min(budget.fresh_s for budget in every)
        """Up to here a list is fresh whosesoever it is and whatever for."""
        self._of_others = {purpose: purposes.get(purpose, default) if purpose else default for purpose in _EACH}
        self._by_issuer: dict[IssuerId, dict[Purpose | None, Budget]] = {}
        for issuer in {*issuers, *(issuer for issuer, _ in both)}:
            budgets = self._by_issuer[issuer] = {}
            for purpose in _EACH:
                named = None if purpose is None else both.get((issuer, purpose))
                budgets[purpose] = named or _stricter(
                    issuers.get(issuer), None if purpose is None else purposes.get(purpose), default
                )

    def of(self, issuer: IssuerId, purpose: Purpose | None) -> Budget:
        """Return the budget of an issuer's lists for a purpose; None: nobody said what for."""
        return self._by_issuer.get(issuer, self._of_others)[purpose]


def _stricter(of_issuer: Budget | None, of_purpose: Budget | None, default: Budget) -> Budget:
    """Return the stricter, end by end, of the budgets that are configured; else the default."""
    if of_issuer is None or of_purpose is None:
        return of_issuer or of_purpose or default
    return Budget(min(of_issuer.fresh_s, of_purpose.fresh_s), min(of_issuer.budget_s, of_purpose.budget_s))


BUDGETS: Final = Budgets()
"""What holds if nothing is configured."""
