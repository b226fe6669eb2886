"""The trust room's second and third door: codes that carry no signature.

- An opaque code is authenticated by its issuer's answer, over a connection that its profile pins.
- A word is read as the system means it that said it: the national platform's "10" is no province's "10".
- A displayed code is authenticated by nothing: its assurance says so, and only rules that name it let it through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from gateway.errors import CodeStopped, Reason
from gateway.values import (
    Assurance,
    AuthenticCode,
    ClaimedCode,
    DisplayedCode,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    OnlineAnswer,
    OpaqueCode,
)

from .marks import marks_of_answered

DISPLAY_FRESH_FOR: Final = 300.0
"""Seconds that a page may be older than the look at it: a picture of yesterday is not even that."""


@dataclass(frozen=True, slots=True)
class OnlineIssuers:
    """The issuers that can be asked, as their profiles describe them. Immutable."""

    issuers: Mapping[IssuerId, IssuerProfile] = field(default_factory=lambda: MappingProxyType({}))
    displayed: Mapping[DivisionCode, IssuerProfile] = field(default_factory=lambda: MappingProxyType({}))
    """By division, with what is seen on a screen as the statements."""


def answered(code: OpaqueCode, answer: OnlineAnswer, known: OnlineIssuers, at: Instant) -> AuthenticCode:
    """Return `code`, which was shown at `at`, as its issuer's own word of just now.

    Does not check: that the answer came from there; the connector did.

    Raises: CodeStopped with ISSUER_NOT_CONNECTED if the issuer, or who answered in its place, cannot be asked.
    """
    issuer = known.issuers.get(code.issuer)
    if issuer is None:
        raise CodeStopped(Reason.ISSUER_NOT_CONNECTED)
    if answer.answered_by is not None and answer.answered_by != code.issuer:
        speaker = known.issuers.get(answer.answered_by)
        if speaker is None:
            raise CodeStopped(Reason.ISSUER_NOT_CONNECTED)
        issuer = replace(issuer, states=speaker.states, meanings=speaker.meanings)
    claimed = ClaimedCode(
        Format.OPAQUE,
        code.issuer,
        None,
        None,
        b"",
        b"",
        answer.statement,
        answer.observed_time,
        None,
        answer.expire_time,
        code.division,
        notes=answer.notes,
    )
    marks = marks_of_answered(code, issuer.dynamic_s, at, answer.expire_time)
    return AuthenticCode(claimed, issuer, None, Assurance.SCANNED_ONLINE, answer.fresh_for, answer.reason_class, marks)


def displayed(code: DisplayedCode, known: OnlineIssuers) -> AuthenticCode:
    """Return what a checker saw, with the least assurance.

    Raises: CodeStopped with UNKNOWN_ISSUER if nobody has explained the screens of that division.
    """
    issuer = known.displayed.get(code.division)
    if issuer is None:
        raise CodeStopped(Reason.UNKNOWN_ISSUER)
    claimed = ClaimedCode(
        Format.OPAQUE, issuer.issuer, None, None, b"", b"", code.word, code.displayed_time, division=code.division
    )
    return AuthenticCode(claimed, issuer, None, Assurance.DISPLAYED, DISPLAY_FRESH_FOR)
