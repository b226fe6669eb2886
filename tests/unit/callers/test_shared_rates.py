"""Processes and nodes count together: what passes, what Redis is told, and what becomes of a rate without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.callers import shared_rates as module
from gateway.callers.meter import Limits, Meter, Meters
from gateway.callers.shared_rates import FRESH_S, PREFIX, SYNC_S, Count, RatesSilent, SharedRates
from gateway.errors import RateLimited
from gateway.rates_line import RatesLine
from gateway.replay.redis_line import read_address
from tests.simulators.redis_server import RedisServer
from tests.unit.callers.test_meter import LIMITS, Clock, taken
from tests.unit.replay.test_shared import until

CANARY = "spiffe://zhejiang.example/gate/c4n4ry"
SECRET = b"s" * 32
RATE, BURST = LIMITS.calls_per_s, LIMITS.calls_burst


@dataclass
class Redis:
    """Counters, and everything that it was told."""

    totals: dict[str, int] = field(default_factory=dict)
    told: list[Count] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    fault: Exception | None = None
    answers: bool = True
    opened: int = 0

    def line(self) -> Redis:
        return self

    async def open(self) -> None:
        self.opened += 1
        if self.fault is not None:
            raise self.fault

    async def add(self, counts: Sequence[Count]) -> list[int]:
        if self.fault is not None:
            raise self.fault
        self.told += counts
        self.sizes.append(len(counts))
        for one in counts:
            self.totals[one.name] = self.totals.get(one.name, 0) + one.amount
        if not self.answers:
            raise RatesSilent("slow")
        return [self.totals[one.name] for one in counts]

    async def close(self) -> None:
        """It has nothing to close."""


@dataclass
class Told:
    """Keeps what it is told."""

    said: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def rates_apart(self, why: str) -> None:
        self.said.append(why)

    def rates_together(self) -> None:
        self.said.append("together")

    def rates_failed(self, failure: Exception) -> None:
        self.failures.append(failure)


class Process:
    """One process that counts."""

    def __init__(self, redis: Redis, clock: Clock, *, workers: int = 2, secret: bytes = SECRET) -> None:
        self.redis = redis
        self.told = Told()
        self.meters = Meters(workers=workers, together=True, clock=clock)
        self.rates = SharedRates(self.meters, redis.line, secret, budget_s=30.0, observer=self.told)
        self.meter = self.of(CANARY)

    def of(self, name: str, limits: Limits = LIMITS) -> Meter:
        return self.meters.meter(name, limits)

    async def exchange(self) -> bool:
        """Tell and learn; return whether that was answered."""
        try:
            await self.rates.exchange(self.redis)
        except RatesSilent:
            return False
        return True


async def passed(processes: Sequence[Process], clock: Clock, seconds: float, *, each: int = 1_000) -> int:
    """Return how many calls pass when all ask as much as they can, `each` between two exchanges."""
    total = 0
    for _ in range(round(seconds / SYNC_S)):
        for one in processes:
            total += taken(one.meter, each)
        for one in processes:
            await one.exchange()
        clock.at += SYNC_S
    return total


@pytest.mark.parametrize(("count", "workers"), [(1, 1), (2, 1), (2, 2), (8, 4)])
async def test_all_together_allow_the_rate_and_what_passes_before_the_others_know(count: int, workers: int) -> None:
    clock, redis = Clock(), Redis()
    processes = [Process(redis, clock, workers=workers) for _ in range(count)]
    for one in processes:
        await one.exchange()
    begun = await passed(processes, clock, SYNC_S)
    assert begun == count * BURST  # one exchange
    total = await passed(processes, clock, 60)
    assert total <= 60 * RATE * 1.2 + BURST
    # Asked evenly, it is the rate: all of it, and not much more.
    clock.at += 60
    even = await passed(processes, clock, 60, each=max(1, 4 // count))
    assert 60 * RATE * 0.7 <= even <= 60 * RATE * 1.2 + count * BURST


async def test_a_caller_with_one_connection_has_the_whole_of_her_rate() -> None:
    clock, redis = Clock(), Redis()
    hers, other = Process(redis, clock, workers=8), Process(redis, clock, workers=8)
    for one in (hers, other):
        await one.exchange()
    total = 0
    for _ in range(300):
        total += taken(hers.meter)
        for one in (hers, other):
            await one.exchange()
        clock.at += SYNC_S
    assert 60 * RATE * 0.8 <= total <= 60 * RATE + BURST


async def test_what_others_count_counts_here() -> None:
    clock, redis = Clock(), Redis()
    one, other = Process(redis, clock), Process(redis, clock)
    for process in (one, other):
        process.meter.take_call()
        await process.exchange()
    await one.exchange()
    for _ in range(15):
        other.meter.take_call()
    await other.exchange()
    await one.exchange()
    assert taken(one.meter) == BURST - 15 - 1
    with pytest.raises(RateLimited):
        one.meter.take_call()


async def test_codes_are_told_as_many_as_they_are_and_apart_from_calls() -> None:
    redis = Redis()
    process = Process(redis, Clock())
    process.meter.take_call()
    process.meter.take_codes(512)
    await process.exchange()
    assert sorted(redis.totals.values()) == [0, 0]  # of before the first exchange, when nobody could be told
    process.meter.take_call()
    process.meter.take_codes(80)
    await process.exchange()
    assert sorted(redis.totals.values()) == [1, 80]


async def test_without_redis_each_allows_its_share_from_the_start() -> None:
    clock = Clock()
    redis = Redis(fault=RatesSilent("unreachable"))
    processes = [Process(redis, clock, workers=4) for _ in range(4)]
    total = await passed(processes, clock, 60)
    assert not any(one.meters.knows_others for one in processes)
    assert total <= 60 * RATE + 4 * BURST
    assert redis.told == []


async def test_when_redis_goes_and_comes_nobody_gets_more_than_a_burst_of_each_process() -> None:
    clock, redis = Clock(), Redis()
    processes = [Process(redis, clock, workers=4) for _ in range(4)]
    for one in processes:
        await one.exchange()
    await passed(processes, clock, 60)
    redis.fault = RatesSilent("unreachable")
    # As long as the last exchange is fresh, the whole of the rate is allowed.
    lapsing = await passed(processes, clock, FRESH_S)
    assert lapsing <= 4 * (FRESH_S * RATE + BURST)
    assert not any(one.meters.knows_others for one in processes)
    away = await passed(processes, clock, 60)
    assert away <= 60 * RATE + 4 * BURST
    redis.fault = None
    told = len(redis.told)
    for one in processes:
        assert await one.exchange()
        assert one.meters.knows_others
    # What was counted meanwhile is not told.
    assert {one.amount for one in redis.told[told:]} == {0}
    assert await passed(processes, clock, 60) <= 60 * RATE + 4 * BURST


async def test_a_caller_at_her_rate_has_used_up_her_burst_when_redis_goes() -> None:
    clock, redis = Clock(), Redis()
    hers, other = Process(redis, clock, workers=8), Process(redis, clock, workers=8)
    for one in (hers, other):
        await one.exchange()
        one.meter.take_call()
    for _ in range(100):
        taken(hers.meter)
        for one in (hers, other):
            await one.exchange()
        clock.at += SYNC_S
    clock.at += FRESH_S
    for one in (hers, other):  # the other knows it too
        assert not one.meters.knows_others
        assert taken(one.meter) <= BURST // 2
    # It is full, not more than full: her share comes back at once.
    clock.at += 8 * BURST / RATE
    assert taken(hers.meter) > 0


@pytest.mark.parametrize("left", [0, 3, 4])
async def test_a_redis_that_was_emptied_is_a_fresh_beginning(left: int) -> None:
    redis = Redis()
    process = Process(redis, Clock())
    for _ in range(2):
        taken(process.meter, 5)
        await process.exchange()
    assert list(redis.totals.values()) == [5]  # the first five were counted when nobody could be told
    redis.totals = dict.fromkeys(redis.totals, left)
    process.meter.take_call()
    await process.exchange()
    assert taken(process.meter) == BURST - 11 - left


async def test_what_others_counted_long_ago_does_not_count() -> None:
    clock, redis = Clock(), Redis()
    process = Process(redis, clock)
    for _ in range(2):
        taken(process.meter, 1)
        await process.exchange()
    for _ in range(60):
        clock.at += FRESH_S / 2
        assert await process.exchange()
    redis.totals = {name: total + 1_000 for name, total in redis.totals.items()}
    process.meter.take_call()
    assert await process.exchange()
    assert taken(process.meter) == BURST - 1


async def test_a_process_that_begins_anew_has_forgotten_and_learns() -> None:
    clock, redis = Clock(), Redis()
    one, other = Process(redis, clock), Process(redis, clock)
    for process in (one, other):
        await process.exchange()
    assert taken(one.meter) == BURST
    await one.exchange()
    again = Process(redis, clock)
    await again.exchange()
    again.meter.take_call()
    await again.exchange()
    for _ in range(6):
        other.meter.take_call()
    await other.exchange()
    await again.exchange()
    assert taken(again.meter) == BURST - 1 - 6


async def test_what_is_not_answered_is_told_again_while_that_is_fresh() -> None:
    clock, redis = Clock(), Redis()
    one, other = Process(redis, clock), Process(redis, clock)
    for process in (one, other):
        taken(process.meter, 1)
        await process.exchange()
        await process.exchange()
    taken(one.meter, 5)
    redis.answers = False
    assert not await one.exchange()
    redis.answers = True
    assert await one.exchange()
    assert await other.exchange()
    assert taken(other.meter) == BURST - 1 - 10  # counted twice rather than never
    assert taken(one.meter) == BURST - 6 - 5


async def test_no_name_leaves_the_process_and_none_says_anything_without_the_secret() -> None:
    redis = Redis()
    for secret in (SECRET, b"o" * 32):
        process = Process(redis, Clock(), secret=secret)
        await process.exchange()
        process.meter.take_call()
        await process.exchange()
    first, second = {one.name for one in redis.told}
    assert first != second
    for name in (first, second):
        assert name.startswith(PREFIX)
        assert len(name) == len(PREFIX) + 20
        assert "c4n4ry" not in name
        assert "spiffe" not in name


async def test_windows_that_have_passed_are_not_told_and_many_are_told_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, redis = Clock(), Redis()
    process = Process(redis, clock)
    await process.exchange()
    for number in range(1_200):
        process.of(f"caller {number}").take_call()
    await process.exchange()
    assert redis.sizes == [0, 500, 500, 200]
    assert {one.kept_ms for one in redis.told} == {8_000}
    clock.at += 60
    assert await process.exchange()
    assert redis.sizes[4:] == [0]
    process.meter.take_call()
    process.of("other").take_call()
    monkeypatch.setattr(module, "MAX_WINDOWS", 1)
    assert not await process.exchange()  # more than can be told: the share


@pytest.mark.parametrize("totals", [[], [1, 2], [1, 2, 3]])
async def test_an_answer_of_another_length_is_none(totals: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Redis()
    process = Process(redis, Clock())
    process.meter.take_call()

    async def add(counts: Sequence[Count]) -> list[int]:
        return totals

    monkeypatch.setattr(redis, "add", add)
    assert not await process.exchange()
    assert not process.meters.knows_others


async def test_another_secret_begins_anew() -> None:
    clock, redis = Clock(), Redis()
    process = Process(redis, clock)
    await process.exchange()
    taken(process.meter, 3)
    await process.exchange()
    redis.totals["x"] = 1
    process.rates.renew(redis.line, b"o" * 32)
    taken(process.meter, 2)
    await process.exchange()
    assert redis.told[-1].amount == 2
    assert taken(process.meter) == BURST - 5


def test_meters_that_count_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="apart"):
        SharedRates(Meters(), Redis().line, SECRET, budget_s=1.0)


# The task


@pytest.fixture
async def serving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Process, Redis, Clock]]:
    monkeypatch.setattr(module, "SYNC_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_AGAIN_S", 0.002)
    clock, redis = Clock(), Redis()
    process = Process(redis, clock)
    process.rates.start()
    yield process, redis, clock
    await process.rates.close()
    assert not process.meters.knows_others


async def test_what_changes_is_told_once_and_no_fault_ends_it(serving: tuple[Process, Redis, Clock]) -> None:
    process, redis, clock = serving
    await until(lambda: process.told.said == ["together"])
    redis.fault = RatesSilent("unreachable")
    opened = redis.opened
    await until(lambda: redis.opened > opened + 3)
    assert process.told.said == ["together"]  # it is still fresh
    clock.at += FRESH_S
    await until(lambda: process.told.said == ["together", "unreachable"])
    redis.fault = LookupError("a fault of ours")
    await until(lambda: len(process.told.failures) > 2)
    redis.fault = TimeoutError()
    opened = redis.opened
    await until(lambda: redis.opened > opened + 3)
    redis.fault = None
    await until(lambda: process.meters.knows_others)
    await until(lambda: process.told.said == ["together", "unreachable", "together"])


async def test_a_renewed_address_is_connected_to(serving: tuple[Process, Redis, Clock]) -> None:
    process, redis, _ = serving
    await until(lambda: process.meters.knows_others)
    other = Redis()
    process.rates.renew(other.line, SECRET)
    await until(lambda: len(other.sizes) > 2)
    told = len(redis.sizes)
    await until(lambda: len(other.sizes) > 6)
    assert len(redis.sizes) == told
    assert process.told.said == ["together"]


async def test_an_answer_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Redis()
    meters = Meters(together=True, clock=Clock())
    rates = SharedRates(meters, redis.line, SECRET, budget_s=0.01)

    async def add(counts: Sequence[Count]) -> list[int]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(redis, "add", add)
    with pytest.raises(RatesSilent, match="slow"):
        await rates.exchange(redis)


# The real Redis


async def talking(server: RedisServer, talk: Callable[[RatesLine], Awaitable[None]]) -> None:
    line = RatesLine(read_address(server.url))
    try:
        await line.open()
        await talk(line)
    finally:
        await line.close()


async def test_the_script_adds_and_counters_end_by_themselves() -> None:
    server = RedisServer()
    server.start()

    async def talk(line: RatesLine) -> None:
        one, other = Count(PREFIX + "a", 3, 60_000), Count(PREFIX + "b", 0, 60_000)
        assert await line.add([]) == []
        assert await line.add([one, other]) == [3, 0]
        assert await line.add([one, Count(PREFIX + "b", 512, 60_000)]) == [6, 512]
        assert 0 < int(server.ask("PTTL", PREFIX + "a")[1:]) <= 60_000
        server.ask("FLUSHALL")
        assert await line.add([one]) == [3]
        server.ask("SET", PREFIX + "c", "no number")
        with pytest.raises(RatesSilent, match="broken"):
            await line.add([Count(PREFIX + "c", 1, 60_000)])

    try:
        await talking(server, talk)
        clock = Clock()
        meters = [Meters(workers=2, together=True, clock=clock) for _ in range(2)]
        rates = [SharedRates(one, lambda: RatesLine(read_address(server.url)), SECRET, budget_s=30.0) for one in meters]
        hers = [one.meter(CANARY, LIMITS) for one in meters]
        for one in rates:
            one.start()
        await until(lambda: all(one.knows_others for one in meters))
        for meter in hers:
            meter.take_call()
        windows = [one.whole.windows.live()[0][1] for one in meters if one.whole is not None]
        await until(lambda: all(one.total == 2 for one in windows))
        assert taken(hers[0]) <= BURST - 1
        await until(lambda: sum(one.count for one in windows) >= 2 * BURST - 1)
        for one in rates:
            await one.close()
    finally:
        server.close()


async def test_the_rights_that_the_document_names_are_enough() -> None:
    page = (Path(__file__).parents[3] / "docs" / "replay.md").read_text()
    [line] = [one for one in page.splitlines() if one.startswith("ACL SETUSER")]
    [more] = [one.split("`")[3] for one in page.splitlines() if one.startswith("With `callers.rates_in_redis` also")]
    server = RedisServer()
    server.start()
    try:
        address = read_address(server.url.replace("unix://", "unix://hcgw:secret@"))
        for rights, enough in ((line, False), (f"{line} {more}", True)):
            assert server.ask(*rights.replace("PASSWORD", "secret").split()) == b"+OK\r\n"
            rates_line = RatesLine(address)
            await rates_line.open()
            if enough:
                assert await rates_line.add([Count(PREFIX + "a", 1, 60_000)]) == [1]
            else:
                with pytest.raises(RatesSilent):
                    await rates_line.add([Count(PREFIX + "a", 1, 60_000)])
            await rates_line.close()
    finally:
        server.close()


async def test_a_redis_that_is_not_there_is_told_in_a_word() -> None:
    server = RedisServer()
    with pytest.raises(RatesSilent, match="unreachable"):
        await RatesLine(read_address(server.url)).open()
    server.close()
