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
_RED: Final = CodeState.RED


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
    """Return the state that counts: what a live list says, else what the code says.

    The newer word of an issuer counts, but a list takes no signed RED back. It gives no meaning to a statement that has
    none: such a code it can only stop. That a certificate is still good makes it no green code.
    """
    said, listed = translate(live.authentic), live.listed_state
    if listed is None or said is _RED:
        return said
    if said is CodeState.UNKNOWN:
        return listed if listed in _STOPS else said
    return said if listed is CodeState.GREEN and live.authentic.claimed.format is not Format.NATIVE else listed


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
    return None if live.listed_state is state else live.authentic.reason_class


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
