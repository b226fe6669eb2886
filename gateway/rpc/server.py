"""The gRPC server: start, readiness, drain. What it serves is handed to it (`Service`).

Rules:

- Mutual TLS, or plaintext on loopback under its ugly name; never anything else.
- A socket file beside the port, if one is set, is for processes of the same user on this machine: its mode says so.
- The health service says NOT_SERVING until told otherwise, per service and for the whole ("").
- A stop waits for every handler, also those that have already sent their status, up to the grace.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.loopback import is_loopback
from gateway.rpc.admission import Admission, anybody
from gateway.rpc.conversion import ConversionServicer
from gateway.rpc.credentials import RenewableCredentials, TlsMaterial, read_tls
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.interceptors import interceptors
from gateway.rpc.methods import CONVERSION, HEALTH, JOURNEYS, PLACES, VERIFICATION
from gateway.rpc.observer import NobodyObserves, Observer
from gateway.rpc.published import PublishedServicer
from gateway.rpc.running import RunningCalls
from gateway.rpc.servicer import VerificationServicer
from gateway.rpc.settings import GrpcSettings, ServingRefused
from gateway.rpc.validation import compile_rules

MAX_SOCKET_PATH: Final = 107
"""Bytes of a socket file's path: what the system's address holds."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service that is served."""

    name: str
    """As in the schema, with its package: the health service knows it by this name. Two tables may share a service."""
    handlers: grpc.GenericRpcHandler


def verification_services(desk: Callable[[], VerificationDesk]) -> tuple[Service, ...]:
    """Return what a gateway answers about codes, journeys and places."""
    journeys, places = PublishedServicer(desk).handlers()
    return (
        Service(VERIFICATION, VerificationServicer(desk).handlers()),
        Service(CONVERSION, ConversionServicer(desk).handlers()),
        Service(JOURNEYS, journeys),
        Service(PLACES, places),
    )


class GrpcServer:
    """One grpc.aio server. Make, start and stop it in the same event loop."""

    def __init__(
        self,
        settings: GrpcSettings,
        services: Iterable[Service],
        observer: Observer | None = None,
        *,
        admission: Callable[[], Admission] = anybody,
    ) -> None:
        """Take what is served. `admission` is asked at each call who gets in."""
        self._settings = settings
        self._credentials: RenewableCredentials | None = None
        served = tuple(services)
        self._names = tuple(dict.fromkeys(("", *(service.name for service in served))))
        self._running = RunningCalls()
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=interceptors(settings, self._running, observer or NobodyObserves(), admission),
            options=settings.channel_options(),
        )
        self._server.add_generic_rpc_handlers(tuple(service.handlers for service in served))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if settings.reflection:
            reflection.enable_server_reflection((*self._names[1:], HEALTH, reflection.SERVICE_NAME), self._server)
        self._stopped: asyncio.Task[bool] | None = None

    async def start(self) -> int:
        """Listen, with the health service saying NOT_SERVING. Return the port.

        Raises: ServingRefused if the settings are unsafe, a PEM file cannot be used or the address cannot be had.
        """
        compile_rules()
        await self.set_serving(serving=False)
        try:
            port = self._bind()
            if self._settings.unix_socket is not None:
                self._bind_unix(self._settings.unix_socket)
        except ServingRefused:
            await self._server.stop(None)
            raise
        await self._server.start()
        return port

    def read_tls(self) -> TlsMaterial | None:
        """Return what the TLS files hold now, not yet put to use; None without TLS. Raises: ServingRefused."""
        return None if self._settings.tls is None else read_tls(self._settings.tls)

    def renew(self, material: TlsMaterial | None) -> None:
        """Show what `read_tls` returned from the next handshake on. Open connections stay as they are."""
        if material is not None and self._credentials is not None:
            self._credentials.renew(material)

    async def set_serving(self, *, serving: bool) -> None:
        """Tell the health service's askers. Without effect once the server is stopping."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in self._names:
            await self._health.set(service, state)

    async def stop(self) -> bool:
        """Drain; return whether every call ended by itself. May be called again: all wait for the one drain.

        1. Health says NOT_SERVING for good, so that load balancers look elsewhere.
        2. Lame duck: everything is served on, for those that have not noticed yet.
        3. Streams are told to end (UNAVAILABLE), new calls are refused, running ones get the grace.
        4. Handlers that have sent their status already are waited for within the same grace.
        5. What is left is cancelled.
        """
        if self._stopped is None:
            self._stopped = asyncio.create_task(self._drain())
        return await asyncio.shield(self._stopped)

    async def _drain(self) -> bool:
        loop = asyncio.get_running_loop()
        await self._health.enter_graceful_shutdown()  # 1
        await asyncio.sleep(self._settings.lame_duck_s)  # 2
        end = loop.time() + self._settings.grace_s
        self._running.end_long_calls()  # 3
        await self._server.stop(self._settings.grace_s)
        idle = await self._running.wait_until_idle(max(0.0, end - loop.time()))  # 4
        if not idle:
            self._running.cancel()  # 5
            await self._running.wait_until_idle(1.0)
        return idle

    def _bind(self) -> int:
        settings = self._settings
        address = settings.address()
        try:
            if settings.tls is not None:
                if settings.insecure_plaintext_on_loopback:
                    raise ServingRefused("insecure_plaintext_on_loopback must not be set beside TLS")
                self._credentials = RenewableCredentials(read_tls(settings.tls))
                return self._server.add_secure_port(address, self._credentials.for_server())
            if not settings.insecure_plaintext_on_loopback:
                raise ServingRefused("no TLS files, and insecure_plaintext_on_loopback is not set")
            if not is_loopback(settings.host):
                raise ServingRefused("insecure_plaintext_on_loopback needs a loopback address")
            return self._server.add_insecure_port(address)
        except RuntimeError:
            raise ServingRefused(f"cannot listen on {address}") from None

    def _bind_unix(self, path: Path) -> None:
        """Listen on a socket file too. Its folder should be its owner's alone: the file gets its mode afterwards."""
        if len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise ServingRefused(f"{path}: a socket's path has at most {MAX_SOCKET_PATH} bytes")
        try:
            self._server.add_insecure_port(f"unix:{path}")
            path.chmod(0o600)
        except (RuntimeError, OSError):
            raise ServingRefused(f"cannot listen on {path}") from None
