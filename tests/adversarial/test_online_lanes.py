"""Hostile provinces, clocks that go back, and keys that are trusted no more: what a lane must not give out."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import pytest
from aiohttp.client_proto import ResponseHandler
from healthcode.province.v1 import code_service_pb2 as pb

from gateway.errors import Reason
from gateway.provinces.answers import MAX_ANSWER_BYTES
from gateway.provinces.breaker import BreakerState
from gateway.provinces.dialect import UpstreamFailed, UpstreamFailure
from gateway.provinces.http import JSON, HttpUpstream
from gateway.provinces.lane import Lane
from gateway.provinces.memory import CLOCK_STEP_S, Memory
from gateway.provinces.native import ANSWER_TYPE, Native
from gateway.provinces.profile import DialectName, StatedMeaning
from gateway.values import (
    Algorithm,
    CodeState,
    DisplayedCode,
    DivisionCode,
    Instant,
    IssuerId,
    KeyId,
    OnlineAnswer,
    ReasonClass,
    TrustedKey,
)
from tests.simulators.signing import make_key
from tests.unit.provinces.dialect_servers import connected, http_200, keep, profile_of, raw_serving
from tests.unit.provinces.issuers_bench import Bench, directory, said
from tests.unit.provinces.lane_fakes import AT, BUDGET, Scripted, Watch, budget, code, fails, lane, profile, says
from tests.unit.provinces.virtual_time import now, virtually

CLOSED, HALF_OPEN, OPEN = BreakerState
GIVEN, OF_THE_WORD = ReasonClass.RED_CLOSE_CONTACT, ReasonClass.YELLOW_SAME_VEHICLE


@pytest.mark.parametrize(
    ("word", "given", "told"),
    [
        ("B5", None, OF_THE_WORD),
        ("B5", GIVEN, GIVEN),
        ("green", None, None),
        ("green", GIVEN, GIVEN),
        ("?", None, None),
    ],
)
def test_the_reason_that_a_word_itself_gives_is_told(
    word: str, given: ReasonClass | None, told: ReasonClass | None
) -> None:
    """Rules that let a yellow through, but not this one, would see none."""
    states = {
        "B5": StatedMeaning(CodeState.YELLOW, "In one vehicle with a case.", OF_THE_WORD),
        "green": StatedMeaning(CodeState.GREEN, "May pass."),
    }

    async def main() -> None:
        province = Scripted([says(word, reason_class=given)])
        its = Lane(profile(states=MappingProxyType(states)), province, Watch(), places=1, monotonic=now)
        heard = await its.ask(code(), at=AT, time_left=3.0)
        assert isinstance(heard, OnlineAnswer)
        assert heard.reason_class is told
        await its.close()

    virtually(main)


def test_what_was_said_before_the_clock_was_set_back_gives_way_to_what_is_said_now() -> None:
    async def main() -> None:
        province = Scripted([says("word-1"), says("word-2")])
        its = lane(province, Watch())
        assert said(await its.ask(code(), at=AT, time_left=3.0)).statement == "word-1"
        earlier = Instant(AT - CLOCK_STEP_S - 10)
        assert said(await its.ask(code(), at=earlier, time_left=3.0)).statement == "word-2"
        # The clock is right again: the newer word is the one that was said last, not the one with the later time.
        for at in (earlier + 1, AT - CLOCK_STEP_S, AT + 1):
            assert said(await its.ask(code(), at=Instant(at), time_left=3.0)).statement == "word-2"
        assert len(province.asked) == 2
        await its.close()

    virtually(main)


@pytest.mark.parametrize(("dialect", "asked"), [(DialectName.NATIVE, 2), (DialectName.ALIPAY, 1)])
def test_a_reload_forgets_what_a_key_signed_that_may_be_trusted_no_more(dialect: DialectName, asked: int) -> None:
    async def main() -> None:
        found = directory("zhejiang", dialect=dialect)
        bench = Bench(found)
        await bench.ask()
        bench.issuers = bench.issuers.renewed(found)
        await bench.ask()
        assert len(bench.provinces["zhejiang"]) == 1
        assert len(bench["zhejiang"].asked) == asked
        await bench.issuers.close()

    virtually(main)


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many bytes were parsed at a time, as a list that grows."""
    sizes: list[int] = []
    before = ResponseHandler.data_received

    def noted(self: ResponseHandler, data: bytes) -> None:
        sizes.append(len(data))
        before(self, data)

    monkeypatch.setattr(ResponseHandler, "data_received", noted)
    return sizes


