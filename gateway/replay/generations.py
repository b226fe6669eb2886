"""The two generations of a memory: the one that showings are recorded in, and the one before.

Rules:

- A generation has a key of its own, random, that stands in its record and nowhere else. Without it nothing in its slab
  says anything.
- It is dropped whole, when the next but one begins: its record with the key is overwritten, its pages are given back.
- A generation lasts longer than any code that is guarded is valid, so that what is dropped has ended. What codes may
  have been forgotten is kept as one instant, the *horizon*: should the clock be set back, none of them is ever taken
  for new.
- Only who holds the locks of all stripes changes a generation, so that whoever holds one sees it stand still.
- A change that is cut off anywhere is done again by the next process: the record comes last, and is whole or nothing.
"""

from __future__ import annotations

import mmap
import secrets
from collections.abc import Iterator
from typing import Final, NamedTuple
from zlib import crc32

from .layout import (
    HORIZON,
    HORIZON_AT,
    RECORD,
    RECORD_AT,
    RECORD_BYTES,
    STRIPE,
    Geometry,
)
from .locks import Locks
from .memory import Memory

_FIRST_RECORD, _END_OF_RECORDS = RECORD_AT[0], RECORD_AT[1] + RECORD_BYTES
_FIRST_HORIZON, _END_OF_HORIZONS = HORIZON_AT[0], HORIZON_AT[1] + HORIZON.size
_KEY_BYTES: Final = 32
_NO_RECORD: Final = bytes(RECORD_BYTES)


class Generation(NamedTuple):
    """One generation."""

    number: int
    began: float
    """Monotonic seconds."""
    began_at: float
    """Unix seconds."""
    key: bytes
    slab: int

    def by_now(self, now: float, at: float) -> float:
        """Return the unix seconds that it is, or that it would be if the clock had not been set back since."""
        return max(at, self.began_at + now - self.began)

    def __repr__(self) -> str:
        """Show all but the key."""
        return f"Generation(number={self.number}, slab={self.slab})"


class Stripe(NamedTuple):
    """What the head of a stripe says."""

    taken: int
    latest: int
    forgotten: int


_NEW_STRIPE: Final = bytes(STRIPE.size)
_EMPTY: Final = Stripe(0, 0, 0)


class Generations:
    """The generations of one memory. For one thread."""

    def __init__(self, memory: Memory, geometry: Geometry, generation_s: float, locks: Locks) -> None:
        self._memory = memory
        self._geometry = geometry
        self.generation_s = generation_s
        self._locks = locks
        self._read = b""
        self._held: tuple[Generation, ...] = ()
        self._horizon_read = b""
        self._horizon = 0

    def held(self) -> tuple[Generation, ...]:
        """Return the current generation and the one before, as far as there are any."""
        read = self._memory[_FIRST_RECORD:_END_OF_RECORDS]
        if read != self._read:
            self._held = tuple(sorted(self._records(), reverse=True))
            self._read = read
        return self._held

    @property
    def unchanged(self) -> bool:
        """Whether nobody has changed them since `held` was called."""
        return self._memory[_FIRST_RECORD:_END_OF_RECORDS] == self._read

    def turn(self, now: float, at: float) -> tuple[Generation, ...]:
        """Return what is held, after a new generation has begun if it is time for one.

        `now` in monotonic, `at` in unix seconds. If somebody does not let go of a lock, it begins later. Empty: there
        is none at all yet, and none could be begun.
        """
        held = self.held()
        if held and now - held[0].began < self.generation_s:
            return held
        if not self._locks.take(0, self._geometry.stripes):
            return held
        try:
            held = self.held()
            if not held or now - held[0].began >= self.generation_s:
                self._begin(held, now, at)
            return self.held()
        finally:
            self._locks.give_back(0, self._geometry.stripes)

    def horizon(self) -> int:
        """Return up to which instant codes may have been forgotten with a dropped generation. Unix seconds."""
        read = self._memory[_FIRST_HORIZON:_END_OF_HORIZONS]
        if read != self._horizon_read:
            self._horizon = max((seconds for seconds, _ in self._horizons()), default=0)
            self._horizon_read = read
        return self._horizon

    def stripe(self, generation: Generation, stripe: int) -> Stripe | None:
        """Return the head of a stripe; None if whoever wrote it was ended within it."""
        at = self._geometry.stripe_at(generation.slab, stripe)
        read = self._memory[at : at + STRIPE.size]
        if read == _NEW_STRIPE:
            return _EMPTY
        taken, latest, forgotten, check = STRIPE.unpack(read)
        whole = check == crc32(read[:-4], generation.number)
        return Stripe(taken, latest, forgotten) if whole else None

    def taken(self) -> int:
        """Return how many showings are held, in both generations. May be called beside the thread that shows codes."""
        heads = (self.stripe(one, stripe) for one in self._records() for stripe in range(self._geometry.stripes))
        return sum(head.taken for head in heads if head is not None)

    def _begin(self, held: tuple[Generation, ...], now: float, at: float) -> None:
        """Begin a generation in the place of the older one.

        1. What is about to be forgotten is remembered as one instant.
        2. The old key is gone, 3. then all that was under it.
        4. The new one counts from the moment that its record is whole.
        """
        slab = 1 - held[0].slab if held else 0
        # 1
        if len(held) > 1:
            self._keep_horizon(self._latest(held[1], held[1].by_now(now, at)))
        # 2
        self._write(RECORD_AT[slab], _NO_RECORD)
        # 3
        self._memory.madvise(mmap.MADV_REMOVE, self._geometry.slabs[slab], self._geometry.slab_bytes)
        # 4
        number = held[0].number + 1 if held else 1
        body = RECORD.pack(number, now, at, secrets.token_bytes(_KEY_BYTES), 0)[:-4]
        self._write(RECORD_AT[slab], body + crc32(body, number).to_bytes(4, "little"))

    def _latest(self, dropped: Generation, at: float) -> int:
        """Return until when the latest code of a generation is valid.

        A head that cannot be read says nothing: then it may be any code that is valid now.
        """
        heads = [self.stripe(dropped, stripe) for stripe in range(self._geometry.stripes)]
        return max(int(at) if head is None else head.latest for head in heads)

    def _keep_horizon(self, seconds: int) -> None:
        """Write the horizon where the lesser copy stands, so that the other one is whole whatever happens."""
        whole = dict.fromkeys(HORIZON_AT, 0) | {place: found for found, place in self._horizons()}
        lesser = min(HORIZON_AT, key=lambda place: whole[place])
        if seconds > max(whole.values()):
            body = HORIZON.pack(seconds, 0)[:-4]
            self._write(lesser, body + crc32(body, 0).to_bytes(4, "little"))

    def _horizons(self) -> Iterator[tuple[int, int]]:
        for place in HORIZON_AT:
            read = self._memory[place : place + HORIZON.size]
            seconds, check = HORIZON.unpack(read)
            if check == crc32(read[:-4], 0):
                yield seconds, place

    def _records(self) -> Iterator[Generation]:
        for slab, place in enumerate(RECORD_AT):
            read = self._memory[place : place + RECORD_BYTES]
            number, began, began_at, key, check = RECORD.unpack(read)
            if number and check == crc32(read[:-4], number):
                yield Generation(number, began, began_at, key, slab)

    def _write(self, place: int, written: bytes) -> None:
        self._memory[place : place + len(written)] = written
