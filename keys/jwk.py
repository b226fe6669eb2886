"""Public keys from JSON Web Keys and sets of them (RFC 7517, 7518, 7638, 8037).

- One bad key never costs the others: each key is taken, or told with the reason why not.
- A key has exactly one algorithm. `alg` must be one that its `kty` and `crv` can do; without it the curve decides. An
  RSA key without `alg` could be PS256 or RS256, and choosing would be a guess: refused (MISSING_MEMBER).
- `use` other than `sig`, and `key_ops` without `verify`, are refused: an encryption key signs nothing.
- Private members are refused: whoever publishes one has published the key.
- Coordinates have their full length and numbers no leading zeros, so that a key has one spelling and one thumbprint.
- An SM2 key states its settings in a member `sm2`, or has them pinned by whoever reads it (sm2_settings.py).
- Members that are not known (`date`, `x5c`) are passed over; certificates in a JWK prove nothing here.
- A key without `kid` is known by its thumbprint.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric import ec

from .algorithms import PublicKey, RefusedKey, Sm2Settings, make_verifier
from .revocation import MAX_COUNTER
from .rsa import rsa_public_key
from .sm2_settings import settings_of
from .strict import StrictError, base64url_decode
from .values import Algorithm, IssuerId, KeyId, KeyRefusal, KeyRefused, TrustedKey

MAX_KEYS: Final = 1024
"""Keys in one set."""

MAX_KEY_ID_BYTES: Final = 256
MAX_MEMBER_CHARACTERS: Final = 2048
"""An 8,192-bit modulus takes 1,366."""

EVERY_ALGORITHM: Final = frozenset(Algorithm)
SMART_HEALTH_CARD: Final = frozenset({Algorithm.ES256})
"""What the SMART Health Cards framework allows issuers to sign with."""

_NAMES: Final = {algorithm.value: algorithm for algorithm in Algorithm} | {"EdDSA": Algorithm.ED25519}
_REVOCATION_COUNTER: Final = "crlVersion"
_PRIVATE: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a `kty` and `crv` stand for."""

    algorithms: tuple[Algorithm, ...]
    members: tuple[str, ...]
    coordinate_bytes: int = 0


_RSA: Final = _Kind((Algorithm.PS256, Algorithm.RS256), ("n", "e"))
_CURVES: Final = {
    ("EC", "P-256"): _Kind((Algorithm.ES256,), ("x", "y"), 32),
    ("EC", "P-384"): _Kind((Algorithm.ES384,), ("x", "y"), 48),
    ("EC", "SM2"): _Kind((Algorithm.SM2,), ("x", "y"), 32),
    ("OKP", "Ed25519"): _Kind((Algorithm.ED25519,), ("x",), 32),
}
_NIST_CURVE: Final[dict[Algorithm, ec.EllipticCurve]] = {
    Algorithm.ES256: ec.SECP256R1(),
    Algorithm.ES384: ec.SECP384R1(),
}


def keys_from_jwks(
    jwks: object,
    *,
    issuer: IssuerId,
    algorithms: frozenset[Algorithm] = EVERY_ALGORITHM,
    require_thumbprint: bool = False,
    sm2: Sm2Settings | None = None,
) -> tuple[list[TrustedKey], list[RefusedKey]]:
    """Return the keys of a JWK set that may be trusted for `issuer`, and the others with their reasons.

    Two keys may share a `kid`; the same key twice under one `kid` is refused the second time (DUPLICATE).

    Args:
        jwks: the parsed JSON, an object with `keys`.
        issuer: whose codes the keys sign.
        algorithms: what is taken. SMART_HEALTH_CARD with `require_thumbprint` is the rule of SMART Health Cards.
        require_thumbprint: `kid` must be the key's RFC 7638 thumbprint.
        sm2: pinned for its SM2 keys; those that state their own must state the same.

    Raises:
        KeyRefused: MALFORMED, if this is no key set or one of more than MAX_KEYS keys.

    Source: RFC 7517 section 5; SMART Health Cards 1.0, Determining keys associated with an issuer.

    """
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise KeyRefused(KeyRefusal.MALFORMED, f"not an object with a list of at most {MAX_KEYS} keys")
    taken: list[TrustedKey] = []
    refused: list[RefusedKey] = []
    seen: set[tuple[KeyId, str]] = set()
    for number, jwk in enumerate(listed):
        try:
            key = key_from_jwk(
                jwk, issuer=issuer, algorithms=algorithms, require_thumbprint=require_thumbprint, sm2=sm2
            )
            identity = (key.key_id, thumbprint(jwk))
            if identity in seen:
                raise KeyRefused(KeyRefusal.DUPLICATE, "the same key under the same kid")
        except KeyRefused as no:
            refused.append(RefusedKey(issuer, _key_id_or_none(jwk), f"keys[{number}]", no.reason, no.detail))
        else:
            seen.add(identity)
            taken.append(key)
    return taken, refused


