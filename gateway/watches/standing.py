"""How the lists stand that watched codes point to: held or not, and for which purposes past their budget."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gateway.changes import MAX_CLOCK_SKEW, ListHead, ListName
from gateway.status.freshness import Budget
from gateway.values import Instant, IssuerId, Purpose

from .index import WatchIndex


class HoldsLists(Protocol):
    """The lists that are held here."""

    def head(self, name: ListName) -> ListHead | None:
        """Return how far a list is held, None if it is not."""
        ...


class KnowsBudgets(Protocol):
    """How old a list may be. See gateway.status.freshness."""

    def of(self, issuer: IssuerId, purpose: Purpose | None) -> Budget:
        """Return the budget of an issuer's lists for a purpose."""
        ...


class Standing(NamedTuple):
    """How one list stands."""

    held: bool
    """Whether it is held, and not closed."""
    stale: frozenset[Purpose] = frozenset()
    """For which purposes of its watched codes it is past its budget."""


_NOT_HELD = Standing(held=False)


class Standings:
    """Remembers how each list stood when it was looked at last."""

    def __init__(self, lists: HoldsLists, budgets: KnowsBudgets, index: WatchIndex) -> None:
        self._lists = lists
        self._budgets = budgets
        self._index = index
        self._known: dict[ListName, Standing] = {}

    def is_held(self, name: ListName) -> bool:
        """Tell whether a list is held, and not closed."""
        head = self._lists.head(name)
        return head is not None and not head.closed

    def begin(self, name: ListName, at: Instant) -> None:
        """Remember how a list stands that a code points to, if it is the first one."""
        if name not in self._known:
            self._known[name] = self._of(name, at)

    def end(self, name: ListName) -> None:
        """Forget a list that no code points to any more."""
        self._known.pop(name, None)

    def is_stale(self, name: ListName) -> bool:
        """Tell whether a list was past a budget when it was looked at last."""
        known = self._known.get(name)
        return known is not None and bool(known.stale)

    def changed(self, name: ListName, at: Instant) -> bool:
        """Look at a list anew. Return whether it stands otherwise than before."""
        standing = self._of(name, at)
        if self._known.get(name) == standing:
            return False
        self._known[name] = standing
        return True

    def _of(self, name: ListName, at: Instant) -> Standing:
        head = self._lists.head(name)
        if head is None or head.closed:
            return _NOT_HELD
        age = at - head.issued
        stale = frozenset(
            purpose
            for purpose in self._index.purposes(name)
            if not -MAX_CLOCK_SKEW <= age <= self._budgets.of(name.issuer, purpose).budget_s
        )
        return Standing(held=True, stale=stale)
