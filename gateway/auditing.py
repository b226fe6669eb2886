"""The audit log of one process, put together from its configuration: what it writes, and the logs, if it keeps them.

Rules:

- One process of a machine keeps the logs: the keeper, or the only one there is. All others reach it over its socket.
- What a process judges by is written at its start and after each reload that changed it, by each process for itself:
  which one judged by what is then known, also if a reload failed in one of them.
- Closed last: what others say at their end is still written.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from gateway.audit.entries import Cause, Matter
from gateway.config import Config
from gateway.config.audit import AuditSection
from gateway.duties import Duties
from gateway.follow.token_list_fetch import client_tls
from gateway.follow.token_list_source import SourceInvalid
from gateway.loading import Loaded, StartRefused, load_audit_signer
from gateway.recording.gate import AUDIT_SOCKET
from gateway.recording.keeping import AuditKeeping, KeepingRefused, KeepingSettings
from gateway.recording.link import Link, SocketLink
from gateway.recording.outbox import Outbox
from gateway.recording.peer_http import PeerHttp
from gateway.recording.peers import Peer, PeerComparison
from gateway.recording.positions import Positions
from gateway.recording.recorder import Editions, Recorder
from gateway.recording.settings import Answer, RecordingSettings, WhenUnavailable
from gateway.recording.trail import DecisionTrail
from gateway.values import Instant
from gateway.watch.audit import LogWatch, OutboxWatch, PeerWatch
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics
from gateway.web.pages import Check
from keys.notes import NoteRefused, NoteSigner, NoteVerifier

DAY_S = 86_400
MOST_NAMED_BYTES = 16_384
"""Of the editions of one matter, as an entry spells them; an entry has those before and those after."""


class Auditing:
    """What one process has to do with the audit log. Make, open and close it in the same event loop."""

    def __init__(
        self, config: Config, clock: Callable[[], Instant], metrics: Metrics, log: EventLog, duties: Duties
    ) -> None:
        """Load the signer, if this process keeps the logs; open nothing. Raises: StartRefused."""
        if config.audit is None:
            raise ValueError("no [audit]")
        self._config = config
        self._section: AuditSection = config.audit
        settings = recording_settings(self._section)
        watch = OutboxWatch(metrics.audit, log)
        self.recorder = Recorder(settings, watch, clock, process=log.instance, bucket_s=self._section.bucket_s)
        metrics.audit.outboxes.show(lambda: self.recorder.outboxes)
        self._refuses = settings.when_unavailable is WhenUnavailable.REFUSE
        self._shared = Duties.ANSWER not in duties
        self._keeping: AuditKeeping | None = None
        self._peers: PeerComparison | None = None
        self._comparing: asyncio.Task[None] | None = None
        if Duties.KEEP in duties:
            signer = load_audit_signer(self._section)
            try:
                kept = keeping_settings(self._section, settings)
                self._keeping = AuditKeeping(kept, signer, self.recorder, LogWatch(metrics.audit, log), clock)
                key = NoteSigner(self._section.origin, signer).verifier
            except NoteRefused as refused:
                raise StartRefused("audit", "audit.signer", "", refused.fault.value) from None
            peers = peers_of(self._section)
            if peers:
                section, told = self._section, PeerWatch(metrics.audit, log)
                self._peers = PeerComparison(section.directory, section.origin, key, peers, told, clock)
                for peer in peers:
                    metrics.audit.announce(peer.name)

    @property
    def positions(self) -> Positions:
        """Up to which batch each list stands in the log. Raises: RuntimeError if the logs are not kept here."""
        if self._keeping is None:
            raise RuntimeError("the logs are not kept here")
        return self._keeping.positions

    async def positions_found(self) -> None:
        """Return once `positions` are those of the log, which a disk that is away puts off. Raises: as `positions`."""
        if self._keeping is None:
            raise RuntimeError("the logs are not kept here")
        await self._keeping.positions_found.wait()

    def trail(self, trust: tuple[str, ...]) -> DecisionTrail:
        """Return what handlers write decisions with, while these trust lists are in force."""
        return self.recorder.trail(trust)

    async def open(self) -> None:
        """Open the logs, if they are kept here, and begin to write. Raises: StartRefused."""
        keeping = self._keeping
        if keeping is not None:
            try:
                await keeping.open()
                await keeping.start(serve=self._shared)
            except KeepingRefused as refused:
                option = "audit.directory" if refused.may_pass else "audit"
                raise StartRefused("audit", option, refused.place, refused.fault) from None
            except OSError as refused:
                where, why = str(self._section.directory), refused.strerror or "cannot be used"
                raise StartRefused("audit", "audit.directory", where, why) from None
        self.recorder.start(self._link)
        if self._peers is not None:
            self._comparing = asyncio.create_task(self._peers.run())

    def in_force(self, loaded: Loaded, cause: Cause) -> None:
        """Write down what this process judges by from now on, as far as that is another than before."""
        self.recorder.in_force(editions_of(self._config, loaded), cause)

    def check(self) -> Check:
        """Return how the log is. It hinders being ready only where nobody is answered without it."""
        trouble = self.recorder.look()
        state = "ok" if trouble is None else trouble.value
        if trouble is None and self._keeping is not None and self._keeping.degraded:
            state = "degraded"
        return Check("audit", state, essential=self._refuses)

    async def close(self) -> None:
        """Hand over and write what is left, in bounded time."""
        if self._comparing is not None:
            self._comparing.cancel()
            await asyncio.wait({self._comparing})
        if self._peers is not None:
            await self._peers.close()
        await self.recorder.close()
        if self._keeping is not None:
            await self._keeping.close()

    def _link(self, outbox: Outbox) -> Link:
        if self._keeping is not None:
            return self._keeping.link(outbox)
        return SocketLink(outbox, self._section.directory / AUDIT_SOCKET)


def recording_settings(audit: AuditSection) -> RecordingSettings:
    """Return how entries are kept until they are written."""
    return RecordingSettings(
        answer=Answer(audit.answer.value),
        wait_s=audit.wait_ms / 1_000,
        when_unavailable=WhenUnavailable(audit.when_unavailable.value),
        queue=audit.queue,
    )


def keeping_settings(audit: AuditSection, recording: RecordingSettings) -> KeepingSettings:
    """Return how the logs are kept. Raises: NoteRefused if a former key is none."""
    return KeepingSettings(
        directory=audit.directory,
        origin=audit.origin,
        decisions_s=audit.decisions_days * DAY_S,
        changes_s=audit.changes_days * DAY_S,
        bucket_s=audit.bucket_s,
        may_lose=recording.may_lose,
        former=[NoteVerifier.from_vkey(one) for one in audit.former_vkeys],
    )


def peers_of(audit: AuditSection) -> list[Peer]:
    """Return the nodes whose heads are compared; nobody is asked yet. Raises: StartRefused."""
    peers = []
    for one in audit.peers:
        option = f"audit.peers: {one.name}"
        tls = None
        try:
            if one.url.startswith("https:"):
                tls = client_tls(one.ca_file, one.certificate_file, one.key_file)
            peers.append(Peer(one.name, NoteVerifier.from_vkey(one.vkey), PeerHttp(one.url, tls)))
        except NoteRefused as refused:
            raise StartRefused("audit", option, "", f"vkey: {refused.fault.value}") from None
        except SourceInvalid as invalid:
            raise StartRefused("audit", option, "", str(invalid)) from None
    return peers


def editions_of(config: Config, loaded: Loaded) -> Editions:
    """Return what is in force. Files are read again for their digests, just after they were loaded.

    Of each matter there is no more than an entry can hold: where the names are too many their number and a digest over
    all of them stand in their place.
    """
    registry, provinces = config.callers.registry, config.provinces
    rules = tuple(f"{one.division}:{one.version}" for one in loaded.policies.divisions)
    callers: tuple[str, ...] = ("everyone",)
    if registry is not None and loaded.callers.grants is not None:
        callers = (f"{loaded.callers.grants.version}:{_digest((registry,), registry.parent)}",)
    return {
        Matter.TRUST: _named(loaded.lists.versions, "lists"),
        Matter.RULES: (*_named(rules, "divisions"), _folder(config.policy.directory)),
        Matter.PROFILES: () if provinces is None else (_folder(provinces.directory),),
        Matter.CALLERS: callers,
    }


def _named(editions: tuple[str, ...], what: str) -> tuple[str, ...]:
    text = json.dumps(editions, separators=(",", ":"))
    if len(text) <= MOST_NAMED_BYTES:
        return editions
    return (f"{len(editions)} {what}:{sha256(text.encode()).hexdigest()}",)


def _folder(folder: Path) -> str:
    files = [file for file in sorted(folder.rglob("*")) if file.suffix in {".toml", ".json"} and file.is_file()]
    return f"{len(files)} files:{_digest(files, folder)}"


def _digest(files: Iterable[Path], folder: Path) -> str:
    """Return SHA-256 over the names and contents of files, in hex; of one file alone that of its content."""
    files = tuple(files)
    if len(files) == 1:
        return sha256(_content(files[0])).hexdigest()
    found = sha256()
    for file in files:
        found.update(f"{file.relative_to(folder)} {sha256(_content(file)).hexdigest()}\n".encode())
    return found.hexdigest()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""  # it was there a moment ago: what was loaded is not what lies there now, and that is what it shows
