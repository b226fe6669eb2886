"""The replay guard, and the rates that nodes count together, put together from the configuration.

Rules:

- Redis' library is imported where there is a Redis: it costs 0.1 s of a start.
- A province whose codes are good for longer than that is refused: what it shows would be forgotten too early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.callers.meter import Meters
from gateway.callers.shared_rates import Line as RatesLine
from gateway.callers.shared_rates import RatesObserver, SharedRates
from gateway.changes import MAX_CLOCK_SKEW
from gateway.config.replay import ReplaySection
from gateway.loading import StartRefused
from gateway.provinces.profile import ProvinceProfile
from gateway.replay.guard import ReplayGuard
from gateway.replay.locks import RecordLocks
from gateway.replay.memory import MemoryUnusable, map_shared, own_memory
from gateway.replay.observer import ReplayObserver
from gateway.replay.questions import QuestionMaker
from gateway.replay.shared import Line, SharedShowings
from gateway.replay.table import ShowingTable
from gateway.values import Instant
from keys.own_files import FileRefused, read_secret_file

if TYPE_CHECKING:
    from gateway.replay.redis_line import RedisAddress

RATES_BUDGETS: Final = 8
"""Budgets of a question that an exchange of rates may take: nobody waits for it, and it holds more keys."""

MAX_URL_BYTES: Final = 4_096
MIN_SECRET_BYTES: Final = 32
MAX_SECRET_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class RedisAccess:
    """How Redis is reached and what it is asked: equal as long as nothing has changed."""

    address: RedisAddress
    secret: bytes = field(repr=False)
    same_passage_s: float

    def line(self) -> Line:
        """Return a new connection, not open yet."""
        from gateway.replay.redis_line import RedisLine

        return RedisLine(self.address)

    def rates_line(self) -> RatesLine:
        """Return a new connection for the rates of callers, not open yet."""
        from gateway import rates_line

        return rates_line.RatesLine(self.address)

    def questions(self) -> QuestionMaker:
        """Return what makes questions of showings."""
        return QuestionMaker(self.secret, same_passage_s=self.same_passage_s)


def refuse_longer_lived(profiles: Iterable[ProvinceProfile], section: ReplaySection) -> None:
    """Refuse profiles whose codes would outlive the memory of them. Raises: StartRefused."""
    for one in profiles:
        if one.dynamic_s is not None and one.dynamic_s > section.dynamic_max_s and not section.insecure_no_guard:
            why = f"{one.name}: dynamic_s must not be more than replay.dynamic_max_s, {section.dynamic_max_s:g}"
            raise StartRefused("provinces", "provinces.directory", "", why)


def guard_of(
    section: ReplaySection,
    memory: int | None,
    everywhere: SharedShowings | None,
    clock: Callable[[], Instant],
    observer: ReplayObserver,
) -> ReplayGuard | None:
    """Return the guard of this process; None if nothing is guarded.

    `memory` is the descriptor of the one that all workers share; None: this process has its own.

    Raises: StartRefused.
    """
    if section.insecure_no_guard:
        return None
    try:
        if memory is None:
            mapped, locks = own_memory(section.capacity, section.generation_s), None
        else:
            mapped, locks = map_shared(memory), RecordLocks(memory)
        table = ShowingTable(mapped, len(mapped), same_passage_s=section.same_passage_s, locks=locks)
    except (OSError, MemoryUnusable) as unusable:
        why = (unusable.strerror if isinstance(unusable, OSError) else str(unusable)) or "cannot be had"
        raise StartRefused("replay", "replay.capacity", "", why) from None
    return ReplayGuard(table, everywhere, observer, clock=clock)


def redis_access(section: ReplaySection) -> RedisAccess | None:
    """Return how Redis is reached, as the files say now; None if there is none. Raises: StartRefused."""
    if section.redis is None or section.redis_key is None:
        return None
    from gateway.replay.redis_line import RedisRefused, read_address

    url = _secret(section.redis, "replay.redis", MAX_URL_BYTES)
    secret = _secret(section.redis_key, "replay.redis_key", MAX_SECRET_BYTES)
    if len(secret) < MIN_SECRET_BYTES:
        raise StartRefused("replay", "replay.redis_key", str(section.redis_key), f"needs {MIN_SECRET_BYTES} bytes")
    try:
        address = read_address(
            url.decode("utf-8", "replace"),
            ca_file=section.redis_ca_file,
            plaintext_elsewhere=section.insecure_redis_in_plaintext,
        )
    except RedisRefused as refused:
        raise StartRefused("replay", "replay.redis", str(section.redis), str(refused)) from None
    return RedisAccess(address, secret, section.same_passage_s)


def everywhere_of(
    access: RedisAccess | None, section: ReplaySection, observer: ReplayObserver
) -> SharedShowings | None:
    """Return the memory of all nodes; None if this one is alone."""
    if access is None:
        return None
    return SharedShowings(
        access.line,
        access.questions(),
        budget_s=section.redis_budget_ms / 1_000,
        lifetime_s=section.dynamic_max_s + MAX_CLOCK_SKEW,
        observer=observer,
    )


def shared_rates_of(
    access: RedisAccess | None, section: ReplaySection, meters: Meters, observer: RatesObserver
) -> SharedRates | None:
    """Return what lets these meters count together with those of all others; None if they count apart."""
    if access is None or meters.whole is None:
        return None
    budget_s = RATES_BUDGETS * section.redis_budget_ms / 1_000
    return SharedRates(meters, access.rates_line, access.secret, budget_s=budget_s, observer=observer)


def _secret(file: Path, option: str, most: int) -> bytes:
    try:
        return read_secret_file(file, most).strip(b"\r\n")
    except FileRefused as refused:
        raise StartRefused("replay", option, str(file), refused.why) from None
