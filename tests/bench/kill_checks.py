"""Comparing two gateways with what provinces remember: while they are killed, at the end, and in their logs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, Final

import grpc

from gateway.changes import BatchDigest, ListName
from gateway.cli.db_check import checked
from gateway.held.layout import BROKEN_SUFFIX, HEADER_BYTES, file_name
from gateway.rpc.client import AskingFailed
from gateway.rpc.status_client import HeldList, StatusClient
from gateway.rpc.status_convert import WIRE
from gateway.store.inspection import InspectableLog
from gateway.store.open import open_beside
from gateway.values import CodeState

from .kill_board import MARKS, RANKS, Board
from .kill_gateway import KillableGateway
from .kill_publishers import Track
from .load import client, look_up
from .nation_site import NationSite, Province

SETTLED_S: Final = 4.0
"""A keeper that has been ready for so long since a list was filled has written its checkpoint."""
_AT_ONCE_BYTES: Final = 8 << 20
_RANK_OF: Final = {f"STATE_{state.name}": rank for state, rank in RANKS.items()}


@dataclass(slots=True)
class Checks:
    """What was compared, and what was found."""

    heads: int = 0
    """Lists of a gateway, asked for by ListStatusLists, compared with what its province remembers."""
    unanswered: int = 0
    """Times that a gateway could not be asked: its keeper was dead."""
    verdicts: dict[str, int] = field(default_factory=dict)
    """What workers answered about codes that point to marked places, by reason."""
    wrong_verdicts: int = 0
    raw_lists: int = 0
    logged_batches: int = 0
    faults: list[str] = field(default_factory=list)


class HeadsCheck:
    """Asks one gateway which lists it holds, again and again."""

    def __init__(
        self, gateway: KillableGateway, channel: grpc.aio.Channel, tracks: list[Track], board: Board, checks: Checks
    ) -> None:
        self._gateway = gateway
        self._client = StatusClient(channel)
        self._tracks = tracks
        self._board = board
        self._checks = checks
        self._publishes = gateway.number == 0
        self._seen: dict[ListName, int] = {}

    async def once(self) -> bool:
        """Compare; tell whether this gateway holds all that was made."""
        checks, number = self._checks, self._gateway.number
        due = [track.acknowledged if self._publishes else self._seen.get(track.name, 0) for track in self._tracks]
        try:
            heads = {held.name: held for held in await self._client.lists(timeout_s=5.0)}
        except AskingFailed:
            checks.unanswered += 1
            return False
        for track, least in zip(self._tracks, due, strict=False):  # new ones may have come meanwhile
            held = heads.get(track.name)
            checks.heads += 1
            if held is None:
                if least:
                    checks.faults.append(f"gateway {number}: {track.name.uri} is gone, {least} were held")
                continue
            checks.faults += [f"gateway {number}: {track.name.uri}: {what}" for what in _wrong(held, track, least)]
            if not self._publishes and held.number > least and held.number <= len(track.digests):
                self._board.raise_to(track.slot, number, held.number, track.ranks_between(least, held.number))
            self._seen[track.name] = max(held.number, least)
            self._settle(track, held.number)
        return all(
            self._seen.get(track.name) == len(track.digests) or (track.name not in heads and may_lack(track, number))
            for track in self._tracks
        )

    def _settle(self, track: Track, held: int) -> None:
        gateway, now = self._gateway, time.monotonic()
        if held >= track.filling and track.filled_at[gateway.number] is None:
            track.filled_at[gateway.number] = now
        filled, since = track.filled_at[gateway.number], gateway.keeper_since
        if filled is not None and since is not None and now - max(filled, since) > SETTLED_S:
            self._board.settle(track.slot, gateway.number)


def may_lack(track: Track, gateway: int) -> bool:
    """Tell whether a gateway need not know of a list: it follows, and was away while the list was opened and closed."""
    return track.closing and gateway != 0


def _wrong(held: HeldList, track: Track, least: int) -> Iterator[str]:
    if held.number < least:
        yield f"number {held.number} after {least}"
    elif held.number > len(track.digests) or held.digest != track.digests[held.number - 1]:
        yield f"number {held.number} is not its province's"
    if held.closed and not track.closing:
        yield "closed by nobody"


class Asker:
    """Has the workers of one gateway judge codes whose places only become worse."""

    def __init__(
        self,
        gateway: KillableGateway,
        provinces: Sequence[Province],
        tracks: list[Track],
        board: Board,
        checks: Checks,
        random: Random,
    ) -> None:
        self._gateway = gateway
        self._provinces = {province.issuer.name.issuer: province for province in provinces}
        self._tracks = tracks
        self._board = board
        self._checks = checks
        self._random = random
        self._seen: dict[tuple[int, int], int] = {}

    async def once(self) -> None:
        """Ask about one code, over a connection of its own: each may be another worker's."""
        live = [track for track in self._tracks if self._board.live(track.slot)]
        if not live:
            return
        track, mark, number = self._random.choice(live), self._random.randrange(MARKS), self._gateway.number
        place = track.slot, mark
        least = max(self._board.floor(track.slot, number, mark), self._seen.get(place, 0))
        code = _pointing(self._provinces[track.name.issuer], track, mark)
        async with client(self._gateway.grpc) as stub:
            answer = await look_up(stub, code, time.perf_counter())
        if not self._board.live(track.slot):
            return
        reason = answer.reasons[0] if answer.reasons else ""
        self._checks.verdicts[reason] = self._checks.verdicts.get(reason, 0) + 1
        rank = _RANK_OF.get(reason, 0)
        self._seen[place] = max(rank, self._seen.get(place, 0))
        passes = answer.measure == "PASS" and least > RANKS[CodeState.GREEN]
        if passes or 0 < rank < least:
            self._checks.wrong_verdicts += 1
            self._checks.faults.append(f"gateway {number}: {track.name.uri} mark {mark} told {reason} after {least}")


