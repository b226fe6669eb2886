"""What can be chosen about writing the audit log, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FRAME_ENTRIES: Final = 1_024
FRAME_BYTES: Final = 512 * 1_024
"""Of one frame: what has queued up since the last one goes together, up to so much."""

WINDOW_ENTRIES: Final = 4_096
"""Sent and not acknowledged yet, of one process: what the owner must look back for after it was killed."""

STALL_S: Final = 2.0
"""Seconds after which a write that has not come back is told as a log that cannot be written."""

RETRY_S: Final = 0.25
"""Between two tries of a log that cannot be written."""


class Answer(StrEnum):
    """When an answer is sent."""

    AFTER_COMMIT = "after_commit"
    """Once its entry is durable."""
    AT_ONCE = "at_once"
    """Before: what a process had not handed over when it was killed is missing, and that it may be is written down."""


class WhenUnavailable(StrEnum):
    """What is done while the log cannot be written."""

    REFUSE = "refuse"
    """Nobody gets an answer that leaves no trace."""
    ANSWER = "answer"
    """Entries wait in memory, as many as may; what is lost is counted, and the count is written once it can be."""


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """How entries are kept until they are written."""

    answer: Answer = Answer.AFTER_COMMIT
    wait_s: float = 0.25
    """How long an answer waits for its entry, and how old an entry may get before the log counts as unavailable."""
    when_unavailable: WhenUnavailable = WhenUnavailable.REFUSE
    queue: int = 65_536
    """Entries of one log that one process keeps at most."""

    @property
    def may_lose(self) -> bool:
        """Whether an answer may be given whose entry a killed process takes with it."""
        return self.answer is Answer.AT_ONCE or self.when_unavailable is WhenUnavailable.ANSWER
