"""A process with the shared memory of showings: what `test_processes.py` starts several of.

    python worker.py DESCRIPTOR GATE race COUNT    shows code-0 to code-COUNT once a line comes in
    python worker.py DESCRIPTOR GATE storm SEED    shows codes at random until it is ended
    python worker.py DESCRIPTOR GATE hold          takes all locks and keeps them

It tells each answer in a line of its own: the code's number, and what was seen.
"""

from __future__ import annotations

import os
import random
import sys
import time

from gateway.replay.locks import RecordLocks
from gateway.replay.memory import map_shared
from gateway.replay.showing import Showing
from gateway.replay.table import ShowingTable
from gateway.values import CodeMarks, Instant, IssuerId

PATIENCE_S = 60.0
"""A test machine may be crowded; nobody is stopped in these tests."""

CODES_OF_A_STORM = 400


def main() -> None:
    """Do what the arguments say."""
    descriptor, gate, task, *more = sys.argv[1:]
    locks = RecordLocks(int(descriptor), patience_s=PATIENCE_S)
    memory = map_shared(int(descriptor))
    table = ShowingTable(memory, len(memory), same_passage_s=10.0, locks=locks)

    def show(number: int) -> None:
        at = Instant(time.time())
        marks = CodeMarks(IssuerId("https://code.gz.example"), b"", b"code-%d" % number, Instant(at + 200))
        seen = table.show(Showing(marks, gate.encode(), at, 1)).seen
        os.write(1, f"{number} {seen.name}\n".encode())

    if task == "hold":
        locks.take(0, 256)
        os.write(1, b"held\n")
        time.sleep(600)
    elif task == "race":
        os.write(1, b"here\n")
        sys.stdin.readline()
        for number in range(int(more[0])):
            show(number)
    else:
        chance = random.Random(int(more[0]))
        while True:
            show(chance.randrange(CODES_OF_A_STORM))


main()
