"""The memory of showings of one machine: the first, a retry at the same gate, or suspected.

How a showing is kept:

- Under a tag: a keyed digest of issuer and code id, under the key of its generation. So is its gate, together with the
  tag: no two showings at one gate look alike. The digest is BLAKE2 in its keyed mode, a MAC like HMAC.
- A tag stands for "was shown" from the moment that it is written, last of all, until its generation is dropped or its
  slot is given away. If the rest of its slot is not whole, somebody was ended while writing it: then it is suspected.
- A slot is given away only for want of room, and only after its code has ended; that instant is kept, so that a clock
  that is set back makes nothing new of it.
- A showing is the first if neither generation has it and nothing that was forgotten could have been it.

Rules:

- Under the lock of its stripe, and with the generations standing still; nothing is waited for but that lock.
- No code counts as valid for longer than a generation lasts from when it was shown, whatever its issuer says: one that
  is forgotten must not stand for codes that are yet to be made.
- Windows and generations go by the monotonic clock, which all processes of a machine share and nobody sets.

Source: RFC 7693, 2.9 (keyed BLAKE2).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from math import ceil, floor
from typing import Final, NamedTuple
from zlib import crc32

from gateway.values import Instant, Passage

from .generations import Generation, Generations, Stripe
from .layout import (
    BUCKET_BYTES,
    BUCKET_SLOTS,
    NO_TAG,
    REST,
    REST_BYTES,
    STRIPE,
    STRIPE_HEAD_BYTES,
    TAG_BYTES,
    TAGS_BYTES,
)
from .locks import Locks, NoLocks
from .memory import Memory, read_head
from .showing import Recorded, Seen, Showing, Unchecked

_TRIES: Final = 4
"""How often the generations may change between a look at them and the lock; once in minutes they do."""

_ELSEWHERE: Final = bytes(16)
"""Instead of a gate: the first showing was at a gate of another node."""

_SUSPECTED: Final = Recorded(Seen.SUSPECTED)
_FIRST_ELSEWHERE: Final = Recorded(Seen.SUSPECTED, elsewhere=True)
_FORGOTTEN: Final = Recorded(Seen.UNCHECKED, None, Unchecked.FORGOTTEN)
_FULL: Final = Recorded(Seen.UNCHECKED, None, Unchecked.FULL)
_BUSY: Final = Recorded(Seen.UNCHECKED, None, Unchecked.BUSY)


class _Place(NamedTuple):
    """Where a showing is, or would be, in one generation."""

    generation: Generation
    tag: bytes
    scope: bytes
    bucket: int
    """Where its bucket begins."""


class ShowingTable:
    """Records showings in one memory. For one thread; other processes have tables over the same memory."""

    def __init__(
        self,
        memory: Memory,
        size: int,
        *,
        same_passage_s: float,
        locks: Locks | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a memory of `size` bytes. `locks`: None if nobody else has it.

        Raises: MemoryUnusable.
        """
        self._memory = memory
        self._geometry, generation_s, self._key = read_head(memory, size)
        self._same_passage_s = same_passage_s
        self._locks: Locks = locks or NoLocks()
        self._monotonic = monotonic
        self._generations = Generations(memory, self._geometry, generation_s, self._locks)

    @property
    def capacity(self) -> int:
        """Showings that a generation has room for."""
        return self._geometry.capacity

    @property
    def held(self) -> int:
        """Showings that are held now, about."""
        return self._generations.taken()

    def tend(self, at: Instant) -> None:
        """Drop what is old, also when nobody shows anything. Cheap; call it every few seconds. Raises: OSError."""
        self._generations.turn(self._monotonic(), at)

    def show(self, showing: Showing, *, passage: bool = False) -> Recorded:
        """Record a showing and return what it is.

        `passage`: whether a receipt is wanted, which is to be the same for the same passage.

        1. The generations, and where the code would be in each.
        2. The lock of its stripe. What was looked at must still hold.
        3. What is there: in this generation or the one before.
        4. If nothing is: record it, unless it may have been forgotten or there is no room.

        Raises: OSError if locks do not work.
        """
        now = self._monotonic()
        stripe, inner = self._stripe(showing)
        for _ in range(_TRIES):
            # 1
            held = self._generations.turn(now, showing.at)
            if not held:
                return _BUSY
            places = [self._place(inner, showing.scope, one, stripe) for one in held]
            # 2
            if not self._locks.take(stripe):
                return _BUSY
            try:
                if not self._generations.unchanged:
                    continue
                # 3
                for place in places:
                    slot = self._find(place.tag, place.bucket)
                    if slot is not None:
                        return self._again(showing, place, slot, now, passage=passage)
                # 4
                return self._first(showing, places, stripe, now, passage=passage)
            finally:
                self._locks.give_back(stripe)
        return _BUSY

    def disown(self, showing: Showing) -> None:
        """Take note that a showing, which was the first one here, was not the first of all. Raises: OSError.

        Its gate has no claim to the code. If it cannot be noted now, the gate keeps what it was not told that it has:
        retries there are asked of all nodes as before.
        """
        stripe, inner = self._stripe(showing)
        if not self._locks.take(stripe):
            return
        try:
            for generation in self._generations.held():
                place = self._place(inner, showing.scope, generation, stripe)
                slot = self._find(place.tag, place.bucket)
                if slot is None:
                    continue
                at = place.bucket + TAGS_BYTES + slot * REST_BYTES
                read = self._memory[at : at + REST_BYTES]
                scope, first, last, until, said, check = REST.unpack(read)
                if scope == place.scope and check == crc32(read[:-4], generation.number):
                    self._write_rest(at, generation, _ELSEWHERE, first, last, until, said)
        finally:
            self._locks.give_back(stripe)

    def _stripe(self, showing: Showing) -> tuple[int, bytes]:
        """Return the stripe of a code, and a digest of it from which its tags are made."""
        marks = showing.marks
        name = b"%b\0%b" % (marks.issuer.encode(), marks.showing or b"")
        inner = blake2b(name, key=self._key, digest_size=32).digest()
        return int.from_bytes(inner[:4], "little") % self._geometry.stripes, inner

    def _place(self, inner: bytes, scope: bytes, generation: Generation, stripe: int) -> _Place:
        tag = blake2b(inner, key=generation.key, digest_size=TAG_BYTES).digest()
        where = blake2b(tag + scope, key=generation.key, digest_size=TAG_BYTES).digest()
        geometry = self._geometry
        number = int.from_bytes(tag[:4], "little") % geometry.buckets
        bucket = geometry.stripe_at(generation.slab, stripe) + STRIPE_HEAD_BYTES + number * BUCKET_BYTES
        return _Place(generation, tag, where, bucket)

    def _find(self, tag: bytes, bucket: int) -> int | None:
        """Return the slot of `bucket` that has this tag."""
        end = bucket + TAGS_BYTES
        found = self._memory.find(tag, bucket, end)
        while found != -1:
            slot, between = divmod(found - bucket, TAG_BYTES)
            if not between:
                return slot
            found = self._memory.find(tag, found + 1, end)
        return None

    def _again(self, showing: Showing, place: _Place, slot: int, now: float, *, passage: bool) -> Recorded:
        """Return what another showing of a recorded code is.

        1. What is recorded is not whole: suspected.
        2. Its issuer says that it is valid for longer than it did: so is the record.
        3. Another gate, or this one too long ago: suspected, and that begins no new passage.
        4. The same passage, which goes on from now. With another verdict it is another receipt.
        """
        at = place.bucket + TAGS_BYTES + slot * REST_BYTES
        read = self._memory[at : at + REST_BYTES]
        scope, first, last, until, said, check = REST.unpack(read)
        generation = place.generation
        # 1
        if check != crc32(read[:-4], generation.number):
            return _SUSPECTED
        # 2
        until = max(until, self._until(showing))
        # 3
        if scope != place.scope or abs(now - last) > self._same_passage_s:
            self._write_rest(at, generation, scope, first, last, until, said)
            return _FIRST_ELSEWHERE if scope == _ELSEWHERE else _SUSPECTED
        # 4
        if said != showing.said:
            first = showing.at
        self._write_rest(at, generation, scope, first, now, until, showing.said)
        return Recorded(Seen.SAME_PASSAGE, self._passage(place, first) if passage else None)

    def _first(self, showing: Showing, places: list[_Place], stripe: int, now: float, *, passage: bool) -> Recorded:
        """Record a showing that neither generation has.

        1. It is none of those that were forgotten.
        2. A free slot, or one whose code has ended. That is kept before the slot is given away.
        3. All but the tag; then the head, which must know of it before it counts; then the tag.
        """
        place, until = places[0], self._until(showing)
        generation = place.generation
        heads = [self._head(one.generation, stripe, one.generation.by_now(now, showing.at)) for one in places]
        # 1
        if until <= max(self._generations.horizon(), *(head.forgotten for head in heads), 0):
            return _FORGOTTEN
        # 2
        head = heads[0]
        slot = self._find(NO_TAG, place.bucket)
        if slot is None:
            ended = self._ended(place, showing.at)
            if ended is None:
                return _FULL
            slot, was_until = ended
            head = Stripe(head.taken - 1, head.latest, max(head.forgotten, ceil(was_until)))
            self._write_head(generation, stripe, head)
            self._write_tag(place.bucket, slot, NO_TAG)
        # 3
        at = place.bucket + TAGS_BYTES + slot * REST_BYTES
        self._write_rest(at, generation, place.scope, showing.at, now, until, showing.said)
        self._write_head(generation, stripe, Stripe(head.taken + 1, max(head.latest, ceil(until)), head.forgotten))
        self._write_tag(place.bucket, slot, place.tag)
        return Recorded(Seen.FIRST, self._passage(place, showing.at) if passage else None)

    def _until(self, showing: Showing) -> float:
        """Return until when a showing counts: until its code ends, and for no longer than a generation lasts.

        A code that may pass ends before that. One from the future would, once forgotten, make every code that ends
        before it one that may have been forgotten. In whole seconds, like what is kept of what was forgotten.
        """
        most = floor(showing.at + self._generations.generation_s)
        return min(showing.marks.shown_until or showing.at, most)

    def _passage(self, place: _Place, first: float) -> Passage:
        """Return what makes the receipts of one passage the same one. Nobody without the generation's key knows it."""
        seed = b"%b%b%r" % (place.tag, place.scope, first)
        return Passage(Instant(first), blake2b(seed, key=place.generation.key, digest_size=32).digest())

    def _ended(self, place: _Place, at: Instant) -> tuple[int, float] | None:
        """Return a slot of the bucket whose code has ended, and when."""
        for slot in range(BUCKET_SLOTS):
            start = place.bucket + TAGS_BYTES + slot * REST_BYTES
            read = self._memory[start : start + REST_BYTES]
            *_, until, _, check = REST.unpack(read)
            if check == crc32(read[:-4], place.generation.number) and until < at:
                return slot, until
        return None

    def _head(self, generation: Generation, stripe: int, at: float) -> Stripe:
        """Return the head of a stripe. If it is not whole, what it must have said at the most."""
        head = self._generations.stripe(generation, stripe)
        if head is not None:
            return head
        # Every code in it was valid when it was recorded, for no longer than a generation lasts.
        return Stripe(0, ceil(at + self._generations.generation_s), ceil(at))

    def _write_head(self, generation: Generation, stripe: int, head: Stripe) -> None:
        at = self._geometry.stripe_at(generation.slab, stripe)
        body = STRIPE.pack(head.taken, head.latest, head.forgotten, 0)[:-4]
        self._memory[at : at + STRIPE.size] = body + crc32(body, generation.number).to_bytes(4, "little")

    def _write_rest(
        self, at: int, generation: Generation, scope: bytes, first: float, last: float, until: float, said: int
    ) -> None:
        body = REST.pack(scope, first, last, until, said, 0)[:-4]
        self._memory[at : at + REST_BYTES] = body + crc32(body, generation.number).to_bytes(4, "little")

    def _write_tag(self, bucket: int, slot: int, tag: bytes) -> None:
        at = bucket + slot * TAG_BYTES
        self._memory[at : at + TAG_BYTES] = tag
