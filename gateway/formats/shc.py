"""SMART Health Cards: FHIR in a compressed, signed token, shown as digits.

Rules:

- three spellings of one token: `shc:/` and digits; `shc:/1/3/` ... chunks, all of them in one presentation, in any
  order, with or without white space between; the bare compact JWS
- two digits are one character, its code less 45; nothing before or after
- `zip` is DEF and the payload one whole raw DEFLATE stream; anything else is refused, not guessed
- `kid`, `iss`, `vc` and a time (`nbf`; `iat` in the oldest) are there; times may have fractions, in 2000 to 2100
- what else departs from the specification is a note, not a refusal: the signature decides

The statement is one of three words, by the deprecated type tokens where one of them decides, else by what the bundle
holds: "laboratory" (a result, whatever the tokens say), "immunization" (no result), "attested" (neither).
Nothing else of the bundle is looked at, and none of it is kept beyond the signed bytes and, sealed, the one clinical
item that was asked for.

Source: SMART Health Cards Framework 1.4.0 (chunks: until 1.2.3, deprecated in 1.3.0).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gateway.clinical import ClinicalItem
from gateway.errors import CodeUnreadable, Reason
from gateway.values import Algorithm, ClaimedCode, Format, Instant, IssuerId, KeyUse
from keys.values import EARLIEST, LATEST

from . import clinical_fhir
from .inflate import inflate
from .jws import read_compact, read_json
from .members import object_member, text_member

PREFIX: Final = b"shc:/"
MAX_PAYLOAD_BYTES: Final = 131_072
"""Unpacked. The largest published example holds 30 KB."""

_USES: Final = {"immunization": KeyUse.VACCINATION, "laboratory": KeyUse.TEST}

TYPES: Final = frozenset({None, "JWT"})
"""Cards carry no `typ`; "JWT" says no more than none (RFC 8725, section 3.11)."""

_MAX_DEPTH: Final = 32
_MAX_ISSUER_CHARACTERS: Final = 1_024

_NO_PART: Final[Mapping[str, object]] = {}
_HEALTH_CARD: Final = "https://smarthealth.cards#health-card"
_IMMUNIZATION: Final = "https://smarthealth.cards#immunization"
_LABORATORY: Final = "https://smarthealth.cards#laboratory"
_RESULTS: Final = frozenset({"DiagnosticReport", "Observation"})

_revocation_id = re.compile(r"[A-Za-z0-9_-]{1,24}").fullmatch
_chunk = re.compile(rb"([0-9]{1,3})/([0-9]{1,3})/([0-9]+)").fullmatch

_NO_CHARACTER: Final = 0
# bytes.fromhex puts the two digits of a pair into the halves of one byte.
_CHARACTERS: Final = bytes(
    (pair >> 4) * 10 + (pair & 15) + 45 if (pair & 15) <= 9 and pair <= 0x77 else _NO_CHARACTER for pair in range(256)
)


def read(code: bytes, item: ClinicalItem | None = None) -> ClaimedCode:
    """Read a SMART Health Card in any of its spellings; keep the clinical `item` of it, if one is wanted.

    1. digits to token
    2. the token's envelope, its key id, its compression
    3. the payload: unpacked within MAX_PAYLOAD_BYTES, one strict JSON object
    4. the claims that judging it needs
    5. what the card is about, and how it departs from the specification

    Checks neither signature nor times against a clock, nor that the bundle is valid FHIR.

    Source: SMART Health Cards Framework 1.4.0, "Health Cards are Encoded as Compact Serialization JWS" and "Encoding
    QRs"; chunks as in 1.2.3.

    Raises: CodeUnreadable with any reason of the decode step but UNRECOGNISED, EMPTY_CODE and BAD_CBOR.
    """
    # 1
    token = _join_digits(code) if code.startswith(PREFIX) else code
    # 2
    jws = read_compact(token, types=TYPES)
    header = jws.header
    if header.key_id is None:
        raise CodeUnreadable(Reason.MISSING_CLAIM, "kid")
    if header.compression != "DEF":
        raise CodeUnreadable(Reason.BAD_COMPRESSION, "zip")
    # 3
    packed = inflate(jws.payload, raw=True, limit=MAX_PAYLOAD_BYTES)
    payload = read_json(packed, max_depth=_MAX_DEPTH, what="SHC payload")
    if not isinstance(payload, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "payload")
    # 4
    issuer = text_member(payload, "iss")
    if len(issuer) > _MAX_ISSUER_CHARACTERS:
        raise CodeUnreadable(Reason.BAD_CLAIM, "iss")
    # Until 2021-03 the framework called it iat, and cards have no expiry.
    dated = "nbf" in payload or "iat" not in payload
    issue_time = _instant(payload, "nbf" if dated else "iat")
    expire_time = _instant(payload, "exp") if "exp" in payload else None
    credential = object_member(payload, "vc")
    code_id = text_member(credential, "rid") if "rid" in credential else None
    if code_id is not None and not _revocation_id(code_id):
        raise CodeUnreadable(Reason.BAD_CLAIM, "rid")
    # 5
    subject = _part(credential, "credentialSubject")
    bundle = _part(subject, "fhirBundle")
    listed = credential.get("type")
    kinds = listed if isinstance(listed, list) else []
    resources = _resource_types(bundle)
    statement = _statement(kinds, resources or frozenset())
    conforms = (
        dated
        and header.algorithm is Algorithm.ES256
        and issuer.startswith("https://")
        and not issuer.endswith("/")
        and _HEALTH_CARD in kinds
        and isinstance(subject.get("fhirVersion"), str)
        and bundle.get("resourceType") == "Bundle"
        and resources is not None
    )
    return ClaimedCode(
        format=Format.SHC,
        issuer=IssuerId(issuer),
        key_id=header.key_id,
        algorithm=header.algorithm,
        signed=jws.signing_input,
        signature=jws.signature,
        statement=statement,
        issue_time=issue_time,
        not_before=issue_time,
        expire_time=expire_time,
        required_use=_USES.get(statement),
        code_id=code_id,
        obstacle=header.obstacle,
        notes=() if conforms else (Reason.SCHEMA_DEVIATION,),
        clinical=None if item is None else clinical_fhir.find(bundle, item),
    )


def _join_digits(code: bytes) -> bytes:
    """Turn one `shc:/` text, or all chunks of one, into the token.

    1. one part a prefix, with nothing but white space between parts and nothing around them
    2. a single part without a position is the whole card
    3. else every part has a position, all agree on the total, none contradicts another, none is missing
    """
    # 1
    if code[-1] <= 0x20:
        raise CodeUnreadable(Reason.TRAILING_BYTES, "shc")
    parts = [part.rstrip(b" \t\r\n") for part in code.split(PREFIX)[1:]]
    # 2
    if len(parts) == 1 and b"/" not in parts[0]:
        return _read_digits(parts[0])
    # 3
    chunks: dict[int, bytes] = {}
    totals: set[int] = set()
    for part in parts:
        found = _chunk(part)
        if found is None:
            # Two whole cards, or a whole one beside chunks: one of them does not belong here.
            raise CodeUnreadable(Reason.TRAILING_BYTES if part.isdigit() else Reason.BAD_TEXT_ENCODING, "shc")
        position, total, digits = int(found[1]), int(found[2]), found[3]
        totals.add(total)
        if not 1 <= position <= total or chunks.setdefault(position, digits) != digits:
            raise CodeUnreadable(Reason.CHUNKS_MISSING, "chunk position")
    if len(totals) != 1 or len(chunks) != totals.pop():
        raise CodeUnreadable(Reason.CHUNKS_MISSING, "chunk total")
    return b"".join([_read_digits(chunks[position]) for position in sorted(chunks)])


def _read_digits(digits: bytes) -> bytes:
    if not digits.isdigit() or len(digits) % 2:
        raise CodeUnreadable(Reason.BAD_TEXT_ENCODING, "shc digits")
    characters = bytes.fromhex(digits.decode("ascii")).translate(_CHARACTERS)
    if _NO_CHARACTER in characters:
        raise CodeUnreadable(Reason.BAD_TEXT_ENCODING, "shc pair")
    return characters


def _part(whole: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return a part that the specification demands and that judging a card can do without: empty if it is not there."""
    value = whole.get(name)
    return value if isinstance(value, dict) else _NO_PART


def _instant(claims: Mapping[str, object], name: str) -> Instant:
    value = claims.get(name)
    if value is None and name not in claims:
        raise CodeUnreadable(Reason.MISSING_CLAIM, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not EARLIEST <= value <= LATEST:
        raise CodeUnreadable(Reason.TIME_OUT_OF_RANGE, name)
    return Instant(float(value))


def _resource_types(bundle: Mapping[str, object]) -> frozenset[str] | None:
    """Return what kinds of resources the bundle holds; None if it is not built as a bundle."""
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not entries:
        return None
    kinds = set()
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(kind, str):
            return None
        kinds.add(kind)
    return frozenset(kinds)


def _statement(kinds: list[object], resources: frozenset[str]) -> str:
    immunization, laboratory = _IMMUNIZATION in kinds, _LABORATORY in kinds
    if immunization == laboratory:
        immunization, laboratory = "Immunization" in resources, False
    # A result may be positive: neither a token nor an immunization beside it hides it.
    if laboratory or not _RESULTS.isdisjoint(resources):
        return "laboratory"
    return "immunization" if immunization else "attested"
