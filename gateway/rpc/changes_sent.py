"""What a follower is sent: batches from her positions on, then each new one, and signs of life.

Rules:

- A list's batches go out in order and without gaps: what the ledger tells as new is compared with what was sent, and a
  gap is filled from the log.
- Nothing is queued for a slow follower: she who lags behind is caught up from the log.
- A list whose batches are not kept any more is told once (`snapshot_needed`), and not sent any further on this stream.
- A closed list is sent to those who say that they hold it: to others it says nothing any more.
- Whoever holds more than this gateway is sent nothing of that list, until this gateway holds more than she said.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import ListName
from gateway.publishing.subscriptions import Applied
from gateway.rpc.convert import fill_time
from gateway.rpc.snapshots import fill_head
from gateway.rpc.status_desk import StatusDesk
from gateway.values import IssuerId

READ_BYTES = 1 << 20
"""Of the log at one time."""


async def changes_sent(
    desk: StatusDesk, positions: Mapping[ListName, int], issuers: frozenset[IssuerId]
) -> AsyncGenerator[bytes, None]:
    """Yield encoded StreamChangesResponses, for `stream_s`. Empty `issuers`: of all. Raises: StoreDegraded.

    1. told of what is new from here on, so that nothing falls between reading and listening
    2. what is held already; then `caught_up`
    3. what is new; where that does not go on from what was sent, the log
    4. nothing new for a while: `caught_up` again
    """
    loop = asyncio.get_running_loop()
    sending, end = _Sending(desk, dict(positions), issuers), loop.time() + desk.stream_s
    with desk.ledger.subscribe() as news:  # 1
        async for event in sending.all_held():  # 2
            yield event
        yield sending.caught_up()
        while loop.time() < end:
            try:
                async with asyncio.timeout(desk.beat_s):
                    new = await anext(news, None)
            except TimeoutError:
                yield sending.caught_up()  # 4
                continue
            if new is None:  # the ledger is closed
                return
            async for event in sending.new(new) if isinstance(new, Applied) else sending.all_held():  # 3
                yield event


class _Sending:
    """How far one follower has been sent each list."""

    def __init__(self, desk: StatusDesk, sent: dict[ListName, int], issuers: frozenset[IssuerId]) -> None:
        self._desk = desk
        self._ledger = desk.ledger
        self._sent = sent
        self._issuers = issuers
        self._given_up: set[ListName] = set()

    def caught_up(self) -> bytes:
        response = pb.StreamChangesResponse()
        fill_time(response.caught_up, self._desk.clock())
        return response.SerializeToString()

    async def all_held(self) -> AsyncGenerator[bytes, None]:
        """Yield what is held beyond what was sent, list by list."""
        for head in self._ledger.heads():
            if not head.closed or head.name in self._sent:
                async for event in self._held(head.name):
                    yield event

    async def new(self, applied: Applied) -> AsyncGenerator[bytes, None]:
        """Yield a batch that was just applied; where it does not go on from what was sent, what lies between too."""
        sent = self._sent.get(applied.name, 0)
        if applied.number <= sent or not self._wanted(applied.name):
            return
        if applied.number == sent + 1:
            self._sent[applied.name] = applied.number
            yield _batch(applied.signed)
            return
        async for event in self._held(applied.name):
            yield event

    def _wanted(self, name: ListName) -> bool:
        return name not in self._given_up and (not self._issuers or name.issuer in self._issuers)

    async def _held(self, name: ListName) -> AsyncGenerator[bytes, None]:
        while self._wanted(name):
            sent, head = self._sent.get(name, 0), self._ledger.head(name)
            if head is None or head.number <= sent:
                return
            logged = await self._ledger.read(name, sent, READ_BYTES) if sent >= self._ledger.base(name) else ()
            if not logged or logged[0].number != sent + 1:  # pruned
                self._given_up.add(name)
                response = pb.StreamChangesResponse()
                fill_head(response.snapshot_needed, head)
                yield response.SerializeToString()
                return
            for batch in logged:
                self._sent[name] = batch.number
                yield _batch(batch.signed)


def _batch(signed: bytes) -> bytes:
    response = pb.StreamChangesResponse()
    response.signed_batch.MergeFromString(signed)
    return response.SerializeToString()
