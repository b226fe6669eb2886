"""Opaque codes through the real gateway, asked over gRPC, which asks real servers over HTTP and gRPC."""

from __future__ import annotations

import asyncio
import io
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb
from healthcode.interop.v1.verification_service_pb2_grpc import VerificationServiceStub

from gateway.app import App
from gateway.config import load
from gateway.values import CodeState
from gateway.watch.logs import EventLog
from tests.integration.gateway_process import PATIENCE_S
from tests.integration.province_site import PURPOSELY_ODD_CHECKPOINT, connected_site
from tests.simulators.provinces.faults import HEALTHY, Fault, FaultKind
from tests.simulators.provinces.http_system import HttpSystem
from tests.simulators.provinces.profiles import SHIPPED
from tests.simulators.provinces.world import ProvinceWorld

EVERY_DIALECT = ("zhejiang", "guangdong", "hainan", "jiangsu", "fujian", "national")
QUICK = {"deadline_s": 15, "attempts": 1, "breaker_failures": 100, "breaker_rest_s": 0.1}
"""With a deadline that a busy machine keeps."""
SILENCE = {"deadline_s": 2}
"""Where silence is the fault, and time must run out."""

SEVERITY = {
    "CODE_STATE_GREEN": 0,
    "CODE_STATE_YELLOW": 1,
    "CODE_STATE_STALE_DECLARATION": 1,
    "CODE_STATE_UNDER_REVIEW": 1,
    "CODE_STATE_UNCONFIRMED": 1,
    "CODE_STATE_UNKNOWN": 1,
    "CODE_STATE_RED": 2,
}


@dataclass
class Told:
    """A verdict, by its names."""

    measure: str
    reasons: list[str]
    state: str
    division: str
    assurance: str


@dataclass
class Asking:
    """A gateway, its provinces and a client."""

    app: App
    world: ProvinceWorld
    stub: Any
    log: io.StringIO

    async def ask(self, code: bytes) -> Told:
        context = pb.VerificationContext(
            purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
            receiving_division="330000",
            checkpoint=PURPOSELY_ODD_CHECKPOINT,
            disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
        )
        request = pb.VerifyCodeRequest(context=context, code=code, request_id="request-9914")
        verdict = (await self.stub.VerifyCode(request, timeout=PATIENCE_S)).verdict
        return Told(
            verdict_pb2.Measure.Name(verdict.core.measure).removeprefix("MEASURE_"),
            [reason_pb2.Reason.Name(reason).removeprefix("REASON_") for reason in verdict.core.reasons],
            verdict_pb2.CodeState.Name(verdict.staff.state),
            verdict.staff.issuer_division,
            verdict_pb2.Assurance.Name(verdict.staff.assurance),
        )

    async def ask_about(self, name: str, state: CodeState, *, nth: int = 0, age_s: float = 0.0) -> Told:
        """Ask about the code of the `nth` person of a province with this colour."""
        number = -1
        for _ in range(nth + 1):
            number = self.world.people(name).first(state, after=number)
        return await self.ask(self.world.code(name, number, age_s=age_s).text)

    async def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.app.http_port}/metrics"
        return await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read().decode())


@asynccontextmanager
async def asking(folder: Path, *names: str, **budget: object) -> AsyncIterator[Asking]:
    world = ProvinceWorld(folder, names or EVERY_DIALECT, people=400, code_life_s=3600, budget=QUICK | budget)
    await world.start()
    try:
        site = connected_site(folder, world.answer_issuers())
        log = io.StringIO()
        app = App(load(site.config), log=EventLog(log, level="debug"))
        await app.start()
        try:
            options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
            async with grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}", options=options) as channel:
                make_stub: Any = VerificationServiceStub
                yield Asking(app, world, make_stub(channel), log)
        finally:
            await app.drain()
    finally:
        await world.stop()


async def test_the_truth_of_every_shipped_province_arrives_and_never_a_better_one(tmp_path: Path) -> None:
    names = sorted(file.stem for file in SHIPPED.glob("*.toml"))
    async with asking(tmp_path, *names, deadline_s=5) as gate:
        seen: set[str] = set()
        for name in names:
            division = gate.world.provinces[name].profile["division"]
            for number in _one_of_each_state(gate.world, name):
                truth = f"CODE_STATE_{gate.world.truth(name, number).name}"
                told = await gate.ask(gate.world.code(name, number).text)
                assert SEVERITY[told.state] >= min(SEVERITY[truth], 1), (name, truth, told)
                assert (told.measure == "PASS") <= (truth == "CODE_STATE_GREEN"), (name, truth, told)
                if told.state != "CODE_STATE_UNKNOWN":  # a word that its profile does not explain
                    assert told.state == truth, (name, told)
                assert (told.division, told.assurance) == (division, "ASSURANCE_SCANNED_ONLINE")
                seen.add(told.measure)
            assert (await gate.ask_about(name, CodeState.GREEN, nth=1)).measure == "PASS"
        assert seen == {"PASS", "LIMITED", "DENY", "MANUAL"}


