"""What a connection to Redis may do instead of answering, each as its word; keys of generations that have passed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisGone

from gateway.replay.observer import Silence
from gateway.replay.questions import QuestionMaker, RedisSilent
from gateway.replay.redis_line import RedisLine, read_address, why_silent
from gateway.replay.showing import Showing
from gateway.values import CodeMarks, Instant, IssuerId

SHOWN = CodeMarks(IssuerId("https://code.guizhou.example"), b"person", b"showing")


@pytest.mark.parametrize(
    ("failure", "word"),
    [
        (AuthenticationError(), Silence.REFUSED),
        (NoPermissionError(), Silence.REFUSED),
        (ResponseError(), Silence.BROKEN),
        (ValueError(), Silence.BROKEN),
        (TimeoutError(), Silence.SLOW),
        (OSError(), Silence.UNREACHABLE),
        (RedisGone(), Silence.UNREACHABLE),
        (RedisError(), Silence.BROKEN),
    ],
)
def test_each_failure_has_its_word(failure: Exception, word: Silence) -> None:
    assert why_silent(failure) is word


class Connection:
    """Answers as it is told to, or fails."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def pack_commands(self, commands: object) -> object:
        return commands

    async def send_packed_command(self, _packed: object, *, check_health: bool) -> None:
        assert not check_health
        await self.read_response(disconnect_on_error=False)

    async def read_response(self, *, disconnect_on_error: bool) -> object:
        assert not disconnect_on_error
        await asyncio.sleep(0)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def line_to(answer: object) -> Any:
    line: Any = RedisLine(read_address("redis://127.0.0.1:1"))
    line._connection = Connection(answer)
    return line


@pytest.mark.parametrize("answer", [None, b"OK", [], [1, b"2"], RedisError()])
async def test_what_is_no_answer_is_told_as_broken(answer: object) -> None:
    with pytest.raises(RedisSilent) as silent:
        await line_to(answer).receive()
    assert silent.value.why is Silence.BROKEN


async def test_a_question_that_cannot_be_sent_is_told() -> None:
    question = QuestionMaker(b"k" * 32, same_passage_s=10).question(Showing(SHOWN, b"gate", Instant(1e9), 0))
    with pytest.raises(RedisSilent) as silent:
        await line_to(RedisGone()).send([question], [0])
    assert silent.value.why is Silence.UNREACHABLE


def test_keys_of_generations_that_have_passed_are_not_kept() -> None:
    made = QuestionMaker(b"k" * 32, same_passage_s=10)
    names = set()
    for day in range(100):
        question = made.question(Showing(SHOWN, b"gate", Instant(1e9 + 86_400 * day), 0))
        names.add(question.name)
        assert len(made._keys) < 20
    assert len(names) == 100
