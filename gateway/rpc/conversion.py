"""ConversionService: the handler, a plain function that knows no transport, and the servicer around it.

Rules:

- The original is judged as VerifyCode does, but in the *convert* way; the verdict is the whole answer wherever no code
  can be made, also in a gateway that makes none at all.
- A code is made for the receiving division only, so there must be one.
- It is made before the answer waits for its entry and its place, so that what is learnt of its original meanwhile makes
  it worse, too; what was learnt before, while other nodes were asked whether it had been shown, a second look finds. If
  there is no answer in the end, it is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from healthcode.interop.v1 import conversion_service_pb2 as pb

from gateway.errors import RequestInvalid
from gateway.rpc.callers import current_caller
from gateway.rpc.convert import fill_time
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.methods import CONVERSION
from gateway.rpc.validation import parsed
from gateway.rpc.verification import agreed, decided, refuse_without_signer, tell, trace_of
from gateway.values import Caller, Decision, Instant, Way

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


async def convert_code(
    request: pb.ConvertCodeRequest, caller: Caller, at: Instant, desk: VerificationDesk
) -> pb.ConvertCodeResponse:
    """Return the verdict on one code and, where it is let through by conversion, a code of the receiving division.

    Raises: as `verify_code`; RequestInvalid if there is no receiving division.
    """
    terms = agreed(request, request.context, caller, desk)
    if terms.division is None:
        raise RequestInvalid("context.receiving_division", "is required")
    refuse_without_signer(request.receipt_requested, desk)
    trace = trace_of("ConvertCode", terms, caller, desk)
    shown = await decided(request.code, terms, at, desk, Way.CONVERT, receipt=request.receipt_requested)
    response = pb.ConvertCodeResponse()
    tell(response.verdict, shown, request, terms, caller, desk, request.code)
    trace.write(shown.decision, request.code, response.verdict.receipt_salt)
    converter = desk.converter
    made = (
        None if converter is None else converter.convert(shown.decision, request.code, division=terms.division, at=at)
    )
    if made is None or converter is None:
        await trace.kept()
        return response
    try:
        again = desk.pipeline.verify(
            request.code, at=at, division=terms.division, way=Way.CONVERT, purpose=terms.purpose
        )
        if isinstance(again, Decision):
            converter.noticed(request.code, again)
        await trace.kept()
        await converter.shown(made)
    except BaseException:  # also a caller that waits no longer
        converter.withdraw(made)
        raise
    response.converted.jws, response.converted.qr = made.jws, made.qr
    fill_time(response.converted.expire_time, made.expire_time)
    return response


class ConversionServicer:
    """Answers the RPC of ConversionService. `desk` is asked once per request."""

    def __init__(self, desk: Callable[[], VerificationDesk]) -> None:
        self._desk = desk

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the table that a server is given."""
        return grpc.method_handlers_generic_handler(
            CONVERSION, {"ConvertCode": grpc.unary_unary_rpc_method_handler(self.convert_code)}
        )

    async def convert_code(self, raw: bytes, _context: Context) -> bytes:
        """Answer ConvertCode."""
        caller, desk = current_caller(), self._desk()
        request = parsed(pb.ConvertCodeRequest, raw)
        return (await convert_code(request, caller, desk.clock(), desk)).SerializeToString()
