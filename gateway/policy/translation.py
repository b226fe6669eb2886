"""From the issuer's own words to the common vocabulary.

- The issuer's state map on the trust list comes first: only the issuer knows what its orange means.
- Then the defaults of the format, for words whose meaning its specification fixes.
- A map never improves a word whose meaning is fixed: not red or yellow, and no laboratory result that nobody has read.
- Anything else is UNKNOWN, which no rule can turn into a pass.

docs/trust-list.md lists every statement with its meaning; a test holds it equal to this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.values import AuthenticCode, CodeState, Format

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

_FIXED: Final = frozenset({*_COLOURS.keys() - {"green"}, "tested-positive", "laboratory"})
"""No format uses one of these words in another sense, so they are fixed for all."""

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

_DEFAULTS: Final[Mapping[Format, Mapping[str, CodeState]]] = MappingProxyType(
    {
        Format.NATIVE: _COLOURS,
        Format.HCERT: _ATTESTATIONS,
        Format.SHC: _ATTESTATIONS,
        Format.VDSNC: _ATTESTATIONS,
        Format.DIVOC: _ATTESTATIONS,
        Format.OPAQUE: MappingProxyType({word: state for word, state in _COLOURS.items() if word != "green"}),
    }
)


def translate(code: AuthenticCode) -> CodeState:
    """Return what the issuer's statement means. UNKNOWN if nobody has said so.

    A fixed word keeps its meaning even if the issuer's map says otherwise, unless the map says RED: the gateway never
    improves a colour, and a map is configuration.
    """
    statement = code.claimed.statement
    by_format = _DEFAULTS[code.claimed.format].get(statement, CodeState.UNKNOWN)
    by_issuer = code.issuer.states.get(statement, by_format)
    return by_format if statement in _FIXED and by_issuer is not CodeState.RED else by_issuer
