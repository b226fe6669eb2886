"""One list of the gateway's own, as far as others hold it: what has changed since, and which batch comes next.

Rules:

- What a place reads in the end is what counts: changes gather, at most one for each place.
- A batch has no more changes than one signature may make; what got worse goes first.
- One batch is on its way at a time. It stays as it is until it is known to be held.
- A batch that changes nothing proves with the digest of the whole list that both hold the same.

Source: docs/live-status.md, 2.
"""

from __future__ import annotations

import asyncio
from array import array
from hashlib import sha256
from typing import Final

from gateway.changes import BatchDigest, ChangeGroup, ListName, SignedBatch, StateDigest, StatusBatch, Word
from gateway.status import words
from gateway.status.batches import LastBatch, next_batch
from gateway.values import Instant, ReasonClass

from .register import PLACES

_REASONS: Final = {words.YELLOW: ReasonClass.YELLOW_OTHER, words.RED: ReasonClass.RED_OTHER_ORDER}


class Mirror:
    """One list."""

    __slots__ = (
        "_held",
        "_made",
        "changed",
        "flying",
        "gone",
        "issued",
        "left",
        "name",
        "number",
        "progress",
        "rests_until",
        "signed",
    )

    def __init__(self, name: ListName) -> None:
        self.name = name
        self.number = 0
        """The last batch that is known to be held; 0: none."""
        self._held: BatchDigest | None = None
        self.issued: Instant | None = None
        """Of the last batch that was made; None: the list was never opened."""
        self._made: Instant | None = None
        """What the clock said then: it may have been set back since."""
        self.changed: dict[int, Word] = {}
        self.flying: StatusBatch | None = None
        """The batch that is not known to be held yet."""
        self.signed: SignedBatch | None = None
        """The same, signed."""
        self.rests_until = Instant(0.0)
        self.gone = False
        """Whether no code points to it any more."""
        self.left = False
        """Whether it cannot be gone on with."""
        self.progress = asyncio.Event()

    def has_something(self, at: Instant, beat_s: float) -> bool:
        """Tell whether there is a batch to send at `at`: at least a sign of life, once in `beat_s` seconds."""
        if self.left:
            return False
        if self.flying is not None or self.changed or self.gone:
            return True
        return self._made is not None and not 0.0 <= at - self._made < beat_s

    def waits(self, index: int) -> bool:
        """Tell whether what a place reads is not known to be held yet."""
        groups = () if self.flying is None else self.flying.groups
        return index in self.changed or any(index in group.indices for group in groups)

    def next(self, raw: bytes | None, at: Instant, most_changes: int) -> StatusBatch:
        """Let the next batch fly: the list's end, its changes, or a sign of life. `raw` is the list as it stands."""
        self._made, self.issued = at, Instant(max(at, self.issued or at))
        last = None if self._held is None else LastBatch(self.number, self._held, self.issued)
        closing = self.gone and last is not None
        groups = () if closing else self._take(most_changes)
        self.flying = next_batch(
            self.name,
            last,
            self.issued,
            capacity=PLACES if last is None else None,
            groups=groups,
            state_digest=None if groups or closing or raw is None else StateDigest(sha256(raw).digest()),
            closing=closing,
        )
        return self.flying

    def landed(self, batch: StatusBatch, signed: SignedBatch) -> None:
        """Take note that the batch on its way is held."""
        self.number, self._held = batch.number, signed.digest
        self.flying = self.signed = None
        self._tell_progress()

    def begin_anew(self, raw: bytes) -> None:
        """Let the list be sent from number 1 on, as it stands: nothing of it is held any more."""
        self.number, self._held, self.flying, self.signed = 0, None, None, None
        self.changed = _said(raw)

    def leave(self) -> None:
        """Send nothing of it any more."""
        self.left = True
        self.changed = {}
        self.flying = self.signed = None
        self._tell_progress()

    def _take(self, most: int) -> tuple[ChangeGroup, ...]:
        """Take changes off, what got worse first."""
        taken = self.changed
        if len(taken) <= most:
            self.changed = {}
        else:
            worse_first = sorted(taken, key=lambda index: taken[index] == words.GREEN)
            self.changed = {index: taken[index] for index in worse_first[most:]}
            taken = {index: taken[index] for index in worse_first[:most]}
        places: dict[Word, array[int]] = {}
        for index in sorted(taken):
            places.setdefault(taken[index], array("I")).append(index)
        office = self.name.issuer
        return tuple(ChangeGroup(word, places[word], office, _REASONS.get(word)) for word in sorted(places))

    def _tell_progress(self) -> None:
        self.progress.set()
        self.progress = asyncio.Event()


def _said(raw: bytes) -> dict[int, Word]:
    """Return what a raw list says, without the places of which it says nothing."""
    said: dict[int, Word] = {}
    for place, byte in enumerate(raw):
        if byte != words.HOLE:
            for index, word in ((2 * place, byte & 0xF), (2 * place + 1, byte >> 4)):
                if word != words.UNKNOWN:
                    said[index] = Word(word)
    return said
