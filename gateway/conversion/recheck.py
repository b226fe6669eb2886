"""The task that looks at originals again, so that a later red reaches the codes that were made from them.

Rules:

- A signed original is verified anew: against the trust, the revocations and the lists that are in force now. That asks
  nobody, and gives others their turn.
- The issuer of an opaque original is asked anew: at most so many questions in a second to one province, and so many at
  a time. A province that does not answer holds up nobody else's.
- A fault of ours in one look is silence for that original, and ends neither the task nor another look.
- Nothing of a code, a question or an answer is kept here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from gateway.errors import NotReady
from gateway.values import Decision, DivisionCode, Instant, IssuerId, OpaqueCode, Way

from .bindings import Original
from .converter import Converter
from .heard import heard
from .observer import ConversionObserver, NobodyObserves, RecheckOutcome

LOOK_S: Final = 1.0
"""Seconds between two looks at what is due."""

SIGNED_PER_LOOK: Final = 2_000
SLICE: Final = 16
"""Signed originals between which others get their turn: some 2 ms of one core."""

IN_FLIGHT: Final = 4
"""Questions to one province at a time."""


class JudgesCodes(Protocol):
    """The pipeline, as this task sees it."""

    def verify(
        self, code: bytes, *, at: Instant, division: DivisionCode | None, way: Way = Way.VERIFY
    ) -> Decision | OpaqueCode:
        """Return the decision on `code`, or what its issuer must be asked. Raises NotReady if nothing can be judged."""
        ...

    async def ask_issuer(
        self, code: OpaqueCode, *, at: Instant, division: DivisionCode | None, time_left: float, way: Way = Way.VERIFY
    ) -> Decision:
        """Return the decision on an opaque code, within `time_left` seconds."""
        ...


class Rechecks:
    """Looks again and again. Make, start and stop it in the same event loop."""

    def __init__(
        self,
        converter: Converter,
        pipeline: Callable[[], JudgesCodes],
        clock: Callable[[], Instant],
        observer: ConversionObserver | None = None,
    ) -> None:
        """Take whose conversions, and who judges: asked for at each look, so that a reload shows."""
        self._bindings = converter.bindings
        self._settings = converter.settings
        self._pipeline = pipeline
        self._clock = clock
        self._observer = observer or NobodyObserves()
        self._asking: dict[IssuerId, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin. Called again, it does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """End now: looks that are under way are cut off. Called again, it does nothing."""
        tasks = [*self._asking.values(), *([self._task] if self._task is not None else [])]
        self._task = None
        self._asking = {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def run(self) -> None:
        """Look at what is due, once a second, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except Exception as failure:  # noqa: BLE001 one look that fails must not be the last one
                self._observer.recheck_failed(failure)

    def trust_changed(self) -> None:
        """Look at each signed original again, from the next look on: a key or a code may have been revoked."""
        self._bindings.all_due(self._clock())

    async def look(self) -> None:
        """Look at what is due now: at the signed originals to the end; of the others the questions are only begun."""
        at = self._clock()
        more = True
        while more:
            more = self._bindings.drop_ended(at)
            await asyncio.sleep(0)
        for issuer in self._bindings.issuers_to_ask():
            if issuer not in self._asking:
                due = self._bindings.take_due(at, issuer, self._settings.questions_per_s)
                if due:
                    self._asking[issuer] = asyncio.create_task(self._ask_about_each(issuer, due))
        for number, original in enumerate(self._bindings.take_due(at, None, SIGNED_PER_LOOK), start=1):
            await self._look_at(original)
            if number % SLICE == 0:
                await asyncio.sleep(0)

    async def answered(self) -> None:
        """Wait until no question is under way."""
        while self._asking:
            await asyncio.gather(*self._asking.values())

    async def _ask_about_each(self, issuer: IssuerId, due: list[Original]) -> None:
        waiting = iter(due)

        async def one_after_another() -> None:
            for original in waiting:
                await self._look_at(original)

        try:
            await asyncio.gather(*(one_after_another() for _ in range(min(IN_FLIGHT, len(due)))))
        finally:
            self._asking.pop(issuer, None)

    async def _look_at(self, original: Original) -> None:
        if not original.places:
            return
        try:
            said = heard(await self._judge(original))
        except (NotReady, TimeoutError):
            said = None
        except Exception as failure:  # noqa: BLE001 see the rules
            self._observer.recheck_failed(failure)
            said = None
        worse = self._bindings.hear(original, said, self._clock())
        outcome = RecheckOutcome.SILENT if said is None else RecheckOutcome.WORSE if worse else RecheckOutcome.STANDS
        self._observer.original_rechecked(outcome)

    async def _judge(self, original: Original) -> Decision:
        pipeline, at, division = self._pipeline(), self._clock(), original.division
        found = pipeline.verify(original.code.open(), at=at, division=division, way=Way.CONVERT)
        if isinstance(found, Decision):
            return found
        return await asyncio.wait_for(
            pipeline.ask_issuer(found, at=at, division=division, time_left=self._settings.ask_s, way=Way.CONVERT),
            self._settings.ask_s * 2,
        )