OK = b"HTTP/1.1 200 OK\r\n"
FLOODS = {
    "bodies of one byte": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "headers": (OK, b"a: b\r\n"),
    "preliminary answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "one long body": (OK + b"Content-Length: 1000000000\r\n\r\n", b"x" * 64),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_and_is_never_parsed_in_one_go(flood: str, received: list[int]) -> None:
    """One read of 256 KiB of such parts takes a tenth of a second, in which nobody else has a turn."""
    begins, part = FLOODS[flood]

    async def floods(_question: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(begins)
        with suppress(ConnectionError):
            for _ in range(40):
                writer.write(part * (16_384 // len(part)))
                await writer.drain()
        writer.close()

    async def main() -> None:
        async with raw_serving(floods) as url:
            upstream = HttpUpstream(profile_of(DialectName.TENCENT, url), use_connections_once=True)
            with pytest.raises(UpstreamFailed) as failed:
                await upstream.post("/", b"{}", JSON, len)
            assert failed.value.failure in (UpstreamFailure.GARBAGE, UpstreamFailure.UNREACHABLE)
            await upstream.close()

    asyncio.run(main())
    assert received
    assert max(received) <= MAX_ANSWER_BYTES
    assert sum(received) <= 40 * 16_384 + len(begins)


def test_what_a_checker_typed_is_in_no_repr() -> None:
    assert "CANARY" not in repr(DisplayedCode(DivisionCode("330000"), "CANARY"))


def test_whoever_shows_strange_codes_cuts_no_province_off(tmp_path: Path) -> None:
    """A server that refuses a question for its form works: the next one is put, and answered."""
    good = b'{"errcode":"0","data":{"risk_assessment_grade":"00","qrcode_expired":false}}'

    async def picky(question: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n" if b"strange" in question else http_200(good))
        await writer.drain()

    async def main() -> None:
        async with raw_serving(picky) as url:
            its = profile_of(
                DialectName.TENCENT,
                url,
                credentials={"secret_key": keep(tmp_path / "secret", "s3cret")},
                registered_as={"app_id": "gateway"},
                budget=budget(breaker_failures=2, attempts=2),
            )
            async with connected(its) as dialect:
                held = Lane(its, dialect, Watch(), places=4, monotonic=now)
                for number in range(6):
                    heard = await held.ask(code(f"strange {number}"), at=AT, time_left=3.0)
                    assert heard is UpstreamFailure.ERROR_NUMBER
                assert said(await held.ask(code("good"), at=AT, time_left=3.0)).statement == "00"
                await held.close()

    asyncio.run(main())


def test_a_strange_code_as_the_probe_leaves_the_next_one_to_be_it() -> None:
    """Else a province that is well again would never be asked again."""

    async def main() -> None:
        acts = (says("word-1"), fails(UpstreamFailure.TIMEOUT), fails(UpstreamFailure.ERROR_NUMBER), says("word-2"))
        watch = Watch()
        its = lane(Scripted(list(acts)), watch, breaker_failures=1)
        first = said(await its.ask(code("0"), at=AT, time_left=3.0))
        assert first.notes == ()
        assert await its.ask(code("1"), at=AT, time_left=3.0) is UpstreamFailure.TIMEOUT
        await asyncio.sleep(5.0)
        assert await its.ask(code("strange"), at=AT, time_left=3.0) is UpstreamFailure.ERROR_NUMBER
        again = said(await its.ask(code("0"), at=AT, time_left=3.0))
        assert again.notes == (Reason.ISSUER_CUT_OFF,)
        assert said(await its.ask(code("2"), at=AT, time_left=3.0)).statement == "word-2"
        assert [state for _, state in watch.states] == [OPEN, HALF_OPEN, OPEN, HALF_OPEN, CLOSED]
        await its.close()

    virtually(main)


def test_of_two_words_of_one_time_the_one_that_was_heard_last_counts() -> None:
    memory, key = Memory(), b"key"
    for word in ("green", "red"):
        heard = OnlineAnswer(word, AT, 60.0)
        memory.keep(key, heard, said_time=AT, at=AT, until=Instant(AT + 60))
    kept = memory.recall(key, AT)
    assert isinstance(kept, OnlineAnswer)
    assert kept.statement == "red"


@pytest.mark.parametrize("national", ["somebodysnationalid", None])
def test_no_made_up_code_of_one_province_is_answered_by_a_national_id_that_stands_beside_it(
    national: str | None,
) -> None:
    """Else whoever comes from elsewhere is judged by the rules for the province whose page she wrote around her id."""

    async def main() -> None:
        bench = Bench(directory("zhejiang", "national"))
        bench["zhejiang"].plays(fails(UpstreamFailure.ERROR_NUMBER))
        bench["national"].plays(says("word-1"))
        assert await bench.ask(national=national) is Reason.UPSTREAM_UNAVAILABLE
        assert bench["national"].asked == []
        assert bench.watch.fallbacks == []
        await bench.issuers.close()

    virtually(main)


def test_reloads_leave_nothing_of_what_has_ended() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang"))
        for budget_s in range(1, 6):
            bench.issuers = bench.issuers.renewed(directory("zhejiang", budget=budget(deadline_s=float(budget_s))))
        await asyncio.sleep(30)
        assert len(bench.provinces["zhejiang"]) == 6 - (BUDGET.deadline_s == 1.0)
        assert bench.issuers._leaving == {}
        await bench.issuers.close()

    virtually(main)


def test_an_answer_that_names_no_key_is_tried_with_none() -> None:
    """Of many keys of one province any would do: which one speaks is not the answer's to leave open."""
    key = make_key(Algorithm.ED25519, "answers")
    asked: list[KeyId | None] = []

    def find(issuer: IssuerId, key_id: KeyId | None) -> tuple[TrustedKey, ...]:
        asked.append(key_id)
        return (key.trusted(issuer),)

    its = Native(profile_of(DialectName.NATIVE, "127.0.0.1:1"), find)
    for header, expected in (({"kid": key.key_id.decode()}, 1), ({}, 0)):
        segments = [{"alg": "EdDSA", "typ": ANSWER_TYPE, **header}, {"iss": "somebody"}]
        covered = b".".join(urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in segments)
        signed = covered + b"." + urlsafe_b64encode(key.sign(covered)).rstrip(b"=")
        answer = pb.ResolveCodeResponse(signed_answer=signed.decode()).SerializeToString()
        heard = its.read(answer, b"text", bytes(16), AT)
        assert isinstance(heard, UpstreamFailed)
        assert heard.failure is (UpstreamFailure.GARBAGE if expected else UpstreamFailure.BAD_SIGNATURE)
        assert len(asked) == expected
        asked.clear()
