"""`python -m tests.bench.cut_link`: batches over bad lines, and what arrives at the other end.

    provinces --bad line--> gateway 1 --bad line--> gateway 2, twice at one time

Lines are cut, stalled, slowed and refused at random; a publisher that got no answer sends the same bytes again;
gateway 2 follows by two sessions at once, so that everything comes twice, and is ended and begun again on its disk.
Once it is away until gateway 1 does not keep its batches any more. Exit status 1 if at the end

- a list reads otherwise than its issuer's, there or on the way (by digest),
- a batch that was acknowledged is missing, stands twice, or has other bytes,
- anything was refused that its issuer signed rightly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import grpc
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import SignedBatch
from gateway.publishing.settings import LedgerSettings
from gateway.rpc.methods import STATUS
from gateway.rpc.status_convert import WIRE, signed_message
from gateway.status import words
from gateway.values import Instant
from tests.simulators.bad_line import BadLine, Faults, LineCounts, bad_line
from tests.simulators.following import Followed, following
from tests.simulators.status_issuer import StatusIssuer
from tests.simulators.status_world import NOON, Country, Node, running_node

OUT = Path("build/cut-link.json")
LISTS = 8
PLACES = 100_000
FIRST, SECOND = "gateway-1", "gateway-2"
KEEP = LedgerSettings(keep_s=3_600.0, prune_s=0.0)
RETRY_S = 0.02
CALL_S = 5.0
OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 100),
)
WORDS = (words.GREEN, words.YELLOW, words.RED, words.SUSPENDED, words.CANCELLED, words.UNKNOWN)


@dataclass(slots=True)
class Link:
    """What happened, and what was found."""

    seed: int
    batches: int = 0
    changes: int = 0
    calls: int = 0
    calls_failed: int = 0
    acknowledged_again: int = 0
    restarts: int = 0
    told: dict[str, int] = field(default_factory=dict)
    """What followers were told, by kind."""
    lines: list[LineCounts] = field(default_factory=list)
    seconds: float = 0.0
    batches_compared: int = 0
    faults: list[str] = field(default_factory=list)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Instant:
        return self.now


async def publish(issuer: StatusIssuer, port: int, count: int, clock: Clock, random: Random, link: Link) -> None:
    """Make `count` batches one after another, and send each until it is acknowledged; some once more."""
    for number in range(count):
        if not number:
            issuer.open(clock())
        elif random.random() < 0.2:
            issuer.heartbeat(clock(), prove=random.random() < 0.3)
        else:
            places = random.sample(range(PLACES), random.randrange(1, 60))
            issuer.change({random.choice(WORDS): places}, clock(), prove=random.random() < 0.05)
            link.changes += len(places)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        call = channel.unary_unary(
            f"/{STATUS}/PublishChanges",
            request_serializer=pb.PublishChangesRequest.SerializeToString,
            response_deserializer=pb.PublishChangesResponse.FromString,
        )
        for signed in issuer.batches:
            for _ in range(2 if random.random() < 0.05 else 1):
                await _acknowledged(call, signed, link)
            link.batches += 1


async def _acknowledged(call: grpc.aio.UnaryUnaryMultiCallable, signed: SignedBatch, link: Link) -> None:  # type: ignore[type-arg]
    request = pb.PublishChangesRequest(signed_batch=signed_message(signed))
    while True:
        link.calls += 1
        try:
            answer = await call(request, timeout=CALL_S)
        except grpc.aio.AioRpcError as failed:
            link.calls_failed += 1
            if failed.code() not in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.CANCELLED,
                grpc.StatusCode.INTERNAL,
                grpc.StatusCode.UNKNOWN,
            ):
                link.faults.append(f"publisher: {failed.code().name}")
                return
            await asyncio.sleep(RETRY_S)
        else:
            link.acknowledged_again += answer.repeated_batch
            return


def compare(node: Node, issuers: list[StatusIssuer], link: Link) -> None:
    """Compare what a node reads with what issuers hold, by digest."""
    for issuer in issuers:
        head = node.ledger.head(issuer.name)
        if head is None or (head.number, head.digest) != (issuer.number, issuer.digest):
            link.faults.append(f"{node.name}: {issuer.name.issuer} is not at the issuer's last batch")
        elif sha256(node.raw(issuer.name)).digest() != issuer.state_digest:
            link.faults.append(f"{node.name}: {issuer.name.issuer} reads otherwise")


async def compare_logs(node: Node, issuers: list[StatusIssuer], link: Link) -> None:
    """Compare every batch that a node keeps with what its issuer signed."""
    for issuer in issuers:
        number = node.ledger.base(issuer.name)
        while logged := await node.ledger.read(issuer.name, number, 1 << 22):
            for one in logged:
                number += 1
                link.batches_compared += 1
                if one.number != number or one.signed != WIRE.write_signed(issuer.batches[number - 1]):
                    link.faults.append(f"{node.name}: {issuer.name.issuer} number {number}")
                    return
        if number != issuer.number:
            link.faults.append(f"{node.name}: {issuer.name.issuer} ends at {number}")


async def second_gateway(
    folder: Path, country: Country, clock: Clock, issuers: list[StatusIssuer], port: int, random: Random, link: Link,
    publishing: asyncio.Task[None], first: Node, line: BadLine,
) -> None:  # fmt: skip
    """Follow until everything has arrived; be ended and begun again at random, once for long."""
    away = False
    while True:
        async with AsyncExitStack() as stack:
            node = await stack.enter_async_context(
                running_node(folder, country, clock, name=SECOND, settings=KEEP, serves=False)
            )
            sessions: list[Followed] = [
                await stack.enter_async_context(
                    following(node, f"127.0.0.1:{port}", country, clock, gateway=FIRST, quiet_s=2.0)
                )
                for _ in range(2)
            ]
            end = time.monotonic() + random.uniform(0.5, 4.0)
            done = False
            while not done and (time.monotonic() < end or (publishing.done() and away)):
                await asyncio.sleep(0.05)
                heads = [node.ledger.head(issuer.name) for issuer in issuers]
                done = (
                    publishing.done()
                    and away
                    and all(
                        head is not None and head.number == issuer.number
                        for head, issuer in zip(heads, issuers, strict=True)
                    )
                )
            for session in sessions:
                for kind, times in Counter(map(_kind, session.seen)).items():
                    link.told[kind] = link.told.get(kind, 0) + times
            if done:
                compare(node, issuers, link)
                await compare_logs(node, issuers, link)
                return
        link.restarts += 1
        if not away and link.batches > 0.4 * sum(issuer.number for issuer in issuers):
            away = True
            line.cut()
            before = link.batches
            while link.batches < before + 200 and not publishing.done():  # noqa: ASYNC110 a drill, on wall time
                await asyncio.sleep(0.05)
            clock.now = Instant(clock.now + 2 * KEEP.keep_s)
            await first.ledger.checkpoint()
            line.restore()


def _kind(told: tuple[str, ...]) -> str:
    return " ".join((told[0], told[-1])) if told[0] in ("failed", "aside") else told[0]


async def run(folder: Path, batches: int, seed: int, faults: Faults | None = None) -> Link:
    """Run the drill; return what was found."""
    random, link, country, clock = Random(seed), Link(seed), Country(), Clock()
    begun = time.monotonic()
    issuers = [country.province(f"province-{number}", capacity=PLACES) for number in range(LISTS)]
    for name in (FIRST, SECOND):
        country.gateway(name)
    bad = faults or Faults()
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(
            running_node(folder / "first", country, clock, name=FIRST, settings=KEEP, beat_s=0.2)
        )
        served = int(first.target.rpartition(":")[2])
        inward, inward_port = await stack.enter_async_context(bad_line(served, random, bad))
        onward, onward_port = await stack.enter_async_context(bad_line(served, random, bad))

        async def all_published() -> None:
            share = batches // len(issuers)
            await asyncio.gather(*(publish(issuer, inward_port, share, clock, random, link) for issuer in issuers))

        publishing = asyncio.create_task(all_published())
        await second_gateway(
            folder / "second", country, clock, issuers, onward_port, random, link, publishing, first, onward
        )
        await publishing
        compare(first, issuers, link)
        await compare_logs(first, issuers, link)
        link.lines = [inward.counts, onward.counts]
    refused = [kind for kind in link.told if kind.startswith("aside")]
    link.faults += [f"follower: {kind}" for kind in refused]
    link.seconds = time.monotonic() - begun
    return link


def main() -> int:
    """Run, print, and write build/cut-link.json."""
    parser = argparse.ArgumentParser(description="Batches over bad lines")
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cut-link-") as folder:
        link = asyncio.run(run(Path(folder), options.batches, options.seed))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(asdict(link), indent=2) + "\n", encoding="utf-8")
    print(json.dumps(asdict(link), indent=2))
    print("equal by digest" if not link.faults else "NOT EQUAL")
    return 1 if link.faults else 0


if __name__ == "__main__":
    sys.exit(main())
