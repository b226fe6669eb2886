"""The log events of handles: the keys of epochs. Rules as in `events.py`; no key and no handle stands in one."""

from __future__ import annotations

from dataclasses import dataclass

from .event import Event


@dataclass(frozen=True, slots=True)
class HandleKeyMade(Event):
    """The key of an epoch was made by this process. Times are in seconds since 1970."""

    name = "handle_key_made"
    epoch_start: int
    epoch_end: int


@dataclass(frozen=True, slots=True)
class HandleKeysDestroyed(Event):
    """The keys of so many epochs that have ended were destroyed by this process: their handles mean nothing now."""

    name = "handle_keys_destroyed"
    epochs: int


@dataclass(frozen=True, slots=True)
class HandleKeyUnavailable(Event):
    """A key cannot be had, or cannot be destroyed (`what`: ended). Told once, until it is well again."""

    name = "handle_key_unavailable"
    severity = "error"
    what: str
    fault: str
    why: str


@dataclass(frozen=True, slots=True)
class HandleKeyBack(Event):
    """What could not be had is there again."""

    name = "handle_key_back"
