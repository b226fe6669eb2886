"""StatusService on grpc.aio: publishing, and handing lists on to other gateways. WatchCodes is in `watch_codes.py`.

Rules:

- Authority comes first: who is not enrolled learns nothing, not whether a list is there.
- A batch that was begun to be taken is taken, whatever becomes of the call: the publisher sends it again.
- What a follower gets is what the issuer signed, byte for byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import grpc
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import BatchRefusal, BatchRefused, ListName
from gateway.errors import RequestInvalid
from gateway.rpc.callers import current_caller
from gateway.rpc.changes_sent import changes_sent
from gateway.rpc.crowded import crowded, crowded_inside
from gateway.rpc.errors import OutOfTime
from gateway.rpc.methods import STATUS
from gateway.rpc.snapshots import fill_head, longest_s, snapshot_parts
from gateway.rpc.status_convert import MAX_SIGNATURES, name_of, signed_of
from gateway.rpc.status_desk import StatusDesk
from gateway.rpc.validation import check, parsed
from gateway.values import Caller, Instant, IssuerId

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

MAX_POSITIONS: Final = 4_096
MAX_ISSUERS: Final = 1_024


class StatusServicer:
    """Answers the RPCs of StatusService but WatchCodes. `desk` is asked once per call."""

    def __init__(self, desk: Callable[[], StatusDesk]) -> None:
        self._desk = desk
        self._taking: set[asyncio.Task[pb.PublishChangesResponse]] = set()

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the table that a server is given."""
        return grpc.method_handlers_generic_handler(
            STATUS,
            {
                "PublishChanges": grpc.unary_unary_rpc_method_handler(self.publish_changes),
                "ListStatusLists": grpc.unary_unary_rpc_method_handler(self.list_status_lists),
                "StreamSnapshot": grpc.unary_stream_rpc_method_handler(self.stream_snapshot),
                "StreamChanges": grpc.unary_stream_rpc_method_handler(self.stream_changes),
            },
        )

    async def publish_changes(self, raw: bytes, _context: Context) -> bytes:
        """Answer PublishChanges."""
        caller, desk = current_caller(), self._desk()
        # A task of its own: neither the caller's deadline nor her end leaves a batch half taken.
        task = asyncio.create_task(_publish(raw, caller, desk, desk.clock()))
        self._taking.add(task)
        task.add_done_callback(self._taken)
        return (await asyncio.shield(task)).SerializeToString()

    async def list_status_lists(self, raw: bytes, _context: Context) -> bytes:
        """Answer ListStatusLists."""
        caller, desk = current_caller(), self._desk()
        desk.refuse_strangers(caller)
        request = parsed(pb.ListStatusListsRequest, raw)
        check(request)
        response = pb.ListStatusListsResponse()
        for head in sorted(desk.ledger.heads(), key=lambda one: one.name):
            if request.issuer in ("", head.name.issuer):
                fill_head(response.heads.add(), head)
        return response.SerializeToString()

    async def stream_snapshot(self, raw: bytes, context: Context) -> None:
        """Answer StreamSnapshot."""
        caller, desk = current_caller(), self._desk()
        desk.refuse_strangers(caller)
        request = parsed(pb.StreamSnapshotRequest, raw)
        check(request)
        name = _named(request.list, "list")
        head = desk.ledger.head(name)
        try:
            async with desk.snapshots, aclosing(snapshot_parts(desk, name)) as parts:
                # Who takes her snapshot too slowly keeps it from others.
                async with asyncio.timeout(longest_s(head.capacity) if head is not None else None):
                    async for part in parts:
                        await context.write(part.SerializeToString())
        except TimeoutError:
            raise OutOfTime from None

    async def stream_changes(self, raw: bytes, context: Context) -> None:
        """Answer StreamChanges, for as long as the caller listens."""
        caller, desk = current_caller(), self._desk()
        desk.refuse_strangers(caller)
        positions, issuers = _beginning(raw)
        with desk.streaming(caller):
            async with aclosing(changes_sent(desk, positions, issuers)) as events:
                async for event in events:
                    await context.write(event)

    def _taken(self, task: asyncio.Task[pb.PublishChangesResponse]) -> None:
        self._taking.discard(task)
        if not task.cancelled():
            task.exception()  # told to the caller, if she is still there; never to the loop's log


async def _publish(raw: bytes, caller: Caller, desk: StatusDesk, at: Instant) -> pb.PublishChangesResponse:
    if crowded_inside(raw, 1, MAX_SIGNATURES + 1):
        raise BatchRefused(BatchRefusal.TOO_LARGE, "signatures")
    request = parsed(pb.PublishChangesRequest, raw)
    check(request)
    signed = signed_of(request.signed_batch)
    # Told before: the batch may be written down as soon as it is taken, which is before `submit` returns.
    take_back = desk.delivering(signed.digest, caller)
    try:
        taken = await desk.ledger.submit(signed, at)
    except BaseException:
        take_back()
        raise
    if taken.repeated:
        take_back()
    return pb.PublishChangesResponse(held_number=taken.held, repeated_batch=taken.repeated)


def _beginning(raw: bytes) -> tuple[dict[ListName, int], frozenset[IssuerId]]:
    """Return from where on the caller wants what, and of whom. Raises: RequestInvalid."""
    if crowded(raw, MAX_POSITIONS + MAX_ISSUERS):
        raise RequestInvalid("positions", f"must have at most {MAX_POSITIONS} items")
    request = parsed(pb.StreamChangesRequest, raw)
    check(request)
    positions: dict[ListName, int] = {}
    for place, position in enumerate(request.positions):
        path = f"positions[{place}].list"
        name = _named(position.list, path)
        if name in positions:
            raise RequestInvalid(path, "is named before")
        positions[name] = position.number
    return positions, frozenset(IssuerId(issuer) for issuer in request.issuers)


def _named(message: pb.StatusListName, path: str) -> ListName:
    try:
        return name_of(message, path)
    except BatchRefused as refused:
        raise RequestInvalid(refused.field, "is no name of a list") from None
