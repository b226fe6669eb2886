"""The keys in force. A handle is made with the key of the epoch that the call's instant lies in, and with no other.

Rules:

- Keys are read at looks, never for a call: a call waits for no disk. The next epoch's key is made ahead of its time, so
  that the turn of an epoch is not noticed.
- A key is destroyed at the first look after its epoch has ended. It is kept for nothing: handles are only ever made
  with the key of now.
- No key, no handle: then whoever asks for one is not answered (NotReady), because an answer without one would look like
  a person who has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.errors import NotReady
from gateway.values import Caller, CodeMarks, Instant, PairwiseHandle
from keys.epoch_keys import Epoch, EpochFolder, EpochKey, EpochKeyUnavailable, KeyFault, WhichKey, epoch_at

from .observer import HandleObserver
from .pairwise import handle_for

AHEAD: Final = 8
"""The next key is made in the last eighth of an epoch."""


@dataclass(frozen=True, slots=True)
class HandleSettings:
    """How handles are made."""

    epoch_s: int
    """Seconds of an epoch."""
    makes_keys: bool = True
    """Whether this gateway makes keys; else they are put into the folder by somebody else."""


class Handles:
    """The handles of one process. `look` waits for the disk: call it in a thread, one at a time."""

    __slots__ = ("_folder", "_held", "_observer", "_settings", "ready")

    def __init__(self, folder: EpochFolder, settings: HandleSettings, observer: HandleObserver) -> None:
        self._folder = folder
        self._settings = settings
        self._observer = observer
        self._held: tuple[EpochKey, ...] = ()
        self.ready = False
        """Whether the last look found the key of now."""

    def look(self, at: Instant) -> None:
        """Have the key of now and, when it is due, the next one; destroy those of epochs that have ended.

        What cannot be had is told to the observer, and is tried again at the next look. Never raises for a key.
        """
        now = epoch_at(at, self._settings.epoch_s)
        next_is_due = at >= now.end - self._settings.epoch_s / AHEAD
        held = []
        wanted = {WhichKey.CURRENT: now, WhichKey.NEXT: now.next}
        for which in (WhichKey.CURRENT, WhichKey.NEXT) if next_is_due else (WhichKey.CURRENT,):
            key = self._key(which, wanted[which])
            if key is not None:
                held.append(key)
        self._held = tuple(held)
        self.ready = any(one.epoch == now for one in held)
        self._destroy_ended(at)
        self._observer.keys_held(
            now if self.ready else None,
            next_is_due=next_is_due,
            next_is_held=any(one.epoch == now.next for one in held),
        )

    def handle_for(self, caller: Caller, marks: CodeMarks, at: Instant) -> PairwiseHandle:
        """Return the handle of a person for `caller`. Raises: NotReady if there is no key for `at`."""
        for key in self._held:
            if key.epoch.covers(at):
                self._observer.handle_given()
                return handle_for(caller, marks, key)
        raise NotReady("no key for handles")

    def _key(self, which: WhichKey, epoch: Epoch) -> EpochKey | None:
        try:
            key, made = self._folder.key(epoch, make=self._settings.makes_keys)
        except EpochKeyUnavailable as refused:
            self._observer.key_unavailable(which, refused.fault, refused.why)
            if refused.fault is KeyFault.UNUSABLE:  # the disk is away: the key is not
                return next((one for one in self._held if one.epoch == epoch), None)
            return None
        if made:
            self._observer.key_made(epoch)
        return key

    def _destroy_ended(self, at: Instant) -> None:
        try:
            ended = [epoch for epoch in self._folder.epochs() if epoch.end <= at]
            if ended:
                self._observer.keys_destroyed(len(self._folder.destroy(ended)))
        except EpochKeyUnavailable as refused:
            self._observer.key_unavailable(WhichKey.ENDED, refused.fault, refused.why)


def open_handles(folder: EpochFolder, settings: HandleSettings, observer: HandleObserver, at: Instant) -> Handles:
    """Return the handles of a folder, after a first look.

    Raises: EpochKeyUnavailable (UNUSABLE) if the folder cannot be used at all. That it has no key for now does not stop
    a start: verdicts are more than handles.
    """
    folder.open(at)
    handles = Handles(folder, settings, observer)
    handles.look(at)
    return handles
