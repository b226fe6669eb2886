"""One row of the recognition table: whom it fits, and what it does to them.

- A row fits a code if every member that it names does. The first row of a file that fits decides.
- Where a code comes from and is shown, its format, its state and the way of recognition are few: which rows fit them is
  looked up once and remembered. How risky its origin is, and why it has its state, is asked each time.
- Between two dates of a file the same rows apply, so that what is remembered holds until the next of them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.divisions import enclosing
from gateway.errors import Reason
from gateway.values import CodeState, DivisionCode, Format, Instant, Measure, ReasonClass, RiskLevel, Way

from .replay import TO_A_PERSON, OnReplay

_MOST_REMEMBERED: Final = 50_000
"""Far above what real origins, formats and states come to; a bound for what a converting issuer may name as origin."""


class Asked(NamedTuple):
    """What is known of a code, as far as it is the same for many."""

    receiver: DivisionCode
    """Where it is shown."""
    origin: DivisionCode | None
    """Where it comes from: its issuer's division, or the original's if it was converted."""
    format: Format
    state: CodeState
    way: Way


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. An empty set of receivers, origins, formats, risks or reason classes means any."""

    receivers: frozenset[DivisionCode]
    """Parts of the file's own division; outside them the row does not apply."""
    origins: frozenset[str]
    formats: frozenset[Format]
    states: frozenset[CodeState]
    ways: frozenset[Way]
    since: Instant | None
    until: Instant | None
    """The first instant at which the row applies no more."""
    risks: frozenset[RiskLevel]
    reason_classes: frozenset[ReasonClass]
    measure: Measure
    conditions: tuple[Reason, ...]
    max_age: float | None
    """Seconds since the issuer's word was observed, beyond which the row cannot be applied."""
    rule_set: str | None
    """The CertLogic rules without which there is no `measure`."""
    otherwise: Measure
    """What happens instead if they are not met."""
    source: str

    def misfit(self, code: Asked, at: Instant) -> str | None:
        """Return the first member, as the file names it, that does not fit such a code; None if all do."""
        if self.since is not None and at < self.since:
            return "since"
        if self.until is not None and at >= self.until:
            return "until"
        if self.receivers and self.receivers.isdisjoint(enclosing(code.receiver)):
            return "to"
        if self.origins and self.origins.isdisjoint(enclosing(code.origin)):
            return "from"
        if self.formats and code.format not in self.formats:
            return "formats"
        if code.state not in self.states:
            return "states"
        return None if code.way in self.ways else "ways"

    def misfit_now(self, risk: RiskLevel, reason_class: ReasonClass | None) -> str | None:
        """Return the first member that does not fit this one code today; None if all do."""
        if self.risks and risk not in self.risks:
            return "origin_risk"
        if self.reason_classes and reason_class not in self.reason_classes:
            return "reason_classes"
        return None


class DivisionRules:
    """All rows of one receiving division, in order. Immutable but for its memory."""

    __slots__ = ("_dates", "_fitting", "_parts", "division", "on_replay", "rules", "version")

    def __init__(
        self, division: DivisionCode, version: str, rules: tuple[Rule, ...], on_replay: OnReplay = TO_A_PERSON
    ) -> None:
        """Take the rows, and what becomes of a suspected replay. `version` is what an answer names."""
        self.division = division
        self.version = version
        self.rules = rules
        self.on_replay = on_replay
        self._parts = frozenset(part for rule in rules for part in rule.receivers)
        self._dates = sorted({date for rule in rules for date in (rule.since, rule.until) if date is not None})
        self._fitting: dict[tuple[object, ...], tuple[Rule, ...]] = {}

    def fitting(
        self,
        receiver: DivisionCode,
        origin: DivisionCode | None,
        found: Format,
        state: CodeState,
        way: Way,
        at: Instant,
    ) -> tuple[Rule, ...]:
        """Return the rows that fit such a code at `at`, in order, up to the first that asks for nothing of today.

        The first of them of which `misfit_now` says nothing decides.
        """
        part = self._part(receiver) if self._parts else None
        place = (part, origin, found, state, way, bisect_right(self._dates, at) if self._dates else 0)
        try:
            return self._fitting[place]
        except KeyError:
            if len(self._fitting) >= _MOST_REMEMBERED:
                self._fitting.clear()
            rows = self._fitting[place] = self._look_up(Asked(receiver, origin, found, state, way), at)
            return rows

    def _look_up(self, code: Asked, at: Instant) -> tuple[Rule, ...]:
        rows = []
        for rule in self.rules:
            if rule.misfit(code, at) is None:
                rows.append(rule)
                if not (rule.risks or rule.reason_classes):
                    break
        return tuple(rows)

    def _part(self, receiver: DivisionCode) -> DivisionCode | None:
        """Return the narrowest part with rows of its own that `receiver` lies in: within it all fare alike."""
        return next((part for part in enclosing(receiver) if part in self._parts), None)
