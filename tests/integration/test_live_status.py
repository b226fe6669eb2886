"""Live status end to end: a real gateway of several processes, batches over gRPC, verdicts of every worker."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1.conversion_service_pb2 import ConvertCodeRequest
from healthcode.interop.v1.conversion_service_pb2_grpc import ConversionServiceStub

from gateway.changes import BatchRefusal, BatchRefused
from gateway.errors import Reason
from gateway.status import words
from gateway.values import Measure
from tests.integration.gateway_process import PATIENCE_S, Gateway, question, running, stub_of
from tests.integration.status_site import StatusSite, now, pid_of, publish, status_of

GREEN = (Measure.PASS, Reason.STATE_GREEN)
RED = (Measure.DENY, Reason.STATE_RED)
UNAVAILABLE = (Measure.MANUAL, Reason.STATUS_UNAVAILABLE)


@pytest.fixture
def site(tmp_path: Path) -> StatusSite:
    return StatusSite(tmp_path)


def verdicts(gateway: Gateway, code: bytes, *, times: int = 1) -> set[tuple[Measure, Reason]]:
    """Return what a code is told, over so many connections: each may be another worker's."""
    found = set()
    for _ in range(times):
        with grpc.insecure_channel(gateway.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            core = stub_of(channel).VerifyCode(question(code), timeout=PATIENCE_S).verdict.core
            found.add((Measure(core.measure), Reason(core.reasons[0])))
    return found


async def test_a_red_of_a_moment_ago_stops_at_every_worker(site: StatusSite) -> None:
    province, code = site.issuer(), site.pointing(7)
    with running(site, "service.workers=2") as gateway:
        assert verdicts(gateway, code, times=4) == {UNAVAILABLE}
        await publish(status_of(gateway), province.open(now()), province.change({words.GREEN: [7]}, now()))
        assert verdicts(gateway, code, times=8) == {GREEN}
        await publish(status_of(gateway), province.change({words.RED: [7]}, now()))
        assert verdicts(gateway, code, times=8) == {RED}
        await publish(status_of(gateway), province.change({words.GREEN: [7]}, now(), prove=True))
        assert verdicts(gateway, code, times=8) == {GREEN}
        await publish(status_of(gateway), province.close(now()))
        assert verdicts(gateway, code, times=8) == {UNAVAILABLE}


async def test_what_was_acknowledged_outlives_every_process(site: StatusSite) -> None:
    province, code = site.issuer(), site.pointing(7)
    with running(site) as gateway:
        await publish(status_of(gateway), province.open(now()), province.change({words.RED: [7]}, now()))
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
    with running(site) as gateway:
        assert verdicts(gateway, code) == {RED}
        last = province.heartbeat(now(), prove=True)  # the gateway holds what the province holds, or refuses it
        await publish(status_of(gateway), last)
        await publish(status_of(gateway), last)


async def test_the_keeper_dies_and_codes_are_judged_on(site: StatusSite) -> None:
    province, code = site.issuer(), site.pointing(7)
    with running(site) as gateway:
        await publish(status_of(gateway), province.open(now()), province.change({words.RED: [7]}, now()))
        keeper = pid_of(gateway, "keeper")
        began = time.monotonic()
        os.kill(keeper, signal.SIGKILL)
        assert verdicts(gateway, code, times=3) == {RED}
        gateway.wait_for("process_ready", process="keeper")
        assert verdicts(gateway, code) == {RED}
        await publish(status_of(gateway), province.change({words.GREEN: [7]}, now(), prove=True))
        assert verdicts(gateway, code) == {GREEN}
        assert time.monotonic() - began < PATIENCE_S


async def test_a_refused_batch_changes_nothing_and_says_why(site: StatusSite) -> None:
    province, code = site.issuer(), site.pointing(7)
    with running(site) as gateway:
        await publish(status_of(gateway), province.open(now()), province.change({words.GREEN: [7]}, now()))
        for refusal, batch in (
            (BatchRefusal.NUMBER_GAP, province.change({words.RED: [7]}, now(), number=9)),
            (BatchRefusal.NUMBER_TAKEN, province.change({words.RED: [7]}, now(), number=2)),
            (BatchRefusal.SECOND_SIGNATURE_REQUIRED, province.change({words.RED: range(1_001)}, now(), closing=False)),
        ):
            with pytest.raises(BatchRefused) as refused:
                await publish(status_of(gateway), batch)
            assert (refused.value.refusal, refused.value.held) == (refusal, 2)
        assert verdicts(gateway, code) == {GREEN}
        _, page, _ = gateway.get("/metrics")
        assert b'hcgw_status_batches_total{process="keeper",outcome="BATCH_NUMBER_GAP"} 1.0' in page
        assert b"code-7" not in gateway.stdout + page


async def test_a_gateway_follows_another_through_cuts_of_either(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    publisher = StatusSite(first)
    follower = StatusSite(second, keys=publisher.keys, relays=(first,))
    province, code = publisher.issuer(), publisher.pointing(7)
    with running(publisher) as source:
        follower.follow(status_of(source))
        await publish(status_of(source), province.open(now()), province.change({words.GREEN: [7]}, now()))
        with running(follower) as gateway:
            eventually(gateway, code, GREEN)
            await publish(status_of(source), province.change({words.RED: [7]}, now()))
            eventually(gateway, code, RED)
            os.kill(pid_of(gateway, "keeper"), signal.SIGKILL)
            await publish(status_of(source), province.change({words.GREEN: [7]}, now(), prove=True))
            eventually(gateway, code, GREEN)


def eventually(gateway: Gateway, code: bytes, wanted: tuple[Measure, Reason]) -> None:
    """Return once a code is told this; fails if it is not in time."""
    end = time.monotonic() + PATIENCE_S
    while (found := verdicts(gateway, code)) != {wanted}:
        assert time.monotonic() < end, found
        time.sleep(0.05)


async def test_a_converted_code_is_known_to_every_worker_and_follower(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    site = StatusSite(first)
    site.convert()
    follower = StatusSite(second, keys=site.keys, relays=(first,))
    with running(site, "service.workers=2") as gateway:
        follower.follow(status_of(gateway))
        with running(follower) as other:
            made = converted(gateway, site.code()).encode()
            assert verdicts(gateway, made, times=8) == {GREEN}
            eventually(other, made, GREEN)
            gateway.signal(signal.SIGTERM)
            assert gateway.end() == 0
            eventually(other, made, UNAVAILABLE)


def converted(gateway: Gateway, code: bytes) -> str:
    """Return what a code is converted to."""
    request = ConvertCodeRequest(code=code, context=question(code).context)
    with grpc.insecure_channel(gateway.grpc) as channel:
        stub: Any = ConversionServiceStub(channel)  # type: ignore[no-untyped-call]
        return str(stub.ConvertCode(request, timeout=PATIENCE_S).converted.jws)
