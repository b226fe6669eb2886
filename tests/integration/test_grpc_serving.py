"""Health, reflection, deadlines, drain and start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.rpc import step
from gateway.rpc.callers import DEV_LOOPBACK, LOCAL, current_caller
from gateway.rpc.methods import METHODS, STATUS, VERIFICATION, MethodRow
from gateway.rpc.server import GrpcServer, Service, verification_services
from gateway.rpc.settings import GrpcSettings, ServingRefused
from gateway.values import Caller
from tests.integration.grpc_edge import CONTEXT, GREEN, Edge, refused, served, told
from tests.unit.rpc.fakes import CANARY, Desk

Code = grpc.StatusCode
HealthStub: Any = health_pb2_grpc.HealthStub
ReflectionStub: Any = reflection_pb2_grpc.ServerReflectionStub


async def test_health_is_not_serving_until_told_and_for_good_after_a_stop() -> None:
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    async with served(ready=False) as edge:
        server, stub = edge.server, HealthStub(edge.channel)
        for service in ("", VERIFICATION):
            request = health_pb2.HealthCheckRequest(service=service)
            assert (await stub.Check(request)).status == not_serving
            await server.set_serving(serving=True)
            assert (await stub.Check(request)).status == serving
            await server.set_serving(serving=False)
        watch = stub.Watch(request)
        assert (await watch.read()).status == not_serving
        await server.set_serving(serving=True)
        assert (await watch.read()).status == serving
        stopping = asyncio.create_task(server.stop())
        assert (await watch.read()).status == not_serving
        await server.set_serving(serving=True)
        assert (await refused(watch.read())).code() is Code.UNAVAILABLE
        assert await stopping


async def test_reflection_only_when_told() -> None:
    for reflection in (False, True):
        async with served(reflection=reflection) as edge:
            if not reflection:
                # Nothing is written: a write that the refusal overtakes ends the call with a status of
                # the client's own.
                call = ReflectionStub(edge.channel).ServerReflectionInfo()
                assert (await refused(call.read())).code() is Code.UNIMPLEMENTED
                continue
            assert VERIFICATION in await reflected(edge)


async def reflected(edge: Edge) -> set[str]:
    """Return the services that reflection names, once the call has ended."""
    call = ReflectionStub(edge.channel).ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    return {service.name for service in answer.list_services_response.service}


async def test_every_method_of_ours_has_a_row_and_every_row_is_of_a_served_service() -> None:
    methods = pb.DESCRIPTOR.services_by_name["VerificationService"].methods_by_name
    assert {f"/{VERIFICATION}/{name}" for name in methods} == {path for path in METHODS if VERIFICATION in path}
    async with served(reflection=True) as edge:
        services = await reflected(edge)
    pool = descriptor_pool.Default()
    for path in METHODS:
        service, _, method = path.strip("/").rpartition("/")
        assert service in services | {STATUS}, "the lists are served by their keeper"
        assert method in pool.FindServiceByName(service).methods_by_name


class Planted:
    """Methods that misbehave on purpose, beside the real ones."""

    def __init__(self, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting = asyncio.Event()
        self.aborted = asyncio.Event()
        self.cleaned_up = False
        self.let_go = asyncio.Event()
        rows = {f"/t.P/{name}": MethodRow(identity=False) for name in ("Forever", "AbortSlowly", "TimesOut")}
        monkeypatch.setattr(step, "METHODS", {**METHODS, **rows})
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Forever": grpc.unary_unary_rpc_method_handler(self.forever),
            "TimesOut": grpc.unary_unary_rpc_method_handler(self.times_out),
            "AbortSlowly": grpc.unary_unary_rpc_method_handler(self.abort_slowly),
        }
        edge.server._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.P", handlers),))

    async def forever(self, _raw: bytes, _context: object) -> bytes:
        self.waiting.set()
        await asyncio.Event().wait()
        return b""

    async def times_out(self, _raw: bytes, _context: object) -> bytes:
        raise TimeoutError(CANARY)

    async def abort_slowly(self, _raw: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            await context.abort(Code.FAILED_PRECONDITION, "ours")
        finally:
            self.aborted.set()
            await self.let_go.wait()
            self.cleaned_up = True


async def test_without_a_deadline_of_the_callers_the_configured_one_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(default_deadline_s=0.05) as edge:
        Planted(edge, monkeypatch)
        error = await refused(edge.channel.unary_unary("/t.P/Forever")(b""))
        assert (error.code(), told(error)[0].reason) == (Code.DEADLINE_EXCEEDED, "DEADLINE")
        # A caller may ask for less, not for more.
        error = await refused(edge.channel.unary_unary("/t.P/Forever")(b"", timeout=60))
        assert told(error)[0].reason == "DEADLINE"


async def test_too_little_time_is_refused_at_once() -> None:
    async with served(minimum_deadline_s=300.0) as edge:
        error = await refused(edge.stub.VerifyCode(GREEN, timeout=60))
        assert (error.code(), told(error)[0].reason) == (Code.DEADLINE_EXCEEDED, "DEADLINE")
        assert edge.desk.pipeline.seen == []
        assert (await edge.stub.VerifyCode(GREEN)).verdict.core.request_id == "r-1"


async def test_a_drain_waits_for_a_handler_that_has_already_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as edge:
        planted = Planted(edge, monkeypatch)
        error = await refused(edge.channel.unary_unary("/t.P/AbortSlowly")(b""))
        assert (error.code(), error.details()) == (Code.FAILED_PRECONDITION, "ours")
        await planted.aborted.wait()
        stopping = asyncio.create_task(edge.server.stop())
        # grpc's own stop would be done by now; ours is not while the handler cleans up.
        await edge.server._server.stop(None)
        for _ in range(50):
            await asyncio.sleep(0)
        assert not stopping.done()
        assert not planted.cleaned_up
        planted.let_go.set()
        assert await stopping
        assert planted.cleaned_up


async def test_a_drain_is_bounded_by_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(grace_s=0.05, default_deadline_s=60.0) as edge:
        planted = Planted(edge, monkeypatch)
        await refused(edge.channel.unary_unary("/t.P/AbortSlowly")(b""))
        await planted.aborted.wait()
        assert not await edge.server.stop()
        assert not planted.cleaned_up
        assert len(edge.server._running) == 0


async def test_a_drain_ends_streams_and_refuses_new_calls() -> None:
    async with served() as edge:
        call = edge.stub.StreamVerifications()
        await call.write(pb.StreamVerificationsRequest(context=CONTEXT, item=pb.CodeItem(code=b"green:1")))
        await call.read()
        stopping = asyncio.create_task(edge.server.stop())
        error = await refused(call.read())
        assert (error.code(), told(error)[0].reason) == (Code.UNAVAILABLE, "NOT_READY")
        assert await stopping
        assert (await refused(edge.stub.VerifyCode(GREEN))).code() is Code.UNAVAILABLE
    assert edge.observer.ended == [(f"/{VERIFICATION}/StreamVerifications", Code.UNAVAILABLE)]


async def test_a_stream_that_arrives_during_the_drain_does_not_hold_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as edge:
        monkeypatch.setattr(edge.server._running, "draining", True)
        stream = edge.stub.StreamVerifications()
        error = await refused(stream.read())
        assert (error.code(), told(error)[0].reason) == (Code.UNAVAILABLE, "NOT_READY")
        assert (await edge.stub.VerifyCode(GREEN)).verdict.core.request_id == "r-1"


async def test_a_call_that_its_caller_gave_up_is_counted_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as edge:
        planted = Planted(edge, monkeypatch)
        ending = edge.channel.unary_unary("/t.P/Forever")(b"", timeout=3)
        await planted.waiting.wait()  # else her time may have run out before the server knew of the call
        assert (await refused(ending)).code() is Code.DEADLINE_EXCEEDED
        planted.waiting.clear()
        call = edge.channel.unary_unary("/t.P/Forever")(b"")
        await planted.waiting.wait()
        call.cancel()
        await edge.server.stop()
    codes = {code for method, code in edge.observer.ended if method == "/t.P/Forever"}
    assert codes == {Code.DEADLINE_EXCEEDED, Code.CANCELLED}
    assert edge.observer.failures == []


async def test_a_timeout_within_a_handler_is_a_bug_not_the_callers_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as edge:
        Planted(edge, monkeypatch)
        error = await refused(edge.channel.unary_unary("/t.P/TimesOut")(b""))
        assert (error.code(), told(error)[0].reason) == (Code.INTERNAL, "INTERNAL")
        assert [type(failure) for failure in edge.observer.failures] == [TimeoutError]


@pytest.mark.parametrize(
    "settings",
    [
        GrpcSettings("127.0.0.1", 0),
        GrpcSettings("0.0.0.0", 0, insecure_plaintext_on_loopback=True),
        GrpcSettings("gateway.example", 0, insecure_plaintext_on_loopback=True),
    ],
)
async def test_plaintext_is_served_on_loopback_only_and_only_when_told(settings: GrpcSettings) -> None:
    with pytest.raises(ServingRefused):
        await another(settings).start()


async def test_a_port_that_is_taken_is_refused() -> None:
    async with served() as edge:
        with pytest.raises(ServingRefused):
            await another(GrpcSettings("127.0.0.1", edge.port, insecure_plaintext_on_loopback=True)).start()


def another(settings: GrpcSettings) -> GrpcServer:
    return GrpcServer(settings, verification_services(Desk()))


async def test_workers_of_one_gateway_share_a_port_when_told() -> None:
    async with served(reuse_port=True) as edge:
        beside = another(
            GrpcSettings("127.0.0.1", edge.port, insecure_plaintext_on_loopback=True, reuse_port=True, lame_duck_s=0.0)
        )
        assert await beside.start() == edge.port
        assert await beside.stop()


async def test_who_opens_the_socket_file_is_a_process_of_this_gateway(tmp_path: Path) -> None:
    path = tmp_path / "s"
    seen: list[Caller] = []

    async def tell(_raw: bytes, _context: Any) -> bytes:
        seen.append(current_caller())
        return b""

    handlers = grpc.method_handlers_generic_handler(
        VERIFICATION, {"VerifyCode": grpc.unary_unary_rpc_method_handler(tell)}
    )
    settings = GrpcSettings("127.0.0.1", 0, insecure_plaintext_on_loopback=True, lame_duck_s=0.0, unix_socket=path)
    server = GrpcServer(settings, (Service(VERIFICATION, handlers),))
    port = await server.start()
    assert path.stat().st_mode & 0o777 == 0o600
    try:
        for target in (f"unix:{path}", f"127.0.0.1:{port}"):
            async with grpc.aio.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
                call: Any = channel.unary_unary(f"/{VERIFICATION}/VerifyCode")
                await call(b"")
    finally:
        await server.stop()
    assert seen == [LOCAL, DEV_LOOPBACK]


@pytest.mark.parametrize("path", ["no/such/folder/s", "x" * 108])
async def test_a_socket_file_that_cannot_be_had_is_refused(tmp_path: Path, path: str) -> None:
    settings = GrpcSettings("127.0.0.1", 0, insecure_plaintext_on_loopback=True, unix_socket=tmp_path / path)
    with pytest.raises(ServingRefused):
        await another(settings).start()
