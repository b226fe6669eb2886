"""What happens to every call, whatever it asks: one visible list, outermost first.

1. `ErrorShield`   nothing but our own statuses leaves the gateway
2. `Observation`   counts, codes, seconds
3. `Identity`      who asks, where the method's row demands it
4. `Granted`       whether she may make this call, and one more now
5. `Deadline`      time to answer
6. `RequestSize`   bytes to read

`step.py` has the form that all have.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final

import grpc

from gateway.errors import CallerRefused, RateLimited, RefusalReason
from gateway.rpc import callers, time_left
from gateway.rpc.admission import Admission, anybody
from gateway.rpc.errors import Draining, OutOfTime, RequestTooLarge
from gateway.rpc.methods import MethodRow
from gateway.rpc.observer import Observer
from gateway.rpc.running import RunningCalls
from gateway.rpc.settings import GrpcSettings
from gateway.rpc.status import code_of, grpc_status_of, row_of
from gateway.rpc.step import Step, refuse
from gateway.values import Caller, CallerKind

if TYPE_CHECKING:
    from gateway.rpc.step import Call, Context


class ErrorShield(Step):
    """Lets nothing out but our own statuses, and keeps the book of running calls.

    Without it grpc sends the text of an uncaught exception to the caller, and such a text may hold a name.
    """

    def __init__(self, running: RunningCalls, observer: Observer) -> None:
        super().__init__()
        self._running = running
        self._observer = observer

    def enclose(self, call: Call, method: str, row: MethodRow) -> Call:
        """See Step."""
        running, observer = self._running, self._observer

        async def shielded(request: Any, context: Context) -> Any:
            with running.entered(long=row.long):
                try:
                    if running.ends(long=row.long):
                        raise Draining
                    return await call(request, context)
                except grpc.aio.AbortError:
                    raise
                except asyncio.CancelledError:
                    if not running.ends(long=row.long):
                        raise
                    failure: Exception = Draining()
                except Exception as error:  # noqa: BLE001 the outermost step: whatever it is, its text stays here
                    failure = error
                if code_of(failure) is grpc.StatusCode.INTERNAL:
                    observer.rpc_failed(method, failure)
                if isinstance(failure, CallerRefused | RateLimited):
                    observer.caller_refused(method, row_of(failure).reason)
                ending = refuse(request, context, grpc_status_of(failure))
                del request, context, failure  # see `refuse`: what it raises must not hold them
                return await ending

        return shielded


class Observation(Step):
    """Tells the observer of every call of a known method."""

    def __init__(self, running: RunningCalls, observer: Observer) -> None:
        super().__init__()
        self._running = running
        self._observer = observer

    def enclose(self, call: Call, method: str, row: MethodRow) -> Call:
        """See Step."""
        running, observer = self._running, self._observer

        async def observed(request: Any, context: Context) -> Any:
            began = time.monotonic()
            observer.rpc_started(method)
            code = grpc.StatusCode.OK
            try:
                if row.long:
                    counting: Any = _CountingContext(context, observer, method)
                    return await call(_counted(request, observer, method), counting)
                observer.message_received(method)
                answer = await call(request, context)
                observer.message_sent(method)
                return answer  # noqa: TRY300 an else block would hide that this is the end of the try
            except grpc.aio.AbortError:
                code = _code_sent(context)
                raise
            except asyncio.CancelledError:
                code = _code_of_cancelled(context, drained=running.ends(long=row.long))
                raise
            except BaseException as failure:
                code = code_of(failure)
                raise
            finally:
                observer.rpc_ended(method, code, time.monotonic() - began)

        return observed


class Identity(Step):
    """Establishes the caller where the method's row demands one."""

    def __init__(self, settings: GrpcSettings, admission: Callable[[], Admission]) -> None:
        super().__init__()
        self._sockets = settings.unix_socket is not None
        self._admission = admission

    def enclose(self, call: Call, method: str, row: MethodRow) -> Call:  # noqa: ARG002
        """See Step."""
        if not row.identity:
            return call
        sockets, admission = self._sockets, self._admission

        async def identified(request: Any, context: Context) -> Any:
            by = admission()
            auth, roots = context.auth_context(), by.roots
            at = callers.NEVER if roots is None else by.clock()
            callers.enter(callers.caller_of(auth, context.peer(), sockets=sockets, roots=roots, at=at))
            return await call(request, context)

        return identified


class Granted(Step):
    """Refuses a call that the caller may not make at all, or not so often, before anything of it is looked at.

    What a stream tells is hers only as long as she may make the call: looked at again before each answer.
    """

    def __init__(self, admission: Callable[[], Admission]) -> None:
        super().__init__()
        self._admission = admission

    def enclose(self, call: Call, method: str, row: MethodRow) -> Call:
        """See Step."""
        if not row.identity:
            return call
        admission = self._admission

        async def granted(request: Any, context: Context) -> Any:
            caller = callers.current_caller()
            rights = admission().rights_of(caller)
            if not rights.allow_call(method):
                raise CallerRefused(RefusalReason.CALL_NOT_ALLOWED)
            if rights.meter is not None:
                rights.meter.take_call()
            if not row.long:
                return await call(request, context)
            guarded: Any = _GuardedContext(context, method, caller, admission)
            return await call(request, guarded)

        return granted