def _pointing(province: Province, track: Track, mark: int) -> Any:
    of_list = Province(province.number, province.division, track.issuer, province.keys, province.drawn)
    return of_list.code(track.marks[mark])


def compare_raw(site: NationSite, tracks: Sequence[Track], checks: Checks, where: str) -> None:
    """Compare the files of all lists with what their provinces hold, by SHA-256."""
    for track in tracks:
        path = site.lists / file_name(track.name)
        if track.closing:
            if path.exists():
                checks.faults.append(f"{where}: {track.name.uri} is closed, and its file is there")
            continue
        checks.raw_lists += 1
        if not path.exists() or sha256(path.read_bytes()[HEADER_BYTES:]).digest() != track.issuer.state_digest:
            checks.faults.append(f"{where}: {track.name.uri} reads otherwise than its province's")
    checks.faults += [f"{where}: {path.name}" for path in site.lists.glob(f"*{BROKEN_SUFFIX}")]


async def compare_log(site: NationSite, tracks: Sequence[Track], checks: Checks, gateway: int, where: str) -> None:
    """Compare the log of a gateway that has ended with what was acknowledged: each number once, whole, in its chain."""
    log = await open_beside("sqlite:log.sqlite", site.folder / "status")
    try:
        async for line in checked(log, writable=False, deep=True):
            if line.fault:
                checks.faults.append(f"{where}: {line.text}")
        named = {row.name for row in await log.lists()}
        if not named <= {track.name for track in tracks}:
            checks.faults.append(f"{where}: lists that no province has")
        for track in tracks:
            if track.name not in named and may_lack(track, gateway):
                continue
            found = await _numbers(log, track.name)
            checks.logged_batches += len(found)
            if found != list(enumerate(track.digests, 1)):
                held = [number for number, _ in found]
                lost = sorted(set(range(1, track.acknowledged + 1)) - set(held))
                doubled = len(held) - len(set(held))
                checks.faults.append(f"{where}: {track.name.uri}: {len(lost)} lost, {doubled} doubled, or other bytes")
    finally:
        await log.close()


async def _numbers(log: InspectableLog, name: ListName) -> list[tuple[int, BatchDigest]]:
    """Return number and digest of each batch that the log has of a list, by the bytes that are kept."""
    found: list[tuple[int, BatchDigest]] = []
    while logged := await log.read(name, found[-1][0] if found else 0, _AT_ONCE_BYTES):
        found += [(one.number, WIRE.read_signed(one.signed).digest) for one in logged]
    return found
