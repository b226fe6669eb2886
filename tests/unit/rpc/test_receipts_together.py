"""One signature for the receipts of many: what is signed together, when, and what happens when it cannot be."""

from __future__ import annotations

import asyncio

import pytest
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.errors import NotReady, RequestInvalid
from gateway.rpc import receipts_together
from gateway.rpc.receipts_together import MOST, StreamReceipts
from gateway.rpc.verification import stream_item, verify_codes
from gateway.values import Caller, CallerId, CallerKind
from tests.unit.rpc.fakes import AT, Desk, FakeReceipts
from tests.unit.rpc.test_verification import CONTEXT

CALLER = Caller(CallerId("gate"), CallerKind.TLS_PEER)


@pytest.fixture
def clock_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time after which a stream's receipts are signed pass at once."""
    monkeypatch.setattr(receipts_together, "LATEST_S", 0.0)


class Sent:
    """Takes what a stream sends. `gone`: nobody takes anything any more."""

    def __init__(self) -> None:
        self.messages: list[pb.StreamVerificationsResponse] = []
        self.gone = False
        self.busy = False

    async def __call__(self, raw: bytes) -> None:
        assert not self.busy, "two writers at one time"
        if self.gone:
            raise ConnectionError
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        self.messages.append(pb.StreamVerificationsResponse.FromString(raw))

    @property
    def roots(self) -> list[str]:
        return [one.receipts.root for one in self.messages if one.HasField("receipts")]


def stream(sent: Sent, desk: Desk | None = None) -> StreamReceipts:
    return StreamReceipts(sent, CALLER, desk or Desk())


async def batch(desk: Desk, *codes: bytes, wanted: bool = True) -> pb.VerifyCodesResponse:
    items = [pb.CodeItem(code=code, request_id=str(number)) for number, code in enumerate(codes)]
    request = pb.VerifyCodesRequest(context=CONTEXT, items=items, receipts_requested=wanted)
    return await verify_codes(request, CALLER, AT, desk())


async def test_every_item_of_a_batch_is_under_the_one_signature_in_order() -> None:
    response = await batch(Desk(), b"ask:at-once", b"", b"green:a", b"?")
    assert response.receipt_root == "gate 0 1 2 3"
    for number, (verdict, code) in enumerate(zip(response.verdicts, (11, 0, 7, 1), strict=True)):
        proof = verdict.receipt_proof
        assert proof.payload.decode().endswith(f"|gate|VENUE_ENTRY|{number}")
        assert (proof.index, proof.path) == (number, proof.payload[::-1])
        assert verdict.receipt_salt == b"%d" % code
        assert verdict.receipt == ""


async def test_a_batch_that_asks_for_none_gets_none() -> None:
    response = await batch(Desk(), b"green:a", wanted=False)
    assert response.receipt_root == ""
    assert not response.verdicts[0].HasField("receipt_proof")
    assert response.verdicts[0].receipt_salt == b""


async def test_receipts_that_cannot_be_signed_are_not_left_out() -> None:
    desk = Desk(receipts=None)
    with pytest.raises(NotReady):
        await batch(desk, b"green:a")
    item = pb.CodeItem(code=b"green:a")
    request = pb.StreamVerificationsRequest(context=CONTEXT, item=item, receipt_requested=True)
    with pytest.raises(NotReady):
        stream_item(request, None, CALLER, AT, desk())
    assert desk.pipeline.seen == []


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("code", [b"green:a", b"ask:at-once"])
def test_an_item_of_a_stream_has_its_receipt_unsigned(wanted: bool, code: bytes) -> None:
    item = pb.CodeItem(code=code, request_id="r")
    request = pb.StreamVerificationsRequest(context=CONTEXT, item=item, receipt_requested=wanted)
    _, answer = stream_item(request, None, CALLER, AT, Desk()())
    response = answer if isinstance(answer, pb.StreamVerificationsResponse) else asyncio.run(answer)
    proof = response.verdict.receipt_proof
    assert response.verdict.HasField("receipt_proof") is wanted
    assert (proof.payload, proof.path) == ((b"PASS|tls_peer|gate|VENUE_ENTRY|r", b"") if wanted else (b"", b""))
    assert not response.HasField("receipts")


