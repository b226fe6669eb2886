"""Trust for the `hcgw verify` command: trust lists, single certificates, key sets named line by line."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.trust.snapshot import SIGNED_FORMATS, TrustSnapshot, snapshot_of
from gateway.values import Instant, IssuerId, TrustedKey
from keys.jwk import keys_from_jwks
from keys.revocation import RevocationInvalid, RevocationList, revocation_list_from_crl
from keys.trust_list import IssuerRecord, TrustList, TrustListInvalid, parse_trust_list
from keys.values import EARLIEST, Environment, KeyRefused
from keys.x509 import key_from_certificate

ANYONE = IssuerId("")
"""The issuer of a certificate that is trusted for whatever issuer a code names."""

_PEM_BEGIN, _PEM_END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")


class TrustSourceInvalid(ValueError):
    """Something that should say whom to trust does not have the form for it."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whom to trust, from several sources, before a snapshot is made of it."""

    records: tuple[IssuerRecord, ...] = ()
    certificates: tuple[TrustedKey, ...] = ()
    expires: Instant | None = None
    """The earliest end among the trust lists."""

    def snapshot(self) -> TrustSnapshot:
        """Return everything as one snapshot. Raises: TrustSourceInvalid if two lists name the same issuer."""
        held = TrustList(
            sequence=0,
            environment=Environment.TEST,
            issued=EARLIEST,
            expires=self.expires,
            issuers=self.records,
            refused=(),
        )
        try:
            return snapshot_of([held], unbound=self.certificates)
        except ValueError as twice:
            raise TrustSourceInvalid(str(twice)) from None


def from_files(files: Iterable[Path]) -> Trusted:
    """Return whom the files trust: trust lists (JSON), or certificates (PEM or DER) trusted for any issuer.

    Raises: TrustSourceInvalid naming the file.
    """
    records: list[IssuerRecord] = []
    certificates: list[TrustedKey] = []
    ends: list[Instant] = []
    for file in files:
        try:
            data = file.read_bytes()
            if data.lstrip()[:1] == b"{":
                found = parse_trust_list(data)
                records += found.issuers
                ends += [] if found.expires is None else [found.expires]
            else:
                certificates.append(_certificate(_der_of(data)))
        except OSError as unreadable:
            raise TrustSourceInvalid(f"{file}: {unreadable.strerror or 'cannot be read'}") from unreadable
        except (TrustListInvalid, KeyRefused, binascii.Error) as invalid:
            raise TrustSourceInvalid(f"{file}: {invalid}") from invalid
    return Trusted(tuple(records), tuple(certificates), min(ends, default=None))


def from_line(entries: object) -> Trusted:
    """Return whom one line's `trust` member trusts. A key or certificate that cannot be used is trusted for nothing.

    Raises: TrustSourceInvalid if an entry is neither {"certificate"} nor {"issuer", "jwks", "crl"?}.
    """
    if not isinstance(entries, list):
        raise TrustSourceInvalid("trust must be a list")
    keys: dict[IssuerId, list[TrustedKey]] = {}
    revocations: dict[IssuerId, list[RevocationList]] = {}
    certificates: list[TrustedKey] = []
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("certificate"), str):
            try:
                certificates.append(_certificate(_from_text(entry["certificate"])))
            except ValueError:  # KeyRefused and bad base64 are both
                continue
        elif isinstance(entry, dict) and isinstance(entry.get("issuer"), str) and isinstance(entry.get("jwks"), dict):
            issuer = IssuerId(entry["issuer"])
            found = _keys_of(issuer, entry["jwks"])
            if entry.get("crl") is None:  # what a line does not give is not published, as far as that line goes
                found = [replace(key, revocation_counter=None) for key in found]
            keys.setdefault(issuer, []).extend(found)
            revocations.setdefault(issuer, []).extend(_revocations_of(entry.get("crl")))
        else:
            raise TrustSourceInvalid("an entry of trust is neither a certificate nor an issuer with a jwks")
    records = tuple(_record(issuer, found, revocations[issuer]) for issuer, found in keys.items())
    return Trusted(records, tuple(certificates))


def _keys_of(issuer: IssuerId, jwks: dict[str, object]) -> Sequence[TrustedKey]:
    try:
        taken, _ = keys_from_jwks(jwks, issuer=issuer)
    except KeyRefused:  # no key set at all: nothing of this issuer's can be authentic
        return ()
    return taken


def _revocations_of(crl: object) -> Sequence[RevocationList]:
    if crl is None:
        return ()
    if not isinstance(crl, list):
        raise TrustSourceInvalid("crl must be a list")
    try:
        return [revocation_list_from_crl(one) for one in crl]
    except RevocationInvalid as invalid:
        raise TrustSourceInvalid(f"crl: {invalid}") from invalid


def _record(issuer: IssuerId, keys: Sequence[TrustedKey], revocations: Sequence[RevocationList]) -> IssuerRecord:
    return IssuerRecord(
        issuer=issuer,
        name=issuer,
        division=None,
        formats=frozenset(found.value for found in SIGNED_FORMATS),
        keys=tuple(keys),
        states={},
        revocations=tuple(revocations),
    )


def _certificate(der: bytes) -> TrustedKey:
    return key_from_certificate(der, issuer=ANYONE)


def _from_text(text: str) -> bytes:
    """Return the DER behind base64 (of either alphabet, padded or not) or PEM: people paste what they have."""
    data = text.encode()
    if _PEM_BEGIN in data:
        return _der_of(data)
    return _der_of(base64.b64decode(data.translate(_STANDARD_ALPHABET) + b"=="))


def _der_of(data: bytes) -> bytes:
    if _PEM_BEGIN not in data:
        return data
    return base64.b64decode(data.split(_PEM_BEGIN, 1)[1].split(_PEM_END, 1)[0])
