"""All receiving divisions' rules, and the decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.divisions import enclosing
from gateway.errors import REASONS, Reason
from gateway.values import (
    LETS_THROUGH,
    CodeState,
    Decision,
    DivisionCode,
    Freshness,
    Instant,
    LiveCode,
    Measure,
    RiskLevel,
    Way,
)

from .acceptance_rule import Outcome
from .directory import PolicyUnavailable, read_directory
from .facts import (
    NO_RISKS,
    STATUS,
    KnowsRisks,
    code_says,
    facts,
    origin_of,
    origin_risk,
    reason_class_of,
    state_of,
)
from .replay import TO_A_PERSON, suspected
from .rule import Asked, DivisionRules, Rule
from .rule_sets import NO_RULE_SETS, Judged, RuleSets
from .rules import CODES, RULED_STATES

__all__ = ["NO_RISKS", "SHIPPED", "Explanation", "KnowsRisks", "PolicyBook", "PolicyUnavailable", "RowOutcome"]

SHIPPED: Final = Path(__file__).parent / "divisions"
"""The rules that ship with the gateway."""

_AT_RISK: Final = frozenset({RiskLevel.MEDIUM, RiskLevel.HIGH})

_STATE_REASON: Final = {state: Reason[f"STATE_{state.name}"] for state in RULED_STATES}

_NO_LONGER_A_CODE: Final = {
    CodeState.EXPIRED: Reason.EXPIRED,
    CodeState.REVOKED: Reason.REVOKED,
    CodeState.NOT_FOUND: Reason.CODE_NOT_FOUND,
}
"""What an issuer may say of a code instead of a state of its holder."""

_NOT_IN_THIS_WAY: Final = {
    Way.DISPLAY: Reason.DISPLAY_NOT_ACCEPTED,
    Way.CONVERT: Reason.CONVERSION_NOT_AGREED,
}

# Of a class, Python 3.11 takes 70 ns to look a member up: those that every code is compared with are looked up once.
_RED: Final = CodeState.RED
_UNKNOWN: Final = CodeState.UNKNOWN
_STALE: Final = Freshness.STALE
_UNAVAILABLE: Final = Freshness.UNAVAILABLE

_UNDECIDED: Final = {Outcome.UNDETERMINED: Reason.RULES_UNDETERMINED, Outcome.EMPTY: Reason.NO_RULES}
"""What a CertLogic set may say instead of yes or no."""


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What one row of the table made of a code."""

    place: int
    """From 0, as the file's faults are told: rule[0]."""
    source: str
    misfit: str | None
    """The first member that did not fit; None if the row speaks of the code."""
    decided: bool
    """Whether it was the first that fitted, whose measure counts."""
    judged: Judged | None = None
    """Of that row: what its CertLogic set said, rule by rule. None: it has none, or the set was not asked."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and how each row came to it."""

    decision: Decision
    division: DivisionCode | None
    """Whose rules were asked: the receiving division's, or those of the one around it. None: there are none."""
    rows: tuple[RowOutcome, ...]
    """Empty if the decision was taken before any row was asked."""


