"""Checks a receipt offline: with a key set, and nothing of the gateway that signed it.

Rules:

- Strict: one spelling of base64url, no repeated names in JSON, a known `typ`, nothing critical that is not known.
- The key decides what it signs with; the header must agree. A receipt brings no key of its own.
- What is told of a receipt was signed. A fault tells its name and nothing that stood in the receipt.
- A root alone is no receipt, and a receipt's claims are no root: their types differ.

Source: RFC 7515, section 5.2; RFC 8725, sections 3.1 and 3.11; docs/receipts.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from typing import Final

from gateway.values import Instant
from keys.strict import StrictError, base64url_decode, parse_json
from keys.values import Algorithm, TrustedKey

from .commitment import SALT_BYTES, code_digest
from .merkle import HASH_BYTES, is_included
from .receipt import RECEIPT_TYPE, ROOT_TYPE, TREE

MAX_RECEIPT_CHARACTERS: Final = 65_536
"""Far more than a receipt takes: some hundreds of letters, and 43 for each step of a path."""

MAX_CLOCK_SKEW_S: Final = 60
"""Seconds that the gateway's clock may have been ahead of the reader's."""

MAX_SIZE: Final = 1 << 32
_MAX_DEPTH: Final = 8
_NAMES: Final = {
    "EdDSA": Algorithm.ED25519,
    "Ed25519": Algorithm.ED25519,
    "ES256": Algorithm.ES256,
    "SM2": Algorithm.SM2,
}
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


class ReceiptFault(StrEnum):
    """Why a receipt proves nothing. The words are stable."""

    MALFORMED = "malformed"
    """It is no receipt, or not in its one spelling."""
    UNKNOWN_KEY = "unknown_key"
    """No key of the set has its key id: another gateway's, or the set is too old. Nothing is known."""
    BAD_SIGNATURE = "bad_signature"
    """Not signed by the key that it names: forged, or altered."""
    BAD_PROOF = "bad_proof"
    """The path does not lead from its claims to the signed root: forged, or altered."""
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    """It was a receipt, and says itself that it proves nothing any more."""
    WRONG_ISSUER = "wrong_issuer"
    WRONG_CALLER = "wrong_caller"
    """It was given to somebody else."""
    WRONG_CODE = "wrong_code"
    """It is about another code, or the salt is another's."""


class ReceiptRefused(Exception):
    """A receipt proves nothing, or nothing to this reader."""

    def __init__(self, fault: ReceiptFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader knows beforehand. None is not looked at."""

    at: Instant
    issuer: str | None = None
    caller: str | None = None
    code: bytes | None = None
    salt: bytes = b""


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """What was signed."""

    claims: Mapping[str, object]
    key_id: str
    signed_with: int
    """How many receipts have this signature in common."""


def check_receipt(text: str, keys: Iterable[TrustedKey], expected: Expected) -> CheckedReceipt:
    """Return what a receipt says.

    1. Its form: a JWS, or a root with claims, index and path.
    2. The signature, of a key of `keys` under the key id that it names.
    3. Of one of many: the path to the root, for the same caller, by the same gateway.
    4. Its times, and whose it is.
    5. The code, if the reader has it.

    Raises: ReceiptRefused with the first of these that fails.
    """
    # 1
    if len(text) > MAX_RECEIPT_CHARACTERS or not text.isascii():
        raise ReceiptRefused(ReceiptFault.MALFORMED)
    token, *proof = text.split("~")
    if len(proof) not in (0, 3):
        raise ReceiptRefused(ReceiptFault.MALFORMED)
    # 2
    claims, key_id = _signed_claims(token, ROOT_TYPE if proof else RECEIPT_TYPE, keys)
    # 3
    size = 1
    if proof:
        root, size = claims, _whole(claims, "size")
        claims = _leaf(root, size, *proof)
        _check_times(root, expected.at)
    # 4
    _check_times(claims, expected.at)
    if expected.issuer not in (None, claims.get("iss")):
        raise ReceiptRefused(ReceiptFault.WRONG_ISSUER)
    if expected.caller not in (None, claims.get("aud")):
        raise ReceiptRefused(ReceiptFault.WRONG_CALLER)
    # 5
    if expected.code is not None:
        _check_code(claims, expected.code, expected.salt)
    return CheckedReceipt(claims, key_id, size)


def _signed_claims(token: str, typ: str, keys: Iterable[TrustedKey]) -> tuple[dict[str, object], str]:
    segments = token.split(".")
    if len(segments) != 3:
        raise ReceiptRefused(ReceiptFault.MALFORMED)
    header = _object(segments[0])
    key_id, algorithm = header.get("kid"), _NAMES.get(str(header.get("alg")))
    if header.get("typ") != typ or "crit" in header or not isinstance(key_id, str):
        raise ReceiptRefused(ReceiptFault.MALFORMED)
    claims, signature = _object(segments[1]), _octets(segments[2])
    found = [key for key in keys if key.key_id == key_id.encode()]
    if not found:
        raise ReceiptRefused(ReceiptFault.UNKNOWN_KEY)
    signed = token.rpartition(".")[0].encode("ascii")
    if not any(key.algorithm is algorithm and key.verifier.verify(signature, signed) for key in found):
        raise ReceiptRefused(ReceiptFault.BAD_SIGNATURE)
    return claims, key_id


def _leaf(root: Mapping[str, object], size: int, payload: str, index: str, path: str) -> dict[str, object]:
    signed = root.get("root")
    if root.get("tree") != TREE or not isinstance(signed, str) or not _DECIMAL.fullmatch(index):
        raise ReceiptRefused(ReceiptFault.MALFORMED)
    top = _octets(signed)
    if len(top) != HASH_BYTES or not is_included(_octets(payload), int(index), size, _octets(path), top):
        raise ReceiptRefused(ReceiptFault.BAD_PROOF)
    claims = _object(payload)
    if any(claims.get(name) != root.get(name) for name in ("iss", "aud")):
        raise ReceiptRefused(ReceiptFault.BAD_PROOF)
    return claims


def _check_times(claims: Mapping[str, object], at: Instant) -> None:
    if _whole(claims, "iat") > at + MAX_CLOCK_SKEW_S:
        raise ReceiptRefused(ReceiptFault.NOT_YET_VALID)
    if at >= _whole(claims, "exp"):
        raise ReceiptRefused(ReceiptFault.EXPIRED)


def _check_code(claims: Mapping[str, object], code: bytes, salt: bytes) -> None:
    told = claims.get("code_digest")
    if not isinstance(told, str) or len(salt) != SALT_BYTES:
        raise ReceiptRefused(ReceiptFault.WRONG_CODE)
    if not compare_digest(_octets(told), code_digest(code, salt)):
        raise ReceiptRefused(ReceiptFault.WRONG_CODE)


def _whole(claims: Mapping[str, object], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 < value <= MAX_SIZE:
        raise ReceiptRefused(ReceiptFault.MALFORMED)
    return value


def _object(segment: str) -> dict[str, object]:
    octets = _octets(segment)
    try:
        value = parse_json(octets, max_depth=_MAX_DEPTH)
    except StrictError:
        value = None
    if not isinstance(value, dict):
        raise ReceiptRefused(ReceiptFault.MALFORMED)
    return value


def _octets(text: str) -> bytes:
    try:
        return base64url_decode(text.encode("ascii", "replace"))
    except StrictError:
        pass
    raise ReceiptRefused(ReceiptFault.MALFORMED)
