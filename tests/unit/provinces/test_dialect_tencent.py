"""The Tencent family: what is sent, what comes back, and the flag that wins over the colour."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import Reason
from gateway.provinces.dialect import Stated, UpstreamFailure
from gateway.provinces.profile import DialectName, ProvinceProfile
from gateway.values import Instant, ReasonClass

from .dialect_servers import AT, HOLDER, NAME, NUMBER, connected, keep, opaque, outcome, profile_of, serving

SECRET = "s3cret-of-the-test"


def tencent(endpoint: str, folder: Path, **parameters: str) -> ProvinceProfile:
    return profile_of(
        DialectName.TENCENT,
        endpoint,
        credentials={"secret_key": keep(folder / "secret", SECRET + "\n")},
        registered_as={"app_id": "gateway-app"},
        parameters=parameters,
    )


def decoded(grade: object = "00", **more: object) -> dict[str, object]:
    data = {
        **HOLDER,
        "risk_assessment_grade": grade,
        "qrcode_expired": False,
        "report_expired": False,
        "certificate_token": NUMBER,
        **more,
    }
    return {"errcode": "0", "errmsg": NAME, "requestId": NAME, "data": data, **HOLDER}


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**answer, "data": {name: value for name, value in answer["data"].items() if name not in names}}


@pytest.mark.parametrize(
    ("send_secret", "names"),
    [
        ("false", {"appId", "code_content", "sign", "timestamp"}),
        ("true", {"appId", "code_content", "secretKey", "sign", "timestamp"}),
    ],
)
async def test_the_request_is_what_such_a_server_takes(tmp_path: Path, send_secret: str, names: set[str]) -> None:
    seen: list[tuple[web.Request, Mapping[str, str]]] = []

    async def decode(request: web.Request) -> web.Response:
        seen.append((request, await request.json()))
        return web.json_response(decoded())

    async with (
        serving(decode) as endpoint,
        connected(tencent(endpoint, tmp_path, send_secret=send_secret)) as province,
    ):
        assert isinstance(await outcome(province), Stated)
    [(request, fields)] = seen
    assert (request.method, request.path_qs, request.content_type) == ("POST", "/decode", "application/json")
    assert request.headers["Connection"] == "close"
    assert request.headers["Accept-Encoding"] == "identity"
    assert "Cookie" not in request.headers
    assert set(fields) == names
    assert fields["code_content"] == opaque().identifier
    assert fields["timestamp"] == str(int(AT))
    assert fields.get("secretKey", SECRET) == SECRET
    text = f"appId=gateway-app&code_content={opaque().identifier}&secretKey={SECRET}&timestamp={int(AT)}"
    assert fields["sign"] == hashlib.sha256(text.encode()).hexdigest()


CASES: list[tuple[str, dict[str, Any], Stated | Reason | UpstreamFailure]] = [
    ("green", decoded("00"), Stated("00", bound=False)),
    ("yellow", decoded("01"), Stated("01", bound=False)),
    ("red, reason", decoded("10", reason="A4"), Stated("10", ReasonClass.RED_CLOSE_CONTACT, bound=False)),
    ("a reason that is a story", decoded("10", reason=NAME), Stated("10", bound=False)),
    ("a reason of another type", decoded("10", reason=[NAME]), Stated("10", bound=False)),
    ("a word that may be anything", decoded(NAME), Stated("", bound=False)),
    ("0 is not 00", decoded(0), Stated("", bound=False)),
    ("errcode a number", {**decoded("00"), "errcode": 0}, Stated("00", bound=False)),
    ("report_expired may be missing", without(decoded(), "report_expired"), Stated("00", bound=False)),
    ("flags as text", decoded(qrcode_expired="0", report_expired="false"), Stated("00", bound=False)),
    ("expired as success", decoded("00", qrcode_expired=True), Reason.EXPIRED),
    ("expired as success, red", decoded("10", qrcode_expired=1), Reason.EXPIRED),
    ("expired as success, no grade", without(decoded(qrcode_expired="true"), "risk_assessment_grade"), Reason.EXPIRED),
    ("declaration lapsed", decoded("00", report_expired=True), Reason.EXPIRED),
    ("flag missing", without(decoded(), "qrcode_expired"), UpstreamFailure.GARBAGE),
    ("flag of another type", decoded(qrcode_expired=[]), UpstreamFailure.GARBAGE),
    ("flag is neither", decoded(qrcode_expired="no"), UpstreamFailure.GARBAGE),
    ("flag null", decoded(qrcode_expired=None), UpstreamFailure.GARBAGE),
    ("flag 2", decoded(qrcode_expired=2), UpstreamFailure.GARBAGE),
    ("lapsed flag is neither", decoded(report_expired=NAME), UpstreamFailure.GARBAGE),
    ("grade missing", without(decoded(), "risk_assessment_grade"), UpstreamFailure.GARBAGE),
    ("grade null", decoded(None), UpstreamFailure.GARBAGE),
    ("grade true", decoded(grade=True), UpstreamFailure.GARBAGE),
    ("grade a fraction", decoded(0.5), UpstreamFailure.GARBAGE),
    ("grade an essay", decoded(NAME * 20), UpstreamFailure.GARBAGE),
    ("data a list", {**decoded(), "data": [NAME]}, UpstreamFailure.GARBAGE),
    ("no data", {"errcode": "0"}, UpstreamFailure.GARBAGE),
    ("no errcode", {"data": decoded()["data"]}, UpstreamFailure.GARBAGE),
    ("errcode null", {**decoded(), "errcode": None}, UpstreamFailure.GARBAGE),
    ("error, data or not", {**decoded("00"), "errcode": "31001"}, UpstreamFailure.ERROR_NUMBER),
    ("error", {"errcode": 99, "errmsg": NAME, **HOLDER}, UpstreamFailure.ERROR_NUMBER),
    ("expired by number", {"errcode": "40101", "errmsg": NAME}, Reason.EXPIRED),
    ("not found", {"errcode": 40102, "errmsg": NAME}, Reason.CODE_NOT_FOUND),
    ("not mine", {"errcode": "40103", "errmsg": NAME}, Reason.NOT_ITS_ISSUERS),
    ("no permission", {"errcode": "40104", "errmsg": NAME}, UpstreamFailure.REFUSED),
    ("no permission, other number", {"errcode": "40105", "errmsg": NAME}, UpstreamFailure.REFUSED),
    ("overloaded", {"errcode": "40106", "errmsg": NAME}, UpstreamFailure.OVERLOADED),
]


@pytest.mark.parametrize(("answer", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_answers(tmp_path: Path, answer: dict[str, Any], expected: Stated | Reason | UpstreamFailure) -> None:
    async def decode(request: web.Request) -> web.Response:
        return web.json_response(answer)

    async with serving(decode) as endpoint:
        profile = tencent(
            endpoint,
            tmp_path,
            expired_codes="40101",
            not_found_codes="40102",
            not_mine_codes="40103",
            refused_codes="40104 40105",
            overloaded_codes="40106",
        )
        async with connected(profile) as province:
            assert await outcome(province) == expected


@pytest.mark.parametrize(
    ("echo", "expected"),
    [
        (opaque().identifier, Stated("00", bound=True)),
        (opaque("V0ding" + "0b" * 16).identifier, UpstreamFailure.WRONG_CODE),
        (NAME, UpstreamFailure.WRONG_CODE),
        (7, UpstreamFailure.WRONG_CODE),
        (None, UpstreamFailure.GARBAGE),
    ],
)
async def test_a_province_that_repeats_the_code_is_bound(
    tmp_path: Path, echo: object, expected: Stated | UpstreamFailure
) -> None:
    async def decode(request: web.Request) -> web.Response:
        assert "Connection" not in request.headers
        return web.json_response(decoded(code_content=echo))

    async with (
        serving(decode) as endpoint,
        connected(tencent(endpoint, tmp_path, echo_member="code_content")) as province,
    ):
        assert await outcome(province) == expected


async def test_times_where_a_province_tells_them(tmp_path: Path) -> None:
    async def decode(request: web.Request) -> web.Response:
        return web.json_response(decoded(said_at="2020-09-13 20:26:30", code_expire_time=1_600_000_060_000))

    async with serving(decode) as endpoint:
        profile = tencent(endpoint, tmp_path, stated_time_member="said_at", expire_time_member="code_expire_time")
        async with connected(profile) as province:
            assert await outcome(province) == Stated(
                "00", None, Instant(1_599_999_990.0), Instant(1_600_000_060.0), bound=False
            )


async def test_no_answer_crosses_when_askers_go_away(tmp_path: Path) -> None:
    """Each code has a colour of its own; half of the askers leave while the server is still thinking."""
    words = ("00", "01", "10")
    held = asyncio.Event()

    async def decode(request: web.Request) -> web.Response:
        number = int((await request.json())["code_content"])
        if number % 2:
            await held.wait()
        return web.json_response(decoded(words[number % 3]))

    async with serving(decode) as endpoint, connected(tencent(endpoint, tmp_path)) as province:
        leaving = [asyncio.create_task(outcome(province, opaque(str(n)))) for n in range(1, 16, 2)]
        await asyncio.sleep(0.05)
        for asker in leaving:
            asker.cancel()
        staying = await asyncio.gather(*(outcome(province, opaque(str(n))) for n in range(0, 60, 2)))
        held.set()
        more = await asyncio.gather(*(outcome(province, opaque(str(n))) for n in range(60)))
        gone = await asyncio.gather(*leaving, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in gone)
    assert staying == [Stated(words[n % 3], bound=False) for n in range(0, 60, 2)]
    assert more == [Stated(words[n % 3], bound=False) for n in range(60)]


def test_answers_are_json_as_real_ones_are() -> None:
    """The table is about what the connector reads, so the holder's data must really stand in it."""
    assert NAME in json.dumps(decoded(), ensure_ascii=False)