class PolicyBook:
    """Immutable. A county falls under the county's rules, else its prefecture's, else its province's."""

    __slots__ = ("_by_division", "_rule_sets")

    def __init__(self, divisions: Iterable[DivisionRules], rule_sets: RuleSets = NO_RULE_SETS) -> None:
        """Take the rules of several divisions, and the sets that they name.

        Raises: ValueError if two are of the same division.
        """
        self._rule_sets = rule_sets
        self._by_division: dict[DivisionCode, DivisionRules] = {}
        for rules in divisions:
            if rules.division in self._by_division:
                raise ValueError(f"two files hold rules of division {rules.division}")
            self._by_division[rules.division] = rules

    @classmethod
    def load(cls, directory: Path) -> PolicyBook:
        """Return the rules of all *.toml in `directory`, and the CertLogic sets of its folder `certlogic`, if any.

        Raises: PolicyUnavailable if there are none or one is broken; then none of them may be used.
        """
        divisions, rule_sets = read_directory(directory)
        try:
            return cls(divisions, rule_sets)
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
        way: Way = Way.VERIFY,
        risks: KnowsRisks = NO_RISKS,
    ) -> Decision:
        """Return what the receiving `division` makes of a code that is recognised in this `way`.

        1. The cases that no rule decides (`_settled`).
        2. The first rule that fits decides; none: MANUAL, NO_RULES, or that this way is not agreed.
        3. A rule that bounds the age of the issuer's word does not apply to an older one: MANUAL, STATUS_STALE.
        4. A rule that depends on a CertLogic set lets through only if the set is met.
        """
        state, rules = state_of(live), self._rules_of(division)
        # 1
        reason = _settled(live, division, state)
        if reason is not None or division is None or rules is None:
            reason = reason or Reason.NO_RULES
            return _decision(live, state, at, Measure[REASONS[reason].effect.value], (reason,))
        # 2
        origin, found = origin_of(live), live.authentic.claimed.format
        rule = _first(rules.fitting(division, origin, found, state, way, at), live, state, at, risks)
        if rule is None:
            reason = Reason.NO_RULES
            scanned = rules.fitting(division, origin, found, state, Way.VERIFY, at)
            if way is not Way.VERIFY and _first(scanned, live, state, at, risks) is not None:
                reason = _NOT_IN_THIS_WAY[way]
            return _decision(live, state, at, Measure.MANUAL, (reason,))
        # 3
        if _too_old(rule, live):
            return _decision(live, state, at, Measure.MANUAL, (Reason.STATUS_STALE,), rules.version)
        # 4
        measure, reasons = rule.measure, (_STATE_REASON[state], *rule.conditions)
        if rule.rule_set is not None:
            said = self._judge(rule.rule_set, live, division, state, at, way, risks).outcome
            if said is Outcome.NOT_MET:
                measure, reasons = rule.otherwise, (Reason.RULES_NOT_MET, _STATE_REASON[state])
            elif said is not Outcome.MET:
                measure, reasons = Measure.MANUAL, (_UNDECIDED[said],)
        if rule.risks and origin_risk(live, at, risks) in _AT_RISK:
            reasons += (Reason.ORIGIN_AT_RISK,)
        return _decision(live, state, at, measure, reasons, rules.version)

    def suspect(self, decision: Decision, division: DivisionCode | None) -> Decision:
        """Return what the receiving `division` makes of a code that is suspected to be shown a second time."""
        rules = self._rules_of(division)
        return suspected(decision, TO_A_PERSON if rules is None else rules.on_replay)

    def explain(
        self,
        live: LiveCode,
        division: DivisionCode | None,
        at: Instant,
        *,
        way: Way = Way.VERIFY,
        risks: KnowsRisks = NO_RISKS,
    ) -> Explanation:
        """Return what `decide` does, and how each row of the table came to it."""
        decision = self.decide(live, division, at, way=way, risks=risks)
        state, rules = state_of(live), self._rules_of(division)
        if division is None or rules is None or _settled(live, division, state) is not None:
            return Explanation(decision, None if rules is None else rules.division, ())
        asked = Asked(division, origin_of(live), live.authentic.claimed.format, state, way)
        risk, reason_class = origin_risk(live, at, risks), reason_class_of(live, state)
        rows: list[RowOutcome] = []
        decided = False
        for place, rule in enumerate(rules.rules):
            misfit = rule.misfit(asked, at) or rule.misfit_now(risk, reason_class)
            decides = misfit is None and not decided
            judged = None
            if decides and rule.rule_set is not None and not _too_old(rule, live):
                judged = self._judge(rule.rule_set, live, division, state, at, way, risks)
            rows.append(RowOutcome(place, rule.source, misfit, decides, judged))
            decided = decided or decides
        return Explanation(decision, rules.division, tuple(rows))

    def _judge(
        self,
        name: str,
        live: LiveCode,
        division: DivisionCode,
        state: CodeState,
        at: Instant,
        way: Way,
        risks: KnowsRisks,
    ) -> Judged:
        """Return what the CertLogic set of this name says: of a health code's facts, or of a certificate's entries."""
        claimed = live.authentic.claimed
        if claimed.format in CODES:
            told = facts(live, state, way, origin_risk(live, at, risks))
            return self._rule_sets.judge(name, told, division=division, certificate_type=STATUS, at=at)
        if claimed.evidence is None:  # of a format whose entries are not read
            return Judged(Outcome.UNDETERMINED, ())
        return self._rule_sets.judge(name, claimed.evidence, division=division, at=at)

    def _rules_of(self, division: DivisionCode | None) -> DivisionRules | None:
        own = None if division is None else self._by_division.get(division)
        around = enclosing(division) if own is None else ()
        return own or next((self._by_division[name] for name in around if name in self._by_division), None)


