"""Building trust lists: certificates, key sets and directories go in, a list that can be read comes out.

- What is refused is told, key by key, with its place and reason.
- Merging adds: an issuer that is listed already keeps its name, division and states, gets the new keys and formats, and
  of two revocation lists for one key keeps the one with the higher counter. Nothing is removed by an import.
- A list is written whole, beside the old one, and then put in its place, so that a reader never sees half of it.
- Before it is put in place it is read back, by the same code as the gateway's.
"""

from __future__ import annotations

import binascii
import os
import re
import tempfile
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from .algorithms import RefusedKey, Sm2Settings
from .trust_document import ListedIssuer, ListedKey, TrustDocument, write_document
from .trust_list import TrustList, listed_key, trust_list_from
from .trust_reader import read_document
from .values import Algorithm, Environment, Instant, IssuerId, KeyRefusal, KeyRefused
from .vci import Imported
from .x509 import MAX_CERTIFICATE_BYTES, read_certificate

CERTIFICATE_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".der"})
MAX_FILES: Final = 10_000
MAX_FILE_BYTES: Final = 4 * 1024 * 1024

_PEM_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")


def certificate_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files to read: those named, and in folders, at any depth, those with a certificate's suffix.

    Raises: ValueError: nothing is found, or more than MAX_FILES.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [file for file in inside if not path.is_dir() or file.suffix.lower() in CERTIFICATE_SUFFIXES]
        if len(found) > MAX_FILES:
            raise ValueError(f"more than {MAX_FILES} files")
    if not found:
        raise ValueError("no certificate files")
    return found


def certificates_in(data: bytes) -> list[bytes]:
    """Return the DER certificates in a file's bytes: all of a PEM file, or the one that a DER file is.

    Raises: KeyRefused with MALFORMED.
    """
    if b"-----BEGIN" not in data:
        return [data]
    found = []
    for block in _PEM_CERTIFICATE.findall(data):
        try:
            found.append(b64decode(b"".join(block.split()), validate=True))
        except (binascii.Error, ValueError):
            raise KeyRefused(KeyRefusal.MALFORMED, "a PEM certificate is not base64") from None
    if not found:
        raise KeyRefused(KeyRefusal.MALFORMED, "a PEM file without a certificate")
    return found


def issuers_from_certificates(
    files: Iterable[Path],
    *,
    formats: frozenset[str],
    issuer: IssuerId | None = None,
    algorithm: Algorithm | None = None,
    sm2: Sm2Settings | None = None,
) -> Imported:
    """Read certificates (PEM or DER) into issuers.

    Args:
        files: what to read.
        formats: the formats that their issuers sign.
        issuer: whose they are; None takes the country (C) of each certificate's subject, as the EU's trust list does.
        algorithm: None takes the key's own (RSA: PS256).
        sm2: needed for SM2 keys.

    Raises:
        OSError: a file cannot be read.

    Source: hcert-spec section 3.3.3 (key ids).

    """
    by_issuer: dict[IssuerId, list[ListedKey]] = {}
    refused: list[RefusedKey] = []
    for file in files:
        try:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise KeyRefused(KeyRefusal.MALFORMED, f"a file of more than {MAX_FILE_BYTES} bytes")
            certificates = certificates_in(file.read_bytes())
        except KeyRefused as no:
            refused.append(RefusedKey(issuer or IssuerId(""), None, str(file), no.reason, no.detail))
            continue
        for number, der in enumerate(certificates):
            try:
                owner, key = _listed_certificate(der, issuer=issuer, algorithm=algorithm, sm2=sm2)
            except KeyRefused as no:
                where = f"{file} [{number}]"
                refused.append(RefusedKey(issuer or IssuerId(""), None, where, no.reason, no.detail))
            else:
                by_issuer.setdefault(owner, []).append(key)
    issuers = tuple(ListedIssuer(owner, owner, formats, tuple(keys)) for owner, keys in by_issuer.items())
    return Imported(issuers, tuple(refused))


def _listed_certificate(
    der: bytes, *, issuer: IssuerId | None, algorithm: Algorithm | None, sm2: Sm2Settings | None
) -> tuple[IssuerId, ListedKey]:
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise KeyRefused(KeyRefusal.MALFORMED, f"a certificate of more than {MAX_CERTIFICATE_BYTES} bytes")
    certificate = read_certificate(der)
    owner = issuer if issuer is not None else IssuerId(certificate.country or "")
    if not owner:
        raise KeyRefused(KeyRefusal.MISSING_MEMBER, "the subject names no country (C), so the issuer must be given")
    chosen = certificate.algorithms[0] if algorithm is None else algorithm
    listed = ListedKey(
        chosen.value,
        certificate.key_id,
        certificate=der,
        sm2=sm2 if chosen is Algorithm.SM2 else None,
    )
    listed_key(listed, owner)
    return owner, listed


def build(
    imported: Iterable[ListedIssuer],
    *,
    into: TrustDocument | None,
    environment: Environment,
    issued: Instant,
    expires: Instant | None = None,
) -> TrustDocument:
    """Return a list with the imported issuers, added to those of `into`. The sequence is one more than `into`'s, or 1.

    Raises: ValueError: `into` is of another environment.
    """
    if into is not None and into.environment is not environment:
        raise ValueError(f"the existing list is a {into.environment.value} list, not a {environment.value} list")
    held = {issuer.issuer: issuer for issuer in (into.issuers if into is not None else ())}
    for new in imported:
        held[new.issuer] = _merged(held[new.issuer], new) if new.issuer in held else new
    return TrustDocument(
        sequence=1 if into is None else into.sequence + 1,
        environment=environment,
        issued=issued,
        issuers=tuple(held.values()),
        expires=expires,
    )


def _merged(old: ListedIssuer, new: ListedIssuer) -> ListedIssuer:
    known = {(key.key_id, _material(key)) for key in old.keys}
    keys = [*old.keys, *(key for key in new.keys if (key.key_id, _material(key)) not in known)]
    newest = {one.key_id: one for one in old.revocations}
    for one in new.revocations:
        if one.key_id not in newest or newest[one.key_id].counter < one.counter:
            newest[one.key_id] = one
    return replace(old, formats=old.formats | new.formats, keys=tuple(keys), revocations=tuple(newest.values()))


def _material(key: ListedKey) -> object:
    return key.certificate if key.jwk is None else tuple(sorted((name, str(key.jwk[name])) for name in key.jwk))


def save(document: TrustDocument, file: Path) -> TrustList:
    """Write a list to `file`, whole or not at all, and return it as the gateway will read it.

    Raises: TrustListInvalid: what would be written could not be read (then nothing is written). OSError.
    """
    data = write_document(document)
    trusted = trust_list_from(read_document(data))
    handle, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return trusted
