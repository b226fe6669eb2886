"""The registry in force: from a caller to her rights.

Rules:

- A row that names a caller counts before any row that only describes some; of those the first in the file that fits.
- Who fits no row may do nothing. Rows do not add up: what a caller may do stands in one place.
- A row holds for the domain that it names, and only if that domain's own authorities vouch for the certificate.
- In plaintext on loopback, in development, everyone is DEV_LOOPBACK and has a row of that name or none.
- The gateway's own processes, on its own socket, may do everything.
- No row gives more than `disclosure.max_profile`, and CLINIC only with `disclosure.clinic`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from gateway.clinical import ClinicalItem
from gateway.divisions import lies_within
from gateway.values import Caller, CallerKind, DivisionCode, Profile, Purpose

from .identity import CheckpointClass, Identity, Kind, domain_of, read_identity
from .meter import Limits, Meters
from .rights import EVERYTHING, NOTHING, Divisions, Rights

LOOPBACK_NAME: Final = "dev-loopback"
"""Of everyone in plaintext on loopback. A certificate of this name is not it."""

MAX_REMEMBERED: Final = 4_096
"""Callers whose rights are remembered; beyond, all are looked up anew."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a row is for."""

    name: str | None = None
    """Exactly this caller; then the others are None, but for the domain of a name that has none."""
    domain: str | None = None
    """Whose authorities vouch for her; None for DEV_LOOPBACK only."""
    kind: Kind | None = None
    division: DivisionCode | None = None
    """She is of this division or of one that lies in it."""
    checkpoints: CheckpointClass | None = None

    def fits(self, identity: Identity) -> bool:
        """Tell whether a row that describes callers describes this one."""
        return (
            self.name is None
            and self.domain == identity.domain
            and self.kind in (None, identity.kind)
            and (self.division is None or lies_within(identity.division, self.division))
            and self.checkpoints in (None, identity.checkpoints)
        )

    def covers(self, other: Who) -> bool:
        """Tell whether whoever fits the row `other` fits this one, both being rows that describe callers."""
        return (
            self.domain == other.domain
            and self.kind in (None, other.kind)
            and (self.division is None or (other.division is not None and lies_within(other.division, self.division)))
            and self.checkpoints in (None, other.checkpoints)
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """One row."""

    who: Who
    calls: frozenset[str]
    """Names on the wire."""
    purposes: frozenset[Purpose]
    divisions: Divisions | None
    """None: any, and none."""
    profiles: frozenset[Profile]
    clinical_items: frozenset[ClinicalItem]
    limits: Limits
    place: int
    """Its number in the file, from 1."""

    def rights(self) -> Rights:
        """Return what it gives, without counting."""
        return Rights(self.profiles, self.purposes, self.calls, self.divisions, self.clinical_items)


@dataclass(frozen=True, slots=True)
class Grants:
    """A registry as it is written."""

    version: str
    rows: tuple[Grant, ...]

    def of(self, name: str, vouched_by: Collection[str]) -> Grant | None:
        """Return the row of a caller by certificate, for whom the authorities of these domains vouch."""
        domain = domain_of(name)
        if domain is not None and domain not in vouched_by:
            return None
        for row in self.rows:
            if row.who.name == name and row.who.domain in vouched_by:
                return row
        identity = read_identity(name)
        if identity is None:
            return None
        return next((row for row in self.rows if row.who.fits(identity)), None)

    @property
    def of_loopback(self) -> Grant | None:
        """The row of everyone in plaintext on loopback."""
        return next((row for row in self.rows if row.who.name == LOOPBACK_NAME and row.who.domain is None), None)


class CallerRegistry:
    """Tells what a caller may ask. Immutable but for what it remembers: a reload puts another in its place."""

    def __init__(
        self,
        grants: Grants,
        meters: Meters,
        *,
        most: frozenset[Profile],
        enrolled: Iterable[str] = (),
        reads: frozenset[str] = frozenset(),
    ) -> None:
        """Take the rows and who counts. `enrolled` are names that may also call `reads`, on top of their row."""
        self._grants = grants
        self._meters = meters
        self._most = most
        self._enrolled = frozenset(enrolled)
        self._reads = reads
        self._remembered: dict[tuple[CallerKind, str, frozenset[str]], Rights] = {}

    def rights_of(self, caller: Caller) -> Rights:
        """Return what `caller` may ask."""
        key = (caller.kind, caller.caller_id, caller.vouched_by)
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[key] = self._look_up(caller)
        return found

    def _look_up(self, caller: Caller) -> Rights:
        if caller.kind is CallerKind.LOCAL:
            return EVERYTHING
        if caller.kind is CallerKind.DEV_LOOPBACK:
            row = self._grants.of_loopback
        else:
            row = self._grants.of(caller.caller_id, caller.vouched_by)
        rights = NOTHING
        if row is not None:
            rights = replace(
                row.rights(),
                profiles=row.profiles & self._most,
                meter=self._meters.meter(f"{row.who.domain} {caller.caller_id}", row.limits),
            )
        if self._reads and caller.kind is CallerKind.TLS_PEER and caller.caller_id in self._enrolled:
            rights = replace(rights, calls=(rights.calls or frozenset()) | self._reads)
        return rights