def key_from_jwk(
    jwk: object,
    *,
    issuer: IssuerId,
    algorithms: frozenset[Algorithm] = EVERY_ALGORITHM,
    require_thumbprint: bool = False,
    sm2: Sm2Settings | None = None,
) -> TrustedKey:
    """Return one JWK as a key that is trusted for `issuer`. Arguments as for `keys_from_jwks`.

    1. It is an object without private members.
    2. Its kind is one that is read, and allowed here: first `kty`, then `crv`, then `alg`.
    3. It is for signatures.
    4. Its members make a key that may be registered.
    5. Its `kid`, if it must be the thumbprint, is.

    Raises:
        KeyRefused: with the first rule that it breaks.

    Source: RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2.

    """
    # 1
    if not isinstance(jwk, dict):
        raise KeyRefused(KeyRefusal.MALFORMED, "a JWK is an object")
    if any(member in jwk for member in _PRIVATE if jwk.get("kty") != "oct" or member != "k"):
        raise KeyRefused(KeyRefusal.PRIVATE_PART, "a private member is published with the key")
    # 2
    kind = _kind(jwk, algorithms)
    algorithm = _algorithm(jwk, kind, algorithms)
    # 3
    _check_purpose(jwk)
    # 4
    settings = settings_of(jwk, sm2) if algorithm is Algorithm.SM2 else None
    verifier = make_verifier(algorithm, _public_key(jwk, kind, algorithm), sm2=settings)
    # 5
    key_id = _key_id(jwk, require_thumbprint=require_thumbprint)
    return TrustedKey(issuer, key_id, algorithm, verifier, revocation_counter=_revocation_counter(jwk))


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the RFC 7638 thumbprint (SHA-256, base64url) of a JWK whose kind is known.

    Raises:
        KeyRefused: a required member is missing or no text, or the kind is not known.

    Source: RFC 7638 section 3, RFC 8037 section 2.

    """
    canonical = json.dumps(public_members(jwk), sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def public_members(jwk: Mapping[str, object]) -> dict[str, str]:
    """Return only the members that make the key itself: `kty`, `crv` and its numbers. Raises: as `thumbprint`."""
    kind = _kind(jwk, EVERY_ALGORITHM)
    curve = ("crv",) if jwk.get("kty") != "RSA" else ()
    return {name: _text(jwk, name) for name in ("kty", *curve, *kind.members)}


def listed_members(jwk: Mapping[str, object]) -> dict[str, object]:
    """Return what a trust list keeps of a JWK: the key itself, and which edition of its revocation list is current."""
    counter = _revocation_counter(jwk)
    return {**public_members(jwk), **({} if counter is None else {_REVOCATION_COUNTER: counter})}


def _revocation_counter(jwk: Mapping[str, object]) -> int | None:
    """Return `crlVersion`; None if there is none. One that is no counter is past every list: none is current then."""
    counter = jwk.get(_REVOCATION_COUNTER)
    if counter is None:
        return None
    return counter if type(counter) is int and 0 <= counter <= MAX_COUNTER else MAX_COUNTER + 1


def _kind(jwk: Mapping[str, object], allowed: frozenset[Algorithm]) -> _Kind:
    kty = _text(jwk, "kty")
    of_type = [kind for (name, _), kind in _CURVES.items() if name == kty] if kty != "RSA" else [_RSA]
    if not any(allowed.intersection(kind.algorithms) for kind in of_type):
        raise KeyRefused(KeyRefusal.UNSUPPORTED_KEY_TYPE, "kty")
    if kty == "RSA":
        return _RSA
    kind = _CURVES.get((kty, _text(jwk, "crv")))
    if kind is None or not allowed.intersection(kind.algorithms):
        raise KeyRefused(KeyRefusal.UNSUPPORTED_CURVE, "crv")
    return kind


def _algorithm(jwk: Mapping[str, object], kind: _Kind, allowed: frozenset[Algorithm]) -> Algorithm:
    if "alg" not in jwk:
        if len(kind.algorithms) > 1:
            raise KeyRefused(KeyRefusal.MISSING_MEMBER, "an RSA key must say alg, PS256 or RS256")
        return kind.algorithms[0]
    algorithm = _NAMES.get(_text(jwk, "alg"))
    if algorithm is None or algorithm not in kind.algorithms or algorithm not in allowed:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_ALGORITHM, "alg is not read, or not for a key of this kind")
    return algorithm


def _check_purpose(jwk: Mapping[str, object]) -> None:
    if "use" in jwk and jwk["use"] != "sig":
        raise KeyRefused(KeyRefusal.WRONG_USE, "use")
    if "key_ops" in jwk:
        operations = jwk["key_ops"]
        if not isinstance(operations, list) or "verify" not in operations:
            raise KeyRefused(KeyRefusal.WRONG_USE, "key_ops")


def _public_key(jwk: Mapping[str, object], kind: _Kind, algorithm: Algorithm) -> PublicKey:
    values = [_octets(jwk, member) for member in kind.members]
    if kind is _RSA:
        if any(not value or value[0] == 0 for value in values):
            raise KeyRefused(KeyRefusal.NON_CANONICAL, "n and e have no leading zeros (RFC 7518 2)")
        return rsa_public_key(*(int.from_bytes(value, "big") for value in values))
    for member, value in zip(kind.members, values, strict=True):
        if len(value) != kind.coordinate_bytes:
            raise KeyRefused(KeyRefusal.MALFORMED, f"{member} has {len(value)} bytes, not {kind.coordinate_bytes}")
    if algorithm is Algorithm.ED25519:
        return values[0]
    point = b"\x04" + b"".join(values)
    if algorithm is Algorithm.SM2:
        return point
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_NIST_CURVE[algorithm], point)
    except ValueError:
        raise KeyRefused(KeyRefusal.NOT_ON_CURVE, "x and y") from None


def _key_id(jwk: Mapping[str, object], *, require_thumbprint: bool) -> KeyId:
    if "kid" not in jwk:
        if require_thumbprint:
            raise KeyRefused(KeyRefusal.MISSING_MEMBER, "kid")
        return KeyId(thumbprint(jwk).encode())
    kid = _text(jwk, "kid")
    if require_thumbprint and kid != thumbprint(jwk):
        raise KeyRefused(KeyRefusal.WRONG_KEY_ID, "kid is not the key's thumbprint")
    try:
        key_id = KeyId(kid.encode())
    except UnicodeEncodeError:
        raise KeyRefused(KeyRefusal.MALFORMED, "kid is not Unicode text") from None
    if len(key_id) > MAX_KEY_ID_BYTES:
        raise KeyRefused(KeyRefusal.MALFORMED, f"kid has more than {MAX_KEY_ID_BYTES} bytes")
    return key_id


def _key_id_or_none(jwk: object) -> KeyId | None:
    kid = cast("dict[str, object]", jwk).get("kid") if isinstance(jwk, dict) else None
    return KeyId(kid.encode(errors="replace")[:MAX_KEY_ID_BYTES]) if isinstance(kid, str) else None


def _text(jwk: Mapping[str, object], member: str) -> str:
    value = jwk.get(member)
    if value is None:
        raise KeyRefused(KeyRefusal.MISSING_MEMBER, member)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_MEMBER_CHARACTERS:
        raise KeyRefused(KeyRefusal.MALFORMED, f"{member} is not a text of usual length")
    if not value.isascii() and member != "kid":
        raise KeyRefused(KeyRefusal.MALFORMED, f"{member} is not ASCII")
    return value


def _octets(jwk: Mapping[str, object], member: str) -> bytes:
    try:
        return base64url_decode(_text(jwk, member).encode())
    except StrictError:
        raise KeyRefused(KeyRefusal.MALFORMED, f"{member} is not base64url") from None