async def test_a_stream_signs_what_is_left_when_it_ends() -> None:
    sent = Sent()
    async with stream(sent) as out:
        for number in range(3):
            await out.answer(b"", b"x|%d" % number)
        await out.answer(b"", None)
        assert sent.roots == []
    assert sent.roots == ["gate 0 1 2"]
    assert list(sent.messages[-1].receipts.paths) == [b"0|x", b"1|x", b"2|x"]
    assert len(asyncio.all_tasks()) == 1


async def test_a_stream_that_asks_for_no_receipts_is_sent_none() -> None:
    sent = Sent()
    async with stream(sent) as out:
        await out.answer(b"", None)
    assert [one.HasField("receipts") for one in sent.messages] == [False]


async def test_a_full_tree_is_signed_at_once() -> None:
    sent = Sent()
    async with stream(sent) as out:
        for number in range(MOST):
            await out.answer(b"", b"x|%d" % number)
        assert len(sent.roots) == 1
        await out.answer(b"", b"x|next")
    assert [len(one.receipts.paths) for one in sent.messages if one.HasField("receipts")] == [MOST, 1]
    assert sent.roots[1] == "gate next"


@pytest.mark.usefixtures("clock_at_once")
async def test_a_stream_that_is_quiet_is_signed_by_the_clock() -> None:
    sent = Sent()
    async with stream(sent) as out:
        for number in range(3):
            await out.answer(b"", b"x|%d" % number)
            for _ in range(9):
                await asyncio.sleep(0)
    assert sent.roots == ["gate 0", "gate 1", "gate 2"]


@pytest.mark.usefixtures("clock_at_once")
async def test_the_clock_and_the_answers_never_write_together_and_lose_nothing() -> None:
    sent = Sent()
    async with stream(sent) as out:
        for number in range(300):
            await out.answer(b"", b"x|%d" % number)
            await asyncio.sleep(0)
    signed = [int(number) for root in sent.roots for number in root.split()[1:]]
    assert signed == list(range(300))
    assert len(sent.roots) > 300 // MOST


async def test_a_refusal_ends_the_stream_after_the_signature() -> None:
    sent = Sent()

    async def refused() -> None:
        async with stream(sent) as out:
            await out.answer(b"", b"x|0")
            raise RequestInvalid("item", "is required")

    with pytest.raises(RequestInvalid):
        await refused()
    assert sent.roots == ["gate 0"]


@pytest.mark.parametrize("broken", ["caller", "signer"])
async def test_of_two_failures_the_first_is_told(broken: str) -> None:
    sent = Sent()
    desk = Desk(receipts=FakeReceipts(broken=broken == "signer"))

    async def refused() -> None:
        async with stream(sent, desk) as out:
            await out.answer(b"", b"x|0")
            sent.gone = broken == "caller"
            raise RequestInvalid("item", "is required")

    with pytest.raises(RequestInvalid):
        await refused()
    assert len(asyncio.all_tasks()) == 1


async def test_a_caller_who_left_is_sent_nothing_more() -> None:
    sent = Sent()
    began = asyncio.Event()

    async def run() -> None:
        async with stream(sent) as out:
            await out.answer(b"", b"x|0")
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert sent.roots == []
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.usefixtures("clock_at_once")
@pytest.mark.parametrize("when", ["at the next answer", "at the end"])
async def test_a_signature_that_the_clock_cannot_have_ends_the_stream(when: str) -> None:
    sent = Sent()
    desk = Desk(receipts=FakeReceipts(broken=True))

    async def run() -> None:
        async with stream(sent, desk) as out:
            await out.answer(b"", b"x|0")
            for _ in range(9):
                await asyncio.sleep(0)
            if when == "at the next answer":
                await out.answer(b"", None)
                raise AssertionError("the stream goes on without receipts")

    with pytest.raises(NotReady):
        await run()
    assert len(sent.messages) == 1


async def test_a_signer_that_a_reload_took_away_is_told() -> None:
    sent, desk = Sent(), Desk()
    out = stream(sent, desk)
    await out.answer(b"", b"x|0")
    desk.receipts = None
    with pytest.raises(NotReady):
        await out.__aexit__(None, None, None)
    assert sent.roots == []
