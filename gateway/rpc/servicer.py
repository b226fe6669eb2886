"""VerificationService on grpc.aio: bytes <-> messages, one clock reading, awaiting; judging is in `verification.py`.

Requests arrive here still encoded, so that a message that cannot be parsed meets our own table of errors and not
grpc's, which quotes exceptions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING, Any

import grpc
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.rpc.callers import current_caller
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.look_ahead import Later, in_order
from gateway.rpc.methods import VERIFICATION
from gateway.rpc.receipts_together import StreamReceipts
from gateway.rpc.validation import parsed, refuse_endless_batch
from gateway.rpc.verification import (
    StreamAnswer,
    Terms,
    assess_displayed_code,
    stream_item,
    verify_code,
    verify_codes,
)

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class VerificationServicer:
    """Answers the RPCs of VerificationService.

    `desk` is asked once per request, batch or stream item, so that a reload shows at once and never in the middle of
    one; it raises NotReady while there is nothing to judge with.
    """

    def __init__(self, desk: Callable[[], VerificationDesk]) -> None:
        self._desk = desk

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the table that a server is given."""
        return grpc.method_handlers_generic_handler(
            VERIFICATION,
            {
                "VerifyCode": grpc.unary_unary_rpc_method_handler(self.verify_code),
                "AssessDisplayedCode": grpc.unary_unary_rpc_method_handler(self.assess_displayed_code),
                "VerifyCodes": grpc.unary_unary_rpc_method_handler(self.verify_codes),
                "StreamVerifications": grpc.stream_stream_rpc_method_handler(self.stream_verifications),
            },
        )

    async def verify_code(self, raw: bytes, _context: Context) -> bytes:
        """Answer VerifyCode."""
        caller = current_caller()
        desk = self._desk()
        request = parsed(pb.VerifyCodeRequest, raw)
        return (await verify_code(request, caller, desk.clock(), desk)).SerializeToString()

    async def assess_displayed_code(self, raw: bytes, _context: Context) -> bytes:
        """Answer AssessDisplayedCode."""
        caller = current_caller()
        desk = self._desk()
        request = parsed(pb.AssessDisplayedCodeRequest, raw)
        return (await assess_displayed_code(request, caller, desk.clock(), desk)).SerializeToString()

    async def verify_codes(self, raw: bytes, _context: Context) -> bytes:
        """Answer VerifyCodes; other calls have their turn between the slices of a batch."""
        caller = current_caller()
        refuse_endless_batch(raw)
        desk = self._desk()
        request = parsed(pb.VerifyCodesRequest, raw)
        return (await verify_codes(request, caller, desk.clock(), desk)).SerializeToString()

    async def stream_verifications(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Answer StreamVerifications: one answer per request, in order, and signatures for receipts beside them."""
        caller = current_caller()
        terms: Terms | None = None
        asked = count()
        unsigned: dict[int, bytes] = {}

        def begin(raw: bytes) -> bytes | Later:
            nonlocal terms
            desk = self._desk()
            request = parsed(pb.StreamVerificationsRequest, raw)
            terms, answer = stream_item(request, terms, caller, desk.clock(), desk)
            number = next(asked)
            return awaited(number, answer) if isinstance(answer, Coroutine) else encoded(number, answer)

        def encoded(number: int, answer: pb.StreamVerificationsResponse) -> bytes:
            if answer.verdict.HasField("receipt_proof"):
                unsigned[number] = answer.verdict.receipt_proof.payload
            return answer.SerializeToString()

        async def awaited(number: int, answer: StreamAnswer) -> bytes:
            return encoded(number, await answer)

        async with (
            StreamReceipts(context.write, caller, self._desk) as out,
            aclosing(in_order(requests, begin)) as all_,
        ):
            told = count()
            async for answer in all_:
                await out.answer(answer, unsigned.pop(next(told), None))
