"""The people of one simulated province: who has which colour when, and what their codes are.

- Deterministic: the same seed, size and clock give the same people, colours and codes.
- A colour has a history. `set` writes a change of now, `plan` one of later; nothing is ever overwritten, so that the
  truth of any instant can be asked for afterwards and an answer judged by it.
- Daily check-ins turn yellow green after seven days in a row, red after fourteen; a missed day starts the count again.
  Where a province wants a declaration every day, a green without one is stale.
- A code is an opaque id that changes every minute. An id of an earlier minute is still known, as expired.

Source: colour shares of Zhejiang on 2020-02-17 (94.7 % green); Hangzhou's and Hainan's check-in rules of 2020.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from gateway.values import CodeState

from .people import Person, person

Clock = Callable[[], float]
"""Seconds since 1970. Tests hand in one that only they move."""

MIX: Final = (
    (CodeState.GREEN, 947),
    (CodeState.YELLOW, 37),
    (CodeState.RED, 9),
    (CodeState.UNDER_REVIEW, 3),
    (CodeState.STALE_DECLARATION, 3),
    (CodeState.UNCONFIRMED, 1),
)
"""How many of a thousand people have which colour."""

STATES: Final = frozenset(state for state, _ in MIX)
DAY_S: Final = 86_400.0
YELLOW_DAYS: Final = 7
RED_DAYS: Final = 14
CODE_LIFE_S: Final = 60.0
"""How long a code may be shown, from the instant that it was made."""


@dataclass(frozen=True, slots=True)
class Colour:
    """What the province says of somebody, from an instant on."""

    since: float
    state: CodeState
    reason: str = ""
    """The province's own reason code."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A code as it was made."""

    identifier: str
    person: Person
    made: float
    expires: float


@dataclass(slots=True)
class _Record:
    history: list[Colour]
    check_ins: set[int] = field(default_factory=set)
    declared: float = 0.0


class Population:
    """Everybody who holds a code of one province."""

    def __init__(
        self,
        name: str,
        size: int,
        clock: Clock,
        *,
        seed: int = 0,
        states: Collection[CodeState] = STATES,
        declares_daily: bool = False,
        code_life_s: float = CODE_LIFE_S,
    ) -> None:
        """Make `size` people with the usual mix of colours; where `states` lacks one it is yellow instead, or red."""
        self._clock = clock
        self._key = blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()
        self._declares_daily = declares_daily
        self._life = code_life_s
        self._codes: dict[str, Shown] = {}
        born = clock()
        instead = CodeState.YELLOW if CodeState.YELLOW in states else CodeState.RED
        colours: list[CodeState] = []
        for state, share in MIX:
            # At least one of each, so that a small population shows everything too.
            many = max(1, round(size * share / 1000)) if state is not CodeState.GREEN else 0
            colours += [state if state in states else instead] * many
        colours = (colours + [CodeState.GREEN] * size)[:size]
        random.Random(f"{seed}/{name}").shuffle(colours)
        self._records = [_Record([Colour(born, state)], declared=born) for state in colours]

    def __len__(self) -> int:
        return len(self._records)

    def colour(self, number: int, at: float | None = None) -> Colour:
        """Return what the province says of person `number` at `at` (None: now)."""
        instant = self._clock() if at is None else at
        record = self._records[number]
        place = bisect_right(record.history, instant, key=lambda colour: colour.since)
        said = record.history[max(0, place - 1)]
        needed = {CodeState.YELLOW: YELLOW_DAYS, CodeState.RED: RED_DAYS}.get(said.state)
        if needed is not None and _days_in_a_row(record.check_ins, said.since, instant) >= needed:
            said = Colour(instant, CodeState.GREEN)
        if self._declares_daily and said.state is CodeState.GREEN and instant - record.declared >= DAY_S:
            said = Colour(record.declared + DAY_S, CodeState.STALE_DECLARATION)
        return said

    def first(self, state: CodeState, *, after: int = -1) -> int:
        """Return the number of the first person after `after` who has `state` now. Raises: LookupError."""
        for number in range(after + 1, len(self._records)):
            if self.colour(number).state is state:
                return number
        raise LookupError(f"nobody is {state.name}")

    def set(self, number: int, state: CodeState, reason: str = "") -> None:
        """Give somebody a colour, from now on."""
        self.plan(self._clock(), number, state, reason)

    def plan(self, at: float, number: int, state: CodeState, reason: str = "") -> None:
        """Give somebody a colour from `at` on. Changes of one person are planned in order of time."""
        history = self._records[number].history
        if at < history[-1].since:
            raise ValueError("a later change is already planned")
        history.append(Colour(at, state, reason))

    def check_in(self, number: int) -> None:
        """Let somebody make today's declaration."""
        record, now = self._records[number], self._clock()
        record.check_ins.add(int(now // DAY_S))
        record.declared = now
        if record.history[-1].state is CodeState.STALE_DECLARATION:
            record.history.append(Colour(now, CodeState.GREEN))

    def show(self, number: int, *, age_s: float = 0.0) -> Shown:
        """Return the code that was on somebody's screen `age_s` seconds ago. The same within a minute."""
        made = self._clock() - age_s
        minute = int(made // self._life)
        text = blake2b(f"{number}/{minute}".encode(), key=self._key, digest_size=16).hexdigest()
        shown = self._codes.get(text)
        if shown is None:
            shown = self._codes[text] = Shown(text, person(number), made, made + self._life)
        return shown

    def resolve(self, identifier: str) -> Shown | None:
        """Return the code with this id, also if it has expired; None if the province never made it."""
        return self._codes.get(identifier)

    def somebody_else(self, number: int) -> Person:
        """Return another person, green if there is one: what a lying province would answer about."""
        for step in range(1, len(self._records)):
            other = (number + step) % len(self._records)
            if self.colour(other).state is CodeState.GREEN:
                return person(other)
        return person((number + 1) % len(self._records))


def _days_in_a_row(check_ins: set[int], since: float, at: float) -> int:
    """Return the longest run of days with a check-in, from the day of `since` to that of `at`."""
    run = longest = 0
    for day in range(int(since // DAY_S), int(at // DAY_S) + 1) if check_ins else ():
        run = run + 1 if day in check_ins else 0
        longest = max(longest, run)
    return longest
