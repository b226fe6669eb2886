"""ICAO VDS-NC: a proof of vaccination or of testing as one JSON object, with the signer's certificate inside.

    {"data": {"hdr": {"t", "v", "is"}, "msg": {...}}, "sig": {"alg", "cer", "sigvl"}}

Rules:

- strict JSON; what is outside `data` is not covered by the signature and only helps to check it
- the signature covers the canonical form of `data` (JCS), which is made here. What has no certain canonical form is
  refused: a number with a fraction or an exponent, an integer beyond 2^53 - 1, a member name beyond ASCII
- base64url may carry its padding, in the one place where it belongs
- the key id is the first 8 bytes of the certificate's SHA-256, so that trust finds the key by it; the certificate is
  never trusted for being carried
- the seal has no times and no number of doses: a vaccination is "attested"; a test says its result, or is
  "laboratory" where that was not understood, for it may be positive
- of the holder nothing is kept but what the signature covers and, sealed, the one clinical item that was asked for
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from gateway.clinical import ClinicalItem
from gateway.errors import CodeUnreadable, Reason
from gateway.values import Algorithm, ClaimedCode, Format, IssuerId, KeyId, KeyUse

from . import clinical_vdsnc
from .jws import read_base64url, read_json
from .members import object_member, text_member

KEY_ID_BYTES: Final = 8
MAX_DEPTH: Final = 12
SUPPORTED_VERSION: Final = 1

_VACCINATION: Final = "icao.vacc"
_TEST: Final = "icao.test"
_USES: Final = {_VACCINATION: KeyUse.VACCINATION, _TEST: KeyUse.TEST}
_RESULTS: Final = {
    "negative": "tested-negative",
    "normal": "tested-negative",
    "positive": "tested-positive",
    "abnormal": "tested-positive",
}
_ATTESTED: Final = "attested"
_NOT_UNDERSTOOD: Final = "laboratory"
_ALGORITHMS: Final = {algorithm.value: algorithm for algorithm in Algorithm}
_LARGEST_EXACT: Final = 2**53 - 1


def read(code: bytes, item: ClinicalItem | None = None) -> ClaimedCode:
    """Read a VDS-NC; keep the clinical `item` of it, if one is wanted.

    1. strict JSON; the two members
    2. the header: type, version, issuer
    3. the signature part: algorithm, certificate, signature
    4. the canonical form of what is signed

    Guarantees that `signed` is the canonical form of `data`. Checks no signature, no certificate, nothing of the
    message but a test's result. The caller has bounded the size of `code`.

    Source: ICAO TR VDS-NC 1.1, sections 3 and 4; RFC 8785, section 3.2.

    Raises: CodeUnreadable with what `jws.read_json` raises, BAD_ENVELOPE (not the two members), WRONG_TYPE (another
    kind of seal), MISSING_CLAIM, BAD_CLAIM, BAD_TEXT_ENCODING.
    """
    # 1
    seal = read_json(code, max_depth=MAX_DEPTH, what="VDS-NC")
    if not isinstance(seal, dict):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "VDS-NC")
    data = object_member(seal, "data", otherwise=Reason.BAD_ENVELOPE)
    proof = object_member(seal, "sig", otherwise=Reason.BAD_ENVELOPE)
    # 2
    header = object_member(data, "hdr")
    message = object_member(data, "msg")
    kind = text_member(header, "t")
    if kind not in _USES:
        raise CodeUnreadable(Reason.WRONG_TYPE, "hdr.t")
    issuer = text_member(header, "is")
    if type(header.get("v")) is not int:
        raise CodeUnreadable(Reason.BAD_CLAIM if "v" in header else Reason.MISSING_CLAIM, "hdr.v")
    # 3
    name = text_member(proof, "alg")
    algorithm = _ALGORITHMS.get(name)
    certificate = _base64url(proof, "cer") if "cer" in proof else None
    signature = _base64url(proof, "sigvl")
    # 4
    _require_canonical(data)
    signed = json.dumps(data, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
    return ClaimedCode(
        Format.VDSNC,
        IssuerId(issuer),
        None if certificate is None else KeyId(sha256(certificate).digest()[:KEY_ID_BYTES]),
        algorithm,
        signed,
        signature,
        _ATTESTED if kind == _VACCINATION else _test_word(message),
        required_use=_USES[kind],
        certificate=certificate,
        obstacle=Reason.UNSUPPORTED_ALGORITHM if algorithm is None else None,
        notes=() if header["v"] == SUPPORTED_VERSION else (Reason.SCHEMA_DEVIATION,),
        clinical=None if item is None else clinical_vdsnc.find(message, item),
    )


def _test_word(message: Mapping[str, object]) -> str:
    result = message.get("tr")
    said = result.get("r") if isinstance(result, dict) else None
    return _RESULTS.get(said.strip().lower(), _NOT_UNDERSTOOD) if isinstance(said, str) else _NOT_UNDERSTOOD


def _base64url(members: Mapping[str, object], name: str) -> bytes:
    text = text_member(members, name)
    if text.endswith("=") and len(text) % 4 == 0:
        text = text.removesuffix("=").removesuffix("=")
    if not text.isascii():
        raise CodeUnreadable(Reason.BAD_TEXT_ENCODING, name)
    return read_base64url(text.encode(), name)


def _require_canonical(data: Mapping[str, object]) -> None:
    """Refuse what JSON libraries write in more than one way, so that json.dumps gives the canonical form.

    Source: RFC 8785, sections 3.2.2 and 3.2.3.
    """
    pending: list[object] = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if not all(name.isascii() for name in value):
                raise CodeUnreadable(Reason.BAD_CLAIM, "member name")
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, float) or (isinstance(value, int) and abs(value) > _LARGEST_EXACT):
            raise CodeUnreadable(Reason.BAD_CLAIM, "number")
