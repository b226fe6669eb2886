"""A province that serves plain lists, who is trusted, and where what is taken is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.changes import ListName
from gateway.follow.token_list_source import (
    HeldTokenList,
    TakenTokenList,
    TokenListRefusal,
    TokenListSource,
)
from gateway.follow.token_lists import TokenListFollower
from gateway.formats import status_list
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Algorithm, Format, Instant, IssuerId, IssuerProfile, KeyUse
from keys.ring import KeyRing
from keys.values import TrustedKey
from tests.conftest import NOON, FakeClock
from tests.simulators.signing import SigningKey, make_key
from tests.simulators.token_list_site import TokenListSite
from tests.unit.formats.status_lists import cwt, jwt

ISSUER = IssuerId("https://code.gz.example")
OTHER = IssuerId("https://code.hi.example")
HOST = IssuerId("https://lists.example")
URI = "https://code.gz.example/s/1"
NAME = ListName(ISSUER, URI)
RAW = bytes((0x10, 0xDC, 0xFF, 0x42))
"""At 4 bits: green, cancelled, yellow, red, twice unknown, suspended, unassigned."""

KEY = make_key(Algorithm.ED25519, "status-1")
OTHERS_KEY = make_key(Algorithm.ED25519, "status-1")
HOSTS_KEY = make_key(Algorithm.ES256, "host-1")


def trusted(*keys: TrustedKey, formats: frozenset[Format] = frozenset({Format.NATIVE})) -> TrustSnapshot:
    """Return a snapshot with the three issuers, and these keys or each one's own."""
    own = keys or (KEY.trusted(ISSUER), OTHERS_KEY.trusted(OTHER), HOSTS_KEY.trusted(HOST))
    issuers = {issuer: IssuerProfile(issuer, None, formats) for issuer in (ISSUER, OTHER, HOST)}
    return TrustSnapshot(KeyRing(own), issuers, {})


def limited(use: KeyUse) -> TrustedKey:
    """Return the issuer's key as one that may attest only medical statements."""
    key = KEY.trusted(ISSUER)
    return TrustedKey(key.issuer, key.key_id, key.algorithm, key.verifier, uses=frozenset({use}))


def token(
    *,
    at: Instant = NOON,
    raw: bytes = RAW,
    bits: int = 4,
    key: SigningKey = KEY,
    spelled: str = "jwt",
    listed: Mapping[str, object] | None = None,
    **claims: object,
) -> bytes:
    """Return a list issued at `at` for an hour. A claim that is None is left out."""
    said: dict[str, Any] = {"sub": URI, "iat": int(at), "exp": int(at) + 3_600, "ttl": 600, **claims}
    said = {name: value for name, value in said.items() if value is not None}
    what = {"bits": bits, "lst": status_list.pack([raw]), **(listed or {})}
    if spelled == "cwt":
        return cwt(said, what, key=key)
    name = "EdDSA" if key.algorithm is Algorithm.ED25519 else key.algorithm.value
    return jwt(said, what, header={"alg": name, "kid": key.key_id.decode(), "typ": "statuslist+jwt"}, key=key)


@dataclass
class Kept:
    """Keeps what is taken, in memory, as a sink should."""

    lists: dict[ListName, tuple[HeldTokenList, bytes | None]] = field(default_factory=dict)
    """None: lapsed."""
    capacities: dict[ListName, int] = field(default_factory=dict)
    broken: Exception | None = None

    def held(self, name: ListName) -> HeldTokenList | None:
        return self.lists[name][0] if name in self.lists else None

    async def take(self, taken: TakenTokenList) -> None:
        if self.broken is not None:
            raise self.broken
        words = taken.words.read_bytes()
        assert len(words) == (taken.capacity + 1) // 2
        self.lists[taken.name] = (HeldTokenList(taken.issued, taken.expires), words)
        self.capacities[taken.name] = taken.capacity

    async def lapse(self, name: ListName) -> None:
        self.lists[name] = (self.lists[name][0], None)

    def words(self, name: ListName = NAME) -> bytes | None:
        """Return what is held of a list; None if nothing is."""
        return self.lists[name][1] if name in self.lists else None


@dataclass
class Watched:
    """Remembers what it is told."""

    told: list[tuple[str, object]] = field(default_factory=list)
    bugs: list[Exception] = field(default_factory=list)

    def taken(self, name: ListName, capacity: int, token_bytes: int) -> None:
        self.told.append(("taken", capacity))

    def unchanged(self, name: ListName) -> None:
        self.told.append(("unchanged", None))

    def refused(self, name: ListName, refusal: TokenListRefusal, detail: str) -> None:
        self.told.append(("refused", refusal))

    def lapsed(self, name: ListName) -> None:
        self.told.append(("lapsed", None))

    def follower_failed(self, name: ListName, failure: Exception) -> None:
        self.bugs.append(failure)


@dataclass
class World:
    """One list, followed."""

    site: TokenListSite
    folder: Path
    clock: FakeClock
    kept: Kept = field(default_factory=Kept)
    watched: Watched = field(default_factory=Watched)
    trust: TrustSnapshot = field(default_factory=trusted)
    chance: float = 0.0
    followers: list[TokenListFollower] = field(default_factory=list)

    def follow(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, **changes: Any) -> TokenListFollower:
        """Return a new follower, as after a restart."""
        options = {"name": NAME, "address": f"http://127.0.0.1:{self.site.port}/s/1", "time_limit_s": 30.0, **changes}
        made = TokenListFollower(
            TokenListSource(**options),
            trust=lambda: self.trust,
            sink=self.kept,
            folder=self.folder,
            clock=self.clock,
            observer=self.watched,
            chance=lambda: self.chance,
            sleep=sleep,
        )
        self.followers.append(made)
        return made

    async def close(self) -> None:
        """Close all."""
        for follower in self.followers:
            await follower.close()
        await self.site.stop()

    def last(self) -> tuple[str, object]:
        """Return what was told last."""
        return self.watched.told[-1]
