"""What a gateway keeps, by its configuration: where it is, how much, and its deletion.

Rules:

- A folder is deleted only if everything in it is a gateway's, by its name: a wrong path in a configuration must not
  take somebody else's files along.
- A folder or file that a running process has locked is not touched; locks are held until all is gone.
- A folder that is a link, or has one in it, is refused: what it points to would stay, and be thought gone.
- What is deleted is looked for again afterwards.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from gateway.audit.disk import Disk
from gateway.config import Config
from gateway.store.migrations import Dialect
from gateway.store.open import StoreAddress, StoreUnavailable, read_address

LOCK: Final = "lock"

_STATUS: Final = r"lists|token-lists|keeper\.sock|snapshot-.*"
_AUDIT: Final = r"decisions|changes|peers|audit\.sock|positions\..*"
_HANDLES: Final = r"epoch-.*|destroyed-.*|\.new-.*|lock"


class PurgeRefused(Exception):
    """Nothing was deleted: the text says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that is kept."""

    what: str
    """For the operator."""
    path: Path
    names: str | None = None
    """For a folder: what may lie in it, as a regular expression; None: it is a file."""

    @property
    def is_there(self) -> bool:
        """Whether there is anything."""
        return self.path.is_symlink() or self.path.exists()

    def files(self) -> Iterator[Path]:
        """Yield every file of it."""
        if not self.path.is_dir():
            yield from [self.path] if self.is_there else []
            return
        for place, _, names in os.walk(self.path):
            yield from (Path(place) / name for name in names)

    def link(self) -> Path | None:
        """Return a link that it is, or that lies anywhere in it."""
        if self.path.is_symlink():
            return self.path
        inside = self.path.rglob("*") if self.path.is_dir() else ()
        return next((one for one in inside if one.is_symlink()), None)

    def strangers(self) -> list[str]:
        """Return the names of what lies in the folder and is not a gateway's."""
        if self.names is None or not self.path.is_dir():
            return []
        return sorted(one.name for one in self.path.iterdir() if not re.fullmatch(self.names, one.name))


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be deleted."""

    kept: Sequence[Kept]
    store: str | None
    """The address of a store that is a database of its own; None: there is none."""


def plan(config: Config, *, keys_too: bool) -> Plan:
    """Return what a gateway with this configuration keeps. Raises: PurgeRefused."""
    kept: list[Kept] = []
    store = None
    if config.status is not None:
        folder = config.status.directory
        address = _address(config.status.store)
        beside = ""
        if address.path.parent == folder:  # also the file that an address of PostgreSQL is in
            beside = f"|{re.escape(address.path.name)}(-wal|-shm|-journal)?"
        if address.dialect is Dialect.POSTGRESQL:
            store = config.status.store
        elif not beside:
            kept += [Kept("store", address.path.with_name(address.path.name + end)) for end in ("", "-wal", "-shm")]
        kept.append(Kept("live status", folder, _STATUS + beside))
    if config.audit is not None:
        kept.append(Kept("audit log", config.audit.directory, _AUDIT))
    if config.handles is not None:
        kept.append(Kept("keys of handles", config.handles.folder, _HANDLES))
    if keys_too:
        kept += [Kept(option, path) for option, path in _secrets(config)]
    return Plan(tuple(kept), store)


def check(kept: Sequence[Kept]) -> None:
    """Look before anything is deleted. Raises: PurgeRefused."""
    for one in kept:
        if one.names is not None and len(one.path.resolve().parts) < 3:  # the root, or what lies in it
            raise PurgeRefused(f"{one.path}: no gateway keeps its files there")
        if link := one.link():
            raise PurgeRefused(f"{link}: is a link: name the place itself, or delete what it points to by hand")
        if strangers := one.strangers():
            shown = ", ".join(repr(name) for name in strangers[:5])
            raise PurgeRefused(f"{one.path}: {shown} there is no gateway's: move it away, or correct the configuration")


def locked(kept: Sequence[Kept]) -> ExitStack:
    """Lock every folder that a writer locks, for as long as what is returned is open. Raises: PurgeRefused."""
    held = ExitStack()
    for one in kept:
        for file in one.files():
            if file.name != LOCK:
                continue
            fd = os.open(file, os.O_RDWR | os.O_CLOEXEC)
            held.callback(os.close, fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.close()
                raise PurgeRefused(f"{file.parent}: a gateway that runs writes this folder: stop it first") from None
    return held


def delete(one: Kept) -> None:
    """Delete it. Raises: OSError; PurgeRefused if it is still there."""
    if not one.path.is_dir():
        one.path.unlink(missing_ok=True)
    else:
        shutil.rmtree(one.path)
    Disk().sync_folder(one.path.parent)
    if one.is_there:
        raise PurgeRefused(f"{one.path}: is still there")


def _address(store: str) -> StoreAddress:
    try:
        return read_address(store)
    except StoreUnavailable as wrong:
        raise PurgeRefused(str(wrong)) from None


def _secrets(config: Config) -> Iterator[tuple[str, Path]]:
    """Yield option and file of every private key that signs for the gateway, and of the secret of the replay memory."""
    signing = {
        "receipts.signer": config.receipts.signer,
        "conversion.signer": None if config.conversion is None else config.conversion.signer,
        "status.signer": None if config.status is None else config.status.signer,
        "audit.signer": None if config.audit is None else config.audit.signer,
    }
    for option, uri in signing.items():
        parts = urlsplit(uri or "")
        if parts.scheme == "file":
            yield option, Path(unquote(parts.path))
    if config.replay.redis_key is not None:
        yield "replay.redis_key", config.replay.redis_key
