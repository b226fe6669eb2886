"""Where plain Token Status Lists are kept that are followed: as files like other lists', in a folder of their own.

They have no log: their issuer publishes them whole. So what must not go back, the time of the newest one, stands beside
each, written before the list is.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.changes import BatchDigest, ListHead, ListName, StoreDegraded
from gateway.follow.token_list_source import HeldTokenList, TakenTokenList
from gateway.held.layout import Mark, file_name
from gateway.held.list_files import ListFiles, SetAside
from gateway.values import Instant

_TIMES: Final = ".times"
_NO_BATCH: Final = BatchDigest(bytes(32))


@dataclass(frozen=True, slots=True)
class _Times:
    """What is written beside a list."""

    issued: Instant
    expires: Instant | None

    def are_of(self, issued: Instant, at: Instant) -> bool:
        """Tell whether they are those of the list that was issued then, and let it be said at `at`."""
        return self.issued == issued and (self.expires is None or at < self.expires)

    def encoded(self) -> bytes:
        return json.dumps({"issued": self.issued, "expires": self.expires}).encode()


class TokenListFiles:
    """Keeps the lists of `names`, and no others. See gateway.follow.token_list_source.TokenListSink."""

    def __init__(self, folder: Path, names: Sequence[ListName], at: Instant) -> None:
        """Open the folder, and show what may still be said at `at`. Raises: FolderInUse, OSError."""
        self._folder = folder
        self._files = ListFiles(folder)
        self._held: dict[ListName, HeldTokenList] = {}
        self.changed: Callable[[ListName], None] = lambda _: None
        """Told of each list that was taken or has lapsed."""
        held = self._files.open_all()
        for name in [name for name in held if name not in set(names)]:
            self._files.drop(name)
        for name in names:
            times = self._read(name)
            found = held.get(name)
            if times is not None:
                self._held[name] = HeldTokenList(times.issued, times.expires)
            if found is not None:
                # Shown if the file is the one that the times are of, and not over; else it is fetched anew. Whoever
                # lets it lapse begins much later: all other lists are brought up to their log before.
                if times is not None and found.mark is not None and times.are_of(found.mark.issued, at):
                    found.show(found.mark.number, found.mark.issued)
                else:
                    found.hide()

    @property
    def set_aside(self) -> Sequence[SetAside]:
        """Files that are not what was left there."""
        return self._files.set_aside

    def held(self, name: ListName) -> HeldTokenList | None:
        """See TokenListSink."""
        return self._held.get(name)

    def head(self, name: ListName) -> ListHead | None:
        """Return how a list that is shown is held; None if none is. Its number is the time of its token."""
        found = self._files.lists.get(name)
        if found is None or found.shown is None:
            return None
        number, issued = found.shown
        return ListHead(name, found.capacity, number, _NO_BATCH, issued, opened=issued)

    async def take(self, taken: TakenTokenList) -> None:
        """See TokenListSink."""
        times = _Times(taken.issued, taken.expires)
        try:
            await asyncio.to_thread(self._take, taken, times)
        except OSError as failed:
            raise StoreDegraded(f"token list: {failed.strerror}") from failed
        self._held[taken.name] = HeldTokenList(taken.issued, taken.expires)
        self.changed(taken.name)

    async def lapse(self, name: ListName) -> None:
        """See TokenListSink."""
        found = self._files.lists.get(name)
        if found is not None:
            found.hide()
            self.changed(name)

    def close(self) -> None:
        """Let go of the folder."""
        self._files.close()

    def _take(self, taken: TakenTokenList, times: _Times) -> None:
        place = self._times_file(taken.name)
        fresh = place.with_suffix(".new")
        with fresh.open("wb") as out:
            out.write(times.encoded())
            out.flush()
            os.fsync(out.fileno())
        fresh.rename(place)
        mark = Mark(int(taken.issued), _NO_BATCH, taken.issued)
        self._files.replace(taken.name, taken.capacity, taken.words, mark)

    def _read(self, name: ListName) -> _Times | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self._times_file(name).read_bytes())
            expires = found["expires"]
            return _Times(Instant(float(found["issued"])), None if expires is None else Instant(float(expires)))
        return None

    def _times_file(self, name: ListName) -> Path:
        return (self._folder / file_name(name)).with_suffix(_TIMES)
