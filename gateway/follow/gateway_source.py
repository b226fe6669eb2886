"""One other gateway, as its StatusService is asked: messages <-> values, and what may be wrong with a connection.

Rules:

- Mutual TLS, or plaintext to loopback and to socket files only.
- Messages are bounded; nothing is decompressed but what we inflate ourselves.
- A source that says nothing for too long, not even that it lives, has failed. A message that drips in says nothing.
- Each session has a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import BatchRefusal, BatchRefused, ListName, SignedBatch
from gateway.loopback import is_loopback
from gateway.rpc.crowded import crowded_inside
from gateway.rpc.methods import STATUS
from gateway.rpc.status_convert import MAX_BATCH_BYTES, MAX_SIGNATURES, fill_name, name_of, signed_of
from gateway.values import IssuerId

from .gateway_observer import FollowFailure

M = TypeVar("M", bound=Message)

MAX_MESSAGE_BYTES: Final = MAX_BATCH_BYTES + (1 << 18)

OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.max_metadata_size", 8_192),
    ("grpc.enable_http_proxy", 0),
    # A connection that lost its other end is noticed although nothing is sent.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Each session connects by itself: one that hangs is no other's.
    ("grpc.use_local_subchannel_pool", 1),
)


class SourceFailed(Exception):
    """A session with a source is over."""

    def __init__(self, why: FollowFailure) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class FollowedGateway:
    """Which gateway is followed."""

    gateway: IssuerId
    """As trust lists have it: it vouches for its snapshots under this name."""
    target: str
    """host:port, or unix:/path."""
    credentials: grpc.ChannelCredentials | None = field(default=None, repr=False)
    """None: plaintext, which is spoken to loopback and socket files only."""
    issuers: frozenset[IssuerId] = frozenset()
    """Only these issuers' lists; empty: all."""

    def __post_init__(self) -> None:
        """Refuse plaintext to elsewhere. Raises: ValueError naming the target."""
        host = self.target.rpartition(":")[0].strip("[]")
        if self.credentials is None and not self.target.startswith("unix:") and not is_loopback(host):
            raise ValueError(f"{self.target}: plaintext is spoken to loopback only")


@dataclass(frozen=True, slots=True)
class SnapshotNeeded:
    """The source does not keep what follows on our position any more."""

    name: ListName
    number: int


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Everything that the source holds has been sent."""


class GatewaySource:
    """A session with one gateway."""

    def __init__(self, channel: grpc.aio.Channel, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._changes: Any = channel.unary_stream(
            f"/{STATUS}/StreamChanges",
            request_serializer=pb.StreamChangesRequest.SerializeToString,
        )
        self._snapshot: Any = channel.unary_stream(
            f"/{STATUS}/StreamSnapshot",
            request_serializer=pb.StreamSnapshotRequest.SerializeToString,
        )

    async def changes(
        self, positions: Mapping[ListName, int], issuers: Iterable[IssuerId]
    ) -> AsyncGenerator[SignedBatch | SnapshotNeeded | CaughtUp, None]:
        """Yield what the source sends from `positions` on, for ever. Raises: SourceFailed."""
        request = pb.StreamChangesRequest(issuers=issuers)
        for name, number in positions.items():
            position = request.positions.add(number=number)
            fill_name(position.list, name)
        try:
            async for message in self._messages(self._changes(request), pb.StreamChangesResponse):
                match message.WhichOneof("event"):
                    case "signed_batch":
                        yield signed_of(message.signed_batch)
                    case "snapshot_needed":
                        head = message.snapshot_needed
                        yield SnapshotNeeded(name_of(head.list, "snapshot_needed.list"), head.number)
                    case "caught_up":
                        yield CaughtUp()
                    case _:
                        raise SourceFailed(FollowFailure.BROKEN)
        except BatchRefused:
            raise SourceFailed(FollowFailure.BROKEN) from None

    async def snapshot(self, name: ListName) -> AsyncGenerator[pb.SnapshotHead | pb.StatusBlock, None]:
        """Yield the parts of a list's snapshot, of which nothing is checked.

        Raises: SourceFailed; BatchRefused with UNKNOWN_LIST if the source has no such list.
        """
        request = pb.StreamSnapshotRequest()
        fill_name(request.list, name)
        async for message in self._messages(self._snapshot(request), pb.StreamSnapshotResponse):
            part = message.WhichOneof("part")
            if part is None:
                raise SourceFailed(FollowFailure.BROKEN)
            yield getattr(message, part)

    async def _messages(self, call: Any, kind: type[M]) -> AsyncIterator[M]:
        """Yield the messages of a call, as long as none is long in coming.

        They are parsed here: grpc would log what it cannot parse.
        """
        try:
            while True:
                async with asyncio.timeout(self._quiet_s):
                    raw = await call.read()
                if raw is grpc.aio.EOF:
                    return
                if crowded_inside(raw, 1, MAX_SIGNATURES + 1):
                    raise SourceFailed(FollowFailure.BROKEN)
                yield kind.FromString(raw)
        except DecodeError:
            raise SourceFailed(FollowFailure.BROKEN) from None
        except TimeoutError:
            raise SourceFailed(FollowFailure.SILENT) from None
        except grpc.aio.AioRpcError as failed:
            if failed.code() is grpc.StatusCode.NOT_FOUND:
                raise BatchRefused(BatchRefusal.UNKNOWN_LIST) from None
            raise SourceFailed(_FAILURES.get(failed.code(), FollowFailure.UNREACHABLE)) from None
        finally:
            call.cancel()


_FAILURES: Final = {
    grpc.StatusCode.PERMISSION_DENIED: FollowFailure.REFUSED,
    grpc.StatusCode.UNAUTHENTICATED: FollowFailure.REFUSED,
    grpc.StatusCode.UNIMPLEMENTED: FollowFailure.REFUSED,
    grpc.StatusCode.INVALID_ARGUMENT: FollowFailure.REFUSED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: FollowFailure.BROKEN,
    grpc.StatusCode.INTERNAL: FollowFailure.BROKEN,
}


@asynccontextmanager
async def connected(followed: FollowedGateway, quiet_s: float) -> AsyncIterator[GatewaySource]:
    """Yield a session with a gateway; whether it answers shows with the first question."""
    if followed.credentials is None:
        channel = grpc.aio.insecure_channel(followed.target, options=OPTIONS)
    else:
        channel = grpc.aio.secure_channel(followed.target, followed.credentials, options=OPTIONS)
    try:
        yield GatewaySource(channel, quiet_s)
    finally:
        await channel.close(None)
