"""Publishes prepared batches on time, in a process of its own, so that it takes no turn of whoever measures.

`python -m tests.bench.nation_drip TARGET FILE`: FILE holds one batch after another (`write_batches`); each is sent when
it is due, a list's one after another. Writes "ready" to standard output when it is connected, and reads the instant at
which to begin (CLOCK_MONOTONIC) from standard input.
"""

from __future__ import annotations

import asyncio
import gc
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import grpc

from gateway.rpc.methods import STATUS

_HEAD: Final = struct.Struct("=dII")


@dataclass(frozen=True, slots=True)
class DueBatch:
    """One batch to be published: when, from the beginning on, and of which list."""

    due_s: float
    list_number: int
    request: bytes = field(repr=False)


def write_batches(path: Path, batches: Iterable[DueBatch]) -> None:
    """Write what is to be published."""
    with path.open("wb") as out:
        for one in batches:
            out.write(_HEAD.pack(one.due_s, one.list_number, len(one.request)) + one.request)


def read_batches(path: Path) -> Iterator[DueBatch]:
    """Yield what was written."""
    with path.open("rb") as source:
        while head := source.read(_HEAD.size):
            due_s, list_number, length = _HEAD.unpack(head)
            yield DueBatch(due_s, list_number, source.read(length))


class Drip:
    """A process that publishes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        if process.stdin is None or process.stdout is None:
            raise ValueError("no pipes")
        self._orders: IO[bytes] = process.stdin
        self._answers: IO[bytes] = process.stdout
        if self._answers.readline() != b"ready\n":
            raise AssertionError("the publisher did not start")

    def begin(self, at: float) -> None:
        """Let it begin at an instant of CLOCK_MONOTONIC."""
        self._orders.write(f"{at}\n".encode())
        self._orders.flush()

    def end(self) -> None:
        """Wait until everything is published. Raises: AssertionError if something was refused."""
        if self._process.wait(120) != 0:
            raise AssertionError("a batch was not taken")


@contextmanager
def drip(target: str, path: Path) -> Iterator[Drip]:
    """Give a process that is ready to publish the batches of a file."""
    command = [sys.executable, "-m", "tests.bench.nation_drip", target, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Drip(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


async def _publish(target: str, path: Path) -> None:
    os.nice(10)  # it stands for other machines
    by_list: dict[int, list[DueBatch]] = {}
    for one in read_batches(path):
        by_list.setdefault(one.list_number, []).append(one)
    options = [("grpc.max_send_message_length", 8 << 20), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        await channel.channel_ready()
        call: Any = channel.unary_unary(f"/{STATUS}/PublishChanges")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        began = float(await asyncio.to_thread(sys.stdin.readline))
        gc.disable()

        async def one_list(batches: list[DueBatch]) -> None:
            for one in batches:
                late = began + one.due_s - time.monotonic()
                if late > 0:
                    await asyncio.sleep(late)
                await call(one.request, timeout=30)

        await asyncio.gather(*map(one_list, by_list.values()))


if __name__ == "__main__":
    asyncio.run(_publish(sys.argv[1], Path(sys.argv[2])))
