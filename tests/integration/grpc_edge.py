"""A real grpc.aio server on loopback, what stands behind it, and a client; and how a refusal is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import status_pb2  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]
from healthcode.interop.v1 import verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb
from healthcode.interop.v1.verification_service_pb2_grpc import VerificationServiceStub

from gateway.rpc.server import GrpcServer, verification_services
from gateway.rpc.settings import GrpcSettings
from tests.unit.rpc.fakes import CANARY, Desk, RecordingObserver

CONTEXT = pb.VerificationContext(purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL, receiving_division="330100")
STAFF = pb.VerificationContext(
    purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
    receiving_division="330100",
    disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
)
GREEN = pb.VerifyCodeRequest(context=CONTEXT, code=b"green:guizhou", request_id="r-1")


@dataclass
class Edge:
    """A running server, what stands behind it, and a client."""

    server: GrpcServer
    channel: Any
    stub: Any
    desk: Desk
    observer: RecordingObserver
    port: int


@asynccontextmanager
async def served(desk: Desk | None = None, *, ready: bool = True, **settings: Any) -> AsyncIterator[Edge]:
    desk = desk or Desk()
    observer = RecordingObserver()
    chosen = {"insecure_plaintext_on_loopback": True, "lame_duck_s": 0.0, "grace_s": 10.0} | settings
    server = GrpcServer(GrpcSettings("127.0.0.1", 0, **chosen), verification_services(desk), observer)
    port = await server.start()
    await server.set_serving(serving=ready)
    make_stub: Any = VerificationServiceStub
    options = [("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0)]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield Edge(server, channel, make_stub(channel), desk, observer, port)
    finally:
        await server.stop()


def told(error: grpc.aio.AioRpcError) -> tuple[ErrorInfo, list[Message]]:
    """Return the one ErrorInfo and the other details of a refusal, checked to be consistent and free of the canary."""
    trailers = tuple(error.trailing_metadata())
    everything = repr((error.code(), error.details(), error.debug_error_string(), trailers))
    for word in CANARY.split():
        assert word not in everything
        assert all(word.encode() not in value for _, value in trailers if isinstance(value, bytes))
    raw = dict(trailers)["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(raw)
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    kinds: dict[str, type[Message]] = {kind.DESCRIPTOR.full_name: kind for kind in (ErrorInfo, BadRequest, RetryInfo)}
    details: list[Message] = []
    for packed in status.details:
        detail = kinds[packed.TypeName()]()
        assert packed.Unpack(detail)
        details.append(detail)
    infos = [detail for detail in details if isinstance(detail, ErrorInfo)]
    assert len(infos) == 1
    assert infos[0].domain == "interop.healthcode"
    return infos[0], [detail for detail in details if not isinstance(detail, ErrorInfo)]


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def fields_of(details: list[Message]) -> list[str]:
    assert len(details) == 1
    assert isinstance(details[0], BadRequest)
    assert all(violation.description for violation in details[0].field_violations)
    return [violation.field for violation in details[0].field_violations]
