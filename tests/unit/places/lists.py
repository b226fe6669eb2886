"""Lists that are really signed, for the tests of this folder and of the edge."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from gateway.places.signing import sign_list
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Algorithm, DivisionCode, Format, Instant, IssuerId, IssuerProfile, KeyUse
from keys.ring import KeyRing
from tests.simulators.signing import SigningKey, make_key

ISSUER = IssuerId("https://lists.example")
AT = Instant(1_581_900_000.0)
"""2020-02-17 in China."""

G1234 = {"day": "2020-02-15", "mode": "train", "number": "G1234", "carriages": ["3", "8"]}
MU5138 = {"day": "2020-02-15", "mode": "flight", "number": "MU5138"}


@cache
def key(name: str = "lists-1") -> SigningKey:
    return make_key(Algorithm.ED25519, name)


def journeys(**changes: Any) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "list": "journeys",
        "seq": 1,
        "iat": int(AT) - 60,
        "exp": int(AT) + 86_400,
        "covers": {"since": "2020-02-01", "until": "2020-02-17", "modes": ["train", "flight"]},
        "entries": [G1234, MU5138],
    } | changes


def places(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "list": "places",
        "seq": 1,
        "iat": int(AT) - 60,
        "exp": int(AT) + 86_400,
        "covers": {"since": "2020-02-01", "until": "2020-02-17", "divisions": ["330000"]},
        "entries": list(entries),
    } | changes


def signed(document: dict[str, Any] | str, *, by: SigningKey | None = None) -> bytes:
    signer = by or key()
    text = document if isinstance(document, str) else json.dumps(document, indent=1, ensure_ascii=False)
    return sign_list(text.encode(), key_id=signer.key_id, algorithm=signer.algorithm, sign=signer.sign)


@dataclass(frozen=True)
class Trust:
    """A trust list's word on the issuer of lists."""

    division: str | None = "330000"
    formats: frozenset[Format] = frozenset({Format.NATIVE})
    not_after: Instant | None = None
    uses: frozenset[KeyUse] = frozenset()

    def snapshot(self) -> TrustSnapshot:
        own = None if self.division is None else DivisionCode(self.division)
        trusted = replace(key().trusted(ISSUER, not_after=self.not_after), uses=self.uses)
        return TrustSnapshot(KeyRing([trusted]), {ISSUER: IssuerProfile(ISSUER, own, self.formats)}, {})
