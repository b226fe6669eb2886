"""The Guiyang-Hangzhou workers' train: 300 people are verified in one go, and the network is cut half-way.

Half of them carry native codes, which need nobody; half carry opaque ones, which Guizhou's system must resolve.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb
from healthcode.interop.v1.verification_service_pb2_grpc import VerificationServiceStub

from gateway.values import CodeState
from tests.integration.gateway_process import PATIENCE_S, Site, running
from tests.integration.province_site import connected_site
from tests.simulators.provinces.faults import HEALTHY, Fault, FaultKind
from tests.simulators.provinces.world import ProvinceWorld

ABOARD = 300
PROVINCE = "guizhou"
EXPECTED = {
    CodeState.GREEN: ("PASS", "STATE_GREEN"),
    CodeState.YELLOW: ("LIMITED", "STATE_YELLOW"),
    CodeState.RED: ("DENY", "STATE_RED"),
}
CUT_OFF = ("MANUAL", "UPSTREAM_UNAVAILABLE")
SLOW_LINE = Fault(FaultKind.SLOW, seconds=0.05)


def train(site: Site, world: ProvinceWorld) -> list[tuple[bytes, CodeState, bool]]:
    """Return code, truth and whether it is opaque, of everybody aboard; native and opaque ones sit side by side."""
    people = world.people(PROVINCE)
    for seat, state in ((1, CodeState.RED), (ABOARD - 1, CodeState.RED), (3, CodeState.YELLOW)):
        people.set(seat, state)
    aboard = []
    for seat in range(ABOARD):
        truth = people.colour(seat).state
        if seat % 2:
            aboard.append((world.code(PROVINCE, seat).text, truth, True))
        else:
            code = site.code(truth.name.lower(), code_id=f"seat-{seat}")
            aboard.append((code, truth, False))
    return aboard


async def verify(stub: Any, codes: list[bytes]) -> list[tuple[str, list[str]]]:
    """Return measure and reasons of each code of one batch."""
    context = pb.VerificationContext(
        purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
        receiving_division="330000",
        disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
    )
    items = [pb.CodeItem(code=code) for code in codes]
    answer = await stub.VerifyCodes(pb.VerifyCodesRequest(context=context, items=items), timeout=PATIENCE_S)
    return [
        (
            verdict_pb2.Measure.Name(verdict.core.measure).removeprefix("MEASURE_"),
            [reason_pb2.Reason.Name(reason).removeprefix("REASON_") for reason in verdict.core.reasons],
        )
        for verdict in answer.verdicts
    ]


async def test_what_can_be_answered_is_and_the_rest_goes_to_a_person(tmp_path: Path) -> None:
    make_stub: Any = VerificationServiceStub
    budget = {"in_flight": 8, "deadline_s": 5, "breaker_rest_s": 0.1, "fresh_for_s": 600}
    world = ProvinceWorld(tmp_path, [PROVINCE], people=ABOARD, code_life_s=3600, budget=budget)
    await world.start()
    try:
        site = connected_site(tmp_path, world.answer_issuers())
        aboard = train(site, world)
        with running(site) as gateway:
            async with grpc.aio.insecure_channel(gateway.grpc) as channel:
                await ride(make_stub(channel), world, aboard)
    finally:
        await world.stop()


async def ride(stub: Any, world: ProvinceWorld, aboard: list[tuple[bytes, CodeState, bool]]) -> None:
    codes = [code for code, _, _ in aboard]
    system, switch = world.provinces[PROVINCE].system, world.provinces[PROVINCE].switch
    switch.turn(SLOW_LINE)
    batch = asyncio.create_task(verify(stub, codes))
    while switch.questions < ABOARD // 4:
        assert not batch.done()
        await asyncio.sleep(0.005)
    await system.cut()
    told = await batch

    answered = cut_off = 0
    for (_, truth, opaque), (measure, reasons) in zip(aboard, told, strict=True):
        if opaque and (measure, reasons[0]) == CUT_OFF:
            cut_off += 1
            continue
        assert (measure, reasons[0]) == EXPECTED[truth]
        answered += opaque
    assert answered + cut_off == ABOARD // 2
    assert answered >= ABOARD // 4 - 8
    assert cut_off >= ABOARD // 8

    # Cut off, what was said a moment ago is still known, and marked; nobody else passes.
    again = await verify(stub, codes)
    for before, (measure, reasons), (_, truth, opaque) in zip(told, again, aboard, strict=True):
        if opaque and before[1][0] == CUT_OFF[1]:
            assert (measure, reasons[0]) == CUT_OFF
        else:
            assert (measure, reasons[0]) == EXPECTED[truth]
            assert ("ISSUER_CUT_OFF" in reasons) is opaque

    # The line is back: everybody is answered, without a restart.
    switch.turn(HEALTHY)
    await system.restore()
    await asyncio.sleep(0.15)
    await verify(stub, [codes[0], next(c for c, b in zip(codes, again, strict=True) if b[1][0] == CUT_OFF[1])])
    finally_told = await verify(stub, codes)
    for (_, truth, _), (measure, reasons) in zip(aboard, finally_told, strict=True):
        assert (measure, reasons[0]) == EXPECTED[truth]
