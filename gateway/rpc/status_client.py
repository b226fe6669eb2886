"""A client of StatusService: for the publisher of converted codes, the command line and the demo.

- Plaintext, so to this machine only: to a loopback address, or to a socket file (`unix:/run/.../keeper.sock`).
- A batch that was refused is told by the words of gateway/changes.py; whatever else goes wrong is AskingFailed, and the
  batch is sent again as it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from grpc_status import rpc_status
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import BatchDigest, BatchRefusal, BatchRefused, ListName, SignedBatch, StoreDegraded
from gateway.loopback import is_loopback
from gateway.rpc.client import Answer, AskingFailed, answer_of, asking, fill_context
from gateway.rpc.methods import STATUS
from gateway.rpc.status_convert import signed_message
from gateway.values import DivisionCode, Instant, IssuerId, Profile, Purpose

CODES_AT_ONCE: Final = 512
"""Of one request, as the schema says."""

_REFUSALS: Final = {refusal.value: refusal for refusal in BatchRefusal}
_MAX_BYTES: Final = 5 << 20


class HeldList(NamedTuple):
    """How far a gateway holds a list."""

    name: ListName
    capacity: int
    number: int
    digest: BatchDigest
    """Of the batch `number`."""
    issued: Instant
    """When its issuer said so."""
    closed: bool


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch. With neither `answer` nor `lost` it is a sign of life."""

    watch_id: str
    number: int
    handle: str = ""
    answer: Answer | None = None
    watched: bool = False
    lost: bool = False


class StatusClient:
    """Asks one gateway."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._publish = channel.unary_unary(
            f"/{STATUS}/PublishChanges",
            request_serializer=pb.PublishChangesRequest.SerializeToString,
            response_deserializer=pb.PublishChangesResponse.FromString,
        )
        self._list = channel.unary_unary(
            f"/{STATUS}/ListStatusLists",
            request_serializer=pb.ListStatusListsRequest.SerializeToString,
            response_deserializer=pb.ListStatusListsResponse.FromString,
        )
        self._watch = channel.stream_stream(
            f"/{STATUS}/WatchCodes",
            request_serializer=pb.WatchCodesRequest.SerializeToString,
            response_deserializer=pb.WatchCodesResponse.FromString,
        )

    async def publish(self, signed: SignedBatch, *, timeout_s: float = 10.0) -> None:
        """Return once the batch is held: it survives a power cut, and every worker of that gateway sees it.

        Raises: BatchRefused; StoreDegraded; AskingFailed if it is not known whether it is held: send it again.
        """
        request = pb.PublishChangesRequest(signed_batch=signed_message(signed))
        try:
            await self._publish(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as failed:
            raise _failure(failed) from None

    async def lists(self, issuer: IssuerId | None = None, *, timeout_s: float = 10.0) -> list[HeldList]:
        """Return which lists are held, of one issuer or of all. Raises: AskingFailed."""
        with asking():
            response = await self._list(pb.ListStatusListsRequest(issuer=issuer or ""), timeout=timeout_s)
        return [
            HeldList(
                ListName(IssuerId(head.list.issuer), head.list.uri),
                head.capacity,
                head.number,
                BatchDigest(head.batch_digest),
                Instant(head.issue_time.seconds + head.issue_time.nanos / 1e9),
                head.closed,
            )
            for head in response.heads
        ]

    async def watch(
        self,
        codes: Iterable[tuple[str, bytes]],
        *,
        purpose: Purpose,
        division: DivisionCode | None,
        profile: Profile = Profile.GATE,
        watch_id: str = "",
        after: int = 0,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what is told of `codes`, handle and content, for as long as the gateway serves and the caller listens.

        With `watch_id` it goes on after the event `after`; `codes` are then those that are new. Raises: AskingFailed.
        """
        first = pb.WatchCodesRequest(watch_id=watch_id, after_event=after)
        fill_context(first.context, purpose, division, profile)
        call = self._watch(_requests(first, codes))
        try:
            with asking():
                async for response in call:
                    yield _event(response)
        finally:
            call.cancel()


@asynccontextmanager
async def connected_status(target: str) -> AsyncIterator[StatusClient]:
    """Yield a client of the gateway at `target`, `host:port` or `unix:PATH`. Raises: AskingFailed if not here."""
    host = target.rpartition(":")[0].strip("[]")
    if not target.startswith("unix:") and not is_loopback(host):
        raise AskingFailed("PERMISSION_DENIED", "this client speaks plaintext, so it speaks to this machine only")
    options = [("grpc.max_send_message_length", _MAX_BYTES), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield StatusClient(channel)


def _requests(first: pb.WatchCodesRequest, codes: Iterable[tuple[str, bytes]]) -> Iterator[pb.WatchCodesRequest]:
    left, request = iter(codes), first
    while True:
        for handle, code in islice(left, CODES_AT_ONCE):
            request.codes.add(handle=handle, code=code)
        if request is not first and not request.codes:
            return
        yield request
        request = pb.WatchCodesRequest()


def _event(response: pb.WatchCodesResponse) -> WatchEvent:
    if not response.HasField("code"):
        return WatchEvent(response.watch_id, response.event, lost=response.lost)
    told = response.code
    return WatchEvent(response.watch_id, response.event, told.handle, answer_of(told.verdict), told.watched)


def _failure(failed: grpc.aio.AioRpcError) -> Exception:
    """Return a failure to publish in the words of gateway/changes.py, where there is one for it."""
    info = _error_info(failed)
    if info is not None and info.reason == "STORE_DEGRADED":
        return StoreDegraded()
    if info is not None and info.reason in _REFUSALS:
        held = info.metadata.get("held", "")
        number = int(held) if held.isascii() and held.isdigit() and len(held) < 20 else 0
        return BatchRefused(_REFUSALS[info.reason], info.metadata.get("field", ""), held=number)
    return AskingFailed(failed.code().name, failed.details() or "")


def _error_info(failed: grpc.aio.AioRpcError) -> Any:
    """Return the ErrorInfo of a refusal, None if there is none that can be read."""
    try:
        status = rpc_status.from_call(failed)  # type: ignore[arg-type]  # what it reads, both have
        for packed in () if status is None else status.details:
            info = ErrorInfo()
            if packed.Unpack(info):
                return info
    except (ValueError, TypeError, DecodeError):
        return None
    return None
