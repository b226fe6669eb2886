"""One list as it is held: its head, its file, and how both follow the log.

Rules:

- The log first, the file after: nothing is written to a file that the log does not hold.
- The file is a cache. Its checkpoint tells which batches its words are on disk for; what the log has above is written
  again after a crash, and then only the last word of each place, so that no reader ever sees an older one come back.
  What cannot be brought down to last words (blocks, or too many) is written while the list is hidden.
- A file that does not fit the log is not used. If the log reaches back to number 1 a new one is made of it, else the
  list is not whole: a snapshot is needed, and until then nothing is taken.
- A file whose fsync failed is copied into a new one as of its checkpoint, and the log's batches are written above.

Whoever calls a method that writes has the list to herself (lane.py).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from gateway.changes import BatchDigest, ListHead, ListName, StatusBatch, StoreDegraded
from gateway.held.layout import Mark
from gateway.held.list_files import ListFiles, WritableList
from gateway.store.change_log import ListRow

from .check import head_after
from .means import Means
from .observer import SetAside, Source
from .replay import Unfit, fitting, has_group, replay
from .settings import READ_BYTES, WARM_S
from .subscriptions import Applied


class HeldList:
    """A list. `head` is None until it is opened; `file` is None while nothing of it can be read."""

    def __init__(self, name: ListName, means: Means) -> None:
        """Hold nothing of it yet."""
        self.name = name
        self.head: ListHead | None = None
        self.file: WritableList | None = None
        self.base = 0
        """Batches up to this number are not in the log."""
        self.whole = True
        """Whether it can go on: False if the log's next batch cannot be had, or its words are not to be believed."""
        self.changed: bool | None = None
        """Whether it has had a group; None: not known, look into the log."""
        self._means = means
        self._warm_until = 0.0
        self._behind = False  # the file holds less than `head` says
        self._seen = 0  # what readers have seen of a file that was ahead of the log: less is not shown
        self._disk = asyncio.Lock()  # the file is not replaced while a thread works on it

    @property
    def needs_mending(self) -> bool:
        """Whether `mend` has something to do."""
        return self.file is not None and (self.file.distrusted or self._behind)

    @property
    def number(self) -> int:
        """The highest number that is held, 0 if none is."""
        return 0 if self.head is None else self.head.number

    def apply(self, batch: StatusBatch, digest: BatchDigest, signed: bytes, source: Source) -> None:
        """Let all readers see a batch that the log holds: words, then number, then whoever listens."""
        means, opens = self._means, self.head is None
        head = head_after(self.head, batch, digest)
        unseen = self.file is not None and self.file.shown is None
        if self.file is not None:
            if batch.closing:
                self.file.hide()
            else:
                for block in batch.blocks:
                    self.file.write_block(block.first, block.words)
                for group in batch.groups:
                    self.file.write_group(group.word, group.indices)
                self.file.show(batch.number, batch.issued)
        self.head = head
        if batch.groups:
            self.changed = True
        elif opens:
            self.changed = False
        means.count(batch.changes)
        means.subscriptions.tell(Applied(self.name, batch.number, signed, batch))
        if unseen and not opens and self.file is not None and self.file.shown is not None:
            means.subscriptions.tell_of_jump()  # all of it can be read again, not only what this batch wrote
        age = max(0.0, means.clock() - batch.issued)
        means.observer.batch_applied(self.name, batch.changes, age, source)
        if opens:
            means.observer.list_opened(self.name, head.capacity)

    async def close(self) -> None:
        """Take the file of a closed list away. Nobody can see it any more, whether the disk takes that or not."""
        self._means.room.close(self.name)
        self._means.observer.list_closed(self.name)
        await self.drop()

    async def drop(self) -> None:
        """Let go of the file, if there is one. Raises: StoreDegraded."""
        async with self._disk:
            if self.file is not None:
                self.file = None
                await self._means.with_files(lambda: self._means.files.drop(self.name))

    async def make_file(self, capacity: int, seen: int = 0) -> None:
        """Make the file of a new list, hidden; if readers have `seen` more of it, until then. Raises: StoreDegraded."""
        async with self._disk:
            self.file = await self._means.with_files(lambda: self._means.files.create(self.name, capacity))
            self.file.hide_until(seen)

    async def catch_up(self) -> None:
        """Apply what another process has put into the log. Raises: StoreDegraded."""
        means = self._means
        await self.mend()
        while self.whole:
            logged = await means.health.tried(means.log.read(self.name, self.number, READ_BYTES))
            if not logged:
                return
            for one in logged:
                try:
                    batch = fitting(means, one, self.head)
                except Unfit:
                    self._lose(SetAside.BEHIND_LOG if one.number > self.number + 1 else SetAside.UNFIT_BATCH)
                    return
                if self.head is None:
                    await self.make_file(batch.capacity or 0)
                    means.room.take(self.name, batch.capacity or 0)
                self.apply(batch, one.digest, one.signed, Source.OTHER_NODE)
                if batch.closing:
                    await self.close()
                await asyncio.sleep(0)

    async def restore(self, row: ListRow) -> None:
        """Become what the log's row says, after a start; `file` is what was found. If it fails it may be called again.

        1. a closed list needs no file
        2. a file that fits goes on from its checkpoint; one that does not is put aside: it may be the log that is wrong
        3. without one, and with all of the log, it begins anew
        4. else it is not whole
        5. what the log has above is written

        Raises: StoreDegraded.
        """
        means = self._means
        self.base, self.whole = row.base, True
        self.changed = True if row.base else None
        head = _head_of(row)
        # 1
        if row.closed:
            await self.drop()
            self.head = head
            means.room.close(self.name)
            return
        means.room.take(self.name, row.capacity)
        # 2
        misfit = None if self.file is None else _misfit(self.file, row)
        if misfit is SetAside.AHEAD_OF_LOG and self.file is not None:
            self._seen = self.file.reached
        if misfit is not None:
            means.observer.list_set_aside(self.name, misfit)
            async with self._disk:
                self.file = None
                await means.with_files(lambda: means.files.put_aside(self.name))
        # 3
        if self.file is None and not row.base:
            await self.make_file(row.capacity, self._seen)
        # 4
        if self.file is None:
            self.head = head
            self._lose(SetAside.BEHIND_LOG)
            return
        # 5
        if self.file.mark is None:
            self.file.hide()
            self.file.clear()
        await self._write_above_mark(self.file, head)

    async def replace(self, row: ListRow, head: ListHead, raw: Path) -> None:
        """Become what a snapshot says, of which the log holds the last batch. Raises: StoreDegraded.

        Until its file is in place the list is not whole.
        """
        means = self._means
        opens, was_closed = self.head is None, self.head is not None and self.head.closed
        self.head, self.base, self.changed, self.whole = _head_of(row), row.base, True, False
        if row.closed:
            if self.file is not None:
                self.file.hide()
            self.whole = True
            if not was_closed:
                await self.close()
            return
        means.room.take(self.name, row.capacity)
        mark = Mark(head.number, head.digest, head.issued)
        held = max(row.last, self._seen)
        async with self._disk:
            self.file = await means.with_files(lambda: means.files.replace(self.name, row.capacity, raw, mark, held))
            if held > head.number:
                self.file.hide_until(held)
            self._behind = True
        self.whole = True
        await self._write_above_mark(self.file, self.head)
        if opens:
            means.observer.list_opened(self.name, row.capacity)

    async def mend(self) -> None:
        """Go on in a new file if an fsync of this one has failed. To be called again if it fails.

        Raises: StoreDegraded.
        """
        means, head, before = self._means, self.head, self.file
        if before is None or head is None:
            return
        if before.distrusted:
            means.observer.list_set_aside(self.name, SetAside.FAILED_SYNC)
            async with self._disk:
                self._behind = True
                self.file = await means.with_files(lambda: _copied(means.files, before, self.name))
        if self._behind and self.file is not None:
            await self._write_above_mark(self.file, head)

    async def checkpoint(self) -> bool:
        """Write down that all up to now is on disk, if anything came. Batches may be applied meanwhile.

        Raises: StoreDegraded; then this file is not trusted any more.
        """
        async with self._disk:
            file, head = self.file, self.head
            if file is None or head is None or file.distrusted or self._behind or head.number <= file.checkpointed:
                return False
            try:
                await asyncio.to_thread(file.sync)
                await asyncio.to_thread(file.checkpoint, head.number, head.digest, head.issued)
            except OSError as failed:
                raise self._means.health.failed(f"list file: {failed.strerror}") from failed
            return True

    async def was_changed(self) -> bool:
        """Tell whether the list has had a group, by the log if need be. Raises: StoreDegraded."""
        if self.changed is None:
            self.changed = await has_group(self._means, self.name, self.base)
        return self.changed

    async def distrust(self) -> None:
        """Let readers find no list here until a snapshot was taken over: its issuer says that it reads otherwise.

        The file goes, so that no restart shows it again. Raises: StoreDegraded.
        """
        if self.file is not None:
            self.file.hide()
        self._lose(SetAside.DISTRUSTED)
        await self.drop()

    async def warm(self) -> None:
        """Bring the file into memory, unless that was done a moment ago or a thread works on it: then it is slower."""
        now = asyncio.get_running_loop().time()
        if self.file is None or self._disk.locked() or now < self._warm_until:
            return
        async with self._disk:
            file = self.file
            self._warm_until = now + WARM_S
            with suppress(OSError):
                await asyncio.to_thread(file.warm)

    async def _write_above_mark(self, file: WritableList, head: ListHead) -> None:
        """Write what the log has above the file's checkpoint; the list is known up to `head`. Raises: StoreDegraded."""
        self.head, self._behind = head, True
        mark = file.mark
        if file.checkpointed < head.number:
            await self.warm()
        begin = None if mark is None else ListHead(self.name, head.capacity, *mark, head.opened)
        try:
            after = await replay(self._means, self.name, file, begin)
            if after is None or after.number < head.number:
                raise Unfit  # what was acknowledged is not in the log any more
        except Unfit:
            self._lose(SetAside.UNFIT_BATCH)
            await self.drop()
            return
        self.head, self._behind = after, False
        file.show(after.number, after.issued)

    def fall_behind(self, row: ListRow, *, tell: bool = True) -> None:
        """Take note that the log does not reach back to where the list is: a snapshot is needed, or at hand."""
        if self.head is None:
            self.head = _head_of(row)
            self._means.room.take(self.name, row.capacity)
        self.base = row.base
        if self.whole and tell:
            self._means.observer.list_set_aside(self.name, SetAside.BEHIND_LOG)
        self.whole = False

    def _lose(self, why: SetAside) -> None:
        self.whole = False
        self._means.observer.list_set_aside(self.name, why)

    def refuse_unless_whole(self) -> None:
        """Raise StoreDegraded if a snapshot is needed before anything can be taken."""
        if not self.whole:
            raise StoreDegraded("a snapshot of this list is needed")


def _head_of(row: ListRow) -> ListHead:
    return ListHead(row.name, row.capacity, row.last, row.digest, row.issued, row.opened, row.closed)


def _copied(files: ListFiles, before: WritableList, name: ListName) -> WritableList:
    """Put a new file, as of the checkpoint of the one before, into its place. Raises: OSError."""
    if before.mark is None:
        return files.create(name, before.capacity)
    copy = before.path.with_suffix(".copy.new")
    copy.unlink(missing_ok=True)
    try:
        before.copy_to(copy)
        return files.replace(name, before.capacity, copy, before.mark)
    finally:
        copy.unlink(missing_ok=True)


def _misfit(file: WritableList, row: ListRow) -> SetAside | None:
    """Tell why a file is not the one of a row of the log; None if it is."""
    if file.capacity != row.capacity:
        return SetAside.OTHER_CAPACITY
    number = file.checkpointed
    if max(number, 0 if file.shown is None else file.shown[0]) > row.last:
        return SetAside.AHEAD_OF_LOG
    if number < row.base:
        return SetAside.BEHIND_LOG
    if file.mark is not None and number == row.last and file.mark.digest != row.digest:
        return SetAside.UNFIT_BATCH
    return None
