"""Processes that read the lists, and what they take of the machine's memory.

`python -m tests.bench.nation_readers FOLDER` is one of them: it does what it is told by lines on its input, and answers
each with one of JSON.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeAlias

from gateway.held.mapped_lists import MappedLists
from gateway.status.words import STATES
from gateway.values import IssuerId, StatusPointer

from .codes import AT

LOOK_UPS = 20_000
"""Pointers made for each round: none is looked up twice, so nothing of one helps with another. So few that reading them
costs no more than it does of a code that was just read."""

Asked: TypeAlias = tuple[IssuerId, StatusPointer]

_PAGE = 4096


class Readers:
    """The processes, told what to do all at once."""

    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        self._processes = processes

    @property
    def pids(self) -> list[int]:
        """Of the readers."""
        return [process.pid for process in self._processes]

    def look_ups(self) -> tuple[float, float]:
        """Return how many look-ups all do together a second, and each a second of CPU time, at random places."""
        self.tell("prepare")
        answers = self.tell("look_up")
        look_ups = len(answers) * LOOK_UPS
        return look_ups / max(each["seconds"] for each in answers), look_ups / sum(each["cpu"] for each in answers)

    def tell(self, word: str) -> list[dict[str, float]]:
        """Return what each answers."""
        for process in self._processes:
            if process.stdin is None:
                raise AssertionError
            process.stdin.write(word + "\n")
            process.stdin.flush()
        answers = []
        for process in self._processes:
            line = "" if process.stdout is None else process.stdout.readline()
            if not line:
                raise AssertionError("a reader has ended")
            answers.append(json.loads(line))
        return answers


@contextmanager
def readers(folder: Path, count: int) -> Iterator[Readers]:
    """Give `count` readers of a folder, none of which has mapped anything yet."""
    command = [sys.executable, "-m", "tests.bench.nation_readers", str(folder)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    try:
        yield Readers(processes)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@dataclass(frozen=True, slots=True)
class Memory:
    """What processes take together, in bytes. PSS shares each page among those that map it."""

    pss: int
    """Of all that is mapped, anonymous memory with it."""
    anonymous: int
    lists_pss: int
    """Of the list files alone."""
    page_tables: int


def memory_of(pids: Sequence[int], folder: Path) -> Memory:
    """Add up what the kernel says of each process."""
    pss = anonymous = lists = tables = 0
    for pid in pids:
        rollup = _kilobytes(Path(f"/proc/{pid}/smaps_rollup").read_text())
        pss += rollup["Pss"]
        anonymous += rollup["Anonymous"]
        tables += _kilobytes(Path(f"/proc/{pid}/status").read_text())["VmPTE"]
        inside = False
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                inside = str(folder) in line
            elif inside and line.startswith("Pss:"):
                lists += int(line.split()[1])
    return Memory(pss * 1024, anonymous * 1024, lists * 1024, tables * 1024)


def _kilobytes(text: str) -> dict[str, int]:
    return {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def _touch(lists: MappedLists, _: list[Asked]) -> dict[str, float]:
    """Read a byte of every page."""
    lists.lists()
    places = [place for of_issuer in lists._places.values() for place in of_issuer.values()]
    return {"sum": sum(sum(place.words[::_PAGE]) for place in places), "lists": len(places)}


def _prepare(lists: MappedLists, asked: list[Asked]) -> dict[str, float]:
    """Choose random places of all lists, each as likely as any other, and see that those before were found right."""
    for issuer, pointer in asked[:1000]:
        listed = lists.look_up(issuer, pointer, AT)
        words = lists._places[issuer][pointer.uri].words
        if listed is None or listed.state is not STATES[words[pointer.index // 2] >> 4 * (pointer.index % 2) & 0xF]:
            raise AssertionError("a look-up is wrong")
    chance = random.Random()
    held = lists.lists()
    of = chance.choices(held, weights=[each.capacity for each in held], k=LOOK_UPS)
    # A text of its own for each pointer, as a code's reader makes one: its hash is not known yet.
    asked[:] = [
        (each.name.issuer, StatusPointer(each.name.uri.encode().decode(), chance.randrange(each.capacity)))
        for each in of
    ]
    return {}


def _look_up(lists: MappedLists, asked: list[Asked]) -> dict[str, float]:
    """Look all of them up; tell the seconds that took."""
    look_up = lists.look_up
    start, cpu = perf_counter(), process_time()
    for issuer, pointer in asked:
        look_up(issuer, pointer, AT)
    return {"cpu": process_time() - cpu, "seconds": perf_counter() - start}


def main() -> None:
    """Do what is told."""
    lists = MappedLists(Path(sys.argv[1]))
    asked: list[Asked] = []
    does: dict[str, Callable[[MappedLists, list[Asked]], dict[str, float]]] = {
        "start": lambda *_: {},
        "touch": _touch,
        "prepare": _prepare,
        "look_up": _look_up,
    }
    for line in sys.stdin:
        sys.stdout.write(json.dumps(does[line.strip()](lists, asked)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
