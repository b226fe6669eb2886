"""Several nodes and a real Redis: what one has seen the others know; whatever Redis does, nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import pytest

from gateway.replay.guard import Guarded, ReplayGuard
from gateway.replay.observer import Offered, Silence
from gateway.replay.questions import GENERATION_S, QuestionMaker
from gateway.replay.redis_line import RedisLine, read_address
from gateway.replay.shared import MOST_LATE, SharedShowings
from gateway.replay.showing import Seen, Showing, Unchecked
from gateway.values import CodeMarks, Instant
from tests.simulators.redis_server import RedisServer
from tests.unit.replay.gates import AT, GATE, ISSUER, OTHER_GATE, Clock, Station

SECRET = b"s" * 32
PATIENT_S = 30.0
"""A budget for tests in which Redis is well and the machine may be crowded."""


@dataclass
class Told:
    """Keeps what it is told."""

    seen: list[tuple[Seen, bool]] = field(default_factory=list)
    silent: list[Silence] = field(default_factory=list)
    back: int = 0
    offered_: dict[Offered, int] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def shown(self, seen: Seen, why: Unchecked | None, *, here_only: bool) -> None:
        self.seen.append((seen, here_only))

    def asked(self, seconds: float) -> None:
        self.times.append(seconds)

    def shared_gone(self, why: Silence) -> None:
        self.silent.append(why)

    def shared_back(self) -> None:
        self.back += 1

    def offered(self, outcome: Offered, count: int = 1) -> None:
        self.offered_[outcome] = self.offered_.get(outcome, 0) + count

    def failed(self, failure: Exception) -> None:
        self.failures.append(failure)


@dataclass
class Node:
    """One node: its own memory, and Redis."""

    url: str
    budget_s: float = PATIENT_S
    lifetime_s: float = 0.0
    secret: bytes = SECRET
    clock: Clock = field(default_factory=Clock)
    told: Told = field(default_factory=Told)
    shared: SharedShowings = field(init=False)
    guard: ReplayGuard = field(init=False)

    def __post_init__(self) -> None:
        self.shared = SharedShowings(
            lambda: RedisLine(read_address(self.url)),
            QuestionMaker(self.secret, same_passage_s=10.0),
            budget_s=self.budget_s,
            lifetime_s=self.lifetime_s,
            observer=self.told,
        )
        self.guard = ReplayGuard(Station(clock=self.clock).table, self.shared, self.told, clock=lambda: AT)

    def show(self, code: str = "code-1", scope: bytes = GATE) -> Guarded | Awaitable[Guarded]:
        marks = CodeMarks(ISSUER, b"", code.encode(), Instant(self.clock.wall + 120))
        return self.guard.show(Showing(marks, scope, Instant(self.clock.wall), 1))

    async def seen(self, code: str = "code-1", scope: bytes = GATE) -> tuple[Seen, bool]:
        found = self.show(code, scope)
        guarded = found if isinstance(found, Guarded) else await found
        return guarded.seen, guarded.here_only

    async def up(self) -> None:
        await until(lambda: self.shared.up)

    async def down(self) -> None:
        await until(lambda: not self.shared.up)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 what is waited for has no event
            await asyncio.sleep(0.005)


FIRST, SAME, SUSPECTED = (Seen.FIRST, False), (Seen.SAME_PASSAGE, False), (Seen.SUSPECTED, False)
FIRST_HERE = (Seen.FIRST, True)


@pytest.fixture(scope="module")
def steady() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def redis(steady: RedisServer) -> RedisServer:
    steady.ask("FLUSHALL")
    return steady


@pytest.fixture
def fragile() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.close()


StartNode = Callable[..., Awaitable[Node]]


@pytest.fixture
async def start() -> AsyncIterator[StartNode]:
    nodes: list[Node] = []

    async def begin(url: str, *, up: bool = True, **changes: object) -> Node:
        node = Node(url, **changes)  # type: ignore[arg-type]
        nodes.append(node)
        node.guard.start()
        if up:
            await node.up()
            # A crowded machine may have needed more than one attempt.
            node.told.silent.clear()
            node.told.back = 1
        return node

    yield begin
    for node in nodes:
        await node.guard.close()
        assert node.told.failures == []


async def test_what_one_node_has_seen_the_other_knows(redis: RedisServer, start: StartNode) -> None:
    one, other = await start(redis.url), await start(redis.url)
    assert await one.seen() == FIRST
    assert await other.seen(scope=OTHER_GATE) == SUSPECTED
    assert await one.seen() == SAME
    assert await other.seen("code-2") == FIRST


async def test_one_gate_that_asks_two_nodes_is_one_passage(redis: RedisServer, start: StartNode) -> None:
    one, other = await start(redis.url), await start(redis.url)
    assert await one.seen() == FIRST
    assert await other.seen() == SAME
    assert await one.seen() == SAME


async def test_who_was_first_elsewhere_is_not_flagged_where_a_screenshot_was(
    redis: RedisServer, start: StartNode
) -> None:
    one, other = await start(redis.url), await start(redis.url)
    assert await one.seen() == FIRST
    assert await other.seen(scope=OTHER_GATE) == SUSPECTED
    assert await other.seen() == SAME  # the first gate, whose retry this node answers
    assert await other.seen(scope=OTHER_GATE) == SUSPECTED
    assert await one.seen() == SAME


async def test_what_was_first_elsewhere_is_suspected_at_every_gate_when_redis_is_away(
    fragile: RedisServer, start: StartNode
) -> None:
    one, other = await start(fragile.url), await start(fragile.url)
    assert await one.seen() == FIRST
    assert await other.seen(scope=OTHER_GATE) == SUSPECTED
    fragile.kill()
    await other.down()
    assert await other.seen(scope=OTHER_GATE) == (Seen.SUSPECTED, True)
    assert await other.seen() == (Seen.SUSPECTED, True)
    fragile.start()
    await other.up()
    # Redis has forgotten the first gate; this node has not forgotten that there was one.
    assert (await other.seen("code-1", b"a third gate"))[0] is Seen.SUSPECTED


async def test_what_is_suspected_here_is_asked_of_nobody(redis: RedisServer, start: StartNode) -> None:
    node = await start(redis.url)
    await node.seen()
    assert node.show(scope=OTHER_GATE) == Guarded(Seen.SUSPECTED)


async def test_a_thousand_screenshots_at_a_gate_of_another_node_are_all_suspected(
    redis: RedisServer, start: StartNode
) -> None:
    one, other = await start(redis.url), await start(redis.url)
    codes = [f"code-{number}" for number in range(1_000)]
    assert set(await asyncio.gather(*(one.seen(code) for code in codes))) == {FIRST}
    assert set(await asyncio.gather(*(other.seen(code, OTHER_GATE) for code in codes))) == {SUSPECTED}


async def test_what_is_asked_at_one_time_is_one_call(redis: RedisServer, start: StartNode) -> None:
    node = await start(redis.url)
    redis.ask("CONFIG", "RESETSTAT")
    await asyncio.gather(*(node.seen(f"code-{number}") for number in range(512)))
    assert b"cmdstat_evalsha:calls=1," in redis.ask("INFO", "commandstats")
    await asyncio.gather(*(node.seen(f"more-{number}") for number in range(513)))
    assert b"cmdstat_evalsha:calls=3," in redis.ask("INFO", "commandstats")


async def test_nothing_of_code_or_gate_is_told_to_redis_and_all_of_it_ends(
    redis: RedisServer, start: StartNode
) -> None:
    node = await start(redis.url)
    await node.seen("c4n4ry-code")
    names = [word for word in redis.ask("KEYS", "*").split(b"\r\n") if word.startswith(b"hcgw:")]
    assert len(names) == 2
    [name] = [one for one in names if one != b"hcgw:replay:since"]
    value = redis.ask("GET", name.decode())
    for secret in (b"c4n4ry", b"gz.example", b"spiffe", b"330000", b"gate-1"):
        assert secret not in name + value
    left_ms = int(redis.ask("PTTL", name.decode()).strip(b":\r\n"))
    assert 0 < left_ms <= (120 + 30) * 1_000


async def test_nodes_with_another_secret_know_nothing_of_each_other(redis: RedisServer, start: StartNode) -> None:
    one, other = await start(redis.url), await start(redis.url, secret=b"o" * 32)
    assert await one.seen() == FIRST
    assert await other.seen(scope=OTHER_GATE) == FIRST


# Redis that does not do as it should


async def test_before_redis_has_answered_this_machine_decides(start: StartNode) -> None:
    node = await start("unix:///nowhere/redis.sock", up=False)
    assert node.show() == Guarded(Seen.FIRST, here_only=True)
    assert node.show(scope=OTHER_GATE) == Guarded(Seen.SUSPECTED)
    await until(lambda: node.told.silent != [])
    assert node.told.silent == [Silence.UNREACHABLE]


async def test_a_redis_that_hangs_costs_its_budget_once(fragile: RedisServer, start: StartNode) -> None:
    node = await start(fragile.url, budget_s=0.3)
    fragile.pause()
    for number in range(MOST_LATE):
        assert node.shared.up
        assert await node.seen(f"waits-{number}") == FIRST_HERE
    assert not node.shared.up
    for number in range(100):  # and nobody waits from now on
        assert node.show(f"code-{number}") == Guarded(Seen.FIRST, here_only=True)
    assert node.show("waits-0", OTHER_GATE) == Guarded(Seen.SUSPECTED)
    fragile.go_on()
    await node.up()
    assert node.told.silent == [Silence.SLOW]
    assert node.told.offered_ == {Offered.TAKEN: 100 + MOST_LATE}


async def test_one_late_answer_leaves_the_connection_as_it_is(fragile: RedisServer, start: StartNode) -> None:
    node = await start(fragile.url, budget_s=0.3)
    fragile.pause()
    assert await node.seen("late") == FIRST_HERE
    fragile.go_on()
    # The late answer comes first, and is nobody's any more.
    node.shared._budget_s = PATIENT_S
    assert await node.seen("in time") == FIRST
    assert await node.seen("late") == SAME
    assert (node.told.silent, node.told.offered_, len(node.told.times)) == ([], {}, 2)


async def test_a_replay_that_redis_tells_of_too_late_is_counted(fragile: RedisServer, start: StartNode) -> None:
    one, other = await start(fragile.url), await start(fragile.url, budget_s=0.3)
    assert await one.seen("shown at another gate") == FIRST
    fragile.pause()
    shown = [other.seen("shown at another gate", OTHER_GATE), other.seen("new", OTHER_GATE)]
    assert await asyncio.gather(*shown) == [FIRST_HERE, FIRST_HERE]
    assert other.told.offered_ == {}
    fragile.go_on()
    await until(lambda: other.told.offered_ == {Offered.CONFLICT: 1})
    assert (other.told.silent, other.told.times) == ([], [])


async def test_what_was_recorded_alone_is_told_afterwards(fragile: RedisServer, start: StartNode) -> None:
    one, other = await start(fragile.url), await start(fragile.url)
    fragile.kill()
    await one.down()
    await other.down()
    assert await one.seen("a") == FIRST_HERE
    assert await one.seen("b") == FIRST_HERE
    assert await other.seen("b", OTHER_GATE) == FIRST_HERE
    fragile.start()
    await one.up()
    await other.up()
    assert await other.seen("a", OTHER_GATE) == SUSPECTED
    conflicts = [node.told.offered_.get(Offered.CONFLICT, 0) for node in (one, other)]
    assert sorted(conflicts) == [0, 1]
    assert one.told.silent == [Silence.UNREACHABLE]


async def test_what_has_ended_meanwhile_is_not_told(fragile: RedisServer, start: StartNode) -> None:
    node = await start(fragile.url)
    fragile.kill()
    await node.down()
    await node.seen("a")
    offer = node.shared.offers.take(1, 0.0)[0][0]
    node.shared.offers.add(offer.question, offer.shown - 1_000)
    fragile.start()
    await node.up()
    assert node.told.offered_ == {Offered.EXPIRED: 1}
    assert b"$-1" in fragile.ask("GET", offer.question.name)


async def test_a_redis_that_has_just_begun_is_not_believed_that_a_code_is_new(
    fragile: RedisServer, start: StartNode
) -> None:
    one, other = await start(fragile.url, lifetime_s=60.0), await start(fragile.url, lifetime_s=60.0)
    assert await one.seen() == FIRST_HERE
    assert await one.seen() == SAME  # its own passage it knows
    assert await other.seen(scope=OTHER_GATE) == SUSPECTED  # and what it does know counts


async def test_a_redis_that_was_emptied_has_just_begun(redis: RedisServer, start: StartNode) -> None:
    node = await start(redis.url, lifetime_s=0.2)
    await until(lambda: b"uptime_in_seconds:0" not in redis.ask("INFO", "server"))
    await node.seen("the memory begins with it")
    await asyncio.sleep(0.25)
    assert await node.seen("a") == FIRST
    redis.ask("FLUSHALL")
    assert await node.seen("b") == FIRST_HERE


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--requirepass", "other"), Silence.REFUSED),
        (("--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru"), Silence.FORGETFUL),
        (("--replicaof", "127.0.0.1", "1"), Silence.FORGETFUL),
    ],
)
async def test_a_redis_that_cannot_be_relied_on_is_not_asked(
    options: tuple[str, ...], why: Silence, start: StartNode
) -> None:
    server = RedisServer(*options)
    server.start()
    try:
        node = await start(server.url, up=False)
        await until(lambda: node.told.silent != [])
        assert node.told.silent == [why]
        assert await node.seen() == FIRST_HERE
    finally:
        server.close()


async def test_a_password_is_given(start: StartNode) -> None:
    server = RedisServer("--requirepass", "p/w")
    server.start()
    try:
        node = await start(server.url.replace("unix://", "unix://:p%2Fw@"))
        assert await node.seen() == FIRST
    finally:
        server.close()


async def test_a_script_that_is_gone_is_told_anew(redis: RedisServer, start: StartNode) -> None:
    node = await start(redis.url)
    redis.ask("SCRIPT", "FLUSH")
    assert await node.seen() == FIRST_HERE
    await until(lambda: node.told.back == 2)
    assert await node.seen() == SAME
    assert node.told.silent == [Silence.BROKEN]


async def test_another_address_is_put_in_force(redis: RedisServer, fragile: RedisServer, start: StartNode) -> None:
    node = await start(fragile.url)
    assert await node.seen() == FIRST
    node.shared.renew(lambda: RedisLine(read_address(redis.url)), QuestionMaker(b"n" * 32, same_passage_s=10.0))
    assert not node.shared.up
    await node.up()
    assert await node.seen("code-2") == FIRST
    assert b"*2" in redis.ask("KEYS", "hcgw:*")
    assert Silence.RENEWED not in node.told.silent


async def test_who_waits_when_the_guard_is_closed_is_answered(fragile: RedisServer, start: StartNode) -> None:
    node = await start(fragile.url)
    fragile.pause()
    waiting = asyncio.ensure_future(node.seen())
    await asyncio.sleep(0)
    await node.guard.close()
    assert await waiting == FIRST_HERE
    fragile.go_on()


async def test_a_key_of_another_kind_does_not_let_anybody_through(redis: RedisServer, start: StartNode) -> None:
    node = await start(redis.url)
    showing = Showing(CodeMarks(ISSUER, b"", b"code-1", Instant(AT + 120)), GATE, AT, 1)
    question = QuestionMaker(SECRET, same_passage_s=10.0).question(showing)
    redis.ask("SET", question.name, "nonsense")
    assert await node.seen() == SUSPECTED
    redis.ask("DEL", question.name)
    redis.ask("LPUSH", question.name, "nonsense")
    assert await node.seen() == (Seen.SUSPECTED, True)
    await until(lambda: node.told.silent == [Silence.BROKEN])


# What is asked


def question_at(at: float, code: bytes = b"code-1", scope: bytes = GATE) -> tuple[str, str, str, str]:
    marks = CodeMarks(ISSUER, b"", code, Instant(at + 60))
    asked = QuestionMaker(SECRET, same_passage_s=10.0).question(Showing(marks, scope, Instant(at), 1))
    return asked.name, asked.gate, asked.other_name, asked.other_gate


BEGINS = (int(AT) // GENERATION_S) * GENERATION_S


@pytest.mark.parametrize(
    ("recorded", "shown"), [(-10.0, 10.0), (10.0, 10.0), (3_600.0, 3_700.0), (-1.0, 55.0), (20.0, -20.0)]
)
def test_a_code_is_found_across_the_ends_of_generations_and_with_clocks_apart(recorded: float, shown: float) -> None:
    name, gate, _, _ = question_at(BEGINS + recorded)
    now, its_gate, other, other_gate = question_at(BEGINS + shown)
    assert (name, gate) in {(now, its_gate), (other, other_gate)}


@pytest.mark.parametrize(
    ("left", "remembered"),
    [(60.0, 90.0), (3_600.0, 3_630.0), (-10.0, 30.0), (365 * 86_400.0, GENERATION_S + 30.0)],
)
def test_a_code_is_remembered_until_it_ends_but_one_from_the_future_not(left: float, remembered: float) -> None:
    marks = CodeMarks(ISSUER, b"", b"code-1", Instant(AT + left))
    asked = QuestionMaker(SECRET, same_passage_s=10.0).question(Showing(marks, GATE, AT, 1))
    assert asked.left_ms == remembered * 1_000


def test_another_code_gate_or_generation_has_another_name() -> None:
    name, gate, other_name, other_gate = question_at(AT)
    assert question_at(AT, code=b"code-2")[0] != name
    assert question_at(AT, scope=OTHER_GATE)[:2] == (name, question_at(AT, scope=OTHER_GATE)[1])
    assert question_at(AT, scope=OTHER_GATE)[1] != gate
    assert len({name, other_name, question_at(AT + GENERATION_S)[0], gate, other_gate}) == 5
