"""Everything that is trusted at one moment. Immutable: a reload makes a new one and swaps it whole.

- Keys are found by (issuer, key id), never by key id alone.
- An *unbound* certificate is trusted for whatever issuer a code names; only `hcgw verify` makes such snapshots.
- The epoch grows with every reload; whatever is cached about a signature must carry it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.values import (
    CodeState,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    KeyId,
    Revocations,
    RevokedCodes,
    TrustedKey,
)
from keys.jwk import key_from_jwk
from keys.revocation import RevocationList
from keys.ring import KeyRing
from keys.signer import Signer
from keys.trust_list import IssuerRecord, RefusedKey, TrustList

SIGNED_FORMATS = frozenset(Format) - {Format.UNKNOWN, Format.OPAQUE}


@dataclass(frozen=True, slots=True)
class TrustSnapshot:
    """What is trusted, and what trusted issuers have revoked.

    `expires` is the earliest end among the lists it was made from (None: none names an end); from then on the gateway
    must not answer from it.
    """

    ring: KeyRing = field(repr=False)
    issuers: Mapping[IssuerId, IssuerProfile] = field(repr=False)
    revocations: Revocations = field(repr=False)
    """(issuer, key id) -> revoked id -> None (for good) or the instant before which codes are revoked."""
    epoch: int = 0
    issued: Instant | None = None
    """Of the oldest list."""
    expires: Instant | None = None
    keys: tuple[TrustedKey, ...] = field(default=(), repr=False)
    refused: tuple[RefusedKey, ...] = field(default=(), repr=False)

    def expired(self, at: Instant) -> bool:
        """Tell whether a list of this snapshot has run out at `at`."""
        return self.expires is not None and at >= self.expires

    def profile_of_anyone(self, issuer: IssuerId) -> IssuerProfile:
        """Return the profile under which an unbound certificate vouches for `issuer`."""
        return IssuerProfile(issuer, None, SIGNED_FORMATS)


def profile_of(record: IssuerRecord) -> IssuerProfile:
    """Return a trust list's record in the gateway's own words."""
    return IssuerProfile(
        issuer=record.issuer,
        division=None if record.division is None else DivisionCode(record.division),
        formats=frozenset(Format(name) for name in record.formats),
        states=MappingProxyType({said: CodeState[meant] for said, meant in record.states.items()}),
        converts=record.converts,
    )


def index_revocations(lists: Iterable[tuple[IssuerId, RevocationList]]) -> Revocations:
    """Return revoked ids by (issuer, key id). Of two lists for one key the one with the higher counter counts.

    Source: SMART Health Cards 1.0, Revocation: `rid`, or `rid.timestamp` for cards whose nbf lies before it.
    """
    newest: dict[tuple[IssuerId, KeyId], RevocationList] = {}
    for issuer, listed in lists:
        place = (issuer, listed.key_id)
        if place not in newest or newest[place].counter < listed.counter:
            newest[place] = listed
    return {
        place: RevokedCodes(listed.counter, MappingProxyType(dict(listed.revoked))) for place, listed in newest.items()
    }


def snapshot_of(
    lists: Iterable[TrustList],
    *,
    epoch: int = 0,
    unbound: Iterable[TrustedKey] = (),
) -> TrustSnapshot:
    """Return one snapshot of several lists. Raises ValueError if two lists name the same issuer."""
    held = tuple(lists)
    records = [record for one in held for record in one.issuers]
    issuers: dict[IssuerId, IssuerProfile] = {}
    for record in records:
        if record.issuer in issuers:
            raise ValueError(f"issuer {record.issuer!r} stands on two trust lists")
        issuers[record.issuer] = profile_of(record)
    keys = tuple(key for record in records for key in record.keys)
    return TrustSnapshot(
        ring=KeyRing(keys, unbound=unbound),
        issuers=MappingProxyType(issuers),
        revocations=index_revocations((record.issuer, one) for record in records for one in record.revocations),
        epoch=epoch,
        issued=min((one.issued for one in held), default=None),
        expires=min((one.expires for one in held if one.expires is not None), default=None),
        keys=keys,
        refused=tuple(refused for one in held for refused in one.refused),
    )


def with_converter(snapshot: TrustSnapshot, issuer: IssuerId, signer: Signer) -> TrustSnapshot:
    """Return `snapshot` with this gateway's own converted codes trusted too: `signer`'s, in the name of `issuer`.

    A gateway that stands on its own trust list, as it does on those of others, keeps what is listed of it beside. Keys
    that are trusted for any issuer are not kept: they are for `hcgw verify`, which converts nothing.

    Raises: ValueError if a trust list names `issuer` and does not say that it converts native codes: one of the two is
    a mistake, and trusting both would let the list's keys name origins.
    """
    listed = snapshot.issuers.get(issuer)
    if listed is not None and not (listed.converts and Format.NATIVE in listed.formats):
        raise ValueError(f"issuer {issuer!r} converts here, and a trust list does not say so")
    profile = listed or IssuerProfile(issuer, None, frozenset({Format.NATIVE}), converts=True)
    keys = (key_from_jwk(dict(signer.public_jwk), issuer=issuer), *snapshot.keys)
    return replace(
        snapshot,
        ring=KeyRing(keys),
        issuers=MappingProxyType({**snapshot.issuers, issuer: profile}),
        keys=keys,
    )
