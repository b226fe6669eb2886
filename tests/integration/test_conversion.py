"""ConvertCode over the real edge and the real rooms: from another province's code to a verdict on the converted one."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1 import conversion_service_pb2 as pb
from healthcode.interop.v1 import verdict_pb2

from gateway.app import App
from gateway.callers.rights import Rights, everyone_may, up_to
from gateway.config import load
from gateway.errors import Reason
from gateway.receipts.receipt import ReceiptIssuer
from gateway.rpc.client import Answer, AskingFailed, ConvertedAnswer, VerificationClient
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.methods import CONVERSION
from gateway.rpc.server import GrpcServer, verification_services
from gateway.rpc.settings import GrpcSettings
from gateway.values import CodeState, DisplayedCode, DivisionCode, Instant, Measure, Profile, Purpose
from gateway.watch.logs import EventLog
from keys.signer import generate_dev_key
from tests.conftest import NOON
from tests.integration.gateway_process import Site
from tests.integration.grpc_edge import fields_of, refused, told
from tests.unit.conversion.world import GUIZHOU, HAINAN, OURS, ZHEJIANG, World, opaque, signed
from tests.unit.rpc.fakes import RecordingObserver

Code = grpc.StatusCode


@dataclass
class Gateway:
    """A running gateway that converts, its world and a client."""

    world: World
    client: VerificationClient
    channel: grpc.aio.Channel
    observer: RecordingObserver

    async def convert(
        self, code: bytes, division: DivisionCode = ZHEJIANG, *, receipt: bool = False
    ) -> ConvertedAnswer:
        return await self.client.convert_code(
            code, purpose=Purpose.TRANSPORT_ARRIVAL, division=division, profile=Profile.STAFF, receipt=receipt
        )

    async def verify(self, code: str | bytes | None, division: DivisionCode = ZHEJIANG) -> Answer:
        assert code is not None
        scanned = code.encode() if isinstance(code, str) else code
        return await self.client.verify_code(
            scanned, purpose=Purpose.TRANSPORT_ARRIVAL, division=division, profile=Profile.STAFF
        )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Gateway]:
    """Run a gateway; its desk is made anew for each question, so that a reload shows."""
    world = World(folder)
    receipts = ReceiptIssuer("https://interop.zhejiang.example", generate_dev_key(folder / "receipts.pem"))

    def desk() -> VerificationDesk:
        return VerificationDesk(
            world.pipeline,
            receipts,
            everyone_may(Rights(up_to(Profile.STAFF))),
            converter=world.converter,
            clock=world.clock,
        )

    observer = RecordingObserver()
    settings = GrpcSettings("127.0.0.1", 0, insecure_plaintext_on_loopback=True, lame_duck_s=0.0)
    server = GrpcServer(settings, verification_services(desk), observer)
    port = await server.start()
    world.rechecks.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            yield Gateway(world, VerificationClient(channel), channel, observer)
    finally:
        await world.rechecks.stop()
        await server.stop()


@pytest.mark.parametrize("original", [signed(), opaque()], ids=["signed", "opaque"])
async def test_a_foreign_code_becomes_a_code_of_the_receiving_division(tmp_path: Path, original: bytes) -> None:
    async with running(tmp_path) as gateway:
        made = await gateway.convert(original, receipt=True)
        assert (made.answer.measure, made.answer.state) == (Measure.PASS, CodeState.GREEN)
        assert made.answer.receipt
        assert made.expire_time is not None
        assert NOON < made.expire_time <= NOON + 14_400
        assert made.qr is not None
        assert len(made.qr) < 512
        for code in (made.jws, made.qr):
            answer = await gateway.verify(code)
            assert (answer.measure, answer.state, answer.issuer) == (Measure.PASS, CodeState.GREEN, OURS)
            elsewhere = await gateway.verify(code, HAINAN)
            assert (elsewhere.measure, elsewhere.reasons[0]) == (Measure.MANUAL, Reason.AUDIENCE_MISMATCH.name)
            assert (await gateway.convert(str(code).encode())).jws is None
        assert (await gateway.verify(original)).issuer != OURS
        assert gateway.observer.failures == []
    methods = {method for method, _ in gateway.observer.ended}
    assert f"/{CONVERSION}/ConvertCode" in methods


async def test_a_later_red_arrives_without_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        made = await gateway.convert(opaque())
        gateway.world.yunnan.says["00000001"] = "red"
        assert (await gateway.verify(made.jws)).measure is Measure.PASS
        await gateway.world.look_again()
        for code in (made.jws, made.qr):
            answer = await gateway.verify(code)
            assert (answer.measure, answer.reasons[0]) == (Measure.DENY, Reason.STATE_RED.name)


async def test_a_red_that_another_gate_learns_arrives_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        made = await gateway.convert(opaque())
        gateway.world.yunnan.says["00000001"] = "red"
        assert (await gateway.verify(opaque(), HAINAN)).measure is Measure.DENY
        assert (await gateway.verify(made.qr)).reasons[0] == Reason.STATE_RED.name


async def test_after_a_restart_a_person_decides(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        made = await gateway.convert(signed())
        assert (await gateway.verify(made.jws)).measure is Measure.PASS
        gateway.world.restart()
        answer = await gateway.verify(made.jws)
        assert (answer.measure, answer.reasons[0]) == (Measure.MANUAL, Reason.STATUS_UNAVAILABLE.name)


@pytest.mark.parametrize(
    ("code", "measure", "reason"),
    [
        (signed("red"), Measure.DENY, Reason.STATE_RED),
        (signed(lives=30), Measure.DENY, Reason.EXPIRED),
        (signed()[:-8] + b"AAAAAAAA", Measure.DENY, Reason.BAD_SIGNATURE),
        (b"nobody's", Measure.MANUAL, Reason.UNRECOGNISED),
        (
            signed(audience="330000", origin_issuer=str(GUIZHOU), origin_division="520000"),
            Measure.DENY,
            Reason.DIVISION_MISMATCH,
        ),
    ],
    ids=["red", "expired", "forged", "unreadable", "forged origin"],
)
async def test_what_is_not_let_through_has_a_verdict_and_no_code(
    tmp_path: Path, code: bytes, measure: Measure, reason: Reason
) -> None:
    async with running(tmp_path) as gateway:
        made = await gateway.convert(code)
        assert (made.answer.measure, made.answer.reasons[0]) == (measure, reason.name)
        assert (made.jws, made.qr, made.expire_time) == (None, None, None)
        assert len(gateway.world.converter.bindings) == 0


async def test_a_malformed_question_is_told_its_fields(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        call: Any = gateway.channel.unary_unary(
            f"/{CONVERSION}/ConvertCode", request_serializer=pb.ConvertCodeRequest.SerializeToString
        )
        context = {"purpose": verdict_pb2.PURPOSE_VENUE_ENTRY}
        error = await refused(call(pb.ConvertCodeRequest(context=context, code=signed())))
        info, details = told(error)
        assert (error.code(), info.reason) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert fields_of(details) == ["context.receiving_division"]
        raw: Any = gateway.channel.unary_unary(f"/{CONVERSION}/ConvertCode")
        assert told(await refused(raw(b"\x0a\xff")))[0].reason == "INVALID_REQUEST"
        with pytest.raises(AskingFailed) as caught:
            await gateway.convert(b"")
        assert caught.value.code == "INVALID_ARGUMENT"


async def test_a_displayed_code_is_judged_as_such(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        shown = DisplayedCode(DivisionCode("530000"), "green", Instant(NOON))
        answer = await gateway.client.assess_displayed_code(
            shown, purpose=Purpose.TRANSPORT_ARRIVAL, division=ZHEJIANG, profile=Profile.STAFF
        )
        assert (answer.measure, answer.reasons) == (Measure.MANUAL, (Reason.UNKNOWN_ISSUER.name,))
        with pytest.raises(AskingFailed) as caught:
            await gateway.client.assess_displayed_code(
                DisplayedCode(DivisionCode("53"), "green"), purpose=Purpose.TRANSPORT_ARRIVAL, division=ZHEJIANG
            )
        assert caught.value.code == "INVALID_ARGUMENT"


def converting_site(folder: Path) -> Site:
    """Return a whole gateway's folder, with conversion configured."""
    site = Site(folder)
    generate_dev_key(folder / "conversion.key.pem")
    section = f'[conversion]\nsigner = "file:conversion.key.pem"\nissuer = "{OURS}"\nstatus_uri = "{OURS}/status"\n'
    site.config.write_text(site.config.read_text() + "\n" + section)
    return site


