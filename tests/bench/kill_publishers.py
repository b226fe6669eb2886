"""Provinces that publish while gateways are killed: each sends the same bytes until they are acknowledged.

A lane is one list after another of one province: opened, filled, changed in batches of random size, closed. Several
lanes go side by side; in a lane one batch after another, as docs/live-status.md says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import grpc
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from grpc_status import rpc_status
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import BatchDigest, ListName, SignedBatch, Word
from gateway.rpc.methods import STATUS
from gateway.rpc.status_convert import signed_message
from gateway.status import words
from gateway.values import CodeState, Instant
from tests.simulators.status_issuer import StatusIssuer, group

from .kill_board import MARKS, RANKS, Board
from .nation_site import Province

PLACES: Final = 20_000
BULK: Final = 1_000
"""What one signature may change."""
RETRY_S: Final = 0.1
CALL_S: Final = 5.0
OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 200),
)
_WORDS: Final = (words.GREEN, words.YELLOW, words.RED, words.SUSPENDED, words.CANCELLED, words.UNKNOWN)
_WORSE: Final = {RANKS[CodeState.YELLOW]: words.YELLOW, RANKS[CodeState.RED]: words.RED}
_AGAIN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)


@dataclass(slots=True)
class Tally:
    """What all publishers did."""

    batches: int = 0
    changes: int = 0
    heartbeats: int = 0
    with_state_digest: int = 0
    lists: int = 0
    calls_failed: int = 0
    held_before_the_answer: int = 0
    """Sent again after no answer came, and acknowledged as held already: the kill hit between commit and answer."""
    store_degraded: int = 0
    waits_s: list[float] = field(default_factory=list)
    """From the first sending of each batch to its acknowledgement."""
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Track:
    """One list, as its province remembers it."""

    slot: int
    issuer: StatusIssuer
    marks: list[int]
    digests: list[BatchDigest] = field(default_factory=list)
    """Of every batch that was made, acknowledged or not."""
    acknowledged: int = 0
    ranks: list[int] = field(default_factory=lambda: [0] * MARKS)
    steps: list[tuple[int, int, int]] = field(default_factory=list)
    """Batch, mark, rank: in the order of batches."""
    filled_at: list[float | None] = field(default_factory=lambda: [None, None])
    """When each gateway was first known to hold what fills the list."""
    closing: bool = False

    @property
    def name(self) -> ListName:
        """Which list."""
        return self.issuer.name

    @property
    def filling(self) -> int:
        """The number of the batch that fills it."""
        return 2

    def ranks_between(self, after: int, up_to: int) -> dict[int, int]:
        """Return how bad marks have become by batches above `after` up to `up_to`."""
        return {mark: rank for number, mark, rank in self.steps if after < number <= up_to}


class Publisher:
    """Sends batches to one gateway."""

    def __init__(self, channel: grpc.aio.Channel, tally: Tally) -> None:
        self._tally = tally
        self._call: Any = channel.unary_unary(
            f"/{STATUS}/PublishChanges",
            request_serializer=pb.PublishChangesRequest.SerializeToString,
            response_deserializer=pb.PublishChangesResponse.FromString,
        )

    async def publish(self, signed: SignedBatch, number: int) -> bool:
        """Send a batch until it is acknowledged; tell whether it was. It is not only if it was refused."""
        request = pb.PublishChangesRequest(signed_batch=signed_message(signed))
        began, tally, tries = time.monotonic(), self._tally, 0
        while True:
            tries += 1
            try:
                answer = await self._call(request, timeout=CALL_S)
            except grpc.aio.AioRpcError as failed:
                reason = _reason(failed)
                tally.calls_failed += 1
                tally.store_degraded += reason == "STORE_DEGRADED"
                if failed.code() not in _AGAIN:
                    tally.faults.append(f"refused: {failed.code().name} {reason}, batch {number}")
                    return False
                await asyncio.sleep(RETRY_S)
            else:
                tally.batches += 1
                tally.held_before_the_answer += answer.repeated_batch
                tally.waits_s.append(time.monotonic() - began)
                if answer.held_number != number:
                    tally.faults.append(f"acknowledged batch {number} as {answer.held_number}")
                if answer.repeated_batch and tries == 1:
                    tally.faults.append(f"batch {number} was held before it was sent")
                return True


class Lane:
    """One list after another of one province."""

    def __init__(
        self,
        label: str,
        province: Province,
        publisher: Publisher,
        tracks: list[Track],
        board: Board,
        announce: Callable[[int, ListName, list[int]], None],
        tally: Tally,
        random: Random,
        *,
        epoch_batches: int,
        pause_s: float,
    ) -> None:
        self._label = label
        self._province = province
        self._publisher = publisher
        self._tracks = tracks
        self._board = board
        self._announce = announce
        self._tally = tally
        self._random = random
        self._epoch_batches = epoch_batches
        self._pause_s = pause_s

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until told to stop; the last list stays open, and ends with a state digest."""
        epoch = 0
        while not stop.is_set():
            epoch += 1
            track = self._opened(epoch)
            if not await self._fill(track):
                return
            last = self._random.randrange(self._epoch_batches // 2, 2 * self._epoch_batches)
            while not stop.is_set() and track.issuer.number < last:
                if not await self._send(track, self._batch(track)):
                    return
                await asyncio.sleep(self._random.uniform(0, 2 * self._pause_s))
            if stop.is_set():
                await self._send(track, track.issuer.heartbeat(_now(), prove=True))
                return
            self._board.set_live(track.slot, live=False)
            track.closing = True
            if not await self._send(track, track.issuer.close(_now())):
                return

    def _opened(self, epoch: int) -> Track:
        uri = f"{self._province.issuer.name.issuer}/{self._label}/{epoch}"
        issuer = StatusIssuer.make(self._province.issuer.name.issuer, uri, self._province.keys, PLACES)
        track = Track(len(self._tracks), issuer, self._random.sample(range(PLACES), MARKS))
        self._tracks.append(track)
        self._board.set_live(track.slot, live=True)
        self._announce(track.slot, track.name, track.marks)
        self._tally.lists += 1
        return track

    async def _fill(self, track: Track) -> bool:
        """Open the list, then say of every place what it reads: of marked ones, green."""
        content = bytearray(self._random.randbytes(PLACES // 2).translate(_FILLING))
        for mark, index in enumerate(track.marks):
            content[index // 2] &= 0x0F if index % 2 else 0xF0
            track.steps.append((track.filling, mark, RANKS[CodeState.GREEN]))
        track.ranks = [RANKS[CodeState.GREEN]] * MARKS
        if not await self._send(track, track.issuer.open(_now())):
            return False
        return await self._send(track, track.issuer.fill(0, bytes(content), _now()))

    def _batch(self, track: Track) -> SignedBatch:
        random, tally = self._random, self._tally
        prove = random.random() < 0.15
        tally.with_state_digest += prove
        if random.random() < 0.25:
            tally.heartbeats += 1
            return track.issuer.heartbeat(_now(), prove=prove)
        bulk = random.random() < 0.03
        count = 1 + int((5 * BULK if bulk else BULK - MARKS) * random.random() ** 3)
        places = random.sample(range(PLACES), count)
        changes: dict[Word, set[int]] = {}
        marked = set(track.marks)
        for number in range(parts := random.randrange(1, 4)):
            share = {place for place in places[number::parts] if place not in marked}
            changes.setdefault(random.choice(_WORDS), set()).update(share)
        if random.random() < 0.5:
            mark = random.randrange(MARKS)
            rank = track.ranks[mark] + 1
            if rank in _WORSE:
                changes.setdefault(_WORSE[rank], set()).add(track.marks[mark])
                track.ranks[mark] = rank
                track.steps.append((track.issuer.number + 1, mark, rank))
        groups = [group(word, indices) for word, indices in changes.items() if indices]
        tally.changes += sum(len(one.indices) for one in groups)
        signers = track.issuer.keys if bulk else track.issuer.keys[:1]
        return track.issuer.change(groups, _now(), keys=signers, prove=prove)

    async def _send(self, track: Track, signed: SignedBatch) -> bool:
        track.digests.append(signed.digest)
        track.issuer.batches.clear()
        number = len(track.digests)
        if not await self._publisher.publish(signed, number):
            return False
        self._board.raise_to(track.slot, 0, number, track.ranks_between(track.acknowledged, number))
        track.acknowledged = number
        if number == track.filling:
            track.filled_at[0] = time.monotonic()
        return True


_FILLING: Final = bytes([*([0x00] * 200), *([0xC0] * 20), *([0x0D] * 20), *([0xFF] * 16)])
"""What a random byte becomes: two places."""


def _now() -> Instant:
    return Instant(time.time())


def _reason(failed: grpc.aio.AioRpcError) -> str:
    """Return the reason of a refusal, empty if it has none."""
    status = rpc_status.from_call(failed)  # type: ignore[arg-type]  # what it reads, both have
    for packed in () if status is None else status.details:
        info = ErrorInfo()
        if packed.Unpack(info):
            return str(info.reason)
    return ""
