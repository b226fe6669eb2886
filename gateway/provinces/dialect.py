"""What a dialect does: put one question to one province, and give back a handful of words.

Rules:

- The answer is a `Stated`, or one of the verdicts that an issuer can give (`CodeStopped` with EXPIRED, CODE_NOT_FOUND
  or NOT_ITS_ISSUERS). Both are answers: the province works.
- Anything else is an `UpstreamFailed`. Its `failure` says how; it carries no text of the upstream's, which may hold
  names.
- Names, ID numbers, phones and addresses in an answer are dropped at the parsing line (`answers.py`); a dialect never
  holds the parsed document in a variable that outlives the reading of its few words.
- A dialect keeps nothing of a question or an answer. What it may keep are its own access tokens.
- A question is put once. Retries, deadlines, breakers and memory are the lane's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.errors import Reason
from gateway.values import Instant, IssuerId, KeyId, OpaqueCode, ReasonClass, TrustedKey


class UpstreamFailure(StrEnum):
    """How an upstream failed. Labels of a metric: additions only."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """No connection, or it was cut."""
    OVERLOADED = "overloaded"
    """It says so: 429, 503, RESOURCE_EXHAUSTED, an error number for too many calls."""
    SERVER_ERROR = "server_error"
    ERROR_NUMBER = "error_number"
    """It answers with one that nobody has explained, or that the question is no good: it works, and a strange code may
    be all that is wrong."""
    REFUSED = "refused"
    """It does not accept the gateway's credentials or rights."""
    GARBAGE = "garbage"
    """Not the form that the dialect has, too large, or contradicting itself."""
    WRONG_CODE = "wrong_code"
    """It answers about another code than the one that was asked about."""
    BAD_SIGNATURE = "bad_signature"
    SHED = "shed"
    """Not asked: too many questions to the province are waiting."""
    RESTING = "resting"
    """Not asked: the breaker is open."""


REASON_OF = {
    UpstreamFailure.TIMEOUT: Reason.UPSTREAM_UNAVAILABLE,
    UpstreamFailure.UNREACHABLE: Reason.UPSTREAM_UNAVAILABLE,
    UpstreamFailure.OVERLOADED: Reason.UPSTREAM_UNAVAILABLE,
    UpstreamFailure.SERVER_ERROR: Reason.UPSTREAM_UNAVAILABLE,
    UpstreamFailure.ERROR_NUMBER: Reason.UPSTREAM_UNAVAILABLE,
    UpstreamFailure.SHED: Reason.UPSTREAM_UNAVAILABLE,
    UpstreamFailure.RESTING: Reason.UPSTREAM_UNAVAILABLE,
    UpstreamFailure.REFUSED: Reason.UPSTREAM_REFUSED,
    UpstreamFailure.GARBAGE: Reason.UPSTREAM_INVALID,
    UpstreamFailure.WRONG_CODE: Reason.UPSTREAM_INVALID,
    UpstreamFailure.BAD_SIGNATURE: Reason.UPSTREAM_INVALID,
}
"""What an asker is told of each."""


class UpstreamFailed(Exception):
    """The province was not, or not usefully, asked. `detail` names a member or a place, never content."""

    def __init__(self, failure: UpstreamFailure, detail: str = "") -> None:
        super().__init__(failure.value)
        self.failure = failure
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Stated:
    """What a province stated, still in its own words, all of them from its profile's lists."""

    statement: str = field(repr=False)
    """A key of the profile's state map; empty if the province used a word that is not in it."""
    reason_class: ReasonClass | None = None
    stated_time: Instant | None = None
    """When the province says that it was so; None: now."""
    expire_time: Instant | None = None
    bound: bool = True
    """Whether the answer says which code it is about."""


class FindsKeys(Protocol):
    """The trust list, as the native dialect sees it."""

    def __call__(self, issuer: IssuerId, key_id: KeyId) -> tuple[TrustedKey, ...]:
        """Return the keys of that issuer with that id that are trusted now."""
        ...


class Dialect(Protocol):
    """A way of asking. One object per province, made from its profile, with its own connections."""

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:
        """Put the question once, within `time_left` seconds.

        Raises: CodeStopped (EXPIRED, CODE_NOT_FOUND, NOT_ITS_ISSUERS), which is an answer; UpstreamFailed.
        """
        ...

    async def close(self) -> None:
        """Give up the connections. Questions under way fail with UNREACHABLE."""
        ...
