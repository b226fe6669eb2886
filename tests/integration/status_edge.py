"""A keeper's gRPC server on loopback with lists that are fakes, watches that are not, and a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.callers.rights import Rights, up_to
from gateway.rpc.audited import KeepsAudit
from gateway.rpc.methods import STATUS
from gateway.rpc.server import GrpcServer, Service
from gateway.rpc.settings import GrpcSettings
from gateway.rpc.watch_codes import WatchDesk, WatchServicer
from gateway.values import Caller, Profile
from tests.unit.rpc.fakes import RecordingObserver
from tests.unit.watches.world import World


@dataclass
class WatchEdge:
    """A running server, the world behind it, and a client's channel."""

    world: World
    channel: grpc.aio.Channel
    port: int
    observer: RecordingObserver
    audit: KeepsAudit | None = None
    rights: dict[str, Rights] = field(default_factory=dict)
    """Of callers whose rights are not all there are."""

    def rights_of(self, caller: Caller) -> Rights:
        return self.rights.get(caller.caller_id, Rights(up_to(Profile.STAFF)))

    def call(self) -> Any:
        """Return a new stream of WatchCodes."""
        return self.channel.stream_stream(
            f"/{STATUS}/WatchCodes",
            request_serializer=pb.WatchCodesRequest.SerializeToString,
            response_deserializer=pb.WatchCodesResponse.FromString,
        )()


@asynccontextmanager
async def watching(world: World | None = None, *, alive_s: float = 30.0) -> AsyncIterator[WatchEdge]:
    world = world or World()
    observer = RecordingObserver()
    edge: WatchEdge
    servicer = WatchServicer(lambda: WatchDesk(world.watches, edge.rights_of, audit=edge.audit), alive_s=alive_s)
    settings = GrpcSettings("127.0.0.1", 0, insecure_plaintext_on_loopback=True, lame_duck_s=0.0, grace_s=5.0)
    server = GrpcServer(settings, (Service(STATUS, servicer.handlers()),), observer)
    port = await server.start()
    try:
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            edge = WatchEdge(world, channel, port, observer)
            yield edge
    finally:
        await server.stop()
