"""Other nodes' logs, watched from here: whether their heads go on from those before, and whether all see the same.

A node that changes what it has written must sign a head that does not go with one that it has signed before. So each
node keeps the last head of each other, has it proved from the tiles that the next one goes on from it, and tells what
it has seen: then nobody can show one history here and another one there.

Rules:

- Only what a peer has signed counts against it. Tiles that do not fit the head that they are served with prove nothing.
- A head is kept before anything is built on it, and is replaced only by one that goes on from it. Two that disagree are
  both kept.
- Of two readers who are shown two histories, the one who was shown the longer one can prove it, from its tiles.
- A peer that cannot be asked is told of; what is held is compared when it is back.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from gateway.audit.checkpoint import Checkpoint, open_checkpoint
from gateway.audit.compare import Relation, compare_heads, trusted_tiles
from gateway.audit.disk import Disk
from gateway.audit.entries import LogName
from gateway.audit.faults import LogFault, LogUnusable
from gateway.audit.reading import MAX_NOTE_BYTES, read_file
from gateway.audit.tiles import CHECKPOINT, parse_path
from gateway.audit.tree import TILE_WIDTH
from gateway.receipts.merkle import HASH_BYTES
from gateway.values import Instant
from keys.notes import NoteVerifier

from .keeping import log_folder, log_origin, log_verifier
from .pages import AUDIT, NOTE, PEERS
from .peer_http import PeerUnreachable

LOOK_EVERY_S: Final = 60.0
MOST_TILES: Final = 512
"""Of one comparison: logs of 2**60 entries need fewer."""
MOST_SEEN: Final = 4 << 20
_MOST_HEADS: Final = 256


class HeadsFault(StrEnum):
    """How two signed heads of one log do not go together. Labels of a metric: additions only."""

    FORKED = "forked"
    ROLLED_BACK = "rolled_back"
    OWN_FORKED = "own_forked"
    """A peer has seen a head of this node's that its log does not contain."""


class PeerObserver(Protocol):
    """Told of other nodes' heads. May not raise or wait."""

    def compared(self, peer: str, at: Instant) -> None:
        """Take note that all heads that a peer shows go together with those that are held."""

    def gone(self, peer: str, why: str) -> None:
        """Take note that a peer's heads cannot be had, or prove nothing."""

    def disagree(self, peer: str, origin: str, fault: HeadsFault, held: int, shown: int) -> None:
        """Take note of two signed heads of one log; `peer` showed the one of `shown` entries."""

    def failed(self, failure: Exception) -> None:
        """Take note of a bug. Of `failure` only the type and the frames may be told on."""


class AsksPeer(Protocol):
    """How a node is asked."""

    async def get(self, path: str, most: int) -> bytes | None:
        """Return what stands at `path`, None if nothing does. Raises: PeerUnreachable."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node."""

    name: str
    key: NoteVerifier
    """Its public key, under its own name or that of one of its logs."""
    http: AsksPeer

    def verifier(self, log: LogName) -> NoteVerifier:
        """Return the key of one of its logs, under that log's name."""
        return log_verifier(self.key, log)


@dataclass(frozen=True, slots=True)
class _Source:
    """One log whose heads are compared: where its tiles are, and where its last head is kept."""

    verifier: NoteVerifier
    log: LogName
    peer: Peer


