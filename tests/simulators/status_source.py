"""A gateway that hands lists on as a test says: rightly, wrongly, too slowly, without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from zlib import compress

import grpc
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import SNAPSHOT_CONTEXT, ListHead, SignedBatch, StateDigest
from gateway.rpc.convert import fill_time
from gateway.rpc.methods import STATUS
from gateway.rpc.snapshots import Manifest, write_manifest
from gateway.rpc.status_convert import signed_message
from gateway.values import Instant, IssuerId

from .signing import SigningKey
from .status_issuer import StatusIssuer

Write = Callable[[Any], Awaitable[None]]
"""Sends one message, or bytes that are none."""

CAUGHT_UP = pb.StreamChangesResponse()
fill_time(CAUGHT_UP.caught_up, 1_600_000_000)


def batch_event(signed: SignedBatch) -> pb.StreamChangesResponse:
    """Return one batch as an event."""
    return pb.StreamChangesResponse(signed_batch=signed_message(signed))


def snapshot_needed(issuer: StatusIssuer, number: int | None = None) -> pb.StreamChangesResponse:
    """Return the event that asks for a snapshot to be taken."""
    response = pb.StreamChangesResponse()
    head = response.snapshot_needed
    head.list.issuer, head.list.uri = issuer.name
    head.number = issuer.number if number is None else number
    return response


def head_of(issuer: StatusIssuer, at: Instant) -> ListHead:
    """Return how far an issuer is with its list, whose last batch was made at `at`."""
    assert issuer.digest is not None
    return ListHead(issuer.name, issuer.capacity, issuer.number, issuer.digest, at, at)


def snapshot_head(
    manifest: Manifest | bytes, key: SigningKey, last: SignedBatch, *, signed: bytes | None = None
) -> pb.StreamSnapshotResponse:
    """Return a snapshot's first message; `signed` is what the signature is over, if not the manifest."""
    raw = manifest if isinstance(manifest, bytes) else write_manifest(manifest)
    response = pb.StreamSnapshotResponse()
    response.head.manifest = raw
    response.head.signature.key_id = key.key_id.decode()
    response.head.signature.signature = key.sign(SNAPSHOT_CONTEXT + (raw if signed is None else signed))
    response.head.last_batch.CopyFrom(signed_message(last))
    return response


def blocks(raw: bytes, part_bytes: int = 1 << 20) -> Iterable[pb.StreamSnapshotResponse]:
    """Return a snapshot's content in parts."""
    for begin in range(0, len(raw), part_bytes):
        deflated = compress(raw[begin : begin + part_bytes])
        yield pb.StreamSnapshotResponse(block=pb.StatusBlock(first_index=2 * begin, deflated_words=deflated))


def snapshot_of(
    issuer: StatusIssuer, at: Instant, key: SigningKey, gateway: str, raw: bytes | None = None
) -> list[pb.StreamSnapshotResponse]:
    """Return a snapshot of what an issuer holds, or of something else under its name."""
    content = bytes(issuer.held) if raw is None else raw
    manifest = Manifest(head_of(issuer, at), StateDigest(sha256(content).digest()), at, IssuerId(gateway))
    return [snapshot_head(manifest, key, issuer.batches[-1]), *blocks(content)]


async def hang() -> None:
    """Never end, until cancelled."""
    await asyncio.Event().wait()


@dataclass(slots=True)
class ScriptedGateway:
    """Answers as its scripts say. A script that returns ends the stream; one that raises breaks it."""

    target: str = ""
    asked: list[pb.StreamChangesRequest] = field(default_factory=list)
    snapshots: list[pb.StreamSnapshotRequest] = field(default_factory=list)
    on_changes: Callable[[pb.StreamChangesRequest, Write], Awaitable[None]] | None = None
    on_snapshot: Callable[[pb.StreamSnapshotRequest, Write], Awaitable[None]] | None = None

    def sends(self, *events: pb.StreamChangesResponse | bytes, then: Callable[[], Awaitable[None]] = hang) -> None:
        """Answer every StreamChanges with these events."""

        async def script(_request: pb.StreamChangesRequest, write: Write) -> None:
            for event in events:
                await write(event)
            await then()

        self.on_changes = script

    def holds(
        self, *parts: pb.StreamSnapshotResponse | bytes, then: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Answer every StreamSnapshot with these parts."""

        async def script(_request: pb.StreamSnapshotRequest, write: Write) -> None:
            for part in parts:
                await write(part)
            if then is not None:
                await then()

        self.on_snapshot = script

    async def _changes(self, raw: bytes, context: Any) -> None:
        request = pb.StreamChangesRequest.FromString(raw)
        self.asked.append(request)
        if self.on_changes is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE)
        else:
            await self.on_changes(request, _writer(context))

    async def _snapshot(self, raw: bytes, context: Any) -> None:
        request = pb.StreamSnapshotRequest.FromString(raw)
        self.snapshots.append(request)
        if self.on_snapshot is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE)
        else:
            await self.on_snapshot(request, _writer(context))

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the table that a server is given."""
        table: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "StreamChanges": grpc.unary_stream_rpc_method_handler(self._changes),
            "StreamSnapshot": grpc.unary_stream_rpc_method_handler(self._snapshot),
        }
        return grpc.method_handlers_generic_handler(STATUS, table)


def _writer(context: Any) -> Write:
    async def write(message: Any) -> None:
        await context.write(message if isinstance(message, bytes) else message.SerializeToString())

    return write


@asynccontextmanager
async def scripted_gateway() -> AsyncIterator[ScriptedGateway]:
    """Run one on loopback."""
    gateway = ScriptedGateway()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((gateway.handlers(),))
    gateway.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield gateway
    finally:
        await server.stop(None)
