"""What is trusted: the gateway's own trust list, read, with its keys made.

- A structural fault refuses the whole list (`TrustListInvalid`, with the JSON path). A single key that cannot be used
  is left out and told in `TrustList.refused`; it is never dropped in silence, and never costs the others.
- A list only narrows what a certificate says of itself, in time and in uses. It never widens it.
- Each key does the one algorithm that is listed with it.
- Nothing here looks at a clock: whether the list or a key has expired is for the caller to judge.
- Who may write a list, and whether it is the newest, is not checked here either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .algorithms import RefusedKey
from .jwk import key_from_jwk, thumbprint
from .revocation import RevocationList
from .ring import MAX_CANDIDATES
from .trust_document import ListedIssuer, ListedKey, TrustDocument
from .trust_reader import TrustListInvalid, read_document
from .values import Algorithm, Environment, Instant, IssuerId, KeyId, KeyRefusal, KeyRefused, TrustedKey
from .x509 import key_from_certificate

__all__ = [
    "IssuerRecord",
    "RefusedKey",
    "RevocationList",
    "TrustList",
    "TrustListInvalid",
    "listed_key",
    "parse_trust_list",
    "trust_list_from",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class IssuerRecord:
    """An issuer, and the keys of it that can be used."""

    issuer: IssuerId
    name: str
    """Of the authority; never of a person."""
    division: str | None
    """Six digits of GB/T 2260, or an ISO 3166-1 alpha-2 code."""
    formats: frozenset[str]
    keys: tuple[TrustedKey, ...] = field(repr=False)
    states: Mapping[str, str] = field(repr=False)
    """The issuer's own statement -> GREEN, YELLOW, RED, UNDER_REVIEW, UNCONFIRMED or STALE_DECLARATION."""
    revocations: tuple[RevocationList, ...] = field(repr=False)
    converts: bool = False
    """Whether it makes codes out of those of others, and may therefore name their origin."""


@dataclass(frozen=True, slots=True)
class TrustList:
    """A trust list whose structure is sound."""

    sequence: int
    environment: Environment
    issued: Instant
    expires: Instant | None
    issuers: tuple[IssuerRecord, ...]
    refused: tuple[RefusedKey, ...]
    """The listed keys that are not among their issuers' `keys`, with the reason for each."""


def parse_trust_list(data: bytes) -> TrustList:
    """Read a trust list and make its keys.

    Does not check its expiry, its sequence against an earlier one, its environment, nor who wrote it.

    Raises: TrustListInvalid: nothing of it may be used.
    """
    return trust_list_from(read_document(data))


def trust_list_from(document: TrustDocument) -> TrustList:
    """Return the list with its keys made; those that cannot be used stand in `refused`."""
    refused: list[RefusedKey] = []
    issuers = tuple(_record(listed, f"$.issuers[{number}]", refused) for number, listed in enumerate(document.issuers))
    return TrustList(
        document.sequence, document.environment, document.issued, document.expires, issuers, tuple(refused)
    )


def listed_key(listed: ListedKey, issuer: IssuerId) -> TrustedKey:
    """Return one listed key, trusted for `issuer`.

    1. Its algorithm is one that is read.
    2. Its JWK or certificate makes a key of that algorithm, under the listed key id.
    3. Window and uses are narrowed to what is listed.

    Raises: KeyRefused: with the reason why this key is left out.
    """
    # 1
    try:
        algorithm = Algorithm(listed.algorithm)
    except ValueError:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_ALGORITHM, "algorithm is not one that is read") from None
    # 2
    if listed.certificate is not None:
        key = key_from_certificate(
            listed.certificate, issuer=issuer, algorithm=algorithm, key_id=listed.key_id, sm2=listed.sm2
        )
    else:
        key = _from_jwk(listed, algorithm, issuer)
    # 3
    return _narrowed(key, listed)


def _record(listed: ListedIssuer, path: str, refused: list[RefusedKey]) -> IssuerRecord:
    keys: list[TrustedKey] = []
    seen: set[tuple[KeyId, str | bytes]] = set()
    sharing: Counter[KeyId] = Counter()
    for number, offered in enumerate(listed.keys):
        try:
            key = listed_key(offered, listed.issuer)
            identity = (key.key_id, offered.certificate or thumbprint(offered.jwk or {}))
            if identity in seen:
                raise KeyRefused(KeyRefusal.DUPLICATE, "the same key under the same key id")
            if sharing[key.key_id] == MAX_CANDIDATES:
                raise KeyRefused(KeyRefusal.DUPLICATE, f"more than {MAX_CANDIDATES} keys under one key id")
        except KeyRefused as no:
            where = f"{path}.keys[{number}]"
            refused.append(RefusedKey(listed.issuer, offered.key_id, where, no.reason, no.detail))
        else:
            seen.add(identity)
            sharing[key.key_id] += 1
            keys.append(key)
    return IssuerRecord(
        listed.issuer,
        listed.name,
        listed.division,
        listed.formats,
        tuple(keys),
        listed.states,
        listed.revocations,
        listed.converts,
    )


def _from_jwk(listed: ListedKey, algorithm: Algorithm, issuer: IssuerId) -> TrustedKey:
    # The listed algorithm stands in for a missing alg (an RSA JWK is ambiguous without it) and must agree with one.
    jwk = {"alg": algorithm.value, **(listed.jwk or {})}
    key = key_from_jwk(jwk, issuer=issuer, sm2=listed.sm2)
    if key.algorithm is not algorithm:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_ALGORITHM, "alg of the JWK is not the listed algorithm")
    if "kid" in jwk and key.key_id != listed.key_id:
        raise KeyRefused(KeyRefusal.WRONG_KEY_ID, "kid of the JWK is not the listed key id")
    return replace(key, key_id=listed.key_id)


def _narrowed(key: TrustedKey, listed: ListedKey) -> TrustedKey:
    starts = [at for at in (key.not_before, listed.not_before) if at is not None]
    ends = [at for at in (key.not_after, listed.not_after) if at is not None]
    not_before, not_after = max(starts, default=None), min(ends, default=None)
    if not_before is not None and not_after is not None and not_before > not_after:
        raise KeyRefused(KeyRefusal.MALFORMED, "the window is empty")
    uses = key.uses
    if listed.uses is not None:
        uses = listed.uses & key.uses if key.uses else listed.uses
        # An empty set means "any use": two limits that leave nothing in common must not come out as no limit.
        if not uses:
            raise KeyRefused(KeyRefusal.WRONG_USE, "uses are not among the certificate's own")
    return replace(key, not_before=not_before, not_after=not_after, uses=uses)
