"""Receipts of many verdicts under one signature: of a batch, and of the answers of a stream.

Rules:

- A verdict never waits for a signature. In a stream it goes out with its unsigned receipt; the signature follows in a
  message of its own, after `MOST` answers, `LATEST_S` after the first of them, or before the stream ends.
- Nobody else's answers are under a signature: a caller must not learn how many others there are.
- One writer at a time: a stream is written to by its answers and by the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.disclosure import Disclosure
from gateway.errors import NotReady
from gateway.receipts.receipt import Answer
from gateway.rpc.desk import VerificationDesk, WritesReceipts
from gateway.values import Caller, Instant, Passage, Purpose

MOST: Final = 64
"""Answers of a stream under one signature: 2 us for each instead of 40, and a path of 192 bytes."""

LATEST_S: Final = 0.5
"""Seconds that a stream's first unsigned receipt waits: a gate has seldom let the person go by then."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Writes receipts into verdicts, but for their signature."""

    receipts: WritesReceipts
    caller: Caller
    purpose: Purpose

    def write(self, verdict: pb.Verdict, said: Disclosure, item: pb.CodeItem, passage: Passage | None = None) -> None:
        """Write the unsigned receipt of what was `said` about `item`, and its salt. In its `passage` it is the same."""
        draft = self.receipts.draft(Answer(said, self.caller, self.purpose, item.request_id, item.code, passage))
        verdict.receipt_proof.payload = draft.payload
        verdict.receipt_salt = draft.salt

    def sign(self, response: pb.VerifyCodesResponse, at: Instant) -> None:
        """Write the one signature for all verdicts of `response`, each of which has an unsigned receipt."""
        proofs = [verdict.receipt_proof for verdict in response.verdicts]
        signed = self.receipts.sign_together([proof.payload for proof in proofs], caller=self.caller, at=at)
        response.receipt_root = signed.root
        for index, (proof, path) in enumerate(zip(proofs, signed.paths, strict=True)):
            proof.index = index
            proof.path = path


def drafts_for(caller: Caller, purpose: Purpose, desk: VerificationDesk, *, wanted: bool) -> Drafts | None:
    """Return what writes the receipts that are wanted, or None. Raises: NotReady if they cannot be signed."""
    if not wanted:
        return None
    if desk.receipts is None:
        raise NotReady("no signer")
    return Drafts(desk.receipts, caller, purpose)


class StreamReceipts:
    """Sends the answers of one stream, and the signatures for their receipts. Enter it; leaving it sends what is left.

    A stream that is cut off, or whose caller left, sends nothing more.
    """

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], caller: Caller, desk: Callable[[], VerificationDesk]
    ) -> None:
        self._send = send
        self._caller = caller
        self._desk = desk
        self._writing = asyncio.Lock()
        self._payloads: list[bytes] = []
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the last signature, also before a refusal ends the stream; nothing is left running."""
        # Of two failures the first is what the caller is told.
        quietly = nullcontext() if failure is None else suppress(Exception)
        with quietly:
            if failure is not None and not isinstance(failure, Exception):
                await self._stop_timer()
                return
            async with self._writing:
                await self._stop_timer()
                await self._sign()

    async def answer(self, raw: bytes, payload: bytes | None) -> None:
        """Send an answer; `payload` is its unsigned receipt, None if it has none.

        Raises: NotReady if a signature cannot be had, which ends the stream.
        """
        if payload is None and self._timer is None:  # nobody else writes: most streams ask for no receipts
            await self._send(raw)
            return
        async with self._writing:
            if self._timer is not None and self._timer.done():
                await self._stop_timer()
            await self._send(raw)
            if payload is None:
                return
            self._payloads.append(payload)
            if len(self._payloads) >= MOST:
                await self._sign()
            elif self._timer is None:
                self._timer = asyncio.create_task(self._sign_later())

    async def _stop_timer(self) -> None:
        """Stop and forget the timer. Raises: what it raised: a signature that could not be sent ends the stream."""
        timer, self._timer = self._timer, None
        if timer is None:
            return
        timer.cancel()
        await asyncio.wait([timer])
        if not timer.cancelled():
            timer.result()

    async def _sign_later(self) -> None:
        await asyncio.sleep(LATEST_S)
        async with self._writing:
            await self._sign()

    async def _sign(self) -> None:
        """Send one signature for what has none yet. Only while writing."""
        if not self._payloads:
            return
        desk = self._desk()
        if desk.receipts is None:
            raise NotReady("no signer")
        signed = desk.receipts.sign_together(self._payloads, caller=self._caller, at=desk.clock())
        self._payloads = []
        bundle = pb.ReceiptBundle(root=signed.root, paths=signed.paths)
        await self._send(pb.StreamVerificationsResponse(receipts=bundle).SerializeToString())
