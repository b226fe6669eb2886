"""The words of key handling: identifiers, algorithms, uses, and a key that may be trusted.

Pure values: no cryptography, no I/O, nothing of the gateway. Every other module of this package, and every room
that touches a key, speaks in these types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType, Protocol

IssuerId = NewType("IssuerId", str)
"""Who signs, as the trust list names it: a URL, a country code, a province's own name. Opaque, compared exactly."""

KeyId = NewType("KeyId", bytes)
"""Which key of that issuer. Raw bytes: a COSE key id as it is, a JOSE `kid` as its UTF-8."""

Instant = NewType("Instant", float)
"""A UTC instant in seconds since 1970-01-01. Between 2000-01-01 and 2100-01-01 wherever it came from outside."""

EARLIEST = Instant(946_684_800.0)
"""2000-01-01T00:00:00Z: no time in a code or list may lie before it."""

LATEST = Instant(4_102_444_800.0)
"""2100-01-01T00:00:00Z: no time in a code or list may lie after it."""


class Algorithm(StrEnum):
    """The signature algorithms that are read, by their JOSE name. Each key has exactly one."""

    ED25519 = "Ed25519"
    ES256 = "ES256"
    ES384 = "ES384"
    PS256 = "PS256"
    RS256 = "RS256"
    SM2 = "SM2"


class KeyUse(StrEnum):
    """What a key may attest (the DCC's extended key usage). A key that lists none may attest anything."""

    TEST = "test"
    VACCINATION = "vaccination"
    RECOVERY = "recovery"


class Environment(StrEnum):
    """Which world a store of keys belongs to. A list of one is never loaded into the other (CVE-2021-40855)."""

    PRODUCTION = "production"
    TEST = "test"


class KeyRefusal(StrEnum):
    """Why a key was not taken into the ring."""

    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    UNSUPPORTED_CURVE = "unsupported_curve"
    UNSUPPORTED_KEY_TYPE = "unsupported_key_type"
    MISSING_MEMBER = "missing_member"
    MALFORMED = "malformed"
    NOT_ON_CURVE = "not_on_curve"
    LOW_ORDER = "low_order"
    NON_CANONICAL = "non_canonical"
    RSA_TOO_SHORT = "rsa_too_short"
    RSA_TOO_LONG = "rsa_too_long"
    RSA_BAD_EXPONENT = "rsa_bad_exponent"
    WEAK_KEY = "weak_key"
    WRONG_USE = "wrong_use"
    WRONG_KEY_ID = "wrong_key_id"
    DUPLICATE = "duplicate"
    PRIVATE_PART = "private_part"


class KeyRefused(ValueError):
    """A key cannot be registered. `reason` is for machines, `detail` for the operator; neither holds key material."""

    def __init__(self, reason: KeyRefusal, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class Verifier(Protocol):
    """A public key that is parsed once and bound to one algorithm."""

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether `signature` is this key's over exactly `message`. Never raises on hostile input."""
        ...


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key of one issuer that a trust list vouches for.

    The window is not enforced by the ring: a caller judges it at her own instant (`not_before` and `not_after` are
    inclusive, None is unbounded), so that a wrong signature and an expired key stay two different answers.
    """

    issuer: IssuerId
    key_id: KeyId
    algorithm: Algorithm
    verifier: Verifier = field(repr=False, compare=False)
    not_before: Instant | None = None
    not_after: Instant | None = None
    uses: frozenset[KeyUse] = frozenset()
    revocation_counter: int | None = None
    """Which edition of its revocation list the issuer says is current (SHC `crlVersion`); None: it names none."""

    def valid_at(self, at: Instant) -> bool:
        """Tell whether `at` lies in the key's window."""
        return (self.not_before is None or self.not_before <= at) and (self.not_after is None or at <= self.not_after)
