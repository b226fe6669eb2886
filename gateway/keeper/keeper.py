"""The keeper, put together from its configuration: store, lists, whoever is followed, whoever watches.

Rules:

- Opened before anything is served: what the log has above a list's checkpoint is written to the list first.
- Background work that fails is told of and goes on; none of it stops another.
- A store that cannot be written is tried again each second; meanwhile nothing is acknowledged.
- Closed in the order in which it is used: nobody is told of anything any more, then nothing is taken, then it is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from gateway.config import Config
from gateway.config.status import StatusSection
from gateway.follow.gateways import GatewayFollower
from gateway.held.list_files import FolderInUse, ListFiles
from gateway.judging import Judging, lists_folder
from gateway.loading import StartRefused, load_status_signer
from gateway.publishing.ledger import Ledger
from gateway.publishing.settings import LedgerSettings
from gateway.rpc.desk import Rights, everyone_may
from gateway.rpc.methods import STATUS
from gateway.rpc.server import Service
from gateway.rpc.status_convert import WIRE
from gateway.rpc.status_desk import StatusDesk
from gateway.rpc.status_service import StatusServicer
from gateway.rpc.watch_codes import PipelineJudge, WatchDesk, WatchServicer
from gateway.store.change_log import ChangeLog
from gateway.store.open import StoreUnavailable, open_log
from gateway.values import Caller, CallerKind, Instant, IssuerId, Profile
from gateway.watch.events import StatusFileBroken
from gateway.watch.logs import EventLog
from gateway.watch.status import FollowWatch, LedgerWatch, StatusMetrics, WatchesWatch
from gateway.watches.follow import WatchTasks
from gateway.watches.settings import WatchSettings
from gateway.watches.watches import Watches

from .sources import followed_gateways, plain_lists

PROBE_S: Final = 1.0
"""Seconds between two tries of a store that fails."""


class Keeper:
    """All of live status that one machine keeps. Make, open, start and close it in the same event loop."""

    def __init__(
        self,
        config: Config,
        judging: Judging,
        clock: Callable[[], Instant],
        metrics: StatusMetrics,
        log: EventLog,
    ) -> None:
        """Load the signer; open nothing. Raises: StartRefused."""
        if config.status is None:
            raise ValueError("no [status]")
        self._config = config
        self._status: StatusSection = config.status
        self._judging = judging
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._signer = load_status_signer(config.status)
        self._enrolled = frozenset(config.status.enrolled)
        self._store: ChangeLog | None = None
        self._files: ListFiles | None = None
        self._ledger: Ledger | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: WatchTasks | None = None
        self._watch_desk: WatchDesk | None = None
        self._status_desk: StatusDesk | None = None
        self._followers: list[GatewayFollower] = []

    @property
    def ledger(self) -> Ledger:
        """The lists. Raises: RuntimeError before they are open."""
        if self._ledger is None:
            raise RuntimeError("the lists are not open")
        return self._ledger

    async def open(self) -> None:
        """Open store and lists, and bring the lists up to the log. Raises: StartRefused."""
        status = self._status
        try:
            status.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files = await asyncio.to_thread(ListFiles, lists_folder(status))
        except (FolderInUse, OSError) as failed:
            why = str(failed) if isinstance(failed, FolderInUse) else failed.strerror or "cannot be used"
            raise StartRefused("status", "status.directory", str(status.directory), why) from None
        try:
            self._store = await open_log(status.store)
        except StoreUnavailable as failed:
            raise StartRefused("status", "status.store", "", str(failed)) from None
        watch = LedgerWatch(self._metrics, self._log)
        self._ledger = Ledger(
            self._store, self._files, WIRE, lambda: self._judging.trust, _ledger_settings(status), self._clock, watch
        )
        await self._ledger.recover()
        for aside in self._files.set_aside:
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
        watching = WatchesWatch(self._metrics, self._log)
        judge = PipelineJudge(lambda: self._judging.desk.pipeline)
        watches = Watches(judge, ledger, self._judging.budgets, WatchSettings(), self._clock, watching)
        rights = everyone_may(Rights(Profile[self._config.disclosure.max_profile.value]))
        self._watch_desk = WatchDesk(watches, rights)
        self._watching = WatchTasks(watches, ledger.subscribe, watching)
        return (
            Service(STATUS, StatusServicer(lambda: desk).handlers()),
            Service(STATUS, WatchServicer(lambda: WatchDesk(watches, rights)).handlers()),
        )

    async def start(self) -> None:
        """Begin to follow, to tell who watches, and to write checkpoints."""
        ledger = self.ledger
        if self._watching is not None:
            self._watching.start()
        self._tasks = [
            asyncio.create_task(self._again_and_again(self._status.checkpoint_s, ledger.checkpoint)),
            asyncio.create_task(self._again_and_again(PROBE_S, ledger.probe)),
        ]

    async def close(self) -> None:
        """End in bounded time. Nothing that was acknowledged is lost."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._watching is not None:
            await self._watching.stop()
        if self._ledger is not None:
            await self._ledger.close()
        if self._store is not None:
            await self._store.close()
        if self._files is not None:
            self._files.close()

    def _is_enrolled(self, caller: Caller) -> bool:
        """Tell whether a caller may read lists: by her certificate's name; on this machine, in development, anybody."""
        return caller.kind is not CallerKind.TLS_PEER or caller.caller_id in self._enrolled

    async def _again_and_again(self, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await work()
            except Exception as failure:  # noqa: BLE001 one turn that fails must not be the last one
                self._log.unhandled("loop", failure)


def _ledger_settings(status: StatusSection) -> LedgerSettings:
    return LedgerSettings(
        bulk_size=status.bulk_size,
        max_lists=status.max_lists,
        max_bytes=status.max_bytes,
        keep_s=status.keep_days * 86_400,
        checkpoint_s=status.checkpoint_s,
    )
