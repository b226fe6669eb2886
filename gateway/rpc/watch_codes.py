"""WatchCodes: the stream of a caller who holds codes and is told when one changes. Watches are in gateway/watches.

Rules:

- Authority comes first, and is looked at again before anything is told: rights of now, not those of when it began.
- Terms, or the watch to go on with, stand in the first request only. Codes may follow until the caller ends her side;
  events follow until she ends the call.
- Codes are read no faster than events are: who does not listen registers no more.
- What is told is a decision like any other: it stands in the audit log first. Events that wait are told together, and
  wait for the log once.
- A code that is made for one showing is none to be watched: what is told of it lets nobody through, because who is told
  would be a gate that the replay guard never hears of.
- A sign of life comes first, so that the caller knows her watch's name, and then whenever nothing happened for a while.
- Nothing of a code or a handle is put into an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

import grpc
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.callers.rights import RightsOf, authorise
from gateway.errors import CodeUnreadable, RequestInvalid
from gateway.formats import read_code, recognise
from gateway.instants import now
from gateway.policy.replay import unchecked
from gateway.recording.trail import Asked
from gateway.rpc.audited import KeepsAudit, Trace
from gateway.rpc.callers import current_caller
from gateway.rpc.convert import division_of, fill_verdict, profile_of, purpose_of
from gateway.rpc.crowded import crowded
from gateway.rpc.desk import UNWATCHED, MakesHandles, WatchesDisclosures
from gateway.rpc.disclosing import clinical_question, refuse_without_key, told
from gateway.rpc.methods import STATUS
from gateway.rpc.validation import check, parsed
from gateway.values import Caller, Decision, DivisionCode, Format, Instant, Purpose, StatusPointer
from gateway.watches.watch import CodeEvent, Connection, Watch, WatchTerms
from gateway.watches.watches import Watches

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

ALIVE_S: Final = 10.0
"""Seconds without an event after which a sign of life is given."""

MOST_UNTOLD: Final = 1_024
"""Events that wait to be read, beyond which no more codes are."""

SLICE: Final = 32
"""Codes of a request between which others get their turn: some 4 ms of one core."""

SLICE_S: Final = 0.005
"""Seconds after which they get it earlier."""

TOLD_TOGETHER: Final = 256
"""Events that are told after one look at the audit log."""

_MOST_FIELDS: Final = 2 * 512 + 3


class JudgesOffline(Protocol):
    """The pipeline, as watches see it."""

    def verify_offline(
        self, code: bytes, *, at: Instant, division: DivisionCode | None, purpose: Purpose | None = None
    ) -> Decision:
        """Return the decision on `code`; of an opaque one, that nobody could be asked. Raises: NotReady."""
        ...


class PipelineJudge:
    """Judges watched codes by the pipeline in force. See gateway.watches.watches.JudgesWatched."""

    __slots__ = ("_pipeline",)

    def __init__(self, pipeline: Callable[[], JudgesOffline]) -> None:
        """Take who judges: asked for at each code, so that a reload shows."""
        self._pipeline = pipeline

    def judge(self, code: bytes, terms: WatchTerms, at: Instant) -> Decision:
        """Return the decision on `code` under `terms`. Raises: NotReady."""
        return self._pipeline().verify_offline(code, at=at, division=terms.division, purpose=terms.purpose)

    def pointer_of(self, code: bytes) -> StatusPointer | None:
        """Return where `code` says that its live status stands; None if it says nothing, or cannot be read."""
        found = recognise(code)
        if found is Format.UNKNOWN:
            return None
        try:
            return read_code(code, found).status_pointer
        except CodeUnreadable:
            return None


@dataclass(frozen=True, slots=True)
class WatchDesk:
    """What the handler of WatchCodes needs."""

    watches: Watches
    rights_of: RightsOf
    handles: MakesHandles | None = None
    """None if the gateway makes none: then PROVINCE is NotReady."""
    disclosures: WatchesDisclosures = UNWATCHED
    audit: KeepsAudit | None = None
    """None if there is no audit log."""
    guarded: bool = True
    """Whether codes of one showing are guarded here: then a watch lets none of them through."""
    clock: Callable[[], Instant] = now
    """Read for each event that is told: a handle is of the epoch in which it is."""


class WatchServicer:
    """Answers WatchCodes. `desk` is asked anew at each look at the caller's rights, so that a reload shows."""

    def __init__(self, desk: Callable[[], WatchDesk], *, alive_s: float = ALIVE_S) -> None:
        self._desk = desk
        self._alive_s = alive_s

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the table that a server is given. It stands beside that of the other RPCs of StatusService."""
        return grpc.method_handlers_generic_handler(
            STATUS, {"WatchCodes": grpc.stream_stream_rpc_method_handler(self.watch_codes)}
        )

    async def watch_codes(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Answer WatchCodes: open a watch or go on with one; take codes and tell events until the caller leaves."""
        caller = current_caller()
        raw = await anext(requests, None)
        if raw is None:
            return
        request = _read(raw)
        connection, lost = self._connect(request, caller)
        if connection is None:
            await context.write(pb.WatchCodesResponse(watch_id=request.watch_id, lost=True).SerializeToString())
            return
        watches = self._desk().watches
        try:
            await context.write(_sign(connection.watch, lost=lost))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._take_codes(request, requests, connection.watch))
                both.create_task(self._tell_events(connection, context))
        except (
            ExceptionGroup
        ) as failed:  # the group's wrapping is no news to the caller: the failure itself has its row
            raise failed.exceptions[0] from None
        finally:
            watches.leave(connection)

    def _connect(self, request: pb.WatchCodesRequest, caller: Caller) -> tuple[Connection | None, bool]:
        """Return the place on the watch that the first request asks for, and whether the one to go on with is lost.

        1. Terms, if there are any, are terms that the caller may have; the request keeps the rules of its schema.
        2. Go on with her watch, if its terms are still hers.
        3. It is lost, or there was none: begin a new one, if there are terms for it.

        Raises: CallerRefused, RulesBroken, WatchRefused.
        """
        desk, context = self._desk(), request.context
        # 1
        if request.HasField("context"):
            rights = desk.rights_of(caller)
            authorise(rights, context.purpose, context.disclosure_profile, context.receiving_division)
        elif not request.watch_id:
            raise RequestInvalid("context", "is required in the first message of a new watch")
        check(request)
        clinical_question(context)
        # 2
        lost = False
        if request.watch_id:
            connection = desk.watches.go_on(caller, request.watch_id, request.after_event)
            if connection is not None:
                return connection, False
            lost = True
        # 3
        if not request.HasField("context"):
            return None, lost
        terms = WatchTerms(
            purpose_of(context.purpose), division_of(context.receiving_division), profile_of(context.disclosure_profile)
        )
        refuse_without_key(terms.profile, desk.handles)
        return desk.watches.open(caller, terms), lost

    async def _take_codes(self, request: pb.WatchCodesRequest, requests: AsyncIterator[bytes], watch: Watch) -> None:
        """Register the codes of the first request, then those of each that follows."""
        await self._take(request, watch)
        async for raw in requests:
            request = _read(raw)
            check(request)
            if request.HasField("context") or request.watch_id:
                raise RequestInvalid(
                    "context" if request.HasField("context") else "watch_id", "is for the first message"
                )
            await self._take(request, watch)

    async def _take(self, request: pb.WatchCodesRequest, watch: Watch) -> None:
        desk = self._desk()
        watches = desk.watches
        desk.rights_of(watch.caller).take_codes(len(request.codes))
        while watch.pending > MOST_UNTOLD:
            await watch.read()
        for handle in request.dropped_handles:
            watches.drop(watch, handle)
        watches.make_room(watch, [(one.handle, one.code) for one in request.codes])
        turn_ends = monotonic() + SLICE_S
        for done, one in enumerate(request.codes, start=1):
            watches.register(watch, one.handle, one.code)
            if done % SLICE == 0 or monotonic() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = monotonic() + SLICE_S

    async def _tell_events(self, connection: Connection, context: Context) -> None:
        """Write each event, and a sign of life when there is none, for as long as the caller may be told.

        Raises: CallerRefused; NotReady if what she is told cannot be written down, or a handle has no key.
        """
        watch = connection.watch
        terms = watch.terms
        asked = Asked("WatchCodes", watch.caller.caller_id, terms.purpose, terms.profile, terms.division)
        while True:
            desk = self._may_be_told(watch)
            taken = list(islice(iter(partial(desk.watches.take, connection), None), TOLD_TOGETHER))
            if taken:
                events = [(event, _as_watched(event.decision, desk)) for event in taken]
                trace = Trace(desk.audit, asked)
                for _, decision in events:
                    trace.write(decision, None, b"")
                await trace.kept()
                for event, decision in events:
                    await context.write(_told(event, decision, watch, self._may_be_told(watch)))
            elif not await watch.wait(self._alive_s):
                await context.write(_sign(watch))

    def _may_be_told(self, watch: Watch) -> WatchDesk:
        """Return the desk in force, if the caller still has the rights for her watch. Raises: CallerRefused."""
        desk, terms = self._desk(), watch.terms
        authorise(desk.rights_of(watch.caller), terms.purpose, terms.profile, terms.division or "")
        return desk


