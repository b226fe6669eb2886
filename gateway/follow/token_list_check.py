"""Whether a list that came may take the place of the one that is held; and its places as words, in a file.

All of it blocks, for a second in the worst case: it runs in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.changes import MAX_CLOCK_SKEW
from gateway.errors import CodeUnreadable, Reason
from gateway.formats import status_list_cwt, status_list_jwt
from gateway.formats.status_list import ClaimedStatusList, unpacked
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Format, Instant

from .token_list_fetch import FetchedToken
from .token_list_source import (
    HeldTokenList,
    TakenTokenList,
    TokenListRefusal,
    TokenListRefused,
    TokenListSource,
)

_TOO_LARGE: Final = frozenset({Reason.TOO_LARGE, Reason.DECOMPRESSION_BOMB})


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a list is judged by, all of one moment."""

    trust: TrustSnapshot
    held: HeldTokenList | None
    at: Instant


def check_token(
    source: TokenListSource, fetched: FetchedToken, circumstances: Circumstances, into: Path
) -> TakenTokenList:
    """Return the list, its words written to `into`. A file that was left by a refusal is the caller's to remove.

    1. a token of its kind, well-formed
    2. of this list and of nobody else's
    3. signed by its signer, with a key that is trusted now and not limited to medical statements
    4. in force now, and not older than what is held
    5. its places, unpacked and translated within bounds

    Raises: TokenListRefused, and then nothing of the list may be used; OSError if the file cannot be written.
    """
    trust, held, at = circumstances.trust, circumstances.held, circumstances.at
    # 1
    claimed = _read(fetched, source.max_token_bytes)
    # 2
    if claimed.uri != source.name.uri:
        raise TokenListRefused(TokenListRefusal.WRONG_LIST, "sub")
    if claimed.issuer is not None and claimed.issuer not in (source.signer, source.name.issuer):
        raise TokenListRefused(TokenListRefusal.FOREIGN_ISSUER, "iss")
    # 3
    _require_signature(source, claimed, trust, at)
    # 4
    _require_in_force(claimed, held, at)
    # 5
    profile = trust.issuers[source.name.issuer]
    table = source.table(claimed.bits, colours=Format.NATIVE in profile.formats)
    try:
        raw_bytes = _written(into, claimed, source.max_places, table.words)
    except CodeUnreadable as unreadable:
        refused = _refused(unreadable)
    else:
        capacity = raw_bytes * 8 // claimed.bits
        issued, expires, ttl = claimed.issue_time, claimed.expire_time, claimed.ttl
        return TakenTokenList(source.name, capacity, into, issued, expires, ttl)
    raise refused


def _read(fetched: FetchedToken, most: int) -> ClaimedStatusList:
    try:
        read = status_list_jwt.read if fetched.jwt else status_list_cwt.read
        return read(fetched.token, max_bytes=most)
    except CodeUnreadable as unreadable:
        refused = _refused(unreadable)
    raise refused


def _refused(unreadable: CodeUnreadable) -> TokenListRefused:
    large = unreadable.reason in _TOO_LARGE
    detail = f"{unreadable.reason.name} {unreadable.detail}".strip()
    return TokenListRefused(TokenListRefusal.TOO_LARGE if large else TokenListRefusal.MALFORMED, detail)


def _require_signature(source: TokenListSource, claimed: ClaimedStatusList, trust: TrustSnapshot, at: Instant) -> None:
    if trust.expired(at):
        raise TokenListRefused(TokenListRefusal.TRUST_EXPIRED)
    if source.name.issuer not in trust.issuers or source.signer not in trust.issuers:
        raise TokenListRefused(TokenListRefusal.UNKNOWN_ISSUER)
    for key in trust.ring.find(source.signer, claimed.key_id):
        named = claimed.algorithm
        fits = key.valid_at(at) and not key.uses and named in (None, key.algorithm) and claimed.obstacle is None
        if fits and key.verifier.verify(claimed.signature, claimed.signed):
            return
    raise TokenListRefused(TokenListRefusal.BAD_SIGNATURE)


def _require_in_force(claimed: ClaimedStatusList, held: HeldTokenList | None, at: Instant) -> None:
    for claim, time in (("iat", claimed.issue_time), ("nbf", claimed.not_before)):
        if time is not None and time > at + MAX_CLOCK_SKEW:
            raise TokenListRefused(TokenListRefusal.IN_THE_FUTURE, claim)
    if claimed.expire_time is not None and claimed.expire_time <= at:
        raise TokenListRefused(TokenListRefusal.EXPIRED, "exp")
    if held is not None and claimed.issue_time < held.issued:
        raise TokenListRefused(TokenListRefusal.ROLLED_BACK, "iat")


def _written(into: Path, claimed: ClaimedStatusList, most_places: int, words: Callable[[bytes], bytes]) -> int:
    """Write the words of a list, and return how many bytes its places have as they came."""
    raw_bytes = 0
    with into.open("wb") as file:
        for piece in unpacked(claimed.packed, claimed.bits, most_places=most_places):
            file.write(words(piece))
            raw_bytes += len(piece)
    return raw_bytes