@asynccontextmanager
async def whole(site: Site) -> AsyncIterator[tuple[App, VerificationClient]]:
    """Run the whole gateway of `site`."""
    app = App(load(site.config), log=EventLog(io.StringIO()))
    await app.start()
    try:
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}", options=options) as channel:
            yield app, VerificationClient(channel)
    finally:
        await app.drain()


async def test_the_whole_gateway_converts_and_stands_by_it_until_it_is_restarted(tmp_path: Path) -> None:
    site = converting_site(tmp_path)
    async with whole(site) as (app, client):
        made = await client.convert_code(site.code(), purpose=Purpose.TRANSPORT_ARRIVAL, division=ZHEJIANG)
        assert made.answer.measure is Measure.PASS
        assert made.jws is not None
        assert made.qr is not None

        async def judged(code: str) -> Answer:
            return await client.verify_code(code.encode(), purpose=Purpose.TRANSPORT_ARRIVAL, division=ZHEJIANG)

        assert [(await judged(code)).measure for code in (made.jws, made.qr)] == [Measure.PASS] * 2
        await app.reload()
        assert [(await judged(code)).measure for code in (made.jws, made.qr)] == [Measure.PASS] * 2
        url = f"http://127.0.0.1:{app.http_port}/metrics"
        page = (await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())).decode()
        assert 'hcgw_conversions_total{outcome="converted"} 1.0' in page
        assert "hcgw_conversions_live 1.0" in page
        # The original is revoked, the list is put in force, and the task does the rest.
        listed = json.loads(site.trust.read_text())
        revoked = {"kid": "gz-1", "method": "rid", "ctr": 1, "rids": ["0123456789abcdef"]}
        listed["issuers"][0]["revocations"] = [revoked]
        site.trust.write_text(json.dumps(listed | {"sequence": listed["sequence"] + 1}))
        await app.reload()
        async with asyncio.timeout(30):
            while (await judged(made.qr)).measure is Measure.PASS:  # noqa: ASYNC110 it has no event for us
                await asyncio.sleep(0.05)
        assert (await judged(made.jws)).reasons[0] == Reason.REVOKED.name
    async with whole(site) as (_, client):
        answer = await client.verify_code(made.jws.encode(), purpose=Purpose.TRANSPORT_ARRIVAL, division=ZHEJIANG)
        assert (answer.measure, answer.reasons[0]) == (Measure.MANUAL, Reason.STATUS_UNAVAILABLE.name)
