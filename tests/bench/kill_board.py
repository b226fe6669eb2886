"""What was acknowledged, where a reader in another process sees it; and that reader.

A place of a list that is marked goes from green over yellow to red and never back. Before a batch is acknowledged to
its province a gateway may show it or not; from then on nobody may read the place better, or the list's number lower,
than the board says. Nor than she has read it herself before: an older word must not come back.

`python -m tests.bench.kill_board BOARD FOLDER...` is the reader: it maps each gateway's lists as a worker does, looks
all marked places up again and again, and tells what it found once its input ends.
"""

from __future__ import annotations

import json
import mmap
import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Final

from gateway.changes import ListName
from gateway.held.mapped_lists import MappedLists
from gateway.values import CodeState, Instant, IssuerId, StatusPointer

MARKS: Final = 16
"""Marked places of each list."""
SLOTS: Final = 4_096
GATEWAYS: Final = 2
PAUSE_S: Final = 0.008
"""Between two rounds of the reader: it shares the processors with what it reads."""

RANKS: Final = {CodeState.GREEN: 1, CodeState.YELLOW: 2, CodeState.RED: 3}
"""How bad a state is; whatever else is read of a marked place ranks 0, and nobody passes by it."""

_STRIDE: Final = 64
_LIVE, _SETTLED, _NUMBERS, _FLOORS = 0, 1, 8, 32
_MOST_TOLD: Final = 20


