"""Which original each converted code stands for, until it ends.

Rules:

- An original is held sealed: in memory, out of every repr, and never to be pickled. It goes with the last code that
  was made from it.
- The state of a converted code only gets worse. It is held back (UNKNOWN, so MANUAL) while its original does not stand,
  and while nothing has been heard of it for too long, or only before the clock was set back; that is judged at each
  look-up, so that a task that has died lets nobody through.
- Equal originals are found by a keyed digest, whose key lives as long as the process.
- Bounded: by codes in all and of one original, bytes of originals, and originals that can be looked at again in good
  time, of one province if it must be asked: others read what a place says, and not how long nobody has looked.
"""

from __future__ import annotations

import hashlib
import heapq
import secrets
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from gateway.sealed import Sealed
from gateway.values import CodeState, DivisionCode, Instant, IssuerId, StatusPointer

from .heard import FINAL, Heard, agrees, settled
from .observer import ConversionObserver
from .register import RegisterFull, StatusRegister
from .settings import MAX_PER_ORIGINAL, ConversionSettings

CLOCK_STEP_S: Final = 30.0
"""Seconds that one reading of the clock may lie before another's; further back the clock was set, and says nothing."""

BYTES_OF_ORIGINAL: Final = 2_048
"""What originals may take, for each code that may live: few are larger, but one may be written anew and anew."""

_DIGEST_BYTES: Final = 16
_DROPPED_AT_ONCE: Final = 1_000
"""Some milliseconds."""
_SPARE_ENDS: Final = 1_000
"""Ends of places that were taken back, which may stand in the line beside as many as live."""


class Place:
    """One converted code: where it is listed, in which state it is, and whether it is held back."""

    __slots__ = ("ends", "held", "original", "pointer", "state")

    def __init__(self, original: Original, pointer: StatusPointer, state: CodeState, ends: Instant) -> None:
        self.original = original
        self.pointer = pointer
        self.state = state
        self.ends = ends
        self.held = False

    def reads(self) -> CodeState:
        """Return what its place reads."""
        return CodeState.UNKNOWN if self.held and self.state not in FINAL else self.state


class Original:
    """A code that live codes were made from, for one division."""

    __slots__ = ("code", "digest", "division", "due", "heard_at", "issuer", "online", "places")

    def __init__(
        self,
        code: Sealed,
        digest: bytes,
        issuer: IssuerId,
        division: DivisionCode,
        *,
        online: bool,
        heard_at: Instant,
        due: Instant,
    ) -> None:
        self.code = code
        self.digest = digest
        self.issuer = issuer
        self.division = division
        self.online = online
        """Whether its issuer must be asked, or its signature can be looked at again."""
        self.heard_at = heard_at
        """When it was last known how it stands."""
        self.due = due
        self.places: list[Place] = []


