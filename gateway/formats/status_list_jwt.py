"""The Token Status List as a compact JWS: read and written.

Rules:

- `typ` is statuslist+jwt (with or without "application/"): a health code, a receipt or a client's token is no list
- the payload is one strict JSON object without null anywhere at its top or in `status_list`
- what is written here can be read there; members are written in the order of their names

Source: IETF Token Status List, sections 4.2 and 5.1.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.values import Algorithm, Instant, IssuerId, KeyId

from . import jws
from .members import object_member
from .status_list import MAX_TOKEN_BYTES, ClaimedStatusList, claimed_status_list

JWT_TYPE: Final = "statuslist+jwt"
MEDIA_TYPE: Final = f"application/{JWT_TYPE}"

_TYPES: Final = frozenset({JWT_TYPE})
_MAX_DEPTH: Final = 8


def read(token: bytes, *, max_bytes: int = MAX_TOKEN_BYTES) -> ClaimedStatusList:
    """Read a list from its compact JWS. Nothing is unpacked.

    1. envelope: size, kind, no compression of its own
    2. payload: one strict JSON object
    3. claims

    Checks neither signature nor times against a clock, nor whose list it is.

    Raises: CodeUnreadable with what `jws.read_compact` and `jws.read_json` raise, BAD_COMPRESSION, MISSING_CLAIM,
    BAD_CLAIM or TIME_OUT_OF_RANGE.
    """
    # 1
    found = jws.read_compact(token, types=_TYPES, max_bytes=max_bytes)
    if found.header.compression is not None:
        raise CodeUnreadable(Reason.BAD_COMPRESSION, "zip")
    # 2
    payload = jws.read_json(found.payload, max_depth=_MAX_DEPTH, what="status list")
    if not isinstance(payload, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "payload")
    # 3
    listed = object_member(payload, "status_list")
    if None in payload.values() or None in listed.values():
        raise CodeUnreadable(Reason.BAD_CLAIM, "null")
    places = listed.get("lst")
    if not isinstance(places, str):
        raise CodeUnreadable(Reason.MISSING_CLAIM if places is None else Reason.BAD_CLAIM, "lst")
    return claimed_status_list(
        uri=payload.get("sub"),
        issuer=payload.get("iss"),
        issue_time=payload.get("iat"),
        not_before=payload.get("nbf"),
        expire_time=payload.get("exp"),
        ttl=payload.get("ttl"),
        bits=listed.get("bits"),
        packed=jws.read_base64url(places.encode(errors="replace"), "lst"),
        aggregation_uri=listed.get("aggregation_uri"),
        key_id=found.header.key_id,
        algorithm=found.header.algorithm,
        obstacle=found.header.obstacle,
        signed=found.signing_input,
        signature=found.signature,
    )


def write(
    *,
    uri: str,
    bits: int,
    packed: bytes,
    issue_time: Instant,
    expire_time: Instant | None = None,
    ttl: int | None = None,
    issuer: IssuerId | None = None,
    aggregation_uri: str | None = None,
    key_id: KeyId,
    algorithm: Algorithm,
    sign: Callable[[bytes], bytes],
) -> bytes:
    """Return the compact JWS of a list; `sign` returns a signature in the form of JOSE. Times are cut to the second.

    `packed` is what `status_list.pack` made. Does not check its arguments: read it back, as everybody else will.
    """
    listed: dict[str, object] = {"bits": bits, "lst": _segment(packed)}
    claims: dict[str, object | None] = {
        "exp": None if expire_time is None else int(expire_time),
        "iat": int(issue_time),
        "iss": issuer,
        "status_list": listed if aggregation_uri is None else {"aggregation_uri": aggregation_uri, **listed},
        "sub": uri,
        "ttl": ttl,
    }
    name = "EdDSA" if algorithm is Algorithm.ED25519 else algorithm.value
    header = {"alg": name, "kid": key_id.decode(), "typ": JWT_TYPE}
    said = {claim: value for claim, value in claims.items() if value is not None}
    signing_input = f"{_json(header)}.{_json(said)}"
    return f"{signing_input}.{_segment(sign(signing_input.encode('ascii')))}".encode("ascii")


def _json(value: Mapping[str, object]) -> str:
    return _segment(json.dumps(value, separators=(",", ":")).encode("ascii"))


def _segment(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
