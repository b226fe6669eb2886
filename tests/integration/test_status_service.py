"""StatusService over loopback, with a real ledger behind it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1 import status_service_pb2 as pb
from healthcode.interop.v1.status_service_pb2_grpc import StatusServiceStub

from gateway.changes import SNAPSHOT_CONTEXT, ListName
from gateway.keeper.colours import Deliveries
from gateway.publishing.settings import LedgerSettings
from gateway.rpc import snapshots
from gateway.rpc.snapshots import read_manifest
from gateway.rpc.status_convert import WIRE, block_of, signed_message, signed_of
from gateway.rpc.status_desk import MAX_SNAPSHOTS, MAX_STREAMS
from gateway.status import words
from gateway.values import Instant, IssuerId
from keys.values import Algorithm
from tests.conftest import FakeClock
from tests.integration.grpc_edge import refused, told
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer
from tests.simulators.status_world import Country, Node, running_node

Code = grpc.StatusCode


@asynccontextmanager
async def asked(node: Node) -> AsyncIterator[Any]:
    make_stub: Any = StatusServiceStub
    async with grpc.aio.insecure_channel(node.target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield make_stub(channel)


def publishing(signed: Any) -> pb.PublishChangesRequest:
    return pb.PublishChangesRequest(signed_batch=signed_message(signed))


async def publish_all(stub: Any, issuer: StatusIssuer) -> None:
    for signed in issuer.batches:
        await stub.PublishChanges(publishing(signed))


def named(name: ListName) -> pb.StatusListName:
    return pb.StatusListName(issuer=name.issuer, uri=name.uri)


async def test_a_batch_is_held_and_its_repetition_is_acknowledged(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer = country.province("guizhou")
    issuer.open(clock())
    issuer.change({words.RED: [5]}, clock())
    async with running_node(tmp_path, country, clock) as node, asked(node) as stub:
        for number, signed in enumerate(issuer.batches, start=1):
            answer = await stub.PublishChanges(publishing(signed))
            assert (answer.held_number, answer.repeated_batch) == (number, False)
        answer = await stub.PublishChanges(publishing(issuer.batches[0]))
        assert (answer.held_number, answer.repeated_batch) == (2, True)
        assert node.raw(issuer.name) == bytes(issuer.held)


async def test_who_delivers_is_told_before_and_taken_back_unless_the_batch_is_hers(
    tmp_path: Path, clock: FakeClock
) -> None:
    country = Country()
    issuer = country.province("guizhou")
    issuer.open(clock())
    deliveries = Deliveries()
    async with running_node(tmp_path, country, clock, delivering=deliveries.by) as node, asked(node) as stub:
        issuer.change({words.RED: [5]}, clock())
        opening, red = issuer.batches
        await refused(stub.PublishChanges(publishing(red)))
        assert deliveries.taken(red.digest) is None
        for signed in (opening, red):
            await stub.PublishChanges(publishing(signed))
            assert deliveries.taken(signed.digest) is not None
        await stub.PublishChanges(publishing(red))
        assert deliveries.taken(red.digest) is None


@pytest.mark.parametrize(
    ("wrong", "code", "reason", "held"),
    [
        ({"number": 4}, Code.FAILED_PRECONDITION, "BATCH_NUMBER_GAP", "2"),
        ({"number": 2}, Code.ALREADY_EXISTS, "BATCH_NUMBER_TAKEN", "2"),
        ({"previous": b"\x01" * 32}, Code.FAILED_PRECONDITION, "BATCH_BROKEN_CHAIN", "2"),
        ({"issued": Instant(1_600_000_060.0)}, Code.FAILED_PRECONDITION, "BATCH_IN_THE_FUTURE", "2"),
        ({"name": ListName(IssuerId("guizhou"), "https://other.example/9")}, Code.NOT_FOUND, "BATCH_UNKNOWN_LIST", "0"),
        ({"state_digest": b"\x01" * 32}, Code.FAILED_PRECONDITION, "BATCH_DIGEST_MISMATCH", "2"),
        ({"keys": [make_key(Algorithm.ED25519, "guizhou-1")]}, Code.PERMISSION_DENIED, "BATCH_BAD_SIGNATURE", "0"),
    ],
)
async def test_a_batch_that_is_not_taken_is_refused_by_name(
    tmp_path: Path, clock: FakeClock, wrong: dict[str, Any], code: Code, reason: str, held: str
) -> None:
    country = Country()
    issuer = country.province("guizhou")
    issuer.open(clock())
    issuer.change({words.RED: [5]}, clock())
    async with running_node(tmp_path, country, clock) as node, asked(node) as stub:
        await publish_all(stub, issuer)
        error = await refused(stub.PublishChanges(publishing(issuer.change({words.GREEN: [5]}, clock(), **wrong))))
        info, _ = told(error)
        assert (error.code(), info.reason, info.metadata["held"]) == (code, reason, held)
        assert node.raw(issuer.name) == bytes(issuer.held)


@pytest.mark.parametrize(
    "request_",
    [pb.PublishChangesRequest(), pb.PublishChangesRequest(signed_batch=pb.SignedBatch(batch=b"x"))],
)
async def test_what_is_no_batch_is_refused(tmp_path: Path, clock: FakeClock, request_: Any) -> None:
    async with running_node(tmp_path, Country(), clock) as node, asked(node) as stub:
        assert (await refused(stub.PublishChanges(request_))).code() is Code.INVALID_ARGUMENT
        raw: Any = grpc.aio.insecure_channel(node.target, options=[("grpc.enable_http_proxy", 0)])
        async with raw as channel:
            crowd = b"\x0a\x86\x8d\x06" + b"\x12\x00" * 49_923
            error = await refused(channel.unary_unary("/healthcode.interop.v1.StatusService/PublishChanges")(crowd))
            assert told(error)[0].reason == "BATCH_TOO_LARGE"


async def test_who_is_not_enrolled_learns_nothing_but_may_publish(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer, other = country.province("guizhou"), country.province("guizhou", "https://status.guizhou.example/none")
    issuer.open(clock())
    async with running_node(tmp_path, country, clock, enrolled=lambda _caller: False) as node, asked(node) as stub:
        await publish_all(stub, issuer)
        answers = []
        for call in (
            stub.ListStatusLists(pb.ListStatusListsRequest()),
            *(stub.StreamSnapshot(pb.StreamSnapshotRequest(list=named(one.name))).read() for one in (issuer, other)),
            stub.StreamSnapshot(pb.StreamSnapshotRequest()).read(),
            stub.StreamChanges(pb.StreamChangesRequest()).read(),
        ):
            error = await refused(call)
            answers.append((error.code(), told(error)[0].reason, error.details()))
        assert len(set(answers)) == 1
        assert answers[0][:2] == (Code.PERMISSION_DENIED, "NOT_ENROLLED")


async def test_lists_are_told_with_how_far_they_are_held(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    provinces = [country.province(name) for name in ("zhejiang", "guizhou")]
    for one in provinces:
        one.open(clock())
        one.heartbeat(clock())
    provinces[0].close(clock())
    async with running_node(tmp_path, country, clock) as node, asked(node) as stub:
        for one in provinces:
            await publish_all(stub, one)
        heads = (await stub.ListStatusLists(pb.ListStatusListsRequest())).heads
        assert [(head.list.issuer, head.number, head.closed) for head in heads] == [
            ("guizhou", 2, False),
            ("zhejiang", 3, True),
        ]
        assert [head.batch_digest for head in heads] == [provinces[1].digest, provinces[0].digest]
        assert all(head.capacity == 1_024 and head.issue_time.seconds == int(clock()) for head in heads)
        heads = (await stub.ListStatusLists(pb.ListStatusListsRequest(issuer="zhejiang"))).heads
        assert [head.list.issuer for head in heads] == ["zhejiang"]


async def test_a_snapshot_is_the_list_as_it_stands(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer = country.province("guizhou", capacity=5 << 20)
    issuer.open(clock())
    issuer.change({words.RED: range(0, 1_000, 3), words.YELLOW: [(5 << 20) - 1]}, clock())
    async with running_node(tmp_path, country, clock) as node, asked(node) as stub:
        await publish_all(stub, issuer)
        call = stub.StreamSnapshot(pb.StreamSnapshotRequest(list=named(issuer.name)))
        parts = [part async for part in call]
        head = parts[0].head
        manifest = read_manifest(head.manifest)
        key = country.gateway(node.name).trusted(node.name)
        assert key.verifier.verify(head.signature.signature, SNAPSHOT_CONTEXT + head.manifest)
        assert head.signature.key_id.encode() == key.key_id
        assert (manifest.gateway, manifest.created, manifest.head.number) == (node.name, clock(), 2)
        assert manifest.state_digest == issuer.state_digest
        assert signed_of(head.last_batch) == issuer.batches[-1]
        content = [block_of(part.block, "block") for part in parts[1:]]
        assert b"".join(block.words for block in content) == bytes(issuer.held)
        assert [block.first for block in content] == [place << 21 for place in range(3)]
        assert list(node.folder.iterdir()) == []
        unknown = pb.StreamSnapshotRequest(list=pb.StatusListName(issuer="guizhou", uri="https://none.example"))
        error = await refused(stub.StreamSnapshot(unknown).read())
        assert (error.code(), told(error)[0].reason) == (Code.NOT_FOUND, "BATCH_UNKNOWN_LIST")
        error = await refused(stub.StreamSnapshot(pb.StreamSnapshotRequest()).read())
        assert error.code() is Code.INVALID_ARGUMENT


async def events(call: Any, count: int) -> list[Any]:
    return [await call.read() for _ in range(count)]


def numbers(found: list[Any]) -> list[Any]:
    told = []
    for event in found:
        kind = event.WhichOneof("event")
        told.append(WIRE.read_batch(event.signed_batch.batch).number if kind == "signed_batch" else kind)
    return told


async def test_changes_come_from_the_callers_position_on_and_then_as_they_are_held(
    tmp_path: Path, clock: FakeClock
) -> None:
    country = Country()
    issuer, other = country.province("guizhou"), country.province("zhejiang")
    issuer.open(clock())
    issuer.change({words.RED: [5]}, clock())
    issuer.change({words.GREEN: [5]}, clock())
    async with running_node(tmp_path, country, clock) as node, asked(node) as stub:
        await publish_all(stub, issuer)
        position = pb.ListPosition(list=named(issuer.name), number=1)
        call = stub.StreamChanges(pb.StreamChangesRequest(positions=[position]))
        only = stub.StreamChanges(pb.StreamChangesRequest(issuers=["zhejiang"]))
        ahead = stub.StreamChanges(
            pb.StreamChangesRequest(positions=[pb.ListPosition(list=named(issuer.name), number=4)])
        )
        found = await events(call, 3)
        assert numbers(found) == [2, 3, "caught_up"]
        assert found[0].signed_batch.SerializeToString() == WIRE.write_signed(issuer.batches[1])
        assert numbers(await events(only, 1)) == ["caught_up"]
        assert numbers(await events(ahead, 1)) == ["caught_up"]
        issuer.heartbeat(clock())
        issuer.heartbeat(clock())
        other.open(clock())
        for signed in (*issuer.batches[3:], *other.batches):
            await stub.PublishChanges(publishing(signed))
        assert numbers(await events(call, 3)) == [4, 5, 1]
        assert numbers(await events(only, 1)) == [1]
        assert numbers(await events(ahead, 2)) == [5, 1]
        for one in (call, only, ahead):
            one.cancel()


async def test_a_quiet_stream_says_that_it_lives(tmp_path: Path, clock: FakeClock) -> None:
    async with running_node(tmp_path, Country(), clock, beat_s=0.01) as node, asked(node) as stub:
        call = stub.StreamChanges(pb.StreamChangesRequest())
        assert numbers(await events(call, 3)) == ["caught_up"] * 3
        call.cancel()


async def test_a_follower_that_lags_behind_is_caught_up_from_the_log(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer = country.province("guizhou")
    issuer.open(clock())
    settings = LedgerSettings(subscription_batches=1)
    async with running_node(tmp_path, country, clock, settings=settings) as node, asked(node) as stub:
        call = stub.StreamChanges(pb.StreamChangesRequest())
        assert numbers(await events(call, 1)) == ["caught_up"]
        for _ in range(200):
            issuer.heartbeat(clock())
        await asyncio.gather(*(node.ledger.submit(signed, clock()) for signed in issuer.batches))
        assert numbers(await events(call, 201)) == list(range(1, 202))
        call.cancel()


async def test_what_is_not_kept_any_more_needs_a_snapshot(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer, other = country.province("guizhou"), country.province("zhejiang")
    for one in (issuer, other):
        one.open(clock())
    for _ in range(3):
        issuer.heartbeat(clock())
    settings = LedgerSettings(keep_s=60.0, prune_s=0.0)
    async with running_node(tmp_path, country, clock, settings=settings) as node, asked(node) as stub:
        await publish_all(stub, issuer)
        clock.advance(120)
        await node.ledger.checkpoint()
        await publish_all(stub, other)
        call = stub.StreamChanges(pb.StreamChangesRequest())
        found = await events(call, 3)
        assert numbers(found) == ["snapshot_needed", 1, "caught_up"]
        head = found[0].snapshot_needed
        assert (head.list.issuer, head.number, head.batch_digest) == ("guizhou", 4, issuer.digest)
        issuer.heartbeat(clock())
        other.heartbeat(clock())
        for signed in (issuer.batches[-1], other.batches[-1]):
            await stub.PublishChanges(publishing(signed))
        assert numbers(await events(call, 1)) == [2]
        position = pb.ListPosition(list=named(issuer.name), number=4)
        again = stub.StreamChanges(pb.StreamChangesRequest(positions=[position], issuers=["guizhou"]))
        assert numbers(await events(again, 2)) == [5, "caught_up"]
        for one in (call, again):
            one.cancel()


async def test_a_caller_has_only_so_many_streams(tmp_path: Path, clock: FakeClock) -> None:
    async with running_node(tmp_path, Country(), clock) as node, asked(node) as stub:
        calls = [stub.StreamChanges(pb.StreamChangesRequest()) for _ in range(MAX_STREAMS)]
        for call in calls:
            assert numbers(await events(call, 1)) == ["caught_up"]
        error = await refused(stub.StreamChanges(pb.StreamChangesRequest()).read())
        assert told(error)[0].reason == "TOO_MANY_STREAMS"
        for call in calls:
            call.cancel()


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.StreamChangesRequest(positions=[pb.ListPosition()]), "positions[0].list"),
        (
            pb.StreamChangesRequest(
                positions=[pb.ListPosition(list=pb.StatusListName(issuer="a", uri="https://a.example"))] * 2
            ),
            "positions[1].list",
        ),
        (
            pb.StreamChangesRequest(
                positions=[pb.ListPosition(list=pb.StatusListName(issuer="a", uri="https://a b.example"))]
            ),
            "positions[0].list.uri",
        ),
        (pb.StreamChangesRequest(issuers=["a"] * 1_025), "issuers"),
        (pb.StreamChangesRequest(positions=[pb.ListPosition()] * 40_000), "positions"),
    ],
)
async def test_a_malformed_beginning_is_refused_by_field(
    tmp_path: Path, clock: FakeClock, request_: Any, field: str
) -> None:
    async with running_node(tmp_path, Country(), clock) as node, asked(node) as stub:
        error = await refused(stub.StreamChanges(request_).read())
        assert error.code() is Code.INVALID_ARGUMENT
        _, details = told(error)
        assert [one.field for one in details[0].field_violations] == [field]  # type: ignore[attr-defined]


async def test_a_closed_list_is_sent_to_those_only_who_hold_it(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer = country.province("guizhou")
    issuer.open(clock())
    issuer.close(clock())
    async with running_node(tmp_path, country, clock) as node, asked(node) as stub:
        await publish_all(stub, issuer)
        holds = pb.ListPosition(list=named(issuer.name), number=1)
        for positions, expected in (([], ["caught_up"]), ([holds], [2, "caught_up"])):
            call = stub.StreamChanges(pb.StreamChangesRequest(positions=positions))
            assert numbers(await events(call, len(expected))) == expected
            call.cancel()


async def test_a_stream_of_changes_ends_by_itself_before_its_connection_does(tmp_path: Path, clock: FakeClock) -> None:
    async with running_node(tmp_path, Country(), clock, beat_s=0.01, stream_s=0.03) as node, asked(node) as stub:
        found = [event async for event in stub.StreamChanges(pb.StreamChangesRequest())]
        assert set(numbers(found)) == {"caught_up"}


async def test_who_takes_a_snapshot_too_slowly_keeps_it_from_nobody(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "GRACE_S", 0.1)
    monkeypatch.setattr(snapshots, "LEAST_BYTES_PER_S", 1 << 40)
    country = Country()
    issuer = country.province("guizhou", capacity=16 << 20)
    issuer.fill_all(random.Random(1).randbytes(8 << 20).translate(PUBLISHED), clock())
    async with running_node(tmp_path, country, clock) as node, asked(node) as stub:
        for signed in issuer.batches:
            await node.ledger.submit(signed, clock())
        request = pb.StreamSnapshotRequest(list=named(issuer.name))
        slow = [stub.StreamSnapshot(request) for _ in range(MAX_SNAPSHOTS)]
        for call in slow:
            assert (await call.read()).HasField("head")
        for call in slow:
            await call.wait_for_connection()
        await asyncio.wait_for(_until(lambda: not list(node.folder.iterdir())), 20)
        assert not node.desk.snapshots.locked()
        for call in slow:
            call.cancel()


PUBLISHED = bytes(sorted(words.PUBLISHED_BYTES)[byte % len(words.PUBLISHED_BYTES)] for byte in range(256))


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 nobody tells of it
        await asyncio.sleep(0.01)


async def test_a_stream_ends_with_the_ledger(tmp_path: Path, clock: FakeClock) -> None:
    async with running_node(tmp_path, Country(), clock) as node, asked(node) as stub:
        call = stub.StreamChanges(pb.StreamChangesRequest())
        assert numbers(await events(call, 1)) == ["caught_up"]
        await node.ledger.close()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is Code.OK


async def test_a_snapshot_that_was_taken_over_is_told_to_who_is_behind(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer = country.province("guizhou")
    issuer.open(clock())
    async with running_node(tmp_path / "a", country, clock) as node, asked(node) as stub:
        await publish_all(stub, issuer)
        call = stub.StreamChanges(pb.StreamChangesRequest())
        assert numbers(await events(call, 2)) == [1, "caught_up"]
        for _ in range(3):
            issuer.heartbeat(clock())
        async with running_node(tmp_path / "b", country, clock, serves=False) as other:
            for signed in issuer.batches:
                await other.ledger.submit(signed, clock())
            with await other.ledger.snapshot(issuer.name, other.folder) as taken:
                await node.ledger.adopt(taken.head, taken.path, issuer.batches[-1], clock())
        assert numbers(await events(call, 1)) == ["snapshot_needed"]
        call.cancel()
