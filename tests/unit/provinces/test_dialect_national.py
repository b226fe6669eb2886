"""The national platform: one application for each question, carried back by the answer."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import Reason
from gateway.provinces.dialect import Stated, UpstreamFailure
from gateway.provinces.profile import DialectName, ProvinceProfile
from gateway.values import DivisionCode, Instant, IssuerId, ReasonClass

from .dialect_servers import AT, HOLDER, NAME, connected, keep, opaque, outcome, profile_of, serving

SECRET = "n@tional secret"
GIVEN_OUT = {"serialNumber": "SN-1", "challenge": "c-1"}


def national(endpoint: str, folder: Path) -> ProvinceProfile:
    return profile_of(
        DialectName.NATIONAL,
        endpoint,
        credentials={"secret_key": keep(folder / "secret", SECRET)},
        registered_as={"app_id": "gateway"},
        parameters={
            "not_found_codes": "404",
            "expired_codes": "410",
            "overloaded_codes": "429",
            "refused_codes": "401",
        },
        division="100000",
    )


def applied(**more: object) -> dict[str, Any]:
    return {"resultCode": "0", "resultMsg": NAME, **GIVEN_OUT, **HOLDER, **more}


def verified(code: object = "0", state: object = "00", **more: object) -> dict[str, Any]:
    return {"resultCode": code, "resultMsg": NAME, **GIVEN_OUT, "data": {**HOLDER, "state": state, **more}, **HOLDER}


def is_signed(fields: dict[str, str]) -> bool:
    rest = {name: value for name, value in fields.items() if name != "sign"}
    text = "&".join(f"{name}={value}" for name, value in sorted(rest.items()))
    return fields["sign"] == hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


async def test_both_steps_are_what_such_a_server_takes(tmp_path: Path) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def platform(request: web.Request) -> web.Response:
        fields = await request.json()
        assert is_signed(fields)
        del fields["sign"]
        seen.append((request.path_qs, fields))
        return web.json_response(applied() if request.path == "/apply" else verified())

    async with serving(platform) as endpoint, connected(national(endpoint, tmp_path)) as province:
        assert await outcome(province) == Stated("00")
    own = {"appId": "gateway", "timestamp": str(int(AT * 1000))}
    assert seen == [("/apply", own), ("/verify", {**own, **GIVEN_OUT, "codeContent": opaque().identifier})]


CASES: list[tuple[str, dict[str, Any], dict[str, Any], Stated | Reason | UpstreamFailure]] = [
    ("red", applied(), verified(state="10", reason="A4"), Stated("10", ReasonClass.RED_CLOSE_CONTACT)),
    (
        "times",
        applied(),
        verified(statedTime=1_600_000_000_000, expireTime="1600000060"),
        Stated("00", None, AT, Instant(AT + 60)),
    ),
    ("another word", applied(), verified(state=NAME), Stated("")),
    ("not found", applied(), verified("404"), Reason.CODE_NOT_FOUND),
    ("expired", applied(), verified(410), Reason.EXPIRED),
    ("overloaded", applied(), verified("429"), UpstreamFailure.OVERLOADED),
    ("refused", applied(), verified("401"), UpstreamFailure.REFUSED),
    ("other", applied(), verified("7"), UpstreamFailure.ERROR_NUMBER),
    ("serial of another", applied(), {**verified(), "serialNumber": "SN-2"}, UpstreamFailure.WRONG_CODE),
    ("challenge of another", applied(), {**verified(), "challenge": "c-2"}, UpstreamFailure.WRONG_CODE),
    ("no serial", applied(), {"resultCode": "0", "data": {"state": "00"}}, UpstreamFailure.WRONG_CODE),
    ("expired without serial", applied(), {"resultCode": "410"}, UpstreamFailure.WRONG_CODE),
    ("overloaded without serial", applied(), {"resultCode": "429"}, UpstreamFailure.OVERLOADED),
    ("time is a story", applied(), verified(statedTime=NAME), UpstreamFailure.GARBAGE),
    ("apply: overloaded", applied(resultCode="429"), verified(), UpstreamFailure.OVERLOADED),
    ("apply: refused", applied(resultCode="401"), verified(), UpstreamFailure.REFUSED),
    ("apply: no challenge", {"resultCode": "0", "serialNumber": "1"}, verified(), UpstreamFailure.GARBAGE),
    ("apply: serial a list", applied(serialNumber=[1]), verified(), UpstreamFailure.GARBAGE),
    ("apply: serial with blanks", applied(serialNumber=f"{NAME} x"), verified(), UpstreamFailure.GARBAGE),
]


@pytest.mark.parametrize(("apply", "verify", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_answers(
    tmp_path: Path, apply: dict[str, Any], verify: dict[str, Any], expected: Stated | Reason | UpstreamFailure
) -> None:
    async def platform(request: web.Request) -> web.Response:
        return web.json_response(apply if request.path == "/apply" else verify)

    async with serving(platform) as endpoint, connected(national(endpoint, tmp_path)) as province:
        assert await outcome(province) == expected


@pytest.mark.parametrize(
    ("division", "expected"),
    [
        ("330000", Stated("00")),
        ("330100", Stated("00")),
        (330000, Stated("00")),
        ("440000", UpstreamFailure.WRONG_CODE),
        ("100000", UpstreamFailure.WRONG_CODE),
        (NAME, UpstreamFailure.GARBAGE),
        ("33", UpstreamFailure.GARBAGE),
        (None, UpstreamFailure.GARBAGE),
    ],
)
async def test_in_anothers_place_it_must_say_whose_code_it_is(
    tmp_path: Path, division: object, expected: Stated | UpstreamFailure
) -> None:
    """Else the green of one province could be shown on the page of another that happens to be down."""
    anothers = replace(opaque(), issuer=IssuerId("https://zhejiang.code.invalid"), division=DivisionCode("330100"))

    async def platform(request: web.Request) -> web.Response:
        return web.json_response(applied() if request.path == "/apply" else verified(division=division))

    async with serving(platform) as endpoint, connected(national(endpoint, tmp_path)) as province:
        assert await outcome(province, anothers) == expected


async def test_each_question_applies_for_itself_and_both_steps_share_its_time(tmp_path: Path) -> None:
    asked: list[str] = []

    async def platform(request: web.Request) -> web.Response:
        fields = await request.json()
        if request.path == "/apply":
            asked.append("apply")
            return web.json_response(applied(serialNumber=f"SN-{len(asked)}"))
        asked.append(fields["serialNumber"])
        return web.json_response({**verified(), "serialNumber": fields["serialNumber"]})

    async with serving(platform) as endpoint, connected(national(endpoint, tmp_path)) as province:
        assert [await outcome(province) for _ in range(2)] == [Stated("00")] * 2
        assert asked == ["apply", "SN-1", "apply", "SN-3"]
        assert await outcome(province, time_left=0.0) is UpstreamFailure.TIMEOUT


def test_the_holders_data_stand_in_the_table() -> None:
    assert NAME in json.dumps(verified(), ensure_ascii=False)
