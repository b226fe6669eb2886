"""Screenshots at real gateways over real gRPC: two gates, two workers, two nodes; whatever Redis does, none passes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb
from healthcode.interop.v1.verification_service_pb2_grpc import VerificationServiceStub

from gateway.replay.shared import MOST_LATE
from tests.integration.gateway_process import Gateway, hcgw, running
from tests.integration.replay_site import NOTE, Country, nodes, shown
from tests.simulators.redis_server import RedisServer

GATE, OTHER_GATE = "east-1", "west-7"
WELL = "redis_budget_ms = 1000"
"""A budget for tests in which Redis is well and the machine may be crowded."""


@asynccontextmanager
async def stub_of(gateway: Gateway) -> AsyncIterator[Any]:
    """Give a client on a connection of its own."""
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    make: Any = VerificationServiceStub
    async with grpc.aio.insecure_channel(gateway.grpc, options=options) as channel:
        yield make(channel)


Said = tuple[str, tuple[str, ...]]


def said(verdict: pb.Verdict) -> Said:
    measure = verdict_pb2.Measure.Name(verdict.core.measure).removeprefix("MEASURE_")
    return measure, tuple(reason_pb2.Reason.Name(one).removeprefix("REASON_") for one in verdict.core.reasons)


async def show(stub: Any, code: bytes, gate: str) -> Said:
    return said((await stub.VerifyCode(shown(code, gate), timeout=30)).verdict)


def suspected(one: Said) -> bool:
    return one[0] == "MANUAL" and one[1][0] == "REPLAY_SUSPECTED"


async def found_out(stub: Any, code: bytes, gate: str) -> bool:
    """Show a screenshot; where this machine says that it was alone, which a crowded one may be, show it again."""
    async with asyncio.timeout(60):
        while not suspected(answer := await show(stub, code, gate)):
            assert NOTE in answer[1]
            await asyncio.sleep(0.1)
    return True


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(true):  # noqa: ASYNC110 another process
            await asyncio.sleep(0.05)


def up(*gateways: Gateway) -> Callable[[], bool]:
    return lambda: all(b"hcgw_replay_redis_up 1.0" in one.get("/metrics")[1] for one in gateways)


def down(*gateways: Gateway) -> Callable[[], bool]:
    return lambda: all(b"hcgw_replay_redis_up 0.0" in one.get("/metrics")[1] for one in gateways)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.close()


async def test_screenshots_at_another_node_are_suspected_and_retries_are_not(
    redis: RedisServer, tmp_path: Path
) -> None:
    country = Country(tmp_path, redis)
    with nodes(country, 2, replay=WELL) as (one, other):
        await until(up(one, other))
        async with stub_of(one) as here, stub_of(other) as there:
            codes = [country.code() for _ in range(60)]
            first = await asyncio.gather(*(show(here, code, GATE) for code in codes))
            assert {measure for measure, _ in first} == {"PASS"}
            assert all(await asyncio.gather(*(found_out(there, code, OTHER_GATE) for code in codes)))
            assert all(map(suspected, await asyncio.gather(*(show(here, code, OTHER_GATE) for code in codes))))
            # The same gate, whichever node answers it.
            retries = [show(stub, codes[0], GATE) for stub in (here, there) for _ in range(150)]
            assert {measure for measure, _ in await asyncio.gather(*retries)} == {"PASS"}
            items = [pb.CodeItem(code=code) for code in codes]
            batch = pb.VerifyCodesRequest(context=shown(b"x", OTHER_GATE).context, items=items)
            assert all(suspected(said(one)) for one in (await here.VerifyCodes(batch, timeout=30)).verdicts)
        text = one.get("/metrics")[1].decode()
        assert 'hcgw_replay_showings_total{seen="suspected"} 120.0' in text
        assert "hcgw_replay_held 60.0" in text
        assert all("showing-" not in str(event) and GATE not in str(event) for event in one.events)


async def test_a_redis_that_is_killed_or_paused_stops_nobody_and_opens_nothing(
    redis: RedisServer, tmp_path: Path
) -> None:
    country = Country(tmp_path, redis)
    with nodes(country, 2) as (one, other):
        await until(up(one, other))
        async with stub_of(one) as here, stub_of(other) as there:
            for away, back in ((redis.kill, redis.start), (redis.pause, redis.go_on)):
                away()
                codes = [country.code() for _ in range(20)]
                first = [await show(here, code, GATE) for code in codes]
                assert {measure for measure, _ in first} == {"PASS"}
                await until(down(one))
                # This machine knows; the other one says that it was alone.
                assert all([suspected(await show(here, code, OTHER_GATE)) for code in codes])
                for _ in range(MOST_LATE):
                    await show(there, country.code(), GATE)
                await until(down(other))
                alone = [await show(there, code, OTHER_GATE) for code in codes]
                assert all(measure == "PASS" and NOTE in reasons for measure, reasons in alone)
                assert all([suspected(await show(there, code, GATE)) for code in codes])
                back()
                await until(up(one, other))
                found = [one_.get("/metrics")[1].decode() for one_ in (one, other)]
                assert any('hcgw_replay_offered_total{outcome="conflict"}' in text for text in found)
                # What one was told alone, the other knows now.
                late = country.code()
                away()
                await show(here, late, GATE)
                back()
                await until(up(one, other))
                assert await found_out(there, late, OTHER_GATE)
        one.signal(signal.SIGTERM)
        assert one.end() == 0
        events = {event["event"] for event in one.events}
        assert {"replay_guard_alone", "replay_guard_shared"} <= events


async def test_two_gates_on_two_workers_are_caught_like_two_on_one(tmp_path: Path) -> None:
    country = Country(tmp_path)
    with running(country.site("node"), "service.workers=2") as gateway:
        codes = [country.code() for _ in range(40)]
        seen: Counter[str] = Counter()
        # Each connection goes to one worker: many of them reach both.
        for number in range(24):
            async with stub_of(gateway) as stub:
                for code in codes:
                    measure, reasons = await show(stub, code, f"gate-{number}")
                    seen[reasons[0]] += 1
                    assert (measure == "PASS") is (number == 0)
        assert seen == {"STATE_GREEN": 40, "REPLAY_SUSPECTED": 23 * 40}
        text = gateway.get("/metrics")[1].decode()
        told = [
            line for line in text.splitlines() if line.startswith("hcgw_replay_showings_total{") and "suspected" in line
        ]
        assert len(told) == 2
        assert all(float(line.split()[-1]) > 0 for line in told)


async def test_what_a_killed_worker_has_seen_is_known_to_the_next(tmp_path: Path) -> None:
    country = Country(tmp_path)
    with running(country.site("node"), "service.workers=2") as gateway:
        codes = [country.code() for _ in range(20)]
        async with stub_of(gateway) as stub:
            assert {(await show(stub, code, GATE))[0] for code in codes} == {"PASS"}
        pids = {event["process"]: event["pid"] for event in gateway.events if event["event"] == "process_ready"}
        assert set(pids) == {"worker-0", "worker-1"}
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        back: set[str] = set()
        while back != set(pids):  # in any order
            back.add(gateway.wait_for("process_ready")["process"])
        async with stub_of(gateway) as stub:
            assert all([suspected(await show(stub, code, OTHER_GATE)) for code in codes])


def receipt_of(answer: pb.VerifyCodeResponse) -> tuple[str, bytes]:
    return answer.verdict.receipt, answer.verdict.receipt_salt


async def test_a_retry_has_the_same_receipt_whichever_worker_signs_it(tmp_path: Path) -> None:
    country = Country(tmp_path)
    with running(country.site("node"), "service.workers=2", "replay.same_passage_s=120") as gateway:
        code = country.code()
        receipts = set()
        for _ in range(10):
            async with stub_of(gateway) as stub:
                receipts.add(receipt_of(await stub.VerifyCode(shown(code, GATE, receipt=True), timeout=30)))
        assert len(receipts) == 1
        assert len(receipts.pop()[1]) == 32


def test_a_configuration_is_checked_with_the_redis_that_it_names(redis: RedisServer, tmp_path: Path) -> None:
    site = Country(tmp_path, redis).site("node", WELL)
    status, output, _ = hcgw("config", "check", str(site.config))
    assert (status, "replay.redis       named" in output) == (0, True)
    status, output, _ = hcgw("config", "check", str(site.config), "--ask")
    assert (status, "replay.redis       ok" in output) == (0, True)
    redis.kill()
    status, _, errors = hcgw("config", "check", str(site.config), "--ask")
    assert (status, "unreachable" in errors) == (1, True)
    (site.folder / "replay.key").write_text("short")
    status, _, errors = hcgw("config", "check", str(site.config))
    assert (status, "replay.redis_key" in errors, "short" in errors) == (1, True, False)


async def test_a_reload_reads_address_and_secret_anew(redis: RedisServer, tmp_path: Path) -> None:
    country = Country(tmp_path, redis)
    site = country.site("node", WELL)
    with running(site) as gateway:
        await until(up(gateway))
        (site.folder / "redis.url").write_text("http://nowhere\n")
        gateway.signal(signal.SIGHUP)
        refused = gateway.wait_for("reload_refused")
        assert (refused["part"], refused["file"]) == ("replay", str(site.folder / "redis.url"))
        assert "nowhere" not in str(refused["why"])
        other = RedisServer()
        other.start()
        try:
            (site.folder / "redis.url").write_text(f"{other.url}\n")
            gateway.signal(signal.SIGHUP)
            gateway.wait_for("reload_done")
            gateway.wait_for("replay_guard_shared")
            async with stub_of(gateway) as stub:
                await show(stub, country.code(), GATE)
            assert b"hcgw:replay:" in other.ask("KEYS", "*")
        finally:
            other.close()