class Deadline(Step):
    """Gives a call the caller's time, at most the configured; a stream its caller's only."""

    def __init__(self, settings: GrpcSettings) -> None:
        super().__init__()
        self._longest = settings.default_deadline_s
        self._least = settings.minimum_deadline_s

    def enclose(self, call: Call, method: str, row: MethodRow) -> Call:  # noqa: ARG002
        """See Step."""
        longest, least = self._longest, self._least

        async def timed(request: Any, context: Context) -> Any:
            left: float | None = context.time_remaining()
            if left is not None and left < least:
                raise OutOfTime
            if row.long:
                return await call(request, context)  # grpc cancels it when the caller's time is over
            seconds = longest if left is None else min(left, longest)
            time_left.enter(seconds)
            try:
                async with asyncio.timeout(seconds) as limit:
                    return await call(request, context)
            except TimeoutError:
                if limit.expired():
                    raise OutOfTime from None
                raise

        return timed


class RequestSize(Step):
    """Refuses a message of more bytes than are read. What is larger still, grpc core refuses by itself, untyped."""

    def __init__(self, settings: GrpcSettings) -> None:
        super().__init__()
        self._most = settings.max_request_bytes

    def enclose(self, call: Call, method: str, row: MethodRow) -> Call:  # noqa: ARG002
        """See Step."""
        most = self._most

        async def measured(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for request in requests:
                if _size(request) > most:
                    raise RequestTooLarge
                yield request

        async def sized(request: Any, context: Context) -> Any:
            if hasattr(request, "__aiter__"):
                return await call(measured(request), context)
            if _size(request) > most:
                raise RequestTooLarge
            return await call(request, context)

        return sized


def interceptors(
    settings: GrpcSettings, running: RunningCalls, observer: Observer, admission: Callable[[], Admission] = anybody
) -> tuple[Step, ...]:
    """Return the steps that enclose every call, outermost first."""
    return (
        ErrorShield(running, observer),
        Observation(running, observer),
        Identity(settings, admission),
        Granted(admission),
        Deadline(settings),
        RequestSize(settings),
    )


class _GuardedContext:
    """A stream's context that tells nothing to who may no longer make the call, or is no longer vouched for."""

    __slots__ = ("_admission", "_caller", "_context", "_method")

    def __init__(self, context: Context, method: str, caller: Caller, admission: Callable[[], Admission]) -> None:
        self._context = context
        self._method = method
        self._caller = caller
        self._admission = admission

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def write(self, message: Any) -> None:
        by, caller = self._admission(), self._caller
        if by.roots is not None and caller.kind is CallerKind.TLS_PEER:
            caller = callers.caller_of(self._context.auth_context(), "", roots=by.roots, at=by.clock())
        if not by.rights_of(caller).allow_call(self._method):
            raise CallerRefused(RefusalReason.CALL_NOT_ALLOWED)
        await self._context.write(message)


class _CountingContext:
    """A stream's context that counts the answers written."""

    __slots__ = ("_context", "_method", "_observer")

    def __init__(self, context: Context, observer: Observer, method: str) -> None:
        self._context = context
        self._observer = observer
        self._method = method

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def write(self, message: Any) -> None:
        await self._context.write(message)
        self._observer.message_sent(self._method)


def _counted(request: Any, observer: Observer, method: str) -> Any:
    """Return `request`, counted; of an iterator of requests, each when it is read."""
    if hasattr(request, "__aiter__"):
        return _counted_each(request, observer, method)
    observer.message_received(method)
    return request


async def _counted_each(requests: AsyncIterator[Any], observer: Observer, method: str) -> AsyncIterator[Any]:
    async for request in requests:
        observer.message_received(method)
        yield request


def _size(request: Any) -> int:
    """Bytes of a request: ours are still encoded, those of health and reflection are messages."""
    return len(request) if isinstance(request, bytes) else int(request.ByteSize())


_CODES: Final[dict[object, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}


_TRAVEL_S: Final = 0.05
"""The caller's clock runs ahead of ours by the time that a request travels: she gives up that much earlier."""


def _code_of_cancelled(context: Context, *, drained: bool) -> grpc.StatusCode:
    """Return what a cancelled call ended in: by our drain, at the caller's deadline, or by her own wish."""
    if drained:
        return grpc.StatusCode.UNAVAILABLE
    left: float | None = context.time_remaining()
    return grpc.StatusCode.CANCELLED if left is None or left > _TRAVEL_S else grpc.StatusCode.DEADLINE_EXCEEDED


def _code_sent(context: Context) -> grpc.StatusCode:
    """Return the code that a call was aborted with; grpc.aio keeps its number."""
    return _CODES.get(context.code(), grpc.StatusCode.UNKNOWN)
