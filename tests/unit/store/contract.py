"""What every implementation of the log holds to. A subclass gives `log`, an empty one, and `reopen`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.changes import ListName, StoreDegraded
from gateway.store.change_log import LoggedBatch, NumberTaken
from gateway.store.inspection import InspectableLog
from gateway.values import Instant
from tests.conftest import NOON

from .batches import CAPACITY, batch, batches, closing, name, row

ALL = 1 << 40
LATE = Instant(NOON + 1e9)

Reopen = Callable[[], Awaitable[InspectableLog]]


async def held(log: InspectableLog, of: ListName | None = None) -> list[int]:
    """Return the numbers that can be read of a list."""
    return [one.number for one in await log.read(of or name(), 0, ALL)]


async def taken(log: InspectableLog, *appended: LoggedBatch) -> bool:
    """Append, and tell whether a number was taken."""
    try:
        await log.append(appended)
    except NumberTaken:
        return True
    return False


class LogContract:
    async def test_an_empty_log_holds_nothing(self, log: InspectableLog) -> None:
        assert list(await log.lists()) == []
        assert list(await log.read(name(), 0, ALL)) == []
        assert await log.based(name()) is None
        assert (await log.tally(name(), ALL)).count == 0
        await log.check()

    async def test_what_was_appended_is_read_as_it_was(self, log: InspectableLog, reopen: Reopen) -> None:
        put = [*batches(1, 3), *batches(1, 2, name(1), size=70_000), closing(4)]
        await log.append(put)
        for again in (False, True):
            one = await reopen() if again else log
            assert [*await one.read(name(), 0, ALL), *await one.read(name(1), 0, ALL)] == [*put[:3], put[5], *put[3:5]]
            first, second = await one.lists()
            assert (first.name, first.base, first.last, first.digest) == (name(), 0, 4, put[5].digest)
            assert (first.capacity, first.opened, first.issued) == (CAPACITY, put[0].issued, put[5].issued)
            assert (second.name, second.last, second.closed, first.closed) == (name(1), 2, False, True)

    async def test_what_was_appended_is_there_after_it_was_closed(self, log: InspectableLog, reopen: Reopen) -> None:
        await log.append(batches(1, 50))
        await log.close()
        await log.close()
        assert await held(await reopen()) == list(range(1, 51))

    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param([batch(2)], id="the same again"),
            pytest.param([batch(2, say="other")], id="another under its number"),
            pytest.param([batch(1)], id="opened again"),
            pytest.param([batch(4)], id="a gap"),
            pytest.param([batch(3), batch(5)], id="a gap inside"),
            pytest.param([batch(3), batch(3)], id="twice at once"),
            pytest.param([batch(4), batch(3)], id="in the wrong order"),
            pytest.param([batch(1, name(1)), batch(2, name(2))], id="of a list that is not there"),
            pytest.param([batch(1, name(1)), batch(3), batch(2, name(1)), batch(2)], id="the last of many"),
            pytest.param([closing(3), batch(4)], id="behind the closing one"),
        ],
    )
    async def test_what_does_not_go_on_is_refused_whole(self, log: InspectableLog, wrong: list[LoggedBatch]) -> None:
        await log.append(batches(1, 2))
        before = await log.lists()
        with pytest.raises(NumberTaken) as refused:
            await log.append(wrong)
        assert refused.value.name in {one.name for one in wrong}
        assert await log.lists() == before
        assert await held(log) == [1, 2]
        assert await held(log, name(1)) == []
        await log.append([batch(3)])
        assert await held(log) == [1, 2, 3]

    @pytest.mark.parametrize("capacity", [None, CAPACITY])
    async def test_capacity_belongs_to_batch_1(self, log: InspectableLog, capacity: int | None) -> None:
        one = batch(1 if capacity is None else 2)
        with pytest.raises(ValueError, match="capacity"):
            await log.append([LoggedBatch(one.name, one.number, one.digest, b"", NOON, NOON, capacity)])
        assert list(await log.lists()) == []

    async def test_nothing_is_appended_to_a_closed_list(self, log: InspectableLog) -> None:
        await log.append([batch(1), closing(2)])
        assert await taken(log, batch(3))
        assert await taken(log, batch(1))

    async def test_nothing_appended_is_nothing(self, log: InspectableLog) -> None:
        await log.append([])
        assert list(await log.lists()) == []

    async def test_many_at_one_time(self, log: InspectableLog) -> None:
        """A hundred lists' batches, each list's in order, all lists at once: none waits for another's refusal."""

        async def fill(of: ListName) -> int:
            refused = 0
            for number in range(1, 11):
                refused += await taken(log, batch(number, of))
                refused += await taken(log, batch(number, of, say="late"))
            return refused

        names = [name(number) for number in range(100)]
        assert await asyncio.gather(*map(fill, names)) == [10] * 100
        for of in names:
            assert list(await log.read(of, 0, ALL)) == batches(1, 10, of)

    async def test_of_two_under_one_number_one_is_taken(self, log: InspectableLog) -> None:
        await log.append([batch(1)])
        for number in range(2, 20):
            refused = await asyncio.gather(*(taken(log, batch(number, say=say)) for say in "abcdefgh"))
            assert sorted(refused) == [False, *[True] * 7]
        assert await held(log) == list(range(1, 20))

    async def test_who_stops_waiting_harms_nobody(self, log: InspectableLog) -> None:
        gone = asyncio.ensure_future(log.append([batch(1)]))
        await asyncio.sleep(0)
        gone.cancel()
        await log.append([batch(1, name(1))])
        await log.check()
        assert await held(log) in ([], [1])
        assert await held(log, name(1)) == [1]

    @pytest.mark.parametrize(
        ("after", "most", "numbers"),
        [
            (0, 1_000, [1, 2, 3, 4, 5]),
            (0, 0, [1]),
            (0, 100, [1]),
            (0, 199, [1]),
            (0, 200, [1, 2]),
            (3, 10_000, [4, 5]),
            (4, 1, [5]),
            (5, 1_000, []),
            (9, 1_000, []),
        ],
    )
    async def test_reading_in_parts(self, log: InspectableLog, after: int, most: int, numbers: list[int]) -> None:
        await log.append(batches(1, 5, size=100))
        assert [one.number for one in await log.read(name(), after, most)] == numbers

    async def test_a_list_begins_anew(self, log: InspectableLog) -> None:
        await log.append([*batches(1, 5), batch(1, name(1))])
        await log.rebase(row(9))
        assert list(await log.lists()) == [row(9), *(one for one in await log.lists() if one.name == name(1))]
        assert await held(log) == []
        assert await log.based(name()) == row(9)
        assert await taken(log, batch(9))
        await log.append(batches(10, 12))
        assert list(await log.read(name(), 0, ALL)) == batches(10, 12)
        assert (await log.lists())[0].base == 9
        assert await held(log, name(1)) == [1]

    async def test_a_list_begins_with_a_snapshot(self, log: InspectableLog, reopen: Reopen) -> None:
        await log.rebase(row(7))
        await log.append([batch(8)])
        again = await reopen()
        assert await held(again) == [8]
        assert await again.based(name()) == row(7)

    @pytest.mark.parametrize(
        ("back", "goes"),
        [
            pytest.param(row(4), False, id="an older one"),
            pytest.param(row(5, say="other"), False, id="another one under its number"),
            pytest.param(row(5), True, id="the same one: its file was lost"),
            pytest.param(row(6), True, id="a newer one"),
            pytest.param(row(6, closed=True), True, id="closed meanwhile"),
        ],
    )
    async def test_a_snapshot_takes_nothing_back(self, log: InspectableLog, back: object, *, goes: bool) -> None:
        assert isinstance(back, type(row(1)))
        await log.append(batches(1, 5))
        if goes:
            await log.rebase(back)
            assert list(await log.lists()) == [back]
            return
        with pytest.raises(NumberTaken):
            await log.rebase(back)
        assert await held(log) == [1, 2, 3, 4, 5]

    async def test_a_snapshot_opens_no_closed_list(self, log: InspectableLog) -> None:
        await log.append([batch(1), closing(2)])
        with pytest.raises(NumberTaken):
            await log.rebase(row(8))
        await log.rebase(row(8, closed=True))
        assert await taken(log, batch(9))

    @pytest.mark.parametrize(
        ("keep_after", "received_before", "numbers"),
        [
            (0, LATE, [1, 2, 3, 4, 5, 6]),
            (3, LATE, [4, 5, 6]),
            (6, LATE, []),
            (99, LATE, []),
            (6, NOON, [1, 2, 3, 4, 5, 6]),
            (6, Instant(NOON + 3), [3, 4, 5, 6]),
            (1, Instant(NOON + 3), [2, 3, 4, 5, 6]),
        ],
    )
    async def test_old_batches_are_forgotten(
        self, log: InspectableLog, keep_after: int, received_before: Instant, numbers: list[int]
    ) -> None:
        await log.append([*batches(1, 6), *batches(1, 3, name(1))])
        pruned = 6 - len(numbers)
        assert await log.prune(name(), keep_after, received_before) == pruned
        assert await log.prune(name(), keep_after, received_before) == 0
        assert await held(log) == numbers
        assert await held(log, name(1)) == [1, 2, 3]
        found = (await log.lists())[0]
        assert (found.base, found.last, found.digest) == (pruned, 6, batch(6).digest)
        assert await log.based(name()) == (row(pruned) if pruned else None)
        await log.append([batch(7)])
        assert await held(log) == [*numbers, 7]

    async def test_none_is_forgotten_behind_one_that_is_kept(self, log: InspectableLog) -> None:
        """A clock that was set back: batch 2 was received long after batch 3."""
        await log.append([batch(1), batch(2, at=1_000), batch(3), batch(4)])
        assert await log.prune(name(), 4, Instant(NOON + 100)) == 1
        assert await held(log) == [2, 3, 4]

    async def test_more_than_one_step_of_batches_is_forgotten(self, log: InspectableLog, reopen: Reopen) -> None:
        await log.append(batches(1, 1_000))
        assert await log.prune(name(), 990, LATE) == 990
        assert await held(await reopen()) == list(range(991, 1_001))

    async def test_nothing_of_a_list_that_is_not_there_is_forgotten(self, log: InspectableLog) -> None:
        assert await log.prune(name(), 9, LATE) == 0
        await log.forget(name())
        assert list(await log.lists()) == []

    async def test_a_forgotten_list_is_never_opened_again(self, log: InspectableLog, reopen: Reopen) -> None:
        await log.append([*batches(1, 5), batch(1, name(1))])
        await log.forget(name())
        for again in (False, True):
            one = await reopen() if again else log
            assert (await one.lists())[0] == row(5, closed=True)
            assert await held(one) == []
            assert await held(one, name(1)) == [1]
            assert await taken(one, batch(1))
            assert await taken(one, batch(6))

    async def test_a_tally_counts_what_is_there(self, log: InspectableLog) -> None:
        await log.append([*batches(1, 9), *batches(1, 9, name(1))])
        whole, half = await log.tally(name(), ALL), await log.tally(name(), 4)
        assert (whole.count, whole.first, whole.last, whole.last_digest) == (9, 1, 9, batch(9).digest)
        assert (half.count, half.first, half.last, half.continuous) == (4, 1, 4, True)
        assert len({whole.fingerprint, half.fingerprint, (await log.tally(name(1), ALL)).fingerprint}) == 3
        await log.prune(name(), 2, LATE)
        assert (await log.tally(name(), ALL)).first == 3

    async def test_a_closed_log_says_that_it_is(self, log: InspectableLog) -> None:
        await log.append([batch(1)])
        await log.close()
        for asked in (log.append([batch(2)]), log.lists(), log.read(name(), 0, 1), log.check()):
            with pytest.raises(StoreDegraded):
                await asked

    async def test_changes_end_when_the_log_is_closed(self, log: InspectableLog) -> None:
        async def listen() -> list[ListName]:
            return [changed async for changed in log.changed()]

        listening = asyncio.ensure_future(listen())
        await log.append([batch(1)])
        await log.close()
        # A list may be named without need.
        assert set(await asyncio.wait_for(listening, 10)) <= {name()}
        assert await asyncio.wait_for(listen(), 10) == []

    async def test_nothing_of_a_batch_is_in_a_repr_or_an_error(self, log: InspectableLog) -> None:
        put = batch(1)
        await log.append([put])
        with pytest.raises(NumberTaken) as refused:
            await log.append([put])
        for told in (repr(put), str(refused.value), repr(await log.tally(name(), 9))):
            assert put.signed.hex() not in told
            assert repr(put.signed)[2:20] not in told
