"""Answers come in order; a slow one costs its own time once; nothing is left running, whatever ends the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from gateway.rpc.look_ahead import AHEAD, Later, in_order


class Stream:
    """A stream whose questions are there when they are asked for, and whose answers when they are let."""

    def __init__(self, *questions: bytes, open_end: bool = False) -> None:
        self.questions = questions
        self.open_end = open_end
        self.begun: list[bytes] = []
        self.let = asyncio.Event()

    async def requests(self) -> AsyncIterator[bytes]:
        for question in self.questions:
            yield question
        if self.open_end:
            await asyncio.Event().wait()

    def begin(self, raw: bytes) -> bytes | Later:
        if raw == b"malformed":
            raise ValueError(raw)
        self.begun.append(raw)
        return self.later(raw) if raw.startswith(b"slow") else raw

    async def later(self, raw: bytes) -> bytes:
        await self.let.wait()
        if raw == b"slow bug":
            raise KeyError(raw)
        return raw


async def turns(many: int = 20) -> None:
    for _ in range(many):
        await asyncio.sleep(0)


async def collect(stream: Stream, into: list[bytes]) -> None:
    async with aclosing(in_order(stream.requests(), stream.begin)) as answers:
        async for answer in answers:
            into.append(answer)  # noqa: PERF401 what came before a failure counts


async def test_answers_that_are_there_are_handed_on_as_they_come() -> None:
    stream, said = Stream(b"a", b"b", b"c"), list[bytes]()
    before = asyncio.all_tasks()
    await collect(stream, said)
    assert said == [b"a", b"b", b"c"]
    assert asyncio.all_tasks() == before


async def test_later_questions_are_judged_while_one_is_waited_for_and_answered_after_it() -> None:
    stream, said = Stream(b"a", b"slow 1", b"b", b"slow 2", b"c"), list[bytes]()
    collecting = asyncio.create_task(collect(stream, said))
    await turns()
    assert stream.begun == [b"a", b"slow 1", b"b", b"slow 2", b"c"]
    assert said == [b"a"]
    stream.let.set()
    await collecting
    assert said == list(stream.questions)


async def test_no_more_is_read_ahead_than_may_stand_in_line() -> None:
    stream, said = Stream(*[b"slow"] * (AHEAD + 5)), list[bytes]()
    collecting = asyncio.create_task(collect(stream, said))
    await turns(AHEAD * 20)
    assert len(stream.begun) == AHEAD
    stream.let.set()
    await collecting
    assert len(said) == AHEAD + 5


@pytest.mark.parametrize(
    ("questions", "before", "error"),
    [
        ((b"slow", b"a", b"malformed", b"b"), [b"slow", b"a"], ValueError),
        ((b"malformed",), [], ValueError),
        ((b"a", b"slow bug", b"b"), [b"a"], KeyError),
    ],
)
async def test_a_failure_ends_the_stream_after_the_answers_before_it(
    questions: tuple[bytes, ...], before: list[bytes], error: type[Exception]
) -> None:
    stream, said = Stream(*questions), list[bytes]()
    tasks = asyncio.all_tasks()
    stream.let.set()
    with pytest.raises(error):
        await collect(stream, said)
    assert said == before
    assert asyncio.all_tasks() == tasks


@pytest.mark.parametrize("questions", [(b"a", b"slow", b"b"), (b"a",), ()])
async def test_a_cancelled_stream_leaves_nothing_running(questions: tuple[bytes, ...]) -> None:
    stream = Stream(*questions, open_end=True)
    tasks = asyncio.all_tasks()
    collecting = asyncio.create_task(collect(stream, []))
    await turns()
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
    assert asyncio.all_tasks() == tasks
