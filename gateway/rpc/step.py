"""The form of an interceptor of ours: a step that encloses every call of a known method.

Rules:

- A call is wrapped once per method, not once per call.
- A stream's handler is run as a coroutine that writes its answers, so that a step encloses the whole stream.
- A call is refused by `refuse`, which leaves nothing behind that holds on to it.
- A method without a handler or without a row in `methods.py` is UNIMPLEMENTED, with our own typed status.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc

from gateway.rpc.errors import MethodUnknown
from gateway.rpc.methods import METHODS, MethodRow
from gateway.rpc.status import grpc_status_of

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
    Call = Callable[[Any, Context], Awaitable[Any]]
    """(request, or iterator of requests) and context -> answer, or None after a stream's answers were written."""


class Step(grpc.aio.ServerInterceptor, ABC):
    """One step that encloses every call."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Handler] = {}

    @abstractmethod
    def enclose(self, call: Call, method: str, row: MethodRow) -> Call:
        """Return `call` with this step around it."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            wrapped = self._wrap(handler, method)
        return wrapped

    def _wrap(self, handler: Handler | None, method: str) -> Handler:
        row = METHODS.get(method)
        if handler is None or row is None:
            return _NO_SUCH_METHOD
        wrapped = _rewrapped(handler, lambda call: self.enclose(call, method, row))
        self._wrapped[method] = wrapped
        return wrapped


def _as_call(behaviour: Any) -> Call:
    """Return a handler's behaviour as a coroutine that writes its answers."""
    if not inspect.isasyncgenfunction(behaviour):
        return behaviour  # type: ignore[no-any-return]

    async def written(request: Any, context: Context) -> None:
        async for answer in behaviour(request, context):
            await context.write(answer)

    return written


def _rewrapped(handler: Handler, enclose: Callable[[Call], Call]) -> Handler:
    """Return `handler` with its behaviour enclosed; its serializers stay."""
    kinds = (
        ("unary_unary", grpc.unary_unary_rpc_method_handler),
        ("unary_stream", grpc.unary_stream_rpc_method_handler),
        ("stream_unary", grpc.stream_unary_rpc_method_handler),
        ("stream_stream", grpc.stream_stream_rpc_method_handler),
    )
    for name, make in kinds:
        behaviour = getattr(handler, name)
        if behaviour is not None:
            enclosed: Any = enclose(_as_call(behaviour))
            return make(enclosed, handler.request_deserializer, handler.response_serializer)
    return _NO_SUCH_METHOD


async def refuse(request: Any, context: Context, status: grpc.Status) -> NoReturn:
    """End a call with `status`. Raises grpc.aio.AbortError, always.

    A suspended reader of requests and an AbortError (by its traceback) both hold the call, which holds them. Until a
    collection of garbage finds them, core counts the stream as open. A connection that has `max_concurrent_streams` of
    those is refused everything, and on a quiet server no collection comes.
    """
    if hasattr(request, "__aiter__"):
        reader: AsyncGenerator[Any, None] = aiter(request)
        with suppress(Exception):  # it may be running, or be of a kind that cannot be closed
            await reader.aclose()
        del reader
    ending = context.abort_with_status(status)
    del request, context
    try:
        await ending
    except grpc.aio.AbortError as aborted:
        del ending
        raise aborted.with_traceback(None) from None
    raise AssertionError("abort_with_status raises")


async def _refuse_unknown(requests: Any, context: Context) -> NoReturn:
    ending = refuse(requests, context, grpc_status_of(MethodUnknown()))
    del requests, context
    await ending


_NO_SUCH_METHOD: Final[grpc.RpcMethodHandler[Any, Any]] = grpc.stream_stream_rpc_method_handler(_refuse_unknown)
"""For names that nobody serves. As a stream of bytes it fits whatever the caller meant to call."""
