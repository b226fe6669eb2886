"""The VCI directory's snapshot: a real trust list of SMART Health Card issuers, made into ours.

- `issuerInfo[]`: `issuer` (`iss`, `name`, optional `canonical_iss`), `keys[]` (JWK), optional `crls[]`.
- Keys follow the framework's rules: P-256, ES256, `kid` is the key's thumbprint. A key that does not is told.
- Key ids repeat between issuers (the same software, the same key): harmless, as a key is found by issuer and id.
- Only the members that make a key are taken over; dates, certificates and the rest stay behind.
- An issuer whose entry cannot be read is told, and costs no other.
- The directory's own signature is not checked here: fetch it by a way that proves where it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .algorithms import RefusedKey
from .jwk import SMART_HEALTH_CARD, keys_from_jwks, listed_members
from .revocation import RevocationInvalid, RevocationList, revocation_list_from_crl
from .sm2_settings import settings_of
from .trust_document import MAX_ISSUERS, MAX_NAME_CHARACTERS, ListedIssuer, ListedKey
from .values import Algorithm, IssuerId, KeyRefusal, KeyRefused

SHC_FORMAT: Final = "shc"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import gave."""

    issuers: tuple[ListedIssuer, ...]
    refused: tuple[RefusedKey, ...] = ()
    faults: tuple[str, ...] = ()
    """Entries other than keys that were left out: where, and why."""


def issuers_from_vci(snapshot: object) -> Imported:
    """Return the issuers of a snapshot (parsed JSON), each with the keys that may be trusted.

    An issuer whose keys are all refused is kept, without keys: its codes are then of an unknown key, as is true.

    Raises:
        KeyRefused: MALFORMED, if this is no snapshot.

    Source: the-commons-project/vci-directory, logs/vci_snapshot.json.

    """
    listed = snapshot.get("issuerInfo") if isinstance(snapshot, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_ISSUERS:
        raise KeyRefused(KeyRefusal.MALFORMED, "not an object with a list issuerInfo")
    issuers: dict[IssuerId, ListedIssuer] = {}
    refused: list[RefusedKey] = []
    faults: list[str] = []
    for number, entry in enumerate(listed):
        where = f"issuerInfo[{number}]"
        named = _named(entry)
        if named is None or named[0] in issuers:
            faults.append(f"{where}: " + ("no issuer with iss and name" if named is None else "listed twice"))
            continue
        issuer, name = named
        try:
            keys, no = listed_from_jwks(entry, issuer=issuer, shc=True)
        except KeyRefused as unreadable:
            faults.append(f"{where}: {unreadable}")
            continue
        refused += [RefusedKey(issuer, one.key_id, f"{where}.{one.position}", one.reason, one.detail) for one in no]
        revocations = _revocations(entry, where, faults)
        issuers[issuer] = ListedIssuer(issuer, name, frozenset({SHC_FORMAT}), keys, revocations=revocations)
    return Imported(tuple(issuers.values()), tuple(refused), tuple(faults))


def listed_from_jwks(jwks: object, *, issuer: IssuerId, shc: bool) -> tuple[tuple[ListedKey, ...], list[RefusedKey]]:
    """Return the keys of a JWK set as a trust list lists them, and the refused ones.

    Args:
        jwks: the parsed JSON.
        issuer: whose keys they are.
        shc: whether the rules of SMART Health Cards hold for them.

    Raises:
        KeyRefused: MALFORMED, if this is no key set.

    Source: RFC 7517.

    """
    if shc:
        taken, refused = keys_from_jwks(jwks, issuer=issuer, algorithms=SMART_HEALTH_CARD, require_thumbprint=True)
    else:
        taken, refused = keys_from_jwks(jwks, issuer=issuer)
    left_out = {one.position for one in refused}
    offered = jwks["keys"] if isinstance(jwks, dict) else []
    kept = [jwk for number, jwk in enumerate(offered) if f"keys[{number}]" not in left_out]
    listed = tuple(
        ListedKey(
            key.algorithm.value,
            key.key_id,
            jwk=listed_members(jwk),
            sm2=settings_of(jwk) if key.algorithm is Algorithm.SM2 else None,
        )
        for key, jwk in zip(taken, kept, strict=True)
    )
    return listed, refused


def _named(entry: object) -> tuple[IssuerId, str] | None:
    issuer = entry.get("issuer") if isinstance(entry, dict) else None
    if not isinstance(issuer, dict):
        return None
    iss, name = issuer.get("iss"), issuer.get("name")
    if not isinstance(iss, str) or not isinstance(name, str):
        return None
    if not 1 <= len(iss) <= MAX_NAME_CHARACTERS or not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        return None
    return IssuerId(iss), name


def _revocations(entry: dict[str, object], where: str, faults: list[str]) -> tuple[RevocationList, ...]:
    published = entry.get("crls", [])
    if not isinstance(published, list):
        faults.append(f"{where}.crls: not a list")
        return ()
    taken: list[RevocationList] = []
    for number, crl in enumerate(published):
        try:
            taken.append(revocation_list_from_crl(crl))
        except RevocationInvalid as invalid:
            faults.append(f"{where}.crls[{number}]: {invalid}")
    return tuple(taken)
