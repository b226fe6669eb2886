"""The keeper as a process of its own: what the supervisor starts beside the workers."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.app import App
from gateway.config import Config
from gateway.config.audit import AnswerWhen
from gateway.duties import Duties
from gateway.watch.logs import EventLog

NICENESS: Final = 10
"""A gate waits for a verdict, nobody waits for a list: where both want a core, the workers have it first.

Not where answers wait for their audit entry: then every verdict waits for the keeper.
"""


class Keeper(App):
    """A process that keeps the lists and answers nothing about codes."""

    def __init__(self, config: Config, *, log: EventLog, http_socket: Path) -> None:
        """Load everything; open nothing. It tells of itself on `http_socket`. Raises: StartRefused."""
        super().__init__(config, log=log, duties=Duties.KEEP, http_socket=http_socket)
        self._waited_for = config.audit is not None and config.audit.answer is AnswerWhen.AFTER_COMMIT

    async def start(self) -> None:
        """See App; then make way for the workers. Not before: who starts is waited for."""
        await super().start()
        if self._waited_for:
            return
        with suppress(OSError):  # a sandbox may forbid it: then all are equal
            os.nice(NICENESS)
