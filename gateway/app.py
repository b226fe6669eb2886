"""The gateway, or one process of it, put together from its configuration: loaded, opened, reloaded, and taken down.

Rules:

- Trust, rules, profiles, lists and signers are loaded before anything listens; one that cannot be refuses the start.
- Ready means: all of them in force, no trust list expired, gRPC open, not draining. It is judged anew each second and
  at each /readyz, never latched; the gRPC health service says the same.
- A reload re-reads all that `loading.py` loads, beside the event loop, and puts it in force whole or not at all. It is
  asked for (SIGHUP), never guessed from a file's time: an operator must know which list was in force when.
- A drain: not ready at once, then the gRPC edges' lame duck and grace, and the HTTP edge last, so that the drain itself
  can be watched.
- The keeper of the lists is opened before anybody is answered, and closed after.
- The clock is an argument: tests and the demo bring their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.audit.entries import Cause
from gateway.audit_pages import audit_pages
from gateway.auditing import Auditing
from gateway.clock_watch import ClockWatch
from gateway.config import Config
from gateway.duties import EVERYTHING, Duties
from gateway.edges import SOCKET, announced, grpc_settings, status_settings
from gateway.instants import now
from gateway.judging import Judging, Watchers
from gateway.keeper.register import PublishedRegister
from gateway.loading import KnownCallers, StartRefused, load_handles
from gateway.rpc.server import GrpcServer, Service, verification_services
from gateway.rpc.settings import GrpcSettings, ServingRefused
from gateway.values import Instant
from gateway.watch.callers import RatesWatch
from gateway.watch.conversion import ConversionWatch, RegisterWatch
from gateway.watch.events import (
    CallersLoaded,
    Draining,
    HttpAnswered,
    ListsLoaded,
    PolicyLoaded,
    ProvincesLoaded,
    ReadinessChanged,
    ReloadDone,
    ReloadRefused,
    Serving,
    SignerLoaded,
    Starting,
    Stopped,
    TrustLoaded,
)
from gateway.watch.handles import HandleWatch
from gateway.watch.logs import EventLog, exception_name
from gateway.watch.metrics import Metrics
from gateway.watch.observer import LaneObserver, RpcObserver
from gateway.watch.replay import ReplayWatch
from gateway.watch.status import ClockJumps
from gateway.web.pages import Check, Pages
from gateway.web.server import HttpServer

if TYPE_CHECKING:
    from gateway.keeper.keeper import Keeper

VERSION = version("healthcode-gateway")
READINESS_S = 1.0  # between two looks at the own readiness

Clock = Callable[[], Instant]
"""Reads the time. Called once per request, and once per look at the readiness."""


class App:
    """One gateway. Make, start, reload and drain it in the same event loop."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock = now,
        log: EventLog | None = None,
        duties: Duties = EVERYTHING,
        grpc_port: int | None = None,
        reuse_port: bool = False,
        http_socket: Path | None = None,
        replay_memory: int | None = None,
    ) -> None:
        """Load everything; open nothing.

        Of a gateway of several processes: `duties` are those of this one, `grpc_port` with `reuse_port` is the port
        that it shares with others, it tells of itself on `http_socket` instead of `http.listen`, and `replay_memory` is
        the descriptor of the showings that all remember together.

        Raises StartRefused.
        """
        self._config = config
        self._clock = clock
        self._duties = duties
        # A keeper of the audit log alone has no gRPC edge.
        self._serves = Duties.ANSWER in duties or config.status is not None
        self._shared_port = grpc_port
        self._reuse_port = reuse_port
        self._http_socket = http_socket
        self._log = log or EventLog(level=config.log.level, instance=config.service.instance)
        self._began = time.monotonic()
        self._log.emit(Starting(VERSION, config.service.environment))
        self._metrics = Metrics(clock, version=VERSION)
        self._auditing: Auditing | None = None
        if config.audit is not None:
            self._auditing = Auditing(config, clock, self._metrics, self._log, duties)
        watchers = self._watchers()
        handles = load_handles(config, watchers.handles, clock())
        self._judging = Judging(
            config,
            clock,
            watchers,
            converts=Duties.ANSWER in duties,
            replay_memory=replay_memory,
            handles=handles,
            trail=None if self._auditing is None else self._auditing.trail,
        )
        guard = self._judging.replay
        if guard is not None:
            here = guard.here
            self._metrics.replay.show(lambda: here.held, here.capacity)
            if guard.asks_others:
                self._metrics.replay.redis_up.set(0)
        if config.callers.rates_in_redis:
            meters = self._judging.meters
            self._metrics.callers.show_together(lambda: meters.knows_others)
        self._keeper: Keeper | None = None
        if config.status is not None and Duties.KEEP in duties:
            from gateway.keeper.keeper import Keeper  # a tenth of a worker's start, which does without

            self._keeper = Keeper(config, self._judging, clock, self._metrics, self._log, self._auditing)
        self._register: PublishedRegister | None = None
        # The system's clock is watched, not the one that a test or the demo brings.
        self._clock_watch = ClockWatch(now, ClockJumps(self._metrics.status, self._log))
        self._tell_what_is_loaded()
        self._edges: list[GrpcServer] = []
        self._http: HttpServer | None = None
        self._key_set = self._judging.key_set()
        self._draining = False
        self._said_ready: bool | None = None
        self._reloading = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        # Where the edges listen, once started.
        self.grpc_port = 0
        self.status_port = 0
        self.plain_port = 0
        self.http_port = 0

    async def start(self) -> None:
        """Open both edges and say ready. Raises StartRefused, and then nothing stays open."""
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        await self._look()
        self._log.emit(self._serving())
        self._judging.start()
        self._clock_watch.start()
        self._looking = asyncio.create_task(self._look_again_and_again())

    async def reload(self) -> ReloadDone | ReloadRefused:
        """Re-read everything and put it in force, all or nothing. Calls go on meanwhile, and never fail.

        What is broken changes nothing; the answer, the log and the metrics say what it is.
        """
        async with self._reloading:
            outcome = await self._swap()
            if isinstance(outcome, ReloadDone):
                self._show_trust()
                self._metrics.reloaded()
                if self._keeper is not None:
                    self._keeper.trust_changed()
            else:
                self._metrics.reload_refused()
            self._log.emit(outcome)
            await self._look()
            return outcome

    async def drain(self) -> None:
        """Stop: not ready at once, open calls end, then everything is closed. Called again, it does nothing."""
        if not self._draining:
            self._draining = True
            self._log.emit(Draining(self._config.grpc.lame_duck_s, self._config.grpc.grace_s))
            await self._look()
            await self._close()
            self._log.emit(Stopped(round(time.monotonic() - self._began, 3)))

    def checks(self) -> tuple[Check, ...]:
        """Return the conditions of being ready, as they are now."""
        expired = self._judging.loaded.trust.expired(self._clock())
        audit = () if self._auditing is None else (self._auditing.check(),)
        return (
            Check("trust", "expired" if expired else "ok"),
            Check("policy", "ok" if self._judging.loaded.policies.divisions else "empty"),
            Check("signer", "ok"),
            *audit,
            Check("grpc", "ok" if self._edges or not self._serves else "not_serving"),
            Check("running", "draining" if self._draining else "ok"),
        )

    async def _open(self) -> None:
        # HTTP first: it tells of the start too, and needs no drain if gRPC cannot be opened.
        self._http = await self._open_http()
        if self._auditing is not None:
            await self._auditing.open()
            self._auditing.in_force(self._judging.loaded, Cause.START)
        answering = verification_services(lambda: self._judging.desk) if Duties.ANSWER in self._duties else ()
        keeping: tuple[Service, ...] = ()
        if self._keeper is not None:
            await self._keeper.open()
            keeping = self._keeper.services()
        self._metrics.rpc.announce(announced((*answering, *keeping), reflection=self._config.grpc.reflection))
        if self._keeper is not None:
            self.status_port = await self._open_grpc(status_settings(self._config), keeping, "status.listen")
            await self._keeper.start()
            self.plain_port = self._keeper.http_port
        converter, status = self._judging.converter, self._config.status
        if converter is not None and status is not None:
            watch = RegisterWatch(self._metrics.conversions, self._log)
            self._register = PublishedRegister(
                converter, status.directory / SOCKET, self._clock, watch, bulk_size=status.bulk_size
            )
            await self._register.start()
        if answering:
            settings = grpc_settings(self._config)
            if self._shared_port is not None:
                settings = replace(settings, port=self._shared_port, reuse_port=self._reuse_port)
            self.grpc_port = await self._open_grpc(settings, answering, "grpc.listen")

    async def _open_http(self) -> HttpServer:
        listen = self._config.http.listen
        pages = Pages(
            metrics=self._metrics.exposition,
            checks=self.checks,
            key_set=lambda: self._key_set,
            below=audit_pages(self._config.audit),
        )
        http = HttpServer(pages, answered=self._answered, failed=lambda exc: self._log.unhandled("http", exc))
        try:
            if self._http_socket is None:
                self.http_port = await http.start(listen.host, listen.port)
            else:
                await http.start_unix(self._http_socket)
        except OSError as refused:
            await http.stop()
            why = refused.strerror or "cannot listen"
            raise StartRefused("http", "http.listen", str(self._http_socket or listen), why) from None
        return http

    async def _open_grpc(self, settings: GrpcSettings, services: tuple[Service, ...], option: str) -> int:
        edge = GrpcServer(
            settings,
            services,
            RpcObserver(self._metrics.rpc, self._metrics.callers, self._log),
            admission=lambda: self._judging.admission,
        )
        try:
            port = await edge.start()
        except ServingRefused as refused:
            raise StartRefused("grpc", option, "", str(refused)) from None
        self._edges.append(edge)
        return port

    async def _close(self) -> None:
        await self._clock_watch.stop()
        if self._looking is not None:
            self._looking.cancel()
            # Gathered: to suppress its cancellation would be to swallow one of our own, which a second signal is.
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None
        if self._register is not None:
            await self._register.stop()
            self._register = None
        await asyncio.gather(*(edge.stop() for edge in self._edges))
        self._edges.clear()
        if self._keeper is not None:
            await self._keeper.close()
            self._keeper = None
        await self._judging.close()
        if self._auditing is not None:
            await self._auditing.close()
        if self._http is not None:
            await self._http.stop()
            self._http = None

    async def _swap(self) -> ReloadDone | ReloadRefused:
        try:
            renewed = [(edge, edge.read_tls()) for edge in self._edges]
            if self._keeper is not None:
                self._keeper.read_tls()
            await self._judging.reload()
        except ServingRefused as refused:
            return ReloadRefused("grpc", "", str(refused))
        except StartRefused as refused:
            return ReloadRefused(refused.part, refused.file, refused.why)
        except Exception as exc:  # noqa: BLE001 a reload must never end a gateway that works
            return ReloadRefused("config", "", exception_name(exc))
        for edge, material in renewed:
            edge.renew(material)
        if self._keeper is not None:
            self._keeper.renew_tls()
        loaded = self._judging.loaded
        if self._auditing is not None:
            try:
                self._auditing.in_force(loaded, Cause.RELOAD)
            except Exception as exc:  # noqa: BLE001 it is in force by now, and must not end what works
                self._log.unhandled("loop", exc)
        trust = loaded.trust
        self._log.emit(_callers_loaded(loaded.callers))
        return ReloadDone(
            trust.epoch,
            len(trust.issuers),
            len(trust.keys),
            len(loaded.policies.divisions),
            len(loaded.provinces.profiles),
            len(loaded.published.lists),
        )

    async def _look(self) -> None:
        """Say ready or not, where that has changed."""
        failing = tuple(check.name for check in self.checks() if not check.ok)
        ready = not failing
        self._metrics.ready(ready=ready)
        if ready is self._said_ready:
            return
        self._said_ready = ready
        if not self._draining:
            for edge in self._edges:
                await edge.set_serving(serving=ready)
        self._log.emit(ReadinessChanged(ready, failing))

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(READINESS_S)
            try:
                await self._look()
            except Exception as exc:  # noqa: BLE001 one look that fails must not be the last one
                self._log.unhandled("loop", exc)

    def _watchers(self) -> Watchers:
        metrics, log = self._metrics, self._log
        return Watchers(
            metrics.verdicts.count,
            LaneObserver(metrics.provinces, log),
            ConversionWatch(metrics.conversions, log),
            metrics.receipts.signed,
            ReplayWatch(metrics.replay, log, time.monotonic),
            HandleWatch(metrics.handles, log),
            metrics.disclosures,
            RatesWatch(log, time.monotonic),
        )

    def _tell_what_is_loaded(self) -> None:
        loaded, signer = self._judging.loaded, self._judging.signer
        trust = loaded.trust
        self._log.emit(TrustLoaded(len(trust.issuers), len(trust.keys), len(trust.refused), trust.epoch))
        self._log.emit(PolicyLoaded(len(loaded.policies.divisions)))
        self._log.emit(ProvincesLoaded(len(loaded.provinces.profiles)))
        self._log.emit(ListsLoaded(len(loaded.published.lists)))
        self._log.emit(_callers_loaded(loaded.callers))
        self._log.emit(SignerLoaded(self._config.receipts.issuer, signer.key_id.decode(), signer.algorithm.value))
        self._show_trust()
        self._metrics.trust.own_key(self._config.receipts.issuer, signer.key_id, None)
        self._metrics.reloaded()

    def _show_trust(self) -> None:
        loaded = self._judging.loaded
        self._metrics.trust.in_force(loaded.trust)
        self._metrics.lists.in_force(loaded.published.lists)
        mapped = self._judging.mapped
        self._metrics.status.held.show(lambda: [held for folder in mapped for held in folder.lists()])
        self._metrics.verdicts.prefill([*loaded.trust.issuers.values(), *loaded.provinces.online.issuers.values()])

    def _serving(self) -> Serving:
        config = self._config
        status = "" if config.status is None else f"{config.status.listen.host}:{self.status_port}"
        return Serving(
            grpc=f"{config.grpc.listen.host}:{self.grpc_port}" if self.grpc_port else "",
            http=str(self._http_socket or f"{config.http.listen.host}:{self.http_port}"),
            tls=config.grpc.tls is not None,
            status=status if self.status_port else "",
        )

    def _answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._log.emit(HttpAnswered(method, route, status, round(seconds * 1000, 3)))


def _callers_loaded(known: KnownCallers) -> CallersLoaded:
    rows = 0 if known.grants is None else len(known.grants.rows)
    domains = 0 if known.roots is None else len(known.roots.domains)
    return CallersLoaded(rows, domains, everyone=known.grants is None)
