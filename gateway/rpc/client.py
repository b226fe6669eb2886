"""A small client of verification and conversion, for the command line and the demo. Plaintext to loopback only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import grpc
from healthcode.interop.v1 import conversion_service_pb2 as conversion_pb
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.clinical import ClinicalQuestion
from gateway.errors import GatewayError, Reason
from gateway.loopback import is_loopback
from gateway.rpc.convert import fill_time
from gateway.rpc.methods import CONVERSION, VERIFICATION
from gateway.values import CodeState, DisplayedCode, DivisionCode, Instant, Measure, Profile, Purpose


class AskingFailed(GatewayError):
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
    receipt_salt: bytes = field(default=b"", repr=False)
    """What the receipt's digest of the code is made with."""
    handle: str = field(default="", repr=False)
    rule_version: str = ""
    clinical: pb.ClinicDisclosure | None = field(default=None, repr=False)
    """What was told under CLINIC, as it came."""


@dataclass(frozen=True, slots=True)
class ConvertedAnswer:
    """A verdict, and the converted code if there is one."""

    answer: Answer
    jws: str | None = field(default=None, repr=False)
    qr: str | None = field(default=None, repr=False)
    """None if there is no code, or if it is too long for a QR text."""
    expire_time: Instant | None = None


class VerificationClient:
    """Asks one gateway."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._verify_code = channel.unary_unary(
            f"/{VERIFICATION}/VerifyCode",
            request_serializer=pb.VerifyCodeRequest.SerializeToString,
            response_deserializer=pb.VerifyCodeResponse.FromString,
        )
        self._assess_displayed_code = channel.unary_unary(
            f"/{VERIFICATION}/AssessDisplayedCode",
            request_serializer=pb.AssessDisplayedCodeRequest.SerializeToString,
            response_deserializer=pb.AssessDisplayedCodeResponse.FromString,
        )
        self._convert_code = channel.unary_unary(
            f"/{CONVERSION}/ConvertCode",
            request_serializer=conversion_pb.ConvertCodeRequest.SerializeToString,
            response_deserializer=conversion_pb.ConvertCodeResponse.FromString,
        )

    async def verify_code(
        self,
        code: bytes,
        *,
        purpose: Purpose,
        division: DivisionCode | None,
        profile: Profile = Profile.GATE,
        receipt: bool = False,
        clinical: ClinicalQuestion | None = None,
        timeout_s: float = 3.0,
    ) -> Answer:
        """Return the verdict on one code. `clinical` goes with CLINIC. Raises: AskingFailed."""
        request = pb.VerifyCodeRequest(code=code, receipt_requested=receipt)
        fill_context(request.context, purpose, division, profile)
        if clinical is not None:
            request.context.clinical_item = int(clinical.item)  # type: ignore[assignment]
            request.context.lawful_basis = int(clinical.basis)  # type: ignore[assignment]
        with asking():
            response = await self._verify_code(request, timeout=timeout_s)
        return answer_of(response.verdict)

    async def assess_displayed_code(
        self,
        code: DisplayedCode,
        *,
        purpose: Purpose,
        division: DivisionCode | None,
        profile: Profile = Profile.GATE,
        receipt: bool = False,
        timeout_s: float = 3.0,
    ) -> Answer:
        """Return the verdict on a code that was only seen. Raises: AskingFailed."""
        request = pb.AssessDisplayedCodeRequest(
            issuing_division=code.division, displayed=code.word, receipt_requested=receipt
        )
        if code.displayed_time is not None:
            fill_time(request.displayed_time, code.displayed_time)
        fill_context(request.context, purpose, division, profile)
        with asking():
            response = await self._assess_displayed_code(request, timeout=timeout_s)
        return answer_of(response.verdict)

    async def convert_code(
        self,
        code: bytes,
        *,
        purpose: Purpose,
        division: DivisionCode,
        profile: Profile = Profile.GATE,
        receipt: bool = False,
        timeout_s: float = 3.0,
    ) -> ConvertedAnswer:
        """Return the verdict on one code, and what was made from it for `division`. Raises: AskingFailed."""
        request = conversion_pb.ConvertCodeRequest(code=code, receipt_requested=receipt)
        fill_context(request.context, purpose, division, profile)
        with asking():
            response = await self._convert_code(request, timeout=timeout_s)
        answer = answer_of(response.verdict)
        if not response.HasField("converted"):
            return ConvertedAnswer(answer)
        made = response.converted
        return ConvertedAnswer(answer, made.jws, made.qr or None, Instant(float(made.expire_time.seconds)))


@asynccontextmanager
async def connected(target: str) -> AsyncIterator[VerificationClient]:
    """Yield a client of the gateway at `target` (host:port). Raises: AskingFailed if it is not on loopback."""
    host = target.rpartition(":")[0].strip("[]")
    if not is_loopback(host):
        raise AskingFailed("PERMISSION_DENIED", "this client speaks plaintext, so it speaks to loopback only")
    async with grpc.aio.insecure_channel(target) as channel:
        yield VerificationClient(channel)


@contextmanager
def asking() -> Iterator[None]:
    """Turn a call that failed into AskingFailed."""
    try:
        yield
    except grpc.aio.AioRpcError as failed:
        raise AskingFailed(failed.code().name, failed.details() or "") from None


def fill_context(
    context: pb.VerificationContext, purpose: Purpose, division: DivisionCode | None, profile: Profile
) -> None:
    """Write the terms under which codes are to be judged."""
    context.purpose = int(purpose)  # type: ignore[assignment]
    context.receiving_division = division or ""
    context.disclosure_profile = int(profile)  # type: ignore[assignment]


def answer_of(verdict: pb.Verdict) -> Answer:
    """Return a verdict that has arrived."""
    core = verdict.core
    measures = {measure.value: measure for measure in Measure}
    reasons = {reason.value: reason.name for reason in Reason}
    states = {state.value: state for state in CodeState}
    kind = verdict.WhichOneof("disclosure")
    staff = verdict.province.staff if kind == "province" else verdict.staff
    return Answer(
        measures.get(core.measure, Measure.MANUAL),
        tuple(reasons.get(number, f"REASON_{number}") for number in core.reasons),
        states.get(staff.state),
        staff.issuer,
        verdict.receipt,
        verdict.receipt_salt,
        verdict.province.handle,
        verdict.province.rule_version,
        verdict.clinic if kind == "clinic" else None,
    )