class Bindings:
    """All live conversions of one gateway. Use from one thread."""

    def __init__(self, register: StatusRegister, settings: ConversionSettings, observer: ConversionObserver) -> None:
        self._register = register
        self._settings = settings
        self._observer = observer
        self._key = secrets.token_bytes(32)
        self._originals: dict[bytes, dict[DivisionCode, Original]] = {}
        self._places: dict[StatusPointer, Place] = {}
        self._ends: list[tuple[Instant, int, Place]] = []
        self._made = 0
        self._bytes = 0
        self._online: Counter[IssuerId] = Counter()
        self._signed = 0
        self._waiting: dict[IssuerId | None, deque[Original]] = {}

    def __len__(self) -> int:
        """Return how many converted codes live."""
        return len(self._places)

    def open(
        self,
        code: bytes,
        issuer: IssuerId,
        division: DivisionCode,
        state: CodeState,
        *,
        online: bool,
        at: Instant,
        ends: Instant,
    ) -> Place:
        """Return a new place that stands for the original `code`, in `state` at `at`, until `ends`.

        Raises: RegisterFull if there is no room, in all, for this original, or for this province.
        """
        self.drop_ended(at)
        digest = self._digest(code)
        original = self._originals.get(digest, {}).get(division)
        if len(self._places) >= self._settings.capacity or (original and len(original.places) >= MAX_PER_ORIGINAL):
            raise RegisterFull
        if original is None and online and self._online[issuer] >= self._settings.online_capacity:
            raise RegisterFull
        if original is None and not online and self._signed >= self._settings.signed_capacity:
            raise RegisterFull
        if original is None and self._bytes + len(code) > self._settings.capacity * BYTES_OF_ORIGINAL:
            raise RegisterFull
        pointer = self._register.give_out(state)
        if original is None:
            due = Instant(at + self._settings.recheck_s)
            original = Original(Sealed(code), digest, issuer, division, online=online, heard_at=at, due=due)
            self._originals.setdefault(digest, {})[division] = original
            self._online[issuer] += online
            self._signed += not online
            self._bytes += len(code)
            self._queue_of(original).append(original)
        place = Place(original, pointer, state, ends)
        original.places.append(place)
        self._places[pointer] = place
        self._made += 1
        heapq.heappush(self._ends, (ends, self._made, place))
        self._observer.conversions_live(len(self._places))
        return place

    def look_up(self, pointer: StatusPointer, at: Instant) -> CodeState | None:
        """Return what a place reads at `at`; None if it is in none of our lists. Unheard of for too long: UNKNOWN."""
        place = self._places.get(pointer)
        if place is not None and self._too_long_unheard(place.original, at) and place.state not in FINAL:
            return CodeState.UNKNOWN
        return self._register.look_up(pointer)

    def hear(self, original: Original, said: Heard | None, at: Instant) -> bool:
        """Take what a new look at `original` said, None for silence: that changes nothing until it has lasted too long.

        Return whether any of its codes is the worse for it.
        """
        worse = False
        if said is None:
            if self._too_long_unheard(original, at):
                for place in original.places:
                    worse = self._set(place, place.state, held=True) or worse
            return worse
        original.heard_at = at
        for place in original.places:
            state = settled(place.state, said.state)
            held = not (said.stands and agrees(state, said.state))
            worse = self._set(place, state, held=held) or worse
        return worse

    def notice(self, code: bytes, said: Heard) -> None:
        """Take what anybody learnt of the original `code`. It can only make its codes worse, never let them off."""
        for original in self._originals.get(self._digest(code), {}).values():
            for place in original.places:
                state = settled(place.state, said.state)
                held = place.held or not agrees(state, said.state)
                self._set(place, state, held=held)

    def withdraw(self, pointer: StatusPointer) -> None:
        """Take back the place of a code that was never given to anyone, if it has not ended meanwhile."""
        place = self._places.get(pointer)
        if place is not None:
            self.close(place)

    def close(self, place: Place) -> None:
        """Take back a place whose code was never given to anyone."""
        self._drop(place)
        if len(self._ends) > 2 * len(self._places) + _SPARE_ENDS:
            self._ends = [one for one in self._ends if one[2].pointer in self._places]
            heapq.heapify(self._ends)
        self._observer.conversions_live(len(self._places))

    def drop_ended(self, at: Instant) -> bool:
        """Forget codes that have ended at `at`, and each original that no live code was made from.

        At most so many at once that others get their turn: at midnight all may end. Return whether there are more.
        """
        before = len(self._places)
        for _ in range(_DROPPED_AT_ONCE):
            if not self._has_ended(at):
                break
            place = heapq.heappop(self._ends)[2]
            if place.pointer in self._places:
                self._drop(place)
        if len(self._places) != before:
            self._observer.conversions_live(len(self._places))
        return self._has_ended(at)

    def take_due(self, at: Instant, issuer: IssuerId | None, most: int) -> list[Original]:
        """Return at most `most` originals that are due to be looked at, the longest waiting first.

        Of `issuer`, or for None those that can be looked at without asking anybody. Each stands in line again, to be
        due after the configured interval.
        """
        queue = self._waiting.get(issuer)
        taken: list[Original] = []
        for _ in range(0 if queue is None else min(len(queue), most + _DROPPED_AT_ONCE)):
            if queue is None or len(taken) >= most or not self._is_due(queue[0], at):
                break
            original = queue.popleft()
            if original.places:
                original.due = Instant(at + self._settings.recheck_s)
                queue.append(original)
                taken.append(original)
        if queue is not None and not queue:
            del self._waiting[issuer]
        return taken

    def issuers_to_ask(self) -> Iterator[IssuerId]:
        """Yield the issuers that must be asked about some original."""
        return iter([issuer for issuer in self._waiting if issuer is not None])

    def all_due(self, at: Instant) -> None:
        """Let every original that can be looked at without asking anybody be due at `at`: trust has changed."""
        for original in self._waiting.get(None, ()):
            original.due = min(original.due, at)

    def _set(self, place: Place, state: CodeState, *, held: bool) -> bool:
        """Bring a place to `state`, held back or not. Return whether it is the worse for it."""
        before = place.reads()
        place.state, place.held = state, held
        now = place.reads()
        if now is before:
            return False
        self._register.write(place.pointer, now)
        self._observer.conversion_marked(now)
        return before is not CodeState.UNKNOWN or now in FINAL

    def _drop(self, place: Place) -> None:
        del self._places[place.pointer]
        self._register.take_back(place.pointer)
        original = place.original
        original.places.remove(place)
        if not original.places:
            same = self._originals[original.digest]
            del same[original.division]
            if not same:
                del self._originals[original.digest]
            if original.online:
                self._online[original.issuer] -= 1
            else:
                self._signed -= 1
            self._bytes -= len(original.code)
            original.code = _NOTHING

    def _too_long_unheard(self, original: Original, at: Instant) -> bool:
        return not -CLOCK_STEP_S <= at - original.heard_at <= self._settings.stale_after_s

    def _has_ended(self, at: Instant) -> bool:
        return bool(self._ends) and self._ends[0][0] <= at

    def _is_due(self, original: Original, at: Instant) -> bool:
        return not 0.0 < original.due - at <= self._settings.recheck_s + CLOCK_STEP_S

    def _queue_of(self, original: Original) -> deque[Original]:
        return self._waiting.setdefault(original.issuer if original.online else None, deque())

    def _digest(self, code: bytes) -> bytes:
        return hashlib.blake2b(code, digest_size=_DIGEST_BYTES, key=self._key).digest()


_NOTHING: Final = Sealed(b"")