def _one_of_each_state(world: ProvinceWorld, name: str) -> list[int]:
    found: dict[CodeState, int] = {}
    for number in range(len(world.people(name))):
        found.setdefault(world.truth(name, number), number)
    return list(found.values())


@pytest.mark.parametrize("name", [*EVERY_DIALECT, "shanghai"])
async def test_expired_in_each_disguise_is_expired(tmp_path: Path, name: str) -> None:
    async with asking(tmp_path, name) as gate:
        told = await gate.ask_about(name, CodeState.GREEN, age_s=7200)
        assert (told.measure, told.reasons[0]) == ("DENY", "EXPIRED")


@pytest.mark.parametrize("name", EVERY_DIALECT)
async def test_an_id_that_nobody_made_is_manual(tmp_path: Path, name: str) -> None:
    async with asking(tmp_path / "own", name) as gate, asking(tmp_path / "other", name) as other:
        other.world.people(name).set(0, CodeState.GREEN)
        foreign = other.world.provinces[name].screens.population.show(0)
        assert gate.world.people(name).resolve(foreign.identifier) is None
        told = await gate.ask(other.world.code(name, 0).text)
        expected = "NOT_ITS_ISSUERS" if name == "jiangsu" else "CODE_NOT_FOUND"
        assert (told.measure, told.reasons[0]) == ("MANUAL", expected)


CANNOT_SAY = {
    FaultKind.HANG: "UPSTREAM_UNAVAILABLE",
    FaultKind.DRIP: "UPSTREAM_UNAVAILABLE",
    FaultKind.RESET: "UPSTREAM_UNAVAILABLE",
    FaultKind.SERVER_ERROR: "UPSTREAM_UNAVAILABLE",
    FaultKind.OVERLOAD: "UPSTREAM_UNAVAILABLE",
    FaultKind.GARBAGE: "UPSTREAM_INVALID",
}


@pytest.mark.parametrize("kind", CANNOT_SAY)
@pytest.mark.parametrize("name", EVERY_DIALECT)
async def test_a_province_that_fails_is_manual_and_recovers_without_a_restart(
    tmp_path: Path, name: str, kind: FaultKind
) -> None:
    budget = SILENCE if kind in (FaultKind.HANG, FaultKind.DRIP) else {}
    garbage = kind is FaultKind.GARBAGE
    async with asking(tmp_path, name, **budget) as gate:
        assert (await gate.ask_about(name, CodeState.GREEN)).measure == "PASS"
        gate.world.fault(name, Fault(kind, seconds=0.1))
        asks = [gate.ask_about(name, CodeState.GREEN, nth=1 + nth) for nth in range(18 if garbage else 2)]
        for nth, told in enumerate([await ask for ask in asks] if garbage else await asyncio.gather(*asks)):
            assert told.measure == "MANUAL"
            assert told.reasons[0] == CANNOT_SAY[kind], (nth, told)
        gate.world.fault(name, HEALTHY)
        assert (await gate.ask_about(name, CodeState.GREEN, nth=20)).measure == "PASS"
        assert '"level": "error"' not in gate.log.getvalue()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hainan", "UPSTREAM_INVALID"),  # signs its answers
        ("fujian", "UPSTREAM_INVALID"),
        ("zhejiang", "UPSTREAM_REFUSED"),  # finds the gateway's signature wrong
        ("guangdong", "UPSTREAM_REFUSED"),
        ("jiangsu", "UPSTREAM_REFUSED"),
        ("national", "UPSTREAM_REFUSED"),
    ],
)
async def test_a_wrong_signature_on_either_side_is_manual(tmp_path: Path, name: str, reason: str) -> None:
    async with asking(tmp_path, name) as gate:
        gate.world.fault(name, Fault(FaultKind.WRONG_SIGNATURE))
        told = await gate.ask_about(name, CodeState.GREEN)
        assert (told.measure, told.reasons[0]) == ("MANUAL", reason)


@pytest.mark.parametrize("name", ["zhejiang", "hainan", "fujian", "national"])
async def test_an_answer_about_somebody_else_is_caught(tmp_path: Path, name: str) -> None:
    async with asking(tmp_path, name) as gate:
        gate.world.fault(name, Fault(FaultKind.OTHER_PERSON))
        for nth in range(2):
            told = await gate.ask_about(name, CodeState.RED, nth=nth)
            assert (told.measure, told.reasons[0]) == ("MANUAL", "UPSTREAM_INVALID")