class Board:
    """One slot for each list: whether it is live, and for each gateway what must be read of it at least.

    Written by one process. Who reads it looks at the floors, then at the list, then whether it is still live.
    """

    def __init__(self, path: Path) -> None:
        """Map the file, made if need be."""
        with path.open("a+b") as file:
            file.truncate(SLOTS * _STRIDE)
            self._bytes = memoryview(mmap.mmap(file.fileno(), SLOTS * _STRIDE))
        self._numbers = self._bytes.cast("Q")

    def live(self, slot: int) -> bool:
        """Tell whether the list is neither closed nor about to be."""
        return bool(self._bytes[slot * _STRIDE + _LIVE])

    def set_live(self, slot: int, *, live: bool) -> None:
        """Say so; no more before the batch that closes the list is sent."""
        self._bytes[slot * _STRIDE + _LIVE] = live

    def settled(self, slot: int, gateway: int) -> bool:
        """Tell whether the list must be read there without a gap: it is not about to be filled again after a crash."""
        return bool(self._bytes[slot * _STRIDE + _SETTLED + gateway])

    def settle(self, slot: int, gateway: int) -> None:
        """Say so, for good."""
        self._bytes[slot * _STRIDE + _SETTLED + gateway] = True

    def number(self, slot: int, gateway: int) -> int:
        """Return up to which batch the list must be read."""
        return self._numbers[(slot * _STRIDE + _NUMBERS) // 8 + gateway]

    def floor(self, slot: int, gateway: int, mark: int) -> int:
        """Return how bad a marked place must be read at least."""
        return self._bytes[slot * _STRIDE + _FLOORS + gateway * MARKS + mark]

    def raise_to(self, slot: int, gateway: int, number: int, ranks: dict[int, int]) -> None:
        """Say that batch `number` is held there, and how bad which marks are by then."""
        for mark, rank in ranks.items():
            self._bytes[slot * _STRIDE + _FLOORS + gateway * MARKS + mark] = rank
        self._numbers[(slot * _STRIDE + _NUMBERS) // 8 + gateway] = number


@dataclass(slots=True)
class Readings:
    """What a reader found."""

    rounds: int = 0
    look_ups: int = 0
    wrong_green: int = 0
    """A marked place read green after something worse was acknowledged, or read."""
    older_word: int = 0
    """A marked place read otherwise better than that, or not at all."""
    number_back: int = 0
    """A list's number was less than what was acknowledged, or read before."""
    gaps: int = 0
    """A list that is there was not found."""
    unread: int = 0
    """Look-ups without an answer that are no fault: of lists that were just filled."""
    told: list[str] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        """Whether anybody could have been misled."""
        return bool(self.wrong_green or self.older_word or self.number_back or self.gaps)

    def found(self, kind: str, what: str) -> None:
        """Count a fault, and tell of the first ones."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.told) < _MOST_TOLD:
            self.told.append(f"{kind}: {what}")


@dataclass(slots=True)
class _Tracked:
    """A list that is looked up."""

    slot: int
    name: ListName
    pointers: list[StatusPointer]
    seen: list[list[int]] = field(default_factory=lambda: [[0] * MARKS for _ in range(GATEWAYS)])
    numbers: list[int] = field(default_factory=lambda: [0] * GATEWAYS)


class Reader:
    """Looks everything up that is announced."""

    def __init__(self, board: Board, folders: list[Path]) -> None:
        """Map nothing yet."""
        self._board = board
        self._held = [MappedLists(folder) for folder in folders]
        self._tracked: list[_Tracked] = []
        self.found = Readings()

    def announce(self, slot: int, name: ListName, marks: list[int]) -> None:
        """Look this list up from now on, while it is live."""
        self._tracked.append(_Tracked(slot, name, [StatusPointer(name.uri, index) for index in marks]))

    def look(self) -> None:
        """Look everything up once."""
        self._tracked = [one for one in self._tracked if self._board.live(one.slot)]
        for gateway in range(len(self._held)):
            self._numbers(gateway)
            for one in self._tracked:
                self._words(gateway, one)
        self.found.rounds += 1

    def _numbers(self, gateway: int) -> None:
        floors = [self._board.number(one.slot, gateway) for one in self._tracked]
        shown = {held.name: held.number for held in self._held[gateway].lists()}
        for one, floor in zip(self._tracked, floors, strict=True):
            number = shown.get(one.name)
            if number is None or not self._board.live(one.slot):
                continue
            least = max(floor, one.numbers[gateway])
            if number < least:
                self.found.found("number_back", f"gateway {gateway}, {one.name.uri}: {number} after {least}")
            one.numbers[gateway] = max(number, one.numbers[gateway])

    def _words(self, gateway: int, one: _Tracked) -> None:
        board, held, seen, issuer = self._board, self._held[gateway], one.seen[gateway], one.name.issuer
        settled = board.settled(one.slot, gateway)
        for mark, pointer in enumerate(one.pointers):
            least = max(board.floor(one.slot, gateway, mark), seen[mark])
            listed = held.look_up(issuer, pointer, Instant(0.0))
            self.found.look_ups += 1
            if not board.live(one.slot):
                return
            if listed is None:
                if settled:
                    self.found.found("gaps", f"gateway {gateway}, {pointer.uri}")
                else:
                    self.found.unread += 1
                continue
            rank = 0 if listed.state is None else RANKS.get(listed.state, 0)
            if rank < least:
                kind = "wrong_green" if rank == RANKS[CodeState.GREEN] else "older_word"
                self.found.found(kind, f"gateway {gateway}, {pointer.uri} mark {mark}: {rank} after {least}")
            seen[mark] = max(rank, seen[mark])


class ReaderProcess:
    """A reader in a process of its own."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    def announce(self, slot: int, name: ListName, marks: list[int]) -> None:
        """Have a list looked up."""
        self._say({"slot": slot, "issuer": name.issuer, "uri": name.uri, "marks": marks})

    def end(self) -> Readings:
        """End it, and return what it found."""
        told, _ = self._process.communicate(timeout=60)
        return Readings(**json.loads(told))

    def _say(self, what: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise AssertionError
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()


@contextmanager
def reading(board: Path, folders: list[Path]) -> Iterator[ReaderProcess]:
    """Give a reader of the gateways' folders; it is gone afterwards."""
    command = [sys.executable, "-m", "tests.bench.kill_board", str(board), *map(str, folders)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            yield ReaderProcess(process)
        finally:
            process.kill()


def main() -> int:
    """Be a reader."""
    reader = Reader(Board(Path(sys.argv[1])), [Path(folder) for folder in sys.argv[2:]])
    lines: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        while not lines.empty():
            line = lines.get()
            if line is None:
                found = {name: getattr(reader.found, name) for name in Readings.__slots__}
                print(json.dumps(found))
                return 0
            new = json.loads(line)
            reader.announce(new["slot"], ListName(IssuerId(new["issuer"]), new["uri"]), new["marks"])
        reader.look()
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    sys.exit(main())
