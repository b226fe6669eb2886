"""A steady load of look-ups over real gRPC, and what became of each: an open loop, which does not wait for the slow.

The time of a look-up counts from the instant at which it was due, so that a stall of the gateway is not hidden by
asking later.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb
from healthcode.interop.v1.verification_service_pb2_grpc import VerificationServiceStub

from gateway.values import CodeState
from tests.simulators.process import HeldCode

DEADLINE_S = 4.0


@dataclass(frozen=True, slots=True)
class LookUp:
    """One look-up that has ended."""

    code: HeldCode
    due: float
    seconds: float
    measure: str
    """Empty if the RPC failed."""
    reasons: tuple[str, ...]

    @property
    def wrong_pass(self) -> bool:
        """Tell whether somebody was let through of whom her province does not say green."""
        return self.measure == "PASS" and self.code.truth is not CodeState.GREEN


def question(code: bytes) -> pb.VerifyCodeRequest:
    """Return the look-up of a gate in Zhejiang."""
    context = pb.VerificationContext(
        purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
        receiving_division="330000",
        disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
    )
    return pb.VerifyCodeRequest(context=context, code=code)


@asynccontextmanager
async def client(address: str) -> Any:
    """Give a stub of the verification service at `address`."""
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    make_stub: Any = VerificationServiceStub
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield make_stub(channel)


async def look_up(stub: Any, code: HeldCode, due: float) -> LookUp:
    """Ask about one code."""
    try:
        verdict = (await stub.VerifyCode(question(code.text), timeout=DEADLINE_S)).verdict
    except grpc.aio.AioRpcError as failed:
        return LookUp(code, due, time.perf_counter() - due, "", (failed.code().name,))
    measure = verdict_pb2.Measure.Name(verdict.core.measure).removeprefix("MEASURE_")
    reasons = tuple(reason_pb2.Reason.Name(reason).removeprefix("REASON_") for reason in verdict.core.reasons)
    return LookUp(code, due, time.perf_counter() - due, measure, reasons)


async def steady(stub: Any, codes: Iterator[HeldCode], *, rate: float, seconds: float) -> list[LookUp]:
    """Ask about `rate` codes a second for `seconds`, evenly; return all look-ups once the last has ended."""
    began = time.perf_counter()
    under_way: list[asyncio.Task[LookUp]] = []
    for place in range(int(rate * seconds)):
        due = began + place / rate
        late = due - time.perf_counter()
        if late > 0:
            await asyncio.sleep(late)
        under_way.append(asyncio.create_task(look_up(stub, next(codes), due)))
    return await asyncio.gather(*under_way)


def in_turn(by_province: Sequence[Sequence[HeldCode]]) -> Iterator[HeldCode]:
    """Yield codes of each province in turn, for ever."""
    return itertools.chain.from_iterable(zip(*(itertools.cycle(codes) for codes in by_province), strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that at least `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]
