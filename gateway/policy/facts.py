"""What the rules of a division look at, and what a CertLogic set is told of it. docs/policy.md lists the members.

- Of a certificate a set is told the medical entries that it attests (`ClaimedCode.evidence`), as they stand in it.
- Of a health code it is told what the gateway found out, in its own words. Nothing of the holder is among it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Protocol

from gateway.values import CodeState, DivisionCode, Format, Instant, LiveCode, ReasonClass, RiskLevel, Way

from .translation import translate

STATUS: Final = "Status"
"""The certificate type of rules on health codes. Of a certificate its entries tell the type."""

_STOPS: Final = frozenset({CodeState.RED, CodeState.EXPIRED, CodeState.REVOKED, CodeState.NOT_FOUND})
_FINAL: Final = _STOPS - {CodeState.NOT_FOUND}

_HOW_BAD: Final[Mapping[CodeState, int]] = {
    CodeState.GREEN: 0,
    CodeState.YELLOW: 1,
    CodeState.UNDER_REVIEW: 2,
    CodeState.UNCONFIRMED: 2,
    CodeState.STALE_DECLARATION: 2,
    CodeState.NOT_FOUND: 3,
    CodeState.UNKNOWN: 3,
    CodeState.RED: 4,
    CodeState.EXPIRED: 5,
    CodeState.REVOKED: 5,
}
"""May pass, may pass on a condition, a person decides, nothing is known, nobody passes, no longer a code."""


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


def state_of(live: LiveCode) -> CodeState:
    """Return the state that counts: of two statements by one issuer, code and list, the newer one, and never a guess.

    1. There is one statement: no list speaks of the code, or it says the same. Where its word stands for two states, a
       health code tells which.
    2. A code that says red, or that it is no longer one, stays that: no list takes back what was signed. That it is
       cancelled is told even so.
    3. A list gives no meaning to a word of the code's that has none. Such a code it can only stop.
    4. A health code is the newer one: the list has not spoken since, and may be about to say the same. So the worse of
       the two counts; if neither is worse, the newer one.
    5. Else the list's word. That a certificate is still good makes it no green code.
    """
    said, listed = translate(live.authentic), live.listed_state
    # 1
    if listed is None or listed is said:
        return said
    claimed = live.authentic.claimed
    native = claimed.format is Format.NATIVE
    if native and said is CodeState.UNCONFIRMED and listed is CodeState.UNDER_REVIEW:
        return said
    # 2
    if said in _FINAL:
        return listed if listed is CodeState.REVOKED else said
    # 3
    if said is CodeState.UNKNOWN:
        return listed if listed in _STOPS else said
    # 4
    issued, observed = claimed.issue_time, live.observed_time
    newer = issued is not None and observed is not None and issued > observed
    if newer and native and _HOW_BAD[listed] <= _HOW_BAD[said]:
        return said
    # 5
    return said if listed is CodeState.GREEN and not native else listed


def code_says(live: LiveCode, state: CodeState) -> bool:
    """Tell whether the code itself says the `state` that counts, and not only a list in its stead."""
    return live.listed_state is not state or translate(live.authentic) is state


def origin_of(live: LiveCode) -> DivisionCode | None:
    """Return where a code comes from: its issuer's division, or the original's if that issuer may convert."""
    issuer, origin = live.authentic.issuer, live.authentic.claimed.origin
    return issuer.division if origin is None or not issuer.converts else origin.division


def origin_risk(live: LiveCode, at: Instant, risks: KnowsRisks) -> RiskLevel:
    """Return the worst that is published of where a code comes from: its origin, and the part of it that it names."""
    origin, named = origin_of(live), live.authentic.claimed.division
    places = {origin, named} if origin == live.authentic.issuer.division else {origin}
    return max((risks.risk_of(place, at) for place in places if place is not None), default=RiskLevel.UNKNOWN)


def reason_class_of(live: LiveCode, state: CodeState) -> ReasonClass | None:
    """Return why the issuer says so. Of what a list says instead of the code no reason is known."""
    reason_class = live.authentic.reason_class
    return reason_class if reason_class is not None and code_says(live, state) else None


def facts(live: LiveCode, state: CodeState, way: Way, risk: RiskLevel) -> Mapping[str, object]:
    """Return the `payload` of rules on a health code. Holds nothing of its holder."""
    reason_class = reason_class_of(live, state)
    return {
        "format": live.authentic.claimed.format.value,
        "state": state.name,
        "reasonClass": None if reason_class is None else reason_class.name,
        "origin": origin_of(live),
        "originRisk": risk.name,
        "assurance": live.assurance.name,
        "way": way.value,
        # CertLogic compares whole numbers; a word is never told younger than it is.
        "statusAge": None if live.status_age is None else math.ceil(live.status_age),
    }
