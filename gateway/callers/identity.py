"""What the name of a certificate says about its holder.

Rules:

- A name of structure is a SPIFFE id: spiffe://DOMAIN/KIND/DIVISION/NAME; of a hub DIVISION/CLASS/NAME.
- A name of any other form says nothing about its holder: it is only a name. Of any SPIFFE id the domain counts.
- What begins like a SPIFFE id and is none is no name at all: two readers could read it differently.
- A name is taken as it is written: nothing is decoded, folded or normalised.

Source: SPIFFE ID, section 2: trust domain of lower-case letters, digits, ".", "-", "_"; path segments of the same and
capital letters, none of them "." or "..".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.divisions import is_division
from gateway.values import DivisionCode


class Kind(StrEnum):
    """What a caller is."""

    PROVINCE = "province"
    HUB = "hub"
    GATEWAY = "gateway"
    OPERATOR = "operator"


class CheckpointClass(StrEnum):
    """Where a hub's checkpoints stand."""

    RAIL = "rail"
    AIR = "air"
    COACH = "coach"
    EXPRESSWAY = "expressway"
    VENUE = "venue"
    RESIDENCE = "residence"
    CLINIC = "clinic"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a name of structure says."""

    domain: str
    kind: Kind
    division: DivisionCode
    checkpoints: CheckpointClass | None
    """Of a hub; None of all others."""
    name: str
    """Which of them, within kind, division and class."""


MAX_NAME_CHARACTERS: Final = 255

_SEGMENT: Final = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+"
_SPIFFE: Final = re.compile(rf"spiffe://([a-z0-9._-]{{1,255}})((?:/{_SEGMENT})*)")
_SCHEME: Final = re.compile(r"spiffe:", re.IGNORECASE)

is_domain = re.compile(r"[a-z0-9._-]{1,255}").fullmatch
"""Tells whether a text has the form of a trust domain."""


def is_name(name: str) -> bool:
    """Tell whether `name` can be a caller's: printable, not too long, and not nearly a SPIFFE id."""
    if not name.isprintable() or not 0 < len(name) <= MAX_NAME_CHARACTERS:
        return False
    return not is_spiffe(name) or _SPIFFE.fullmatch(name) is not None


def is_spiffe(name: str) -> bool:
    """Tell whether `name` begins as a SPIFFE id does, in whatever case."""
    return _SCHEME.match(name) is not None


def domain_of(name: str) -> str | None:
    """Return the trust domain of a SPIFFE id; None of any other name."""
    found = _SPIFFE.fullmatch(name)
    return None if found is None else found[1]


def read_identity(name: str) -> Identity | None:
    """Return what `name` says; None if it has no structure."""
    found = _SPIFFE.fullmatch(name)
    if found is None or not is_name(name):
        return None
    kind, *rest = found[2].strip("/").split("/")
    if kind not in _KINDS:
        return None
    checkpoints = None
    if kind == Kind.HUB:
        if len(rest) != 3 or rest[1] not in _CLASSES:
            return None
        checkpoints = CheckpointClass(rest.pop(1))
    if len(rest) != 2 or not is_division(rest[0]):
        return None
    return Identity(found[1], Kind(kind), DivisionCode(rest[0]), checkpoints, rest[1])


_KINDS: Final = frozenset(Kind)
_CLASSES: Final = frozenset(CheckpointClass)
