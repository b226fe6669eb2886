"""Shows the gateway's own lists to others: each as an issuer's list of live status, by signed batches (`mirror.py`).

Rules:

- A list is opened when its first place is given out, and closed when it is gone or this process ends in order. After an
  end without order it grows old, and its codes are MANUAL.
- What changes within `FLUSH_S` goes out together, sooner if somebody waits for it. A list in which nothing happens
  gives a sign of life every `BEAT_S`.
- A batch is sent, the same bytes, until it is known to be held. Whoever cannot take it now is asked again; meanwhile
  changes gather, at most one for each place.
- Who holds nothing of a list any more gets it anew from number 1. A list that cannot be gone on with is left: no more
  codes point to it, and those that do grow old.

Source: docs/live-status.md, 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from gateway.changes import (
    BatchRefusal,
    BatchRefused,
    ListName,
    SignedBatch,
    StatusBatch,
    Word,
)
from gateway.status.batches import sign_batch
from gateway.values import Instant, IssuerId, StatusPointer
from keys.signer import Signer

from .mirror import Mirror
from .register import StatusRegister

FLUSH_S: Final = 0.1
"""Seconds that changes gather."""

BEAT_S: Final = 20.0
"""Seconds between two signs of life."""

AWAY_S: Final = 1.0
"""Seconds until who could not be reached is asked again."""

REFUSED_S: Final = 20.0
"""Seconds until a batch is sent again that was refused for what may yet change: trust, room, the clock."""

SET_BACK_S: Final = 60.0
"""Seconds that the clock may be set back; beyond, a list that was told of later times is left."""

CLOSING_S: Final = 2.0
"""Seconds that closing all lists may take at the end."""

MOST_CHANGES: Final = 1_000
"""In one batch: what one signature may change, if nobody configured otherwise."""

MOST_GONE: Final = 1_024
"""Lists that are gone and wait to be closed; the oldest are forgotten, and grow old instead."""

_MAY_YET_CHANGE: Final = frozenset(
    {
        BatchRefusal.UNKNOWN_ISSUER,
        BatchRefusal.BAD_SIGNATURE,
        BatchRefusal.SECOND_SIGNATURE_REQUIRED,
        BatchRefusal.TOO_MANY_LISTS,
        BatchRefusal.IN_THE_FUTURE,
    }
)


class StatusPublisher(Protocol):
    """Takes batches: a keeper, by whatever way."""

    async def publish(self, signed: SignedBatch) -> None:
        """Return once the batch is held for good, and every worker sees it.

        Raises: BatchRefused; anything else if it cannot be reached or cannot write.
        """
        ...


class PublishingObserver(Protocol):
    """Is told what becomes of batches. Must neither raise nor wait."""

    def register_published(self, changes: int, seconds: float) -> None:
        """Take note of a batch that is held, `seconds` after it was made."""
        ...

    def register_unpublished(self, failure: Exception) -> None:
        """Take note that a batch was refused, or could not be sent: it will be again, unless its list is left."""
        ...


class NobodyObservesPublishing:
    """An observer that looks away."""

    def register_published(self, changes: int, seconds: float) -> None:
        """See PublishingObserver."""

    def register_unpublished(self, failure: Exception) -> None:
        """See PublishingObserver."""


class RegisterPublisher:
    """Mirrors one register to one publisher. Make, start and stop it in the same event loop."""

    def __init__(
        self,
        register: StatusRegister,
        issuer: IssuerId,
        signer: Signer,
        publisher: StatusPublisher,
        encode: Callable[[StatusBatch], bytes],
        clock: Callable[[], Instant],
        *,
        most_changes: int = MOST_CHANGES,
        observer: PublishingObserver | None = None,
    ) -> None:
        """Take whose lists, in which name and with which key, to whom, and how a batch is encoded.

        Nothing of `register` has been given out yet.
        """
        self._register = register
        self._issuer = issuer
        self._signer = signer
        self._publisher = publisher
        self._encode = encode
        self._clock = clock
        self._most_changes = most_changes
        self._observer = observer or NobodyObservesPublishing()
        self._mirrors: dict[str, Mirror] = {}
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        register.mirror = self

    def place_written(self, pointer: StatusPointer, word: Word) -> None:
        """See MirrorsRegister."""
        mirror = self._mirrors.get(pointer.uri)
        if mirror is None:
            mirror = self._mirrors[pointer.uri] = Mirror(ListName(self._issuer, pointer.uri))
        if not mirror.left:
            mirror.changed[pointer.index] = word

    def list_gone(self, uri: str) -> None:
        """See MirrorsRegister."""
        mirror = self._mirrors.get(uri)
        if mirror is None:
            return
        mirror.gone = True
        mirror.changed = {}
        if mirror.left or mirror.issued is None:  # nobody can be told, or nobody was ever told of it
            del self._mirrors[uri]
        gone = [one for one, other in self._mirrors.items() if other.gone]
        for one in gone[: max(0, len(gone) - MOST_GONE)]:
            del self._mirrors[one]

    async def shown(self, pointer: StatusPointer, seconds: float) -> bool:
        """Return whether what a place reads is held where it is published, after at most `seconds`.

        Somebody waits, so that nothing is gathered for longer.
        """
        mirror = self._mirrors.get(pointer.uri)
        if mirror is None:
            return False
        self._hurry.set()
        try:
            async with asyncio.timeout(seconds):
                while mirror.waits(pointer.index):
                    await mirror.progress.wait()
        except TimeoutError:
            return False
        return not mirror.left

    def start(self) -> None:
        """Begin. Called again, it does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Close every list that was opened, within `CLOSING_S`, and end. Called again, it does nothing."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # not suppressed: a cancellation of our own must be heard
        for uri, mirror in tuple(self._mirrors.items()):
            mirror.rests_until = Instant(0.0)
            self.list_gone(uri)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await self.flush()

    async def flush(self) -> None:
        """Send what there is to send of each list, side by side; one list's batches go one after another."""
        at = self._clock()
        due = [one for one in self._mirrors.values() if not 0.0 < one.rests_until - at <= REFUSED_S]
        await asyncio.gather(*(self._flush(mirror) for mirror in due if mirror.has_something(at, BEAT_S)))

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S):
                    await self._hurry.wait()
            self._hurry.clear()
            try:
                await self.flush()
            except Exception as failure:  # noqa: BLE001 a fault of ours must not be the end of all lists
                self._observer.register_unpublished(failure)
                await asyncio.sleep(AWAY_S)

    async def _flush(self, mirror: Mirror) -> None:
        """Send one list's batches until nothing is left, or until one is not taken."""
        while mirror.has_something(self._clock(), BEAT_S):
            batch = mirror.flying or mirror.next(self._register.raw(mirror.name.uri), self._clock(), self._most_changes)
            mirror.signed = signed = mirror.signed or sign_batch(self._encode(batch), [self._signer])
            try:
                await self._publisher.publish(signed)
            except BatchRefused as refused:
                self._observer.register_unpublished(refused)
                self._take_refusal(mirror, refused)
                return
            except Exception as failure:  # noqa: BLE001 whatever it is, the same bytes are sent again
                self._observer.register_unpublished(failure)
                mirror.rests_until = Instant(self._clock() + AWAY_S)
                return
            self._observer.register_published(batch.changes, max(0.0, self._clock() - batch.issued))
            mirror.landed(batch, signed)
            if batch.closing:
                self._mirrors.pop(mirror.name.uri, None)
                return

    def _take_refusal(self, mirror: Mirror, refused: BatchRefused) -> None:
        """Send the batch again later, or the whole list anew, or leave the list.

        1. What refused it may change, unless the clock was set back for good.
        2. Nothing of the list is held any more: the store was lost.
        3. Anything else says that the two hold different things.
        """
        # 1
        at, refusal = self._clock(), refused.refusal
        set_back = mirror.issued is not None and mirror.issued - at > SET_BACK_S
        if refusal in _MAY_YET_CHANGE and not set_back:
            mirror.rests_until = Instant(at + REFUSED_S)
            return
        # 2
        raw = self._register.raw(mirror.name.uri)
        lost = refusal is BatchRefusal.UNKNOWN_LIST or (refusal is BatchRefusal.NUMBER_GAP and not refused.held)
        if lost and mirror.number and raw is not None and not mirror.gone:
            mirror.begin_anew(raw)
            return
        # 3
        mirror.leave()
        self._register.leave(mirror.name.uri)
        if mirror.gone:
            self._mirrors.pop(mirror.name.uri, None)
