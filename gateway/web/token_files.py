"""The tokens of the lists that are served, in files: one for each list, made when it is asked for.

Rules:

- A token is made at most once for a number of its list, and not before `every_s` have gone by since the last one: until
  then the last one is what is served. A list that changes each second must not be packed each second.
- One is made at a time, whoever asks; who asks for the same one waits for the same one. Nobody waits longer than
  `patience_s`: then the last one is served, or none.
- What is served is an open file, which stays what it was when a newer one takes its place.
- The folder is a cache: what lies in it from an earlier run is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, Protocol

ListName = tuple[str, str]
"""Issuer and address."""

_SUFFIX: Final = ".statuslist"


class HeldList(Protocol):
    """A list that is held, as far as it concerns who asks for it."""

    @property
    def name(self) -> ListName:
        """Whose it is, and its address."""
        ...

    @property
    def number(self) -> int:
        """Up to which batch."""
        ...

    @property
    def digest(self) -> bytes:
        """Of that batch."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it says nothing any more."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """What a token that was made is of."""

    number: int
    digest: bytes


MakeToken = Callable[[ListName, Path], Awaitable[Made]]
"""Writes the token of a list as it is now into a new file. Blocking work is done in a thread."""


@lru_cache(4_096)
def list_id(name: ListName) -> str:
    """Return what a list is called where its own address is no address of ours: 43 letters."""
    return urlsafe_b64encode(hashlib.sha256("\0".join(name).encode()).digest()).rstrip(b"=").decode()


def tag_of(number: int, digest: bytes) -> str:
    """Return the entity tag of a list at a number. Weak: a token that is signed again says the same in other bytes."""
    return f'W/"{number}-{digest[:12].hex()}"'


@dataclass(frozen=True, slots=True)
class _Kept:
    tag: str
    path: Path
    made_time: float


@dataclass(frozen=True, slots=True)
class Token:
    """A token to be served: its tag, and its bytes as an open file, which whoever takes it closes."""

    tag: str
    file: BinaryIO


class TokenFiles:
    """The tokens of one gateway's lists. Use from one event loop."""

    def __init__(
        self,
        folder: Path,
        make: MakeToken,
        *,
        failed: Callable[[BaseException], None],
        every_s: float = 60.0,
        patience_s: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take an empty folder, or one that an earlier run left. `failed` is told when a token cannot be made."""
        self._folder = folder
        self._make = make
        self._failed = failed
        self._every_s = every_s
        self._patience_s = patience_s
        self._clock = clock
        self._kept: dict[ListName, _Kept] = {}
        self._making: dict[ListName, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f"*{_SUFFIX}*"):
            left.unlink(missing_ok=True)

    def tag(self, held: HeldList) -> str | None:
        """Return the tag of what would be served now without making anything; None if something must be made."""
        current = tag_of(held.number, held.digest)
        kept = self._kept.get(held.name)
        if kept is not None and (kept.tag == current or self._clock() - kept.made_time < self._every_s):
            return kept.tag
        return None

    async def token(self, held: HeldList) -> Token | None:
        """Return the token of a list; None if there is none yet, and it could not be made in time."""
        if self.tag(held) is None:
            task = self._making.get(held.name)
            if task is None:
                task = asyncio.create_task(self._made(held.name))
                self._making[held.name] = task
            await asyncio.wait([task], timeout=self._patience_s)
        for _ in range(2):  # twice: a newer one may take the place of the file before it is open
            kept = self._kept.get(held.name)
            if kept is None:
                break
            with contextlib.suppress(FileNotFoundError):
                return Token(kept.tag, await asyncio.to_thread(kept.path.open, "rb"))
        return None

    def keep_only(self, names: Collection[ListName]) -> None:
        """Drop the tokens of all other lists."""
        for name in [name for name in self._kept if name not in names]:
            self._kept.pop(name).path.unlink(missing_ok=True)

    async def close(self) -> None:
        """End what is being made."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _made(self, name: ListName) -> None:
        new = self._folder / f"{list_id(name)}{_SUFFIX}.new"
        try:
            async with self._one_at_a_time:
                new.unlink(missing_ok=True)
                made = await self._make(name, new)
                path = new.with_name(f"{list_id(name)}.{made.number}{_SUFFIX}")
                new.replace(path)
                before = self._kept.get(name)
                self._kept[name] = _Kept(tag_of(made.number, made.digest), path, self._clock())
                if before is not None and before.path != path:
                    before.path.unlink(missing_ok=True)
        except Exception as exc:  # noqa: BLE001 whatever it is, others are served still
            self._failed(exc)
        finally:
            del self._making[name]
