"""A small client of VerificationService, for the command line and the demo. Plaintext to loopback only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.errors import Reason
from gateway.loopback import is_loopback
from gateway.rpc.methods import VERIFICATION
from gateway.values import CodeState, DivisionCode, Measure, Profile, Purpose


class AskingFailed(Exception):
    """The gateway gave no answer. `code` is the name of the gRPC status; its text is the server's public one."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict as it arrived. A measure that this client does not know is MANUAL, a reason is left as its number."""

    measure: Measure
    reasons: tuple[str, ...]
    state: CodeState | None
    issuer: str
    receipt: str


class VerificationClient:
    """Asks one gateway."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._verify_code = channel.unary_unary(
            f"/{VERIFICATION}/VerifyCode",
            request_serializer=pb.VerifyCodeRequest.SerializeToString,
            response_deserializer=pb.VerifyCodeResponse.FromString,
        )

    async def verify_code(
        self,
        code: bytes,
        *,
        purpose: Purpose,
        division: DivisionCode | None,
        profile: Profile = Profile.GATE,
        receipt: bool = False,
        timeout_s: float = 3.0,
    ) -> Answer:
        """Return the verdict on one code. Raises: AskingFailed."""
        request = pb.VerifyCodeRequest(code=code, receipt_requested=receipt)
        request.context.purpose = int(purpose)  # type: ignore[assignment]
        request.context.receiving_division = division or ""
        request.context.disclosure_profile = int(profile)  # type: ignore[assignment]
        try:
            response = await self._verify_code(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as failed:
            raise AskingFailed(failed.code().name, failed.details() or "") from None
        return _answer(response.verdict)


@asynccontextmanager
async def connected(target: str) -> AsyncIterator[VerificationClient]:
    """Yield a client of the gateway at `target` (host:port). Raises: AskingFailed if it is not on loopback."""
    host = target.rpartition(":")[0].strip("[]")
    if not is_loopback(host):
        raise AskingFailed("PERMISSION_DENIED", "this client speaks plaintext, so it speaks to loopback only")
    async with grpc.aio.insecure_channel(target) as channel:
        yield VerificationClient(channel)


def _answer(verdict: pb.Verdict) -> Answer:
    core = verdict.core
    measures = {measure.value: measure for measure in Measure}
    reasons = {reason.value: reason.name for reason in Reason}
    states = {state.value: state for state in CodeState}
    return Answer(
        measures.get(core.measure, Measure.MANUAL),
        tuple(reasons.get(number, f"REASON_{number}") for number in core.reasons),
        states.get(verdict.staff.state) if verdict.HasField("staff") else None,
        verdict.staff.issuer,
        verdict.receipt,
    )
