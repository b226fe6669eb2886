"""Lists that are held, tokens that are made of them, and pages over both: fakes that behave."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.web.token_files import ListName, Made, TokenFiles

GZ: ListName = ("https://gz.example", "https://lists.gw.example/gz/1")
HI: ListName = ("https://hi.example", "https://code.hi.example/s/1")


@dataclass(frozen=True)
class Held:
    """A list at a number."""

    name: ListName = GZ
    number: int = 1
    closed: bool = False

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(f"{self.name}{self.number}".encode()).digest()


@dataclass
class Maker:
    """Makes tokens of the lists as they are now, when it is let."""

    lists: dict[ListName, Held] = field(default_factory=dict)
    made: list[tuple[str, int]] = field(default_factory=list)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    broken: Exception | None = None
    running: int = 0
    most_running: int = 0

    def __post_init__(self) -> None:
        self.let.set()

    def hold(self, *held: Held) -> None:
        """Hold these lists, and no other."""
        self.lists = {one.name: one for one in held}

    def move(self, name: ListName = GZ) -> Held:
        """Let a list go on by one."""
        self.lists[name] = replace(self.lists[name], number=self.lists[name].number + 1)
        return self.lists[name]

    async def __call__(self, name: ListName, into: Path) -> Made:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.let.wait()
            if self.broken is not None:
                raise self.broken
            held = self.lists[name]
            self.made.append((name[1], held.number))
            with into.open("xb") as file:
                file.write(body_of(held))
            return Made(held.number, held.digest)
        finally:
            self.running -= 1


def body_of(held: Held) -> bytes:
    """Return the token of a list."""
    return f"{held.name[1]} at {held.number}\n".encode() * 10_000


@dataclass
class Ticks:
    """A monotonic clock that only the test moves."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def files_in(folder: Path) -> Iterator[str]:
    """Yield what lies in a folder."""
    return (file.name for file in sorted(folder.iterdir()))


def read(files: TokenFiles, held: Held) -> asyncio.Task[bytes | None]:
    """Start to read a token."""

    async def reading() -> bytes | None:
        token = await files.token(held)
        if token is None:
            return None
        with token.file:
            return token.file.read()

    return asyncio.create_task(reading())
