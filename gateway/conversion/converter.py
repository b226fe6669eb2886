"""From a decision on a code to a native code of the receiving division.

Rules:

- Only what the receiving division lets through is converted, nothing that was converted before, and nothing that is
  suspected to be shown a second time, whatever its division makes of that: the new code would not be suspected.
- The state is the original's, the end is the original's or sooner, the issue time is when the original's issuer last
  said so: a conversion makes no word younger.
- Of the original only issuer and division are named. Code id and place in the list are random and new.
- Where no code can be made there is none, and the verdict stands.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

from gateway.changes import Listed
from gateway.errors import CodeUnreadable, Reason
from gateway.formats.native_encode import NativeClaims, encode_jws, encode_qr
from gateway.values import (
    LETS_THROUGH,
    Algorithm,
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    KeyId,
    StatusPointer,
)
from keys.signer import Signer

from .bindings import Bindings
from .heard import heard
from .observer import ConversionObserver, ConversionOutcome, NobodyObserves
from .register import PLACES, RegisterFull, StatusRegister
from .settings import ConversionRefused, ConversionSettings

STATE_WORDS: Final[Mapping[CodeState, str]] = MappingProxyType(
    {
        CodeState.GREEN: "green",
        CodeState.YELLOW: "yellow",
        CodeState.UNDER_REVIEW: "under_review",
        CodeState.UNCONFIRMED: "unconfirmed",
        CodeState.STALE_DECLARATION: "stale_declaration",
    }
)
"""What a converted code may say. A red is not converted. Source: docs/native-code.md, section 2."""

_LISTED: Final = {state: Listed(state, None) for state in CodeState}

_CODE_ID_BYTES: Final = 9
_KEY_ID_LETTERS: Final = 8
_ROOM_FOR_ORIGIN: Final = 32
"""Letters of an original's issuer for which the QR text must have room."""


SHOWN_S: Final = 0.5
"""Seconds that a converted code waits until others know its place. Without a keeper it is handed out all the same."""


class ShowsPlaces(Protocol):
    """Where the places of converted codes are shown to others (`publishing.py`)."""

    async def shown(self, pointer: StatusPointer, seconds: float) -> bool:
        """Return whether what a place reads is held there, after at most `seconds`."""
        ...


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted code in both spellings."""

    jws: str = field(repr=False)
    qr: str = field(repr=False)
    """Empty if the original's issuer has so long a name that the QR text has no room for it."""
    expire_time: Instant
    pointer: StatusPointer = field(repr=False)


class HasPlace(Protocol):
    """A code with a place in one of our lists."""

    @property
    def pointer(self) -> StatusPointer: ...  # noqa: D102


class BriefSigner:
    """A signer under the first letters of its key id: a thumbprint would leave a QR text no room for the names."""

    __slots__ = ("_signer", "key_id", "public_jwk")

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.key_id = KeyId(signer.key_id[:_KEY_ID_LETTERS])
        self.public_jwk: Mapping[str, object] = MappingProxyType(
            {**signer.public_jwk, "kid": self.key_id.decode("ascii")}
        )

    @property
    def algorithm(self) -> Algorithm:
        """See Signer."""
        return self._signer.algorithm

    def sign(self, data: bytes) -> bytes:
        """See Signer."""
        return self._signer.sign(data)

    def __repr__(self) -> str:
        """Show what the signer shows."""
        return repr(self._signer)


