"""Zhejiang's data bus: the request secret, its life and its end, and answers bound by the code."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import Reason
from gateway.provinces.dialect import Dialect, Stated, UpstreamFailed, UpstreamFailure
from gateway.provinces.profile import DialectName, ProvinceProfile
from gateway.values import Instant

from .dialect_servers import AT, BUDGET, HOLDER, NAME, connected, keep, opaque, outcome, profile_of, serving

CODE = opaque().identifier


def zhejiang(endpoint: str, folder: Path, **parameters: str) -> ProvinceProfile:
    return profile_of(
        DialectName.ZHEJIANG,
        endpoint,
        credentials={
            "app_key": keep(folder / "app-key", "thekey"),
            "app_secret": keep(folder / "app-secret", "thesecret"),
        },
        registered_as={"department": "健康码 gateway", "area": "330000"},
        parameters={"expired_codes": "E410", "not_found_codes": "E404", "refused_codes": "E401", **parameters},
    )


def found(level: object = "green", **more: object) -> dict[str, Any]:
    data = {**HOLDER, "level": level, "qrCode": CODE, "temperature": {"currentHealth": NAME}, "cityNo": NAME, **more}
    return {"success": True, "errCode": "0", "errMsg": NAME, "wrapped": False, "data": data, **HOLDER}


def error(code: object) -> dict[str, Any]:
    return {"success": False, "errCode": code, "errMsg": NAME, "data": None, **HOLDER}


@dataclass
class Bus:
    """A data bus that checks each signature and counts what it is asked."""

    answer: dict[str, Any] = field(default_factory=found)
    lives_s: float = 900.0
    secrets: int = 0
    """How many request secrets were given out; the last one is good."""
    accepts: bool = True
    asked: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None
    fetched: dict[str, Any] | None = None

    async def serve(self, request: web.Request) -> web.Response:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        assert (request.method, request.query_string) == ("POST", "")
        self.asked.append(request.path)
        self.heard.set()
        self.headers.append((request.headers["Calling-Department"], request.headers["Calling-Area"]))
        if request.path == "/secret":
            return await self._secret(fields)
        assert set(fields) == {"appKey", "requestTime", "sign", "qrCode", "additional"}
        if not self.accepts or not self._signed(fields, f"secret-{self.secrets}"):
            return web.json_response(error("E401"))
        answer = self.answer
        if answer.get("data") and answer["data"]["qrCode"] == "the same":
            answer = {**answer, "data": {**answer["data"], "qrCode": fields["qrCode"]}}
        return web.json_response(answer)

    async def _secret(self, fields: dict[str, str]) -> web.Response:
        assert set(fields) == {"appKey", "requestTime", "sign"}
        assert self._signed(fields, "thesecret")
        if self.gate is not None:
            await self.gate.wait()
        if self.fetched is not None:
            return web.json_response(self.fetched)
        self.secrets += 1
        end = int((int(fields["requestTime"]) / 1000 + self.lives_s) * 1000)
        data = {"requestSecret": f"secret-{self.secrets}", "requestSecretEndTime": end, "owner": NAME}
        return web.json_response({"success": True, "errCode": "0", "errMsg": "", "data": data})

    def _signed(self, fields: dict[str, str], secret: str) -> bool:
        text = fields["appKey"] + secret + fields["requestTime"]
        return fields["appKey"] == "thekey" and fields["sign"] == hashlib.md5(text.encode()).hexdigest()


async def ask_at(province: Dialect, at: float) -> Stated | UpstreamFailure:
    try:
        return await province.ask(opaque(), at=Instant(at), time_left=30.0)
    except UpstreamFailed as failed:
        return failed.failure


async def test_the_secret_is_fetched_once_and_kept_until_shortly_before_its_end(tmp_path: Path) -> None:
    bus = Bus()
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        for at in (AT, AT + 1, AT + 869):
            assert await ask_at(province, at) == Stated("green")
        assert bus.asked == ["/secret", "/query", "/query", "/query"]
        assert await ask_at(province, AT + 870) == Stated("green")
        assert bus.asked[4:] == ["/secret", "/query"]
    assert set(bus.headers) == {("%E5%81%A5%E5%BA%B7%E7%A0%81%20gateway", "330000")}


async def test_one_asker_fetches_while_the_others_wait(tmp_path: Path) -> None:
    bus = Bus(answer=found(qrCode="the same"), gate=asyncio.Event())
    assert bus.gate is not None
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        askers = [asyncio.create_task(outcome(province, opaque(f"V{n}"))) for n in range(8)]
        await bus.heard.wait()
        askers[0].cancel()  # the one that began to fetch goes away; the fetch goes on
        await asyncio.sleep(0.01)
        bus.gate.set()
        answers = await asyncio.gather(*askers, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [Stated("green")] * 7
    assert bus.asked.count("/secret") == 1


async def test_a_secret_that_was_accepted_and_is_refused_is_fetched_anew_once(tmp_path: Path) -> None:
    bus = Bus()
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        assert await outcome(province) == Stated("green")
        bus.secrets += 1  # the bus has forgotten the secret that it gave
        bus.asked.clear()
        assert await outcome(province) == Stated("green")
        assert bus.asked == ["/query", "/secret", "/query"]
        assert await outcome(province) == Stated("green")
        bus.accepts = False
        bus.asked.clear()
        assert await outcome(province) is UpstreamFailure.REFUSED
        assert bus.asked == ["/query", "/secret", "/query"]


async def test_many_askers_with_a_refused_secret_fetch_one(tmp_path: Path) -> None:
    bus = Bus()
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        assert await outcome(province) == Stated("green")
        bus.secrets += 1
        assert await asyncio.gather(*(outcome(province) for _ in range(6))) == [Stated("green")] * 6
    assert bus.asked.count("/secret") == 2


async def test_without_rights_it_knocks_once_a_question(tmp_path: Path) -> None:
    bus = Bus(accepts=False)
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        for _ in range(2):
            bus.asked.clear()
            assert await outcome(province) is UpstreamFailure.REFUSED
            assert bus.asked == ["/secret", "/query"]


async def test_an_answer_that_is_no_state_accepts_the_secret_too(tmp_path: Path) -> None:
    bus = Bus(answer=error("E404"))
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        assert await outcome(province) is Reason.CODE_NOT_FOUND
        bus.secrets += 1
        assert await outcome(province) is Reason.CODE_NOT_FOUND
    assert bus.asked.count("/secret") == 2


async def test_a_fetch_that_hangs_takes_nobodys_time_but_the_askers_own(tmp_path: Path) -> None:
    bus = Bus(gate=asyncio.Event())
    async with serving(bus.serve) as endpoint:
        profile = replace(zhejiang(endpoint, tmp_path), budget=replace(BUDGET, deadline_s=0.1))
        async with connected(profile) as province:
            assert await outcome(province, time_left=0.02) is UpstreamFailure.TIMEOUT
            assert await outcome(province, time_left=30.0) is UpstreamFailure.TIMEOUT  # the fetch's own end
            assert bus.gate is not None
            bus.gate.set()
            assert await outcome(province) == Stated("green")


async def test_closing_while_a_secret_is_fetched(tmp_path: Path) -> None:
    bus = Bus(gate=asyncio.Event())
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        asker = asyncio.create_task(outcome(province))
        await bus.heard.wait()
        await province.close()
        assert await asker is UpstreamFailure.UNREACHABLE


@pytest.mark.parametrize(
    ("fetched", "failure"),
    [
        (error("E401"), UpstreamFailure.REFUSED),
        (error("E999"), UpstreamFailure.ERROR_NUMBER),
        ({"success": True, "errCode": "0", "data": {}}, UpstreamFailure.GARBAGE),
        ({"success": True, "errCode": "0", "data": NAME}, UpstreamFailure.GARBAGE),
        ({"success": True, "data": {"requestSecret": "s", "requestSecretEndTime": "soon"}}, UpstreamFailure.GARBAGE),
        ({"success": True, "data": {"requestSecret": NAME, "requestSecretEndTime": 1}}, UpstreamFailure.GARBAGE),
        ({"success": True, "data": {"requestSecret": "s", "requestSecretEndTime": 99}}, UpstreamFailure.GARBAGE),
    ],
)
async def test_a_fetch_that_fails(tmp_path: Path, fetched: dict[str, Any], failure: UpstreamFailure) -> None:
    bus = Bus(fetched=fetched)
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        assert await outcome(province) is failure
        assert "/query" not in bus.asked
        bus.fetched = None
        assert await outcome(province) == Stated("green")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (found("red"), Stated("red")),
        (found(NAME), Stated("")),
        ({**found(), "errCode": ""}, Stated("green")),
        ({**found(), "errCode": None}, Stated("green")),
        ({**found(), "errCode": 0}, Stated("green")),
        (found(qrCode=CODE + "0"), UpstreamFailure.WRONG_CODE),
        (found(qrCode=NAME), UpstreamFailure.WRONG_CODE),
        (found(qrCode=None), UpstreamFailure.GARBAGE),
        (error("E410"), Reason.EXPIRED),
        ({**found(), "success": False, "errCode": "E410"}, Reason.EXPIRED),
        (error("E404"), Reason.CODE_NOT_FOUND),
        (error("E500"), UpstreamFailure.ERROR_NUMBER),
        (error("0"), UpstreamFailure.GARBAGE),
        ({**found(), "errCode": "E500"}, UpstreamFailure.GARBAGE),
        ({**found(), "success": NAME}, UpstreamFailure.GARBAGE),
        ({**found(), "data": []}, UpstreamFailure.GARBAGE),
        (found(level=None), UpstreamFailure.GARBAGE),
    ],
)
async def test_answers(tmp_path: Path, answer: dict[str, Any], expected: Stated | Reason | UpstreamFailure) -> None:
    bus = Bus(answer={**answer, "data": answer["data"] or None})
    async with serving(bus.serve) as endpoint, connected(zhejiang(endpoint, tmp_path)) as province:
        assert await outcome(province) == expected
