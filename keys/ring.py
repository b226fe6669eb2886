"""The keys that are trusted, found in one look.

- A key belongs to its issuer: it is found by (issuer, key id), never by key id alone. Key ids are short hashes or free
  text, and two issuers do share them.
- All keys of an issuer with the same key id are given, for the caller to try each.
- *Unbound* keys stand for single certificates that are trusted for whatever issuer a code names (`hcgw verify`). They
  are asked for by a method of their own, so that no look-up for an issuer ever falls through to them.
- Windows are not enforced here: a wrong signature and an expired key must stay two different answers.
- Immutable; made anew with every trust list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .values import IssuerId, KeyId, TrustedKey

MAX_CANDIDATES: Final = 32
"""How many keys are tried for one code: a list with more under one name must not make a single code cost seconds."""


class KeyRing:
    """An immutable index of trusted keys."""

    __slots__ = ("_by_issuer", "_by_issuer_and_id", "_unbound", "_unbound_by_id")

    def __init__(self, keys: Iterable[TrustedKey], *, unbound: Iterable[TrustedKey] = ()) -> None:
        """Index `keys` by their issuers and ids, in the order given; past MAX_CANDIDATES of one place, no more."""
        by_issuer: dict[IssuerId, list[TrustedKey]] = {}
        by_issuer_and_id: dict[tuple[IssuerId, KeyId], list[TrustedKey]] = {}
        for key in keys:
            by_issuer.setdefault(key.issuer, []).append(key)
            by_issuer_and_id.setdefault((key.issuer, key.key_id), []).append(key)
        unbound_by_id: dict[KeyId, list[TrustedKey]] = {}
        everyones = tuple(unbound)
        for key in everyones:
            unbound_by_id.setdefault(key.key_id, []).append(key)
        self._by_issuer = {issuer: _bounded(found) for issuer, found in by_issuer.items()}
        self._by_issuer_and_id = {place: _bounded(found) for place, found in by_issuer_and_id.items()}
        self._unbound_by_id = {key_id: _bounded(found) for key_id, found in unbound_by_id.items()}
        self._unbound = _bounded(everyones)

    @property
    def has_unbound(self) -> bool:
        """Tell whether any key is trusted for whatever issuer."""
        return bool(self._unbound)

    def find(self, issuer: IssuerId, key_id: KeyId | None) -> tuple[TrustedKey, ...]:
        """Return this issuer's keys with this id, or all of its keys if the code carries no id. Never an unbound one.

        At most MAX_CANDIDATES, in the order of the list; empty if there are none.
        """
        if key_id is None:
            return self._by_issuer.get(issuer, ())
        return self._by_issuer_and_id.get((issuer, key_id), ())

    def find_unbound(self, key_id: KeyId | None) -> tuple[TrustedKey, ...]:
        """Return the unbound keys with this id, or all of them if the code carries no id. At most MAX_CANDIDATES."""
        if key_id is None:
            return self._unbound
        return self._unbound_by_id.get(key_id, ())


def _bounded(keys: Iterable[TrustedKey]) -> tuple[TrustedKey, ...]:
    return tuple(keys)[:MAX_CANDIDATES]