@pytest.mark.parametrize("name", ["guangdong", "jiangsu"])
async def test_where_an_answer_does_not_say_whom_it_is_about_the_verdict_says_so(tmp_path: Path, name: str) -> None:
    """Nobody can catch such a system lying; a rule or a person can know that it might."""
    async with asking(tmp_path, name) as gate:
        told = await gate.ask_about(name, CodeState.GREEN)
        assert "ANSWER_NOT_BOUND" in told.reasons


@pytest.mark.parametrize("name", EVERY_DIALECT)
async def test_a_success_that_has_expired_passes_nobody(tmp_path: Path, name: str) -> None:
    async with asking(tmp_path, name) as gate:
        gate.world.fault(name, Fault(FaultKind.EXPIRED_AS_SUCCESS))
        told = await gate.ask_about(name, CodeState.GREEN)
        known = {"guangdong": ("DENY", "EXPIRED"), "fujian": ("DENY", "EXPIRED"), "national": ("DENY", "EXPIRED")}
        assert (told.measure, told.reasons[0]) == known.get(name, ("MANUAL", "UNKNOWN_STATE"))


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.RESET, FaultKind.OTHER_PERSON, FaultKind.GARBAGE])
async def test_the_national_platform_answers_in_a_provinces_place(tmp_path: Path, kind: FaultKind) -> None:
    budget = SILENCE if kind is FaultKind.HANG else {}
    async with asking(tmp_path, "zhejiang", "national", **budget) as gate:
        gate.world.fault("zhejiang", Fault(kind))
        for state, measure in ((CodeState.GREEN, "PASS"), (CodeState.YELLOW, "LIMITED"), (CodeState.RED, "DENY")):
            told = await gate.ask_about("zhejiang", state)
            assert told.measure == measure
            assert "ANSWERED_BY_NATIONAL_PLATFORM" in told.reasons
        metrics = (await gate.metrics()).splitlines()
        assert 'hcgw_upstream_fallbacks_total{outcome="answered",province="zhejiang"} 3.0' in metrics


async def test_a_colour_that_changes_is_seen_once_the_budget_of_freshness_is_over(tmp_path: Path) -> None:
    async with asking(tmp_path, "hainan", fresh_for_s=1) as gate:
        number = gate.world.people("hainan").first(CodeState.STALE_DECLARATION)
        code = gate.world.code("hainan", number).text
        assert (await gate.ask(code)).reasons[0] == "STATE_STALE_DECLARATION"
        gate.world.people("hainan").check_in(number)
        for _ in range(100):
            told = await gate.ask(code)
            if told.measure == "PASS":
                break
            assert told.reasons[0] == "STATE_STALE_DECLARATION"
            await asyncio.sleep(0.05)
        assert told.measure == "PASS"


async def test_one_that_hangs_harms_no_other(tmp_path: Path) -> None:
    async with asking(tmp_path, "zhejiang", "hainan", deadline_s=5) as gate:
        gate.world.fault("zhejiang", Fault(FaultKind.HANG))
        numbers = [number for number in range(150) if gate.world.truth("zhejiang", number) is CodeState.GREEN][:100]
        hanging = [asyncio.create_task(gate.ask(gate.world.code("zhejiang", number).text)) for number in numbers]
        await gate.world.provinces["zhejiang"].switch.until_struck()
        for nth in range(20):
            assert (await gate.ask_about("hainan", CodeState.GREEN, nth=nth)).measure == "PASS"
        assert not any(task.done() for task in hanging)
        gate.world.fault("zhejiang", HEALTHY)
        assert {told.reasons[0] for told in await asyncio.gather(*hanging)} <= {"UPSTREAM_UNAVAILABLE", "STATE_GREEN"}


async def test_a_province_learns_nothing_of_the_checker(tmp_path: Path) -> None:
    async with asking(tmp_path) as gate:
        for name in EVERY_DIALECT:
            await gate.ask_about(name, CodeState.GREEN)
        heard = 0
        for province in gate.world.provinces.values():
            system = province.system
            if not isinstance(system, HttpSystem):
                continue
            for request in system.heard:
                heard += 1
                said = f"{request.target} {request.headers}".encode() + request.body
                for word in (PURPOSELY_ODD_CHECKPOINT, "request-9914", "TRANSPORT", "330000", "STAFF"):
                    assert word.encode() not in said, (province.name, word)
                assert "?" not in request.target
        assert heard >= len(EVERY_DIALECT) - 1
