"""Claimed and authentic codes for the rooms behind formats, with a key whose signature is easy to forge on purpose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gateway.values import (
    Algorithm,
    AuthenticCode,
    ClaimedCode,
    CodeState,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    KeyId,
    TrustedKey,
)

AT = Instant(1_700_000_000.0)
GUIZHOU = IssuerId("https://code.gz.example")
KEY_ID = KeyId(b"key-1")


@dataclass(frozen=True, slots=True)
class NamedVerifier:
    """Takes exactly the signature that names it. Behaves like a key; is none."""

    name: bytes

    def verify(self, signature: bytes, message: bytes) -> bool:
        return signature == b"signed by " + self.name and message == b"payload"


def claimed(**changes: Any) -> ClaimedCode:
    """Return a good native claim of Guizhou, made one minute before AT, with `changes`."""
    good = ClaimedCode(
        format=Format.NATIVE,
        issuer=GUIZHOU,
        key_id=KEY_ID,
        algorithm=Algorithm.ED25519,
        signed=b"payload",
        signature=b"signed by one",
        statement="green",
        issue_time=Instant(AT - 60),
        expire_time=Instant(AT + 60),
        division=DivisionCode("520100"),
        code_id="code-1",
    )
    return replace(good, **changes)


def key(name: bytes = b"one", **changes: Any) -> TrustedKey:
    """Return a key of Guizhou that takes the signatures of `name`."""
    return replace(TrustedKey(GUIZHOU, KEY_ID, Algorithm.ED25519, NamedVerifier(name)), **changes)


def profile(**changes: Any) -> IssuerProfile:
    """Return the trust list's word on Guizhou."""
    good = IssuerProfile(GUIZHOU, DivisionCode("520000"), frozenset({Format.NATIVE}), {})
    return replace(good, **changes)


def authentic(
    *, states: dict[str, CodeState] | None = None, by: TrustedKey | None = None, **changes: Any
) -> AuthenticCode:
    """Return an authentic code of Guizhou."""
    return AuthenticCode(claimed(**changes), profile(states=states or {}), by or key())
