"""From the issuer's own words to the common vocabulary.

- The issuer's own map comes first (trust list, province's profile): only the issuer knows what its orange means.
- Then the defaults of the format, for words whose meaning its specification fixes. An opaque or displayed code has no
  specification: what its profile does not explain is UNKNOWN, but a red is a red.
- A map never improves a word whose meaning is fixed: not red or yellow, and no laboratory result that nobody has read.
- A colour that the reason given with it contradicts is no colour: green for a contact of a case is UNKNOWN.
- Anything else is UNKNOWN, which no rule can turn into a pass.

docs/trust-list.md lists every statement of the signed formats with its meaning; a test holds it equal to this module.
docs/encodings.md lists the words of the provinces' systems.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.values import AuthenticCode, CodeState, Format, ReasonClass

_COLOURS: Final[Mapping[str, CodeState]] = MappingProxyType(
    {
        "green": CodeState.GREEN,
        "yellow": CodeState.YELLOW,
        "red": CodeState.RED,
        "under_review": CodeState.UNDER_REVIEW,
        "unconfirmed": CodeState.UNCONFIRMED,
        "stale_declaration": CodeState.STALE_DECLARATION,
    }
)
"""docs/native-code.md, section 2."""

_ATTESTATIONS: Final[Mapping[str, CodeState]] = MappingProxyType(
    {
        "vaccinated": CodeState.UNCONFIRMED,
        "partly-vaccinated": CodeState.UNCONFIRMED,
        "recovered": CodeState.UNCONFIRMED,
        "tested-negative": CodeState.UNCONFIRMED,
        "tested-positive": CodeState.RED,
        "immunization": CodeState.UNCONFIRMED,
    }
)
"""A certificate names no colour. A positive test is the one statement that must stop a person whatever the map says;
a laboratory result or an attestation that was not read further may be one, so both stay UNKNOWN."""

_FIXED: Final[Mapping[str, CodeState]] = MappingProxyType(
    {word: state for word, state in _COLOURS.items() if state is not CodeState.GREEN}
    | {
        "tested-positive": CodeState.RED,
        "laboratory": CodeState.UNKNOWN,
        "expired": CodeState.EXPIRED,
        "revoked": CodeState.REVOKED,
        "not_found": CodeState.NOT_FOUND,
    }
)
"""No format and no province uses one of these words in another sense, so they are fixed for all."""

_DEFAULTS: Final[Mapping[Format, Mapping[str, CodeState]]] = MappingProxyType(
    {
        Format.NATIVE: _COLOURS,
        Format.HCERT: _ATTESTATIONS,
        Format.SHC: _ATTESTATIONS,
        Format.VDSNC: _ATTESTATIONS,
        Format.DIVOC: _ATTESTATIONS,
        Format.OPAQUE: MappingProxyType({"red": CodeState.RED}),
    }
)

_CONTRADICTED: Final[Mapping[ReasonClass, frozenset[CodeState]]] = MappingProxyType(
    {
        reason: frozenset({CodeState.GREEN})
        if reason.name.startswith("YELLOW_")
        else frozenset(CodeState) - {CodeState.RED, CodeState.EXPIRED, CodeState.REVOKED, CodeState.NOT_FOUND}
        for reason in ReasonClass
    }
)
"""Reason class -> the states it cannot stand beside. A red is never doubted, nor is a code that is no longer one."""


def translate(code: AuthenticCode) -> CodeState:
    """Return what the issuer's statement means. UNKNOWN if nobody has said so, or if its reason contradicts it.

    A fixed word keeps its meaning even if the issuer's map says otherwise, unless the map says RED: the gateway never
    improves a colour, and a map is configuration.

    Does not check: that the map itself is right about words that are not fixed; its source is named where it stands.
    """
    statement = code.claimed.statement
    state = code.issuer.states.get(statement)
    if state is None:
        state = _DEFAULTS[code.claimed.format].get(statement, CodeState.UNKNOWN)
    elif state is not CodeState.RED:
        state = _FIXED.get(statement, state)
    reason = code.reason_class
    return CodeState.UNKNOWN if reason is not None and state in _CONTRADICTED[reason] else state
