"""Jiangsu: the gateway's own names go out, error numbers come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import Reason
from gateway.provinces.dialect import Stated, UpstreamFailure
from gateway.provinces.profile import DialectName, ProvinceProfile

from .dialect_servers import HOLDER, NAME, connected, keep, opaque, outcome, profile_of, serving

REGISTERED = {
    "source": "interop-gateway",
    "position": "gateway seat",
    "verifierDept": "健康码互认网关",
    "verifierName": "gateway",
    "verifierPhone": "000",
}


def jiangsu(endpoint: str, folder: Path, **parameters: str) -> ProvinceProfile:
    return profile_of(
        DialectName.JIANGSU,
        endpoint,
        credentials={"token": keep(folder / "token", "t0ken")},
        registered_as=REGISTERED,
        parameters=parameters,
        division="320000",
    )


def scanned(level: object = "green", **more: object) -> dict[str, Any]:
    return {"resCode": 0, "resMsg": NAME, "res": {**HOLDER, "level": level, **more}, **HOLDER}


async def test_the_request_names_the_gateway_and_nobody_else(tmp_path: Path) -> None:
    seen: list[tuple[str, str, object]] = []

    async def scan(request: web.Request) -> web.Response:
        seen.append((request.path_qs, request.headers.get("Connection", ""), await request.json()))
        return web.json_response(scanned())

    async with serving(scan) as endpoint, connected(jiangsu(endpoint, tmp_path)) as province:
        assert await outcome(province) == Stated("green", bound=False)
    assert seen == [("/scan", "close", {"url": opaque().text, **REGISTERED, "token": "t0ken"})]


async def test_the_identifier_goes_out_where_a_profile_says_so(tmp_path: Path) -> None:
    seen: list[object] = []

    async def scan(request: web.Request) -> web.Response:
        seen.append((request.path, (await request.json())["url"]))
        return web.json_response(scanned())

    async with (
        serving(scan) as endpoint,
        connected(jiangsu(endpoint + "/base/", tmp_path, send="identifier", path="/other/scan")) as province,
    ):
        await outcome(province)
    assert seen == [("/base/other/scan", opaque().identifier)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (scanned("green"), Stated("green", bound=False)),
        (scanned("red"), Stated("red", bound=False)),
        (scanned(NAME), Stated("", bound=False)),
        ({**scanned("green"), "resCode": "0"}, Stated("green", bound=False)),
        ({**scanned("green"), "resCode": 111}, Reason.EXPIRED),
        ({"resCode": "111", "resMsg": NAME}, Reason.EXPIRED),
        ({"resCode": 112, "resMsg": NAME, "res": None}, Reason.NOT_ITS_ISSUERS),
        ({"resCode": 116, "resMsg": NAME}, UpstreamFailure.REFUSED),
        ({"resCode": 118, "resMsg": NAME}, UpstreamFailure.REFUSED),
        ({"resCode": 119, "resMsg": NAME}, UpstreamFailure.REFUSED),
        ({**scanned("green"), "resCode": 1}, UpstreamFailure.ERROR_NUMBER),
        ({"resCode": 404, "resMsg": NAME}, Reason.CODE_NOT_FOUND),
        ({"resCode": 9999, "resMsg": NAME}, UpstreamFailure.ERROR_NUMBER),
        ({"resCode": -1}, UpstreamFailure.ERROR_NUMBER),
        ({"resCode": None}, UpstreamFailure.GARBAGE),
        ({"resCode": 0}, UpstreamFailure.GARBAGE),
        ({"resCode": 0, "res": {**HOLDER}}, UpstreamFailure.GARBAGE),
    ],
)
async def test_answers(tmp_path: Path, answer: dict[str, Any], expected: Stated | Reason | UpstreamFailure) -> None:
    async def scan(request: web.Request) -> web.Response:
        return web.json_response(answer)

    async with (
        serving(scan) as endpoint,
        connected(jiangsu(endpoint, tmp_path, not_found_codes="404 405")) as province,
    ):
        assert await outcome(province) == expected


async def test_an_echo_binds_here_too(tmp_path: Path) -> None:
    async def scan(request: web.Request) -> web.Response:
        return web.json_response(scanned(url=(await request.json())["url"]))

    async with serving(scan) as endpoint, connected(jiangsu(endpoint, tmp_path, echo_member="url")) as province:
        assert await outcome(province) == Stated("green", bound=True)