def _read(raw: bytes) -> pb.WatchCodesRequest:
    """Return a request. Raises: RequestInvalid if it has far more fields than one can have, or is none."""
    if crowded(raw, _MOST_FIELDS):
        raise RequestInvalid("codes", "must have at most 512 items")
    return parsed(pb.WatchCodesRequest, raw)


def _as_watched(decision: Decision, desk: WatchDesk) -> Decision:
    """Return what is told of a decision: of a code that is made for one showing, that nobody guards it here."""
    marks = decision.marks
    return unchecked(decision) if desk.guarded and marks is not None and marks.showing is not None else decision


def _told(event: CodeEvent, decision: Decision, watch: Watch, desk: WatchDesk) -> bytes:
    response = pb.WatchCodesResponse(watch_id=watch.watch_id, event=event.number)
    response.code.handle = event.handle
    response.code.watched = event.watched
    said = told(decision, watch.terms.profile, watch.caller, desk.handles, desk.disclosures, at=desk.clock())
    fill_verdict(response.code.verdict, said, "")
    return response.SerializeToString()


def _sign(watch: Watch, *, lost: bool = False) -> bytes:
    """Return a response without a code: a sign of life, or that what the caller wanted to go on with is lost."""
    response = pb.WatchCodesResponse(watch_id=watch.watch_id, event=watch.event)
    if lost:
        response.lost = True
    return response.SerializeToString()
