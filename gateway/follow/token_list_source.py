"""A plain Token Status List that is followed: whose it is, where it is fetched, and what may be wrong with it.

Rules:

- It is fetched where it was configured to be, over https, or over http from this machine; never where an answer says.
- What its statuses mean is said here. An issuer of native codes speaks in our own words where it has four bits; anybody
  else's "valid" says no colour: what was signed stays what it is (AS_SIGNED).
- A status that no map names reads UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import urlsplit

from gateway.changes import ListName, Word
from gateway.errors import GatewayError
from gateway.formats.status_list import MAX_TOKEN_BYTES, WordTable
from gateway.loopback import is_loopback
from gateway.status.words import AS_SIGNED, CANCELLED, PUBLISHED, SUSPENDED, UNKNOWN
from gateway.values import Instant, IssuerId

COLOURS: Final[Mapping[int, Word]] = MappingProxyType({int(word): word for word in sorted(PUBLISHED)})
"""The words of an issuer that speaks as we do."""

PLAIN: Final[Mapping[int, Word]] = MappingProxyType({0: AS_SIGNED, 1: CANCELLED, 2: SUSPENDED})
"""VALID, INVALID and SUSPENDED, and nothing else. Source: IETF Token Status List, section 7.1."""


class TokenListRefusal(StrEnum):
    """Why a list was not taken. Labels of a metric: additions only."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    """Not whole in its time, however it dripped."""
    BAD_STATUS = "bad_status"
    WRONG_MEDIA_TYPE = "wrong_media_type"
    COMPRESSED = "compressed"
    """In transfer, which nobody asked for."""
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    TRUST_EXPIRED = "trust_expired"
    """Nobody can be trusted now: the trust list has run out."""
    UNKNOWN_ISSUER = "unknown_issuer"
    FOREIGN_ISSUER = "foreign_issuer"
    """It says that it is another's."""
    BAD_SIGNATURE = "bad_signature"
    WRONG_LIST = "wrong_list"
    """`sub` is another address."""
    IN_THE_FUTURE = "in_the_future"
    EXPIRED = "expired"
    ROLLED_BACK = "rolled_back"
    """Issued before the one that is held."""
    NOT_KEPT = "not_kept"
    """It is good, and could not be written here."""


class TokenListRefused(GatewayError):
    """A list was not taken; what is held stays. `detail` names a claim or a reason, never what was received."""

    def __init__(self, refusal: TokenListRefusal, detail: str = "") -> None:
        super().__init__(f"{refusal.value}: {detail}" if detail else refusal.value)
        self.refusal = refusal
        self.detail = detail


class SourceInvalid(Exception):
    """A source cannot be followed as it is configured. Names the part and the fault."""


@dataclass(frozen=True, slots=True)
class TokenListSource:
    """A list to be followed. `name.uri` is its address in codes, and its `sub`.

    Raises: SourceInvalid.
    """

    name: ListName
    address: str = ""
    """Where it is fetched, if not at its own address."""
    signed_by: IssuerId | None = None
    """Who signs it, if not the issuer itself: a provider that the operator trusts to speak for it."""
    words: Mapping[int, Word] | None = None
    """The issuer's own map, status -> word. None: COLOURS or PLAIN, by who it is."""
    time_limit_s: float = 60.0
    """For a fetch as a whole."""
    max_token_bytes: int = MAX_TOKEN_BYTES
    max_places: int = 1 << 28

    def __post_init__(self) -> None:
        """Refuse an address that may not be spoken to, and a map of no words."""
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            raise SourceInvalid("address: not a URL") from None
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
            raise SourceInvalid("address: neither https nor http to loopback")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise SourceInvalid("address: no user and no fragment")
        if self.words is not None and not all(
            0 <= status <= 0xFF and word in PUBLISHED | {AS_SIGNED} for status, word in self.words.items()
        ):
            raise SourceInvalid("words: a status is 0 to 255, and stands for a word that means something")

    @property
    def url(self) -> str:
        """Where it is fetched."""
        return self.address or self.name.uri

    @property
    def signer(self) -> IssuerId:
        """Who signs it."""
        return self.signed_by or self.name.issuer

    def table(self, bits: int, *, colours: bool) -> WordTable:
        """Return how its places are read. `colours`: its issuer is trusted to state colours, in codes of our own."""
        words = self.words
        if words is None:
            words = COLOURS if colours and bits == 4 else PLAIN
        return WordTable(bits, [words.get(status, UNKNOWN) for status in range(1 << bits)])


@dataclass(frozen=True, slots=True)
class HeldTokenList:
    """What is known here of a list that was taken, or was taken once and has lapsed."""

    issued: Instant
    expires: Instant | None


@dataclass(frozen=True, slots=True)
class TakenTokenList:
    """A list that is authentic, newer than what is held, and in force."""

    name: ListName
    capacity: int
    words: Path = field(repr=False)
    """A file of raw words (gateway/status/words.py), removed once `take` has returned."""
    issued: Instant
    expires: Instant | None
    ttl: float | None


class TokenListSink(Protocol):
    """Where lists that are followed are kept."""

    def held(self, name: ListName) -> HeldTokenList | None:
        """Return what was taken last, also after it lapsed and after a restart: nothing older is ever taken."""
        ...

    async def take(self, taken: TakenTokenList) -> None:
        """Put a list in the place of the one that is held. Raises: StoreDegraded, OSError: then nothing changed."""
        ...

    async def lapse(self, name: ListName) -> None:
        """Let a list say nothing any more: its issuer said until when it speaks. May come again."""
        ...


class TokenListObserver(Protocol):
    """Is told how following goes. Must neither raise nor wait."""

    def taken(self, name: ListName, capacity: int, token_bytes: int) -> None:
        """Take note of a newer list."""
        ...

    def unchanged(self, name: ListName) -> None:
        """Take note that there is no newer one."""
        ...

    def refused(self, name: ListName, refusal: TokenListRefusal, detail: str) -> None:
        """Take note that what came, if anything, was not taken."""
        ...

    def lapsed(self, name: ListName) -> None:
        """Take note that the list that was held has expired, and says nothing any more."""
        ...

    def follower_failed(self, name: ListName, failure: Exception) -> None:
        """Take note of a bug. Of `failure` only the type and the frames may be told on."""
        ...


class NobodyObservesTokenLists:
    """An observer that looks away."""

    def taken(self, name: ListName, capacity: int, token_bytes: int) -> None:
        """See TokenListObserver."""

    def unchanged(self, name: ListName) -> None:
        """See TokenListObserver."""

    def refused(self, name: ListName, refusal: TokenListRefusal, detail: str) -> None:
        """See TokenListObserver."""

    def lapsed(self, name: ListName) -> None:
        """See TokenListObserver."""

    def follower_failed(self, name: ListName, failure: Exception) -> None:
        """See TokenListObserver."""
