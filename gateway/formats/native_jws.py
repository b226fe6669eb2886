"""The native interop code as a compact JWS, for APIs (docs/native-code.md, section 3).

Rules:

- `typ` is hcg+jwt (with or without "application/"): a status list, a receipt or a client's token is no code
- `kid` is there, `zip` is not
- the payload is one strict JSON object without null anywhere at its top
"""

from __future__ import annotations

from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.values import ClaimedCode

from .jws import read_compact, read_json
from .native_claims import (
    JWS_TYPE,
    MAX_JWS_BYTES,
    check_claims,
    check_key_id,
    claimed_code,
    read_member,
    read_origin,
    read_status_list,
)

_TYPES: Final = frozenset({JWS_TYPE})
_MAX_DEPTH: Final = 8


def read(token: bytes) -> ClaimedCode:
    """Read a native code from its compact JWS.

    1. size
    2. envelope: kind, key id, no compression
    3. payload: one strict JSON object
    4. claims

    Checks neither signature nor times against a clock, nor that the division is the issuer's.

    Source: docs/native-code.md, sections 2, 3 and 5.

    Raises: CodeUnreadable with TOO_LARGE, what `jws.read_compact` and `jws.read_json` raise, BAD_COMPRESSION,
    MISSING_CLAIM, BAD_CLAIM or TIME_OUT_OF_RANGE.
    """
    # 1
    if len(token) > MAX_JWS_BYTES:
        raise CodeUnreadable(Reason.TOO_LARGE, "native JWS")
    # 2
    jws = read_compact(token, types=_TYPES)
    header = jws.header
    key_id = check_key_id(header.key_id)
    if header.compression is not None:
        raise CodeUnreadable(Reason.BAD_COMPRESSION, "zip")
    # 3
    payload = read_json(jws.payload, max_depth=_MAX_DEPTH, what="native payload")
    if not isinstance(payload, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "payload")
    if None in payload.values():
        raise CodeUnreadable(Reason.BAD_CLAIM, "null")
    # 4
    claim = payload.get
    status_uri, status_index = read_status_list(payload["status"]) if "status" in payload else (None, None)
    origin_issuer, origin_division = read_origin(payload["org"]) if "org" in payload else (None, None)
    claims = check_claims(
        claim("iss"),
        claim("div"),
        claim("st"),
        claim("iat"),
        claim("exp"),
        claim("jti"),
        claim("nbf"),
        claim("sub"),
        status_uri,
        status_index,
        read_member(payload["cnf"], "jkt", "cnf") if "cnf" in payload else None,
        claim("hcm"),
        claim("aud"),
        origin_issuer,
        origin_division,
    )
    return claimed_code(
        claims,
        key_id=key_id,
        algorithm=header.algorithm,
        obstacle=header.obstacle,
        signed=jws.signing_input,
        signature=jws.signature,
    )
