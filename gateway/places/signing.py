"""Signs a list for publication.

The document is signed as it was written, line breaks too, so that a fault in it can be told with its line.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable

from gateway.values import Algorithm, KeyId

from .published_list import LIST_TYPE


def sign_list(document: bytes, *, key_id: KeyId, algorithm: Algorithm, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the compact JWS of exactly `document`.

    Does not check the document: read it back with `read_list`, as everybody else will.
    """
    name = "EdDSA" if algorithm is Algorithm.ED25519 else algorithm.value
    header = {"alg": name, "kid": key_id.decode(), "typ": LIST_TYPE}
    covered = _segment(json.dumps(header, separators=(",", ":")).encode()) + b"." + _segment(document)
    return covered + b"." + _segment(sign(covered))


def _segment(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
