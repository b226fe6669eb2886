"""The keeper, put together from its configuration: store, lists, whoever is followed, whoever watches.

Rules:

- Opened before anything is served: what the log has above a list's checkpoint is written to the list first.
- Background work that fails is told of and goes on; none of it stops another.
- A store that cannot be written is tried again each second; meanwhile nothing is acknowledged.
- Closed in the order in which it is used: nobody is told of anything any more, nothing is taken, all is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Final

from gateway.auditing import Auditing
from gateway.callers.identity import domain_of
from gateway.changes import ListHead, ListName, StoreDegraded
from gateway.config import Config
from gateway.config.status import StatusSection
from gateway.follow.gateways import GatewayFollower
from gateway.follow.token_lists import TokenListFollower
from gateway.held.layout import BOOT_ID, NO_CLAIM, claim_of
from gateway.held.list_files import FolderInUse, ListFiles
from gateway.instants import now
from gateway.judging import Judging, lists_folder, token_lists_folder
from gateway.loading import StartRefused, load_status_signer
from gateway.publishing.ledger import Ledger
from gateway.publishing.settings import LedgerSettings
from gateway.rpc.callers import DEV_LOOPBACK
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.methods import READS_OF_LISTS, SNAPSHOTS, STATUS
from gateway.rpc.server import Service
from gateway.rpc.status_convert import WIRE
from gateway.rpc.status_desk import StatusDesk
from gateway.rpc.status_service import StatusServicer
from gateway.rpc.watch_codes import PipelineJudge, WatchDesk, WatchServicer
from gateway.store.change_log import ChangeLog
from gateway.store.open import StoreUnavailable, open_log
from gateway.values import Caller, CallerId, CallerKind, Instant, IssuerId
from gateway.watch.events import HttpAnswered
from gateway.watch.events_status import StatusFileBroken
from gateway.watch.following import FollowWatch, TokenListWatch, WatchesWatch
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics
from gateway.watch.status import LedgerWatch
from gateway.watches.follow import WatchTasks
from gateway.watches.settings import WatchSettings
from gateway.watches.watches import Watches
from gateway.web.peers import LOOPBACK

from .colours import AGAIN_S, ColourRecorder
from .own_lists import LOOK_S, close_left_lists
from .plain_edge import PlainEdge, plain_readers
from .sources import followed_gateways, plain_lists
from .token_list_files import TokenListFiles

PROBE_S: Final = 1.0
"""Seconds between two tries of a store that fails."""


class Keeper:
    """All of live status that one machine keeps. Make, open, start and close it in the same event loop."""

    def __init__(
        self,
        config: Config,
        judging: Judging,
        clock: Callable[[], Instant],
        metrics: Metrics,
        log: EventLog,
        auditing: Auditing | None = None,
    ) -> None:
        """Load the signer; open nothing. `auditing` writes down each batch of colours. Raises: StartRefused."""
        if config.status is None:
            raise ValueError("no [status]")
        self._config = config
        self._status: StatusSection = config.status
        self._judging = judging
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._auditing = auditing
        self._colours: ColourRecorder | None = None
        self._signer = load_status_signer(config.status)
        self._enrolled = frozenset(config.status.enrolled)
        self._plain_readers = plain_readers(config)
        self._followed = followed_gateways(config.status)
        self._plain = plain_lists(config.status)
        self._store: ChangeLog | None = None
        self._files: ListFiles | None = None
        self._ledger: Ledger | None = None
        self._token_lists: TokenListFiles | None = None
        self._plain_edge: PlainEdge | None = None
        self._watches: Watches | None = None
        self._watching: WatchTasks | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.http_port = 0
        """Where plain lists are served, once started; 0: nowhere."""

    @property
    def ledger(self) -> Ledger:
        """The lists. Raises: RuntimeError before they are open."""
        if self._ledger is None:
            raise RuntimeError("the lists are not open")
        return self._ledger

    async def open(self) -> None:
        """Open store and lists, and bring the lists up to the log. Raises: StartRefused."""
        status = self._status
        refuse_without_boot()
        try:
            status.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files = await asyncio.to_thread(ListFiles, lists_folder(status))
            for left in status.directory.glob("snapshot-*"):  # of a process that was killed while it served or took one
                left.unlink(missing_ok=True)
        except (FolderInUse, OSError) as failed:
            raise _folder_refused(status, failed) from None
        try:
            self._store = await open_log(status.store)
        except StoreUnavailable as failed:
            raise StartRefused("status", "status.store", "", str(failed)) from None
        if self._plain:
            names = [source.name for source, _ in self._plain]
            try:
                self._token_lists = await asyncio.to_thread(
                    TokenListFiles, token_lists_folder(status), names, self._clock()
                )
            except (FolderInUse, OSError) as failed:
                raise _folder_refused(status, failed) from None
        self._ledger = Ledger(
            self._store,
            self._files,
            WIRE,
            lambda: self._judging.trust,
            _ledger_settings(status),
            self._clock,
            LedgerWatch(self._metrics.status, self._log),
        )
        try:
            await self._ledger.recover()
        except StoreDegraded as failed:
            raise StartRefused("status", "status.store", "", str(failed)) from None
        for kept in (self._files, self._token_lists):
            for aside in () if kept is None else kept.set_aside:
                self._log.emit(StatusFileBroken(aside.file, aside.fault.value))

    def services(self) -> tuple[Service, ...]:
        """Return what is served of live status. Once it is open."""
        status, ledger = self._status, self.ledger
        desk = StatusDesk(
            ledger=ledger,
            enrolled=self._is_enrolled,
            gateway=IssuerId(status.issuer),
            signer=self._signer,
            folder=status.directory,
            clock=self._clock,
        )
        if self._auditing is not None:
            audit = self._auditing
            self._colours = ColourRecorder(
                ledger, WIRE, audit.recorder, audit.positions, self._clock, audit.positions_found
            )
            desk = replace(desk, delivering=self._colours.deliveries.by)
        watching = WatchesWatch(self._metrics.watches, self._log)
        judge = PipelineJudge(lambda: self._judging.pipeline)
        self._watches = watches = Watches(
            judge, _Held(ledger, self._token_lists), self._judging.budgets, WatchSettings(), self._clock, watching
        )
        if self._token_lists is not None:
            self._token_lists.changed = watches.list_changed
        self._watching = WatchTasks(watches, ledger.subscribe, watching)
        judging = self._judging
        guarded = not self._config.replay.insecure_no_guard
        return (
            Service(STATUS, StatusServicer(lambda: desk).handlers()),
            Service(STATUS, WatchServicer(lambda: _watch_desk(watches, judging.desk, guarded=guarded)).handlers()),
        )

    async def start(self) -> None:
        """Begin to follow, to tell who watches, to serve plain lists, and to write checkpoints.

        Raises: StartRefused if the address for plain lists cannot be had.
        """
        ledger = self.ledger
        if self._status.http_listen is not None:
            self._plain_edge = PlainEdge(
                self._config,
                ledger,
                self._signer,
                enrolled=self._is_enrolled_name,
                vouched_for=self._vouched_for,
                answered=self._answered,
                failed=self._failed,
            )
            self.http_port = await self._plain_edge.start()
        if self._watching is not None:
            self._watching.start()
        work: list[Coroutine[object, object, None]] = [
            self._again_and_again(self._status.checkpoint_s, ledger.checkpoint),
            self._again_and_again(PROBE_S, ledger.probe),
            self._again_and_again(LOOK_S, self._close_left_lists),
            *(() if self._colours is None else (self._again_and_again(AGAIN_S, self._colours.run),)),
            *(follower.run() for follower in self._gateway_followers()),
            *(follower.run() for follower in self._token_list_followers()),
        ]
        self._tasks = [asyncio.create_task(one) for one in work]

    def read_tls(self) -> None:
        """Raise StartRefused if the TLS files of the edge for plain lists cannot be used now."""
        if self._plain_edge is not None:
            self._plain_edge.read_tls()

    def renew_tls(self) -> None:
        """Show the certificate that the files hold now."""
        if self._plain_edge is not None:
            self._plain_edge.renew_tls()

    def trust_changed(self) -> None:
        """Let watched codes be judged anew: a key or a code may have been revoked."""
        if self._watches is not None:
            self._watches.judge_again()

    async def close(self) -> None:
        """End in bounded time. Nothing that was acknowledged is lost."""
        for task in self._tasks:
            task.cancel()
        # Gathered: to suppress their cancellation would be to swallow one of our own, which a second signal is.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._plain_edge is not None:
            await self._plain_edge.stop()
        if self._watching is not None:
            await self._watching.stop()
        if self._ledger is not None:
            await self._ledger.close()
        if self._store is not None:
            await self._store.close()
        for kept in (self._files, self._token_lists):
            if kept is not None:
                kept.close()

    def _is_enrolled(self, caller: Caller) -> bool:
        """Tell whether a caller may read lists.

        By her grant, where there is a registry; else by her certificate's name; in development, from this machine, any.
        """
        if self._judging.loaded.callers.grants is not None:
            rights = self._judging.desk.rights_of(caller)
            return any(rights.allow_call(method) for method in READS_OF_LISTS)
        return caller.kind is not CallerKind.TLS_PEER or caller.caller_id in self._enrolled

    def _is_enrolled_name(self, name: str) -> bool:
        """Tell the same of whoever reads plain lists, by the name that TLS and her domain's authorities vouch for."""
        admission = self._judging.admission
        if self._judging.loaded.callers.grants is None:
            return name in self._plain_readers
        if name == LOOPBACK and self._config.grpc.tls is None:
            return self._is_enrolled(DEV_LOOPBACK)
        domain = domain_of(name)
        vouched_by = frozenset(() if domain is None else (domain,))
        caller = Caller(CallerId(name), CallerKind.TLS_PEER, vouched_by)
        return admission.rights_of(caller).allow_call(SNAPSHOTS)

    def _vouched_for(self, name: str, certificate: bytes) -> bool:
        roots = self._judging.admission.roots
        return roots is None or bool(roots.vouching_for_leaf(name, certificate, now()))

    def _gateway_followers(self) -> list[GatewayFollower]:
        watch = FollowWatch(self._metrics.following, self._log, self._clock)
        for followed in self._followed:
            self._metrics.following.announce(followed.gateway)
        return [
            GatewayFollower(
                followed, self.ledger, lambda: self._judging.trust, self._status.directory, self._clock, observer=watch
            )
            for followed in self._followed
        ]

    def _token_list_followers(self) -> list[TokenListFollower]:
        sink = self._token_lists
        if sink is None:
            return []
        watch = TokenListWatch(self._metrics.following, self._log)
        return [
            TokenListFollower(
                source,
                trust=lambda: self._judging.trust,
                sink=sink,
                folder=self._status.directory,
                clock=self._clock,
                tls=tls,
                observer=watch,
            )
            for source, tls in self._plain
        ]

    async def _close_left_lists(self) -> None:
        own, conversion = self._judging.own_codes, self._config.conversion
        if own is not None and conversion is not None:
            await close_left_lists(
                self.ledger, own.issuer, own.signer, longest_life_s=conversion.max_lifetime_s, clock=self._clock
            )

    def _answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._log.emit(HttpAnswered(method, route, status, round(seconds * 1000, 3)))

    def _failed(self, failure: BaseException) -> None:
        self._log.unhandled("http", failure)

    async def _again_and_again(self, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await work()
            except StoreDegraded:
                pass  # it is declared, and tried again
            except Exception as failure:  # noqa: BLE001 one turn that fails must not be the last one
                self._log.unhandled("loop", failure)


def _watch_desk(watches: Watches, desk: VerificationDesk, *, guarded: bool) -> WatchDesk:
    return WatchDesk(watches, desk.rights_of, desk.handles, desk.disclosures, desk.audit, guarded, desk.clock)


def refuse_without_boot() -> None:
    """Refuse a machine that does not say which boot it is: after a power cut no list could be believed there.

    Raises: StartRefused.
    """
    if claim_of(0, 0) == NO_CLAIM:
        raise StartRefused("status", "status.directory", "", f"{BOOT_ID} cannot be read: lists cannot be held here")


class _Held:
    """All lists that are held, as watches ask for them."""

    def __init__(self, ledger: Ledger, token_lists: TokenListFiles | None) -> None:
        self._ledger = ledger
        self._token_lists = token_lists

    def head(self, name: ListName) -> ListHead | None:
        """See gateway.watches.standing.HoldsLists."""
        found = self._ledger.head(name)
        return found if found is not None or self._token_lists is None else self._token_lists.head(name)


def _folder_refused(status: StatusSection, failed: FolderInUse | OSError) -> StartRefused:
    why = str(failed) if isinstance(failed, FolderInUse) else failed.strerror or "cannot be used"
    return StartRefused("status", "status.directory", str(status.directory), why)


def _ledger_settings(status: StatusSection) -> LedgerSettings:
    return LedgerSettings(
        bulk_size=status.bulk_size,
        max_lists=status.max_lists,
        max_bytes=status.max_bytes,
        keep_s=status.keep_days * 86_400,
        checkpoint_s=status.checkpoint_s,
    )