def _settled(live: LiveCode, division: DivisionCode | None, state: CodeState) -> Reason | None:
    """Return why no rule is asked, if so.

    1. What its issuer calls expired or revoked is DENY, what it does not know is MANUAL.
    2. A status that is known to be out of date, or not to be had, decides nothing: MANUAL. (It does not soften RED.)
    3. Without a division no rule applies: MANUAL.
    4. RED is DENY, whatever a rule says and in every way: only its issuer clears it.
    5. A code that was made for another division is MANUAL.
    6. A state that nobody has explained is MANUAL.
    """
    # 1
    ended = _NO_LONGER_A_CODE.get(state)
    if ended is not None:
        return ended
    # 2
    freshness = live.freshness
    if (freshness is _STALE or freshness is _UNAVAILABLE) and (state is not _RED or division is None):
        return Reason.STATUS_STALE if freshness is _STALE else Reason.STATUS_UNAVAILABLE
    # 3
    if division is None:
        return Reason.NO_RULES
    # 4
    if state is _RED:
        return Reason.STATE_RED
    # 5
    audience = live.authentic.claimed.audience
    if audience is not None and audience not in enclosing(division):
        return Reason.AUDIENCE_MISMATCH
    # 6
    return Reason.UNKNOWN_STATE if state is _UNKNOWN else None


def _first(rows: tuple[Rule, ...], live: LiveCode, state: CodeState, at: Instant, risks: KnowsRisks) -> Rule | None:
    """Return the first of the rows that fits today, or None."""
    for rule in rows:
        if not rule.risks and not rule.reason_classes:
            return rule
        risk = origin_risk(live, at, risks) if rule.risks else RiskLevel.UNKNOWN
        if rule.misfit_now(risk, reason_class_of(live, state)) is None:
            return rule
    return None


def _too_old(rule: Rule, live: LiveCode) -> bool:
    return rule.max_age is not None and (live.status_age is None or live.status_age > rule.max_age)


def _decision(
    live: LiveCode,
    state: CodeState,
    at: Instant,
    measure: Measure,
    reasons: tuple[Reason, ...],
    version: str | None = None,
) -> Decision:
    authentic = live.authentic
    claimed, issuer = authentic.claimed, authentic.issuer
    notes = claimed.notes + live.notes
    # A list gives neither a reason nor a meaning for what it says instead of the code. A word that does not count as
    # its issuer's map reads it has no meaning: nobody is to read "free to travel" beside UNKNOWN.
    meaning = issuer.meanings.get(claimed.statement)
    as_explained = meaning is None or (issuer.states.get(claimed.statement) is state and code_says(live, state))
    return Decision(
        measure,
        reasons + notes if notes else reasons,
        at,
        None if measure in LETS_THROUGH else REASONS[reasons[0]].step,
        claimed.format,
        state,
        issuer.issuer,
        issuer.division,
        live.assurance,
        live.observed_time,
        live.status_age,
        live.valid_until,
        version,
        None if authentic.reason_class is None else reason_class_of(live, state),
        meaning if as_explained else None,
        claimed.origin if issuer.converts else None,
        authentic.marks,
        claimed.clinical,
    )