class PeerComparison:
    """Compares the heads of all peers. Run and close it in one event loop."""

    def __init__(
        self,
        directory: Path,
        origin: str,
        key: NoteVerifier,
        peers: Sequence[Peer],
        observer: PeerObserver,
        clock: Callable[[], Instant],
    ) -> None:
        """`directory`, `origin` and `key` are those of this node's own logs."""
        self._directory = directory
        self._own: Mapping[str, LogName] = {log_origin(origin, log): log for log in LogName}
        self._key = key
        self._peers = peers
        self._observer = observer
        self._clock = clock
        self._disk = Disk()
        self._sources = {
            peer.verifier(log).name: _Source(peer.verifier(log), log, peer) for peer in peers for log in LogName
        }

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look at every peer once."""
        await asyncio.gather(*(self._look_at(peer) for peer in self._peers))

    async def close(self) -> None:
        """Ask nobody any more."""
        await asyncio.gather(*(peer.http.close() for peer in self._peers))

    async def _look_at(self, peer: Peer) -> None:
        try:
            agree = [await self._compare_log(peer, log) for log in LogName]
            agree.append(await self._compare_seen(peer))
        except PeerUnreachable as away:
            self._observer.gone(peer.name, away.why)
        except LogUnusable as unusable:
            self._observer.gone(peer.name, unusable.fault.value)
        except OSError:
            self._observer.gone(peer.name, "own_disk")
        except Exception as failure:  # noqa: BLE001 one look that fails must not be the last one
            self._observer.failed(failure)
        else:
            if all(agree):
                self._observer.compared(peer.name, self._clock())

    async def _compare_log(self, peer: Peer, log: LogName) -> bool:
        """Compare a peer's head with the one that is held of it; tell whether they go together.

        1. what it shows now, signed; 2. what was held, if anything; 3. one goes on from the other; 4. keep it

        Raises: PeerUnreachable, LogUnusable, OSError.
        """
        # 1
        source = _Source(peer.verifier(log), log, peer)
        note = await peer.http.get(f"{AUDIT}{log.value}/{CHECKPOINT}", MAX_NOTE_BYTES)
        if note is None:
            raise PeerUnreachable("no_log")
        shown = open_checkpoint(note, [source.verifier], source.verifier.name)
        # 2
        held = await self._held(source)
        if held is not None:
            # 3
            fault = await self._fault(held, shown, source)
            if fault is not None:
                await self._disagree(peer, source, fault, held, shown)
                return False
            if held.size == shown.size:
                return True
        # 4
        await self._keep(self._file(source, NOTE), note)
        return True

    async def _compare_seen(self, peer: Peer) -> bool:
        """Compare what a peer has seen of others, and of this node. Raises: as `_compare_log`."""
        agree = True
        for origin, note in (await self._seen_by(peer)).items():
            if origin in self._own:
                agree &= await self._compare_own(peer, self._own[origin], note)
            elif origin in self._sources and self._sources[origin].peer is not peer:
                agree &= await self._compare_third(peer, self._sources[origin], note)
        return agree

    async def _compare_own(self, peer: Peer, log: LogName, note: bytes) -> bool:
        folder, verifier = log_folder(self._directory, log), log_verifier(self._key, log)
        try:
            seen = open_checkpoint(note, [verifier], verifier.name)
        except LogUnusable:
            return True  # signed by no key of now: it says nothing about this log
        relation, size = await asyncio.to_thread(_against_own, folder, verifier, seen)
        if relation in (Relation.SAME, Relation.CONSISTENT):
            return True
        source = _Source(verifier, log, peer)
        await self._keep(self._file(source, ".own-disagrees"), note)
        self._observer.disagree(peer.name, verifier.name, HeadsFault.OWN_FORKED, size, seen.size)
        return False

    async def _compare_third(self, peer: Peer, source: _Source, note: bytes) -> bool:
        held = await self._held(source)
        try:
            seen = open_checkpoint(note, [source.verifier], source.verifier.name)
        except LogUnusable:
            return True
        if held is None:
            return True
        older, newer = sorted((held, seen), key=lambda head: head.size)
        try:
            fault = await self._fault(older, newer, source)
        except (PeerUnreachable, LogUnusable):
            return True  # that one is told of where it is looked at itself
        if fault is None:
            return True
        await self._disagree(peer, source, HeadsFault.FORKED, held, seen)
        return False

    async def _seen_by(self, peer: Peer) -> dict[str, bytes]:
        data = await peer.http.get(f"{AUDIT}seen", MOST_SEEN)
        try:
            found = json.loads(data or b"{}")
            items = list(found.items())[:_MOST_HEADS]
            return {str(origin): str(note).encode() for origin, note in items}
        except (ValueError, AttributeError, RecursionError):
            raise PeerUnreachable("garbage") from None

    async def _fault(self, held: Checkpoint, shown: Checkpoint, source: _Source) -> HeadsFault | None:
        """Return what is wrong with two heads; None: the second goes on from the first.

        Raises: PeerUnreachable, LogUnusable if that cannot be proved.
        """
        if shown.size < held.size:
            return HeadsFault.ROLLED_BACK
        if shown.size == held.size:
            return None if shown.root == held.root else HeadsFault.FORKED
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="tiles-", dir=await self._folder())
        try:
            relation = await self._relation(Path(folder), held, shown, source)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return HeadsFault.FORKED if relation is Relation.FORKED else None

    async def _relation(self, folder: Path, held: Checkpoint, shown: Checkpoint, source: _Source) -> Relation:
        """Compare two heads on the tiles of the second, each of which is fetched when it is missed."""
        fetched: set[str] = set()
        while True:
            try:
                return await asyncio.to_thread(_relation_on, folder, held, shown)
            except LogUnusable as unusable:
                file = unusable.place.file
                if unusable.fault is not LogFault.TILE_MISSING or file in fetched or len(fetched) >= MOST_TILES:
                    raise
                fetched.add(file)
                data = await self._tile(source, file)
                if data is None:
                    raise
                await asyncio.to_thread(_put, folder / file, data)

    async def _tile(self, source: _Source, file: str) -> bytes | None:
        tile, most = parse_path(file), TILE_WIDTH * HASH_BYTES
        if tile is None:
            return None
        base = f"{AUDIT}{source.log.value}/"
        data = await source.peer.http.get(base + file, most)
        if data is None and tile.width < TILE_WIDTH:  # it has become full since
            whole = await source.peer.http.get(base + tile._replace(width=TILE_WIDTH).path, most)
            data = None if whole is None else whole[: tile.width * HASH_BYTES]
        return data

    async def _held(self, source: _Source) -> Checkpoint | None:
        file = self._file(source, NOTE)
        note = await asyncio.to_thread(read_file, file.parent, file.name, MAX_NOTE_BYTES)
        if note is None:
            return None
        try:
            return open_checkpoint(note, [source.verifier], source.verifier.name)
        except LogUnusable:
            return None  # of a key, or a name, that the configuration has no more

    async def _disagree(
        self, peer: Peer, source: _Source, fault: HeadsFault, held: Checkpoint, shown: Checkpoint
    ) -> None:
        await self._keep(self._file(source, ".disagrees"), shown.note)
        self._observer.disagree(peer.name, source.verifier.name, fault, held.size, shown.size)

    async def _keep(self, file: Path, note: bytes) -> None:
        await self._folder()
        await asyncio.to_thread(self._disk.put_all, [(file, note)])

    async def _folder(self) -> Path:
        folder = self._directory / PEERS
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        return folder

    def _file(self, source: _Source, suffix: str) -> Path:
        return self._directory / PEERS / f"{source.peer.name}.{source.log.value}{suffix}"


def _relation_on(folder: Path, held: Checkpoint, shown: Checkpoint) -> Relation:
    return compare_heads(held, shown, trusted_tiles(folder, shown)).relation


def _against_own(folder: Path, verifier: NoteVerifier, seen: Checkpoint) -> tuple[Relation, int]:
    """Return how a head that a peer has seen stands to this node's log now, and how long that is."""
    note = read_file(folder, CHECKPOINT, MAX_NOTE_BYTES)
    head = open_checkpoint(note or b"", [verifier], verifier.name)
    return compare_heads(head, seen, trusted_tiles(folder, head)).relation, head.size


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(data)