class Converter:
    """Makes converted codes, and knows how each of them stands. Use from one thread."""

    def __init__(
        self, settings: ConversionSettings, signer: Signer, observer: ConversionObserver | None = None
    ) -> None:
        """Take how, with which key, and who counts.

        Raises: ConversionRefused if codes of these names could not be written, or not as QR text.
        """
        self.settings = settings
        self.signer: Signer = BriefSigner(signer)
        """Whose codes they are: what the trust snapshot and the published key set must hold."""
        self._observer = observer or NobodyObserves()
        self.register = StatusRegister(settings.status_uri)
        self.published: ShowsPlaces | None = None
        """Where the lists are shown to others; None: nowhere."""
        self.bindings = Bindings(self.register, settings, self._observer)
        self._refuse_names_without_room()

    def convert(self, decision: Decision, original: bytes, *, division: DivisionCode, at: Instant) -> Converted | None:
        """Return a code of `division` made from `original`, or None where there is none to be made.

        `decision` is that of `division` on `original` at `at`, in the *convert* way. The bytes are kept, sealed, until
        the code ends.

        Does not check that the receiving division agrees to conversion: its decision in that way did.
        """
        made = self._made(decision, original, division, at)
        if isinstance(made, Converted):
            self._observer.conversion_asked(ConversionOutcome.CONVERTED)
            return made
        self._observer.conversion_asked(made)
        return None

    async def shown(self, made: HasPlace) -> None:
        """Return once other processes and gateways can read the place of a code, or after `SHOWN_S`."""
        if self.published is not None:
            await self.published.shown(made.pointer, SHOWN_S)

    def withdraw(self, made: HasPlace) -> None:
        """Take back a code that was given to nobody: its place reads UNKNOWN for good, and its room is free."""
        self.bindings.withdraw(made.pointer)

    def noticed(self, original: bytes, decision: Decision) -> None:
        """Take note of any decision on any code: if codes were made from it, they are at once no better than it."""
        if not len(self.bindings):
            return
        said = heard(decision)
        if said is not None:
            self.bindings.notice(original, said)

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed | None:
        """Return what our list says there; None if the list is none of ours. See gateway.status.observe.StatusLists.

        How old that is `bindings` has judged.
        """
        state = self.bindings.look_up(pointer, at) if issuer == self.settings.issuer else None
        return None if state is None else _LISTED[state]

    def _made(
        self, decision: Decision, original: bytes, division: DivisionCode, at: Instant
    ) -> Converted | ConversionOutcome:
        """Return the converted code, or why there is none.

        1. It was let through, and not under suspicion.
        2. It is no converted code itself, neither ours nor anybody's.
        3. Its issuer, that issuer's division and its state can be named; it is known when its issuer said so.
        4. It does not end before the next whole second.
        5. There is room.
        6. The code is made and signed; if that fails its place is given back.
        """
        # 1
        if decision.measure not in LETS_THROUGH:
            return ConversionOutcome.NOT_LET_THROUGH
        if Reason.REPLAY_SUSPECTED in decision.reasons:
            return ConversionOutcome.SUSPECTED
        # 2
        if decision.origin is not None or decision.issuer == self.settings.issuer:
            return ConversionOutcome.ALREADY_CONVERTED
        # 3
        word = STATE_WORDS.get(decision.state)
        if decision.issuer is None or decision.division is None or word is None:
            return ConversionOutcome.UNNAMED
        if decision.observed_time is None:
            return ConversionOutcome.UNDATED
        # 4
        said = int(min(at, decision.observed_time))
        ends = int(at + self.settings.max_lifetime_s)
        if decision.valid_until is not None:
            ends = min(ends, int(decision.valid_until))
        if ends <= at:
            return ConversionOutcome.ENDING
        # 5
        end = Instant(float(ends))
        online = decision.format is Format.OPAQUE
        try:
            place = self.bindings.open(
                original, decision.issuer, division, decision.state, online=online, at=at, ends=end
            )
        except RegisterFull:
            return ConversionOutcome.FULL
        # 6
        claims = self._claims(division, word, said, ends, place.pointer, decision.issuer, decision.division)
        try:
            return Converted(self._jws(claims), self._qr(claims), end, place.pointer)
        except CodeUnreadable:  # a name of the original's that a native code cannot hold
            self.bindings.close(place)
            return ConversionOutcome.UNNAMED
        except BaseException:
            self.bindings.close(place)
            raise

    def _claims(
        self,
        division: DivisionCode,
        word: str,
        said: int,
        ends: int,
        pointer: StatusPointer,
        issuer: IssuerId,
        origin: DivisionCode,
    ) -> NativeClaims:
        return NativeClaims(
            issuer=self.settings.issuer,
            division=division,
            state=word,
            issue_time=said,
            expire_time=ends,
            code_id=secrets.token_urlsafe(_CODE_ID_BYTES),
            status_uri=pointer.uri,
            status_index=pointer.index,
            audience=division,
            origin_issuer=issuer,
            origin_division=origin,
        )

    def _jws(self, claims: NativeClaims) -> str:
        signer = self.signer
        return encode_jws(claims, key_id=signer.key_id, algorithm=signer.algorithm, sign=signer.sign)

    def _qr(self, claims: NativeClaims) -> str:
        """Return the QR text; empty if the claims are too long for one. They have been checked as JWS before."""
        signer = self.signer
        try:
            return encode_qr(claims, key_id=signer.key_id, algorithm=signer.algorithm, sign=signer.sign)
        except CodeUnreadable:
            return ""

    def _refuse_names_without_room(self) -> None:
        pointer = StatusPointer(f"{self.settings.status_uri.rstrip('/')}/12345678", PLACES - 1)
        division, origin = DivisionCode("330000"), IssuerId("x" * _ROOM_FOR_ORIGIN)
        claims = self._claims(
            division, max(STATE_WORDS.values(), key=len), 1_600_000_000, 1_600_000_001, pointer, origin, division
        )
        try:
            encode_qr(claims, key_id=self.signer.key_id, algorithm=self.signer.algorithm, sign=lambda _: bytes(64))
        except CodeUnreadable as refused:
            raise ConversionRefused(
                f"conversion.issuer, conversion.status_uri: no QR text can hold them ({refused.reason.name})"
            ) from None
