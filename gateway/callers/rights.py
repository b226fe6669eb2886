"""What one caller may ask.

Rules:

- The order of looking is that of the check: the call, its purpose, the receiving division, the profile, the clinical
  item. The first that is not hers is what she is told of, always in the same words, whatever there is behind it.
- Profiles are no ladder. PROVINCE has what STAFF has, and STAFF what GATE has; CLINIC has GATE's and an item, and is
  neither above nor below the others, so no other profile implies it.
- CLINIC is for the purpose MEDICAL_CARE, and for calls that can name an item. Whoever forgets to name one is refused.
- Only what is a purpose or a profile at all is judged here. Numbers that no schema knows are left to its rules.
- A call for which the caller needs to name no division or profile is not asked for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.clinical import ClinicalItem
from gateway.divisions import NATION, shared_digits
from gateway.errors import CallerRefused, RefusalReason
from gateway.values import Caller, Profile, Purpose

from .meter import Meter

_PURPOSES: Final = frozenset(Purpose)
_MOST_PURPOSE: Final = max(Purpose)
_MOST_PROFILE: Final = max(Profile)
_MOST_ITEM: Final = max(ClinicalItem)

_LESS: Final = {
    Profile.GATE: frozenset[Profile](),
    Profile.STAFF: frozenset({Profile.GATE}),
    Profile.PROVINCE: frozenset({Profile.GATE, Profile.STAFF}),
    Profile.CLINIC: frozenset({Profile.GATE}),
}
"""Profile -> those whose every field it has too."""


def up_to(profile: Profile) -> frozenset[Profile]:
    """Return `profile` and all that disclose nothing that it does not disclose."""
    return _LESS[profile] | {profile}


class Divisions:
    """Divisions, each with all that lies in it."""

    __slots__ = ("_digits", "_nation", "told")

    def __init__(self, divisions: Iterable[str]) -> None:
        self.told = tuple(sorted(divisions))
        self._nation = NATION in self.told
        self._digits = tuple(shared_digits(one) for one in self.told if one != NATION)

    def cover(self, division: str) -> bool:
        """Tell whether `division` is one of them or lies in one. No division is in none."""
        return division.startswith(self._digits) or (self._nation and division.isdigit())


@dataclass(frozen=True, slots=True)
class Rights:
    """What a caller may ask."""

    profiles: frozenset[Profile]
    """Those that she may be told in."""
    purposes: frozenset[Purpose] = _PURPOSES
    calls: frozenset[str] | None = None
    """Names on the wire, as in /package.Service/Method; None: all."""
    divisions: Divisions | None = None
    """Receiving divisions that she may judge for; None: all, and none."""
    clinical_items: frozenset[ClinicalItem] = frozenset()
    """Those that she may ask for under CLINIC."""
    meter: Meter | None = field(default=None, repr=False, compare=False)
    """None: she may ask as much as she likes."""

    def allow_call(self, method: str) -> bool:
        """Tell whether she may call `method`, by its name on the wire."""
        return self.calls is None or method in self.calls

    def take_codes(self, codes: int) -> None:
        """Count codes. Raises: RateLimited."""
        if self.meter is not None:
            self.meter.take_codes(codes)


RightsOf = Callable[[Caller], Rights]

NOTHING: Final = Rights(frozenset(), frozenset(), frozenset(), Divisions(()))
"""Of whom the registry does not know."""

EVERYTHING: Final = Rights(frozenset(Profile), clinical_items=frozenset(ClinicalItem))
"""Of the gateway's own processes."""


def everyone_may(rights: Rights) -> RightsOf:
    """Return a register in which all callers have the same `rights`: those that the configuration gives."""
    return lambda _caller: rights


def authorise(
    rights: Rights, purpose: int, profile: int | None = None, division: str | None = None, item: int | None = None
) -> None:
    """Return if `rights` cover purpose, receiving division, profile and clinical item, as they stand in a request.

    `profile` and `division` are None in a request that has none. A profile of 0 is GATE. `item` is None in a call that
    gives none: then CLINIC is nobody's.

    Raises: CallerRefused.
    """
    if purpose not in rights.purposes and 0 < purpose <= _MOST_PURPOSE:
        raise CallerRefused(RefusalReason.PURPOSE_NOT_ALLOWED)
    if division is not None and rights.divisions is not None and not rights.divisions.cover(division):
        raise CallerRefused(RefusalReason.DIVISION_NOT_ALLOWED)
    if profile is not None and (profile or Profile.GATE) not in rights.profiles and 0 <= profile <= _MOST_PROFILE:
        raise CallerRefused(RefusalReason.PROFILE_NOT_ALLOWED)
    if profile == Profile.CLINIC:
        if item is None or purpose != Purpose.MEDICAL_CARE:
            raise CallerRefused(RefusalReason.PROFILE_NOT_ALLOWED)
        if item not in rights.clinical_items and 0 < item <= _MOST_ITEM:
            raise CallerRefused(RefusalReason.ITEM_NOT_ALLOWED)
