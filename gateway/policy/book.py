"""All receiving divisions' rules, and the decision."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from gateway.errors import REASONS, Reason
from gateway.values import (
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Freshness,
    Instant,
    LiveCode,
    Measure,
    RiskLevel,
    Way,
)

from .rules import RULED_STATES, DivisionRules, Rule, RulesInvalid, enclosing, parse_rules
from .translation import translate

SHIPPED: Final = Path(__file__).parent / "divisions"
"""The rules that ship with the gateway."""

_LETS_THROUGH: Final = frozenset({Measure.PASS, Measure.LIMITED})

_STATE_REASON: Final = {state: Reason[f"STATE_{state.name}"] for state in RULED_STATES}


class KnowsRisks(Protocol):
    """The published lists of risky places, as a rule sees them."""

    def risk_of(self, division: DivisionCode, at: Instant) -> RiskLevel:
        """Return how risky a division as a whole is at `at`; UNKNOWN if no list in force says."""
        ...


class NothingIsKnown:
    """Holds no lists."""

    def risk_of(self, division: DivisionCode, at: Instant) -> RiskLevel:  # noqa: ARG002 the protocol's signature
        """See KnowsRisks."""
        return RiskLevel.UNKNOWN


NO_RISKS: Final = NothingIsKnown()


class PolicyUnavailable(Exception):
    """The rules cannot be loaded. `file` and `why` are for the operator."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


class PolicyBook:
    """Immutable. A county falls under the county's rules, else its prefecture's, else its province's."""

    __slots__ = ("_by_division", "_found")

    def __init__(self, divisions: Iterable[DivisionRules]) -> None:
        """Take the rules of several divisions. Raises: ValueError if two are of the same division."""
        self._by_division: dict[DivisionCode, DivisionRules] = {}
        for rules in divisions:
            if rules.division in self._by_division:
                raise ValueError(f"two files hold rules of division {rules.division}")
            self._by_division[rules.division] = rules
        # Bounded: origins come from the trust list, formats and states are few, divisions are those of the book.
        self._found: dict[tuple[DivisionCode, DivisionCode | None, Format, CodeState], Rule | None] = {}

    @classmethod
    def load(cls, directory: Path) -> PolicyBook:
        """Return the rules of all *.toml in `directory`.

        Raises: PolicyUnavailable if there are none or one is broken; then none of them may be used.
        """
        files = sorted(directory.glob("*.toml"))
        if not files:
            raise PolicyUnavailable(str(directory), "holds no rules (*.toml)")
        try:
            return cls(_read(file) for file in files)
        except ValueError as invalid:
            raise PolicyUnavailable(str(directory), str(invalid)) from invalid

    @property
    def divisions(self) -> tuple[DivisionRules, ...]:
        """The rules that the book holds, by division."""
        return tuple(self._by_division.values())

    def decide(
        self,
        live: LiveCode,
        division: DivisionCode | None,
        at: Instant,
        *,
        way: Way = Way.VERIFY,  # noqa: ARG002
        risks: KnowsRisks = NO_RISKS,  # noqa: ARG002
    ) -> Decision:
        """Return what the receiving `division` makes of a code.

        0. A status that is known to be out of date decides nothing: MANUAL, STATUS_STALE. (It does not soften RED.)
        1. Without a division, or without rules of that division, no rule applies: MANUAL, NO_RULES. (RED is DENY all
           the same wherever a division is named.)
        2. A state that nobody has explained is MANUAL.
        3. RED is DENY, whatever a rule says: only its issuer clears it.
        4. The first rule that fits decides; none: MANUAL, NO_RULES.
        5. A rule that bounds the age of the issuer's word does not apply to an older one: MANUAL, STATUS_STALE.
        """
        state = translate(live.authentic)
        # 0
        if live.freshness is Freshness.STALE and (state is not CodeState.RED or division is None):
            return _decision(live, state, at, Measure.MANUAL, (Reason.STATUS_STALE,))
        # 1
        if division is None:
            return _decision(live, state, at, Measure.MANUAL, (Reason.NO_RULES,))
        # 2
        reason = _STATE_REASON.get(state)
        if reason is None:
            return _decision(live, state, at, Measure.MANUAL, (Reason.UNKNOWN_STATE,))
        # 3
        if state is CodeState.RED:
            return _decision(live, state, at, Measure.DENY, (reason,))
        # 1, 4
        rules = self._rules_of(division)
        rule = None if rules is None else self._find(rules, live, state)
        if rules is None or rule is None:
            return _decision(live, state, at, Measure.MANUAL, (Reason.NO_RULES,))
        # 5
        if rule.max_age is not None and (live.status_age is None or live.status_age > rule.max_age):
            return _decision(live, state, at, Measure.MANUAL, (Reason.STATUS_STALE,), rules.version)
        return _decision(live, state, at, rule.measure, (reason, *rule.conditions), rules.version)

    def _rules_of(self, division: DivisionCode) -> DivisionRules | None:
        rules = self._by_division.get(division)
        if rules is not None:
            return rules
        return next((self._by_division[name] for name in enclosing(division) if name in self._by_division), None)

    def _find(self, rules: DivisionRules, live: LiveCode, state: CodeState) -> Rule | None:
        origin, found = live.authentic.issuer.division, live.authentic.claimed.format
        place = (rules.division, origin, found, state)
        try:
            return self._found[place]
        except KeyError:
            rule = self._found[place] = rules.find(origin, found, state)
            return rule


def _read(file: Path) -> DivisionRules:
    try:
        return parse_rules(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as unreadable:
        raise PolicyUnavailable(str(file), "cannot be read as UTF-8 text") from unreadable
    except RulesInvalid as invalid:
        raise PolicyUnavailable(str(file), str(invalid)) from invalid


def _decision(
    live: LiveCode,
    state: CodeState,
    at: Instant,
    measure: Measure,
    reasons: tuple[Reason, ...],
    version: str | None = None,
) -> Decision:
    authentic = live.authentic
    notes = authentic.claimed.notes + live.notes
    return Decision(
        measure,
        reasons + notes if notes else reasons,
        at,
        None if measure in _LETS_THROUGH else REASONS[reasons[0]].step,
        authentic.claimed.format,
        state,
        authentic.issuer.issuer,
        authentic.issuer.division,
        live.assurance,
        live.observed_time,
        live.status_age,
        live.valid_until,
        version,
    )
