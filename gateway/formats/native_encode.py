"""Writes native interop codes: the issuer's side, used by the demo, by tests and by code conversion.

Rules:

- the claims are checked by the rules that the reader has: what is written here can be read there
- nothing is signed that would be refused for its size
- no key is held: `sign` is handed in, and takes exactly the bytes that the signature covers
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable

from gateway.errors import CodeUnreadable, Reason
from gateway.values import Algorithm, KeyId
from keys.strict import base64url_decode

from . import base45, cbor, cose, native_cwt
from .native_claims import (
    CWT_TYPE,
    JWS_TYPE,
    MAX_JWS_BYTES,
    MAX_QR_BYTES,
    QR_PREFIX,
    NativeClaims,
    check_claims,
    check_key_id,
)

__all__ = ["NativeClaims", "encode_jws", "encode_qr"]


def encode_jws(claims: NativeClaims, *, key_id: KeyId, algorithm: Algorithm, sign: Callable[[bytes], bytes]) -> str:
    """Return the compact JWS of `claims`; `sign` returns a signature in the form of JOSE (r and s side by side).

    Source: docs/native-code.md, section 3; RFC 7515, section 5.1.

    Raises: CodeUnreadable with the reason that the reader would give.
    """
    header = {"alg": algorithm.value, "kid": check_key_id(key_id).decode("ascii"), "typ": JWS_TYPE}
    said = check_claims(*claims)
    payload: dict[str, object] = {
        "iss": said.issuer,
        "div": said.division,
        "st": said.state,
        "iat": said.issue_time,
        "exp": said.expire_time,
        "jti": said.code_id,
    }
    if said.not_before is not None:
        payload["nbf"] = said.not_before
    if said.subject is not None:
        payload["sub"] = said.subject
    if said.status_uri is not None:
        payload["status"] = _status(said)
    if said.holder_key is not None:
        payload["cnf"] = {"jkt": said.holder_key}
    if said.holder_commitment is not None:
        payload["hcm"] = said.holder_commitment
    if said.audience is not None:
        payload["aud"] = said.audience
    if said.origin_issuer is not None:
        payload["org"] = _origin(said)
    signing_input = f"{_segment(header)}.{_segment(payload)}"
    token = f"{signing_input}.{_base64url(sign(signing_input.encode('ascii')))}"
    if len(token) > MAX_JWS_BYTES:
        raise CodeUnreadable(Reason.TOO_LARGE, "native JWS")
    return token


def encode_qr(claims: NativeClaims, *, key_id: KeyId, algorithm: Algorithm, sign: Callable[[bytes], bytes]) -> str:
    """Return the QR text of `claims`; `sign` returns a signature in the form of COSE (r and s side by side).

    Source: docs/native-code.md, section 4; RFC 9052, section 4.4.

    Raises: CodeUnreadable with the reason that the reader would give; TOO_LARGE means that the claims do not fit a QR
    text of 511 bytes with this signature.
    """
    header = {
        cose.LABEL_ALGORITHM: cose.ALGORITHM_NUMBERS[algorithm],
        cose.LABEL_KEY_ID: check_key_id(key_id),
        native_cwt.HEADER_TYPE: CWT_TYPE,
    }
    said = check_claims(*claims)
    payload: dict[int, object] = {
        native_cwt.ISSUER: said.issuer,
        native_cwt.EXPIRE_TIME: said.expire_time,
        native_cwt.ISSUE_TIME: said.issue_time,
        native_cwt.CODE_ID: said.code_id.encode("ascii"),
        native_cwt.DIVISION: said.division,
        native_cwt.STATE: said.state,
    }
    if said.not_before is not None:
        payload[native_cwt.NOT_BEFORE] = said.not_before
    if said.subject is not None:
        payload[native_cwt.SUBJECT] = said.subject
    if said.status_uri is not None:
        payload[native_cwt.STATUS] = _status(said)
    if said.holder_key is not None:
        payload[native_cwt.CONFIRMATION] = {"jkt": base64url_decode(said.holder_key.encode("ascii"))}
    if said.holder_commitment is not None:
        payload[native_cwt.COMMITMENT] = base64url_decode(said.holder_commitment.encode("ascii"))
    if said.audience is not None:
        payload[native_cwt.AUDIENCE] = said.audience
    if said.origin_issuer is not None:
        payload[native_cwt.ORIGIN] = _origin(said)
    message = cose.encode_sign1(header, cbor.encode(payload), sign)
    text = QR_PREFIX + base45.encode(message)
    if len(text) > MAX_QR_BYTES:
        raise CodeUnreadable(Reason.TOO_LARGE, "native QR")
    return text.decode("ascii")


def _status(said: NativeClaims) -> dict[str, dict[str, object]]:
    return {"status_list": {"idx": said.status_index, "uri": said.status_uri}}


def _origin(said: NativeClaims) -> dict[str, object]:
    return {"div": said.origin_division, "iss": said.origin_issuer}


def _segment(value: dict[str, str] | dict[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode("ascii"))


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode("ascii").rstrip("=")
