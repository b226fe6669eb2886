"""Guizhou's live status: a small list at the demo's gateway, codes that point to it, and one that turns red meanwhile.

The list outlives the demo, as the gateway keeps it. Guizhou always goes on from the number that is held: at the next
start, and after whatever is published from another terminal.
"""

from __future__ import annotations

import asyncio
import secrets
from array import array
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

from gateway.changes import ChangeGroup, ListName, Word
from gateway.errors import GatewayError, Reason
from gateway.formats.native_claims import NativeClaims
from gateway.formats.native_encode import encode_jws
from gateway.instants import now
from gateway.rpc.client import Answer, AskingFailed
from gateway.rpc.publish_next import held_list, last_batch, publish_next
from gateway.rpc.status_client import StatusClient, WatchEvent
from gateway.status import words
from gateway.values import DivisionCode, Instant, Measure, Profile, Purpose, ReasonClass

from .provinces import SampleIssuer
from .samples import RECEIVING, Sample

CAPACITY: Final = 64
GREEN, RED, CANCELLED, WATCHED = range(4)
"""The places of the sample codes."""

BEAT_S: Final = 20.0
"""Seconds between two signs of life, docs/live-status.md, 2."""

PATIENCE_S: Final = 10.0
"""Seconds after which a watch that tells nothing has failed."""

NOT_TOLD: Final = Answer(Measure.MANUAL, ("NOT_TOLD",), None, "", "")


@dataclass(frozen=True, slots=True)
class Told:
    """What a gate is told of a code that it watches."""

    before: Answer
    after: Answer
    """`seconds` after its issuer began to publish that it is red."""
    seconds: float


def list_of(guizhou: SampleIssuer, *, epoch: int = 1) -> ListName:
    """Return the name of Guizhou's list: the gateway holds that of the first epoch only."""
    return ListName(guizhou.issuer, f"{guizhou.issuer}/status/{epoch}")


def live_samples(guizhou: SampleIssuer, at: Instant) -> list[Sample]:
    """Return green codes that point to a list, each with the verdict that its list makes of it."""

    def pointing(title: str, place: int, measure: Measure, reason: Reason, epoch: int = 1) -> Sample:
        return Sample(f"Guizhou green, {title}", _code(guizhou, place, at, epoch), measure, reason)

    return [
        pointing("still green on its live list", GREEN, Measure.PASS, Reason.STATE_GREEN),
        pointing("red on its live list", RED, Measure.DENY, Reason.STATE_RED),
        pointing("cancelled on its live list", CANCELLED, Measure.DENY, Reason.REVOKED),
        pointing("pointing to a list that is not held", GREEN, Measure.MANUAL, Reason.STATUS_UNAVAILABLE, epoch=2),
    ]


class LiveList:
    """Guizhou's list, as Guizhou publishes it."""

    def __init__(self, client: StatusClient, guizhou: SampleIssuer) -> None:
        self._client = client
        self._guizhou = guizhou
        self._name = list_of(guizhou)

    async def begin(self) -> None:
        """Open the list if the gateway does not hold it yet, and say of each place what its sample expects.

        Raises: BatchRefused, StoreDegraded, AskingFailed.
        """
        if await held_list(self._client, self._name) is None:
            await publish_next(self._client, self._name, None, [self._guizhou], now(), capacity=CAPACITY)
        await self.say({words.GREEN: (GREEN, WATCHED), words.RED: (RED,), words.CANCELLED: (CANCELLED,)})

    def watched_code(self, at: Instant) -> bytes:
        """Return a code that `turn_red` turns red."""
        return _code(self._guizhou, WATCHED, at, 1)

    async def say(self, places: Mapping[Word, tuple[int, ...]]) -> None:
        """Publish what these places read from now on; of none: a sign of life.

        Raises: BatchRefused, StoreDegraded, AskingFailed.
        """
        office = f"{self._guizhou.listed.name}, command centre"
        groups = tuple(
            ChangeGroup(word, array("I", indices), office, ReasonClass.RED_CLOSE_CONTACT if word == words.RED else None)
            for word, indices in places.items()
        )
        last = last_batch(await held_list(self._client, self._name))
        await publish_next(self._client, self._name, last, [self._guizhou], now(), groups=groups)

    async def keep_alive(self) -> None:
        """Give signs of life until cancelled: what is not said again grows old, and then nothing is decided by it."""
        while True:
            await asyncio.sleep(BEAT_S)
            with suppress(GatewayError, AskingFailed):
                await self.say({})

    async def turn_red(self, code: bytes) -> Told:
        """Watch `code`, a green one, publish that its holder is red, and return what the gate is told of it.

        Raises: BatchRefused, StoreDegraded, AskingFailed.
        """
        events = self._client.watch(
            [("traveller-1", code)],
            purpose=Purpose.TRANSPORT_ARRIVAL,
            division=DivisionCode(RECEIVING),
            profile=Profile.STAFF,
        )
        async with aclosing(events):
            before = await _next_answer(events)
            began = monotonic()
            publishing = asyncio.create_task(self.say({words.RED: (WATCHED,)}))
            after = await _next_answer(events)
            seconds = monotonic() - began
            await publishing
        return Told(before, after, seconds)


async def _next_answer(events: AsyncGenerator[WatchEvent, None]) -> Answer:
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for event in events:
                if event.answer is not None:
                    return event.answer
    except TimeoutError:
        pass
    return NOT_TOLD


def _code(guizhou: SampleIssuer, place: int, at: Instant, epoch: int) -> bytes:
    claims = NativeClaims(
        guizhou.issuer,
        guizhou.listed.division or "",
        "green",
        int(at) - 60,
        int(at) + 172_800,
        secrets.token_urlsafe(12),
        status_uri=list_of(guizhou, epoch=epoch).uri,
        status_index=place,
    )
    return encode_jws(claims, key_id=guizhou.key_id, algorithm=guizhou.algorithm, sign=guizhou.sign).encode()
