"""The simulated provinces, asked by hand as docs/dialects.md says: what they answer, refuse, and do wrong.

No client of the gateway's is used: both sides are held to the document, not to one another.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp
import grpc
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from healthcode.province.v1 import code_service_pb2 as pb
from healthcode.province.v1.code_service_pb2_grpc import CodeServiceStub

from gateway.values import CodeState
from tests.conftest import FakeClock
from tests.simulators.provinces.faults import HEALTHY, Fault, FaultKind
from tests.simulators.provinces.people import MARKS
from tests.simulators.provinces.world import ProvinceWorld

SYSTEMS = ("hainan", "guangdong", "jiangsu", "zhejiang", "national")
"""One of each HTTP dialect."""


@dataclass
class Asker:
    """Somebody with a province's credentials who follows the document."""

    world: ProvinceWorld
    clock: FakeClock
    http: aiohttp.ClientSession

    def secret(self, name: str, what: str) -> bytes:
        return (self.world.directory / f"secrets/{name}.{what}").read_bytes()

    async def post(self, name: str, path: str, **sent: Any) -> tuple[int, bytes]:
        system: Any = self.world.provinces[name].system
        timeout = aiohttp.ClientTimeout(total=5)
        async with self.http.post(system.endpoint + path, timeout=timeout, **sent) as answer:
            return answer.status, await answer.read()

    async def told(self, name: str, path: str, **sent: Any) -> dict[str, Any]:
        status, body = await self.post(name, path, **sent)
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    async def ask(self, name: str, number: int, *, wrongly: bool = False, age_s: float = 0.0) -> dict[str, Any]:
        code = self.world.code(name, number, age_s=age_s).text.decode()
        ask = {
            "hainan": self._alipay,
            "guangdong": self._tencent,
            "jiangsu": self._jiangsu,
            "zhejiang": self._zhejiang,
            "national": self._national,
        }[name]
        return await ask(code, wrongly)

    async def _alipay(self, code: str, wrongly: bool) -> dict[str, Any]:
        key = serialization.load_pem_private_key(self.secret("hainan", "private-key"), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        now = datetime.fromtimestamp(self.clock(), UTC) + timedelta(hours=8)
        form = {
            "app_id": "healthcode-interop-gateway",
            "method": "alipay.ebpp.industry.gov.healthcode.verify",
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "version": "1.0",
            "timestamp": now.strftime("%Y-%m-%d %H:%M:%S"),
            "biz_content": json.dumps({"city_code": "460000", "code_content": code, "industry_type": "HEALTH_CODE"}),
        }
        signed = "&".join(f"{name}={form[name]}" for name in sorted(form))
        form["sign"] = b64encode(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        if wrongly:
            form["app_id"] += "x"
        _, body = await self.post("hainan", "/gateway.do", data=form)
        return self._platform_said(body)

    def _platform_said(self, body: bytes) -> dict[str, Any]:
        """Check the platform's signature over the exact bytes of the node, and return the node."""
        start = body.index(b":") + 1
        node, _, rest = body[start:].rpartition(b',"sign":"')
        public = serialization.load_pem_public_key(self.secret("hainan", "platform-public-key"))
        assert isinstance(public, rsa.RSAPublicKey)
        sign = json.loads(b'"' + rest[:-1])
        public.verify(b64decode(sign), node, padding.PKCS1v15(), hashes.SHA256())
        found: dict[str, Any] = json.loads(node)
        return found

    async def _tencent(self, code: str, wrongly: bool) -> dict[str, Any]:
        asked = {"appId": "healthcode-interop-gateway", "timestamp": str(int(self.clock())), "code_content": code}
        parts = asked | {"secretKey": "wrong" if wrongly else self.secret("guangdong", "secret-key").decode()}
        signed = "&".join(f"{name}={parts[name]}" for name in sorted(parts))
        return await self.told(
            "guangdong", "/decode", json=asked | {"sign": hashlib.sha256(signed.encode()).hexdigest()}
        )

    async def _jiangsu(self, code: str, wrongly: bool) -> dict[str, Any]:
        named = self.world.provinces["jiangsu"].profile["registered_as"]
        token = "wrong" if wrongly else self.secret("jiangsu", "token").decode()
        return await self.told("jiangsu", "/scan", json={**named, "source": "s", "url": code, "token": token})

    async def _zhejiang(self, code: str, wrongly: bool) -> dict[str, Any]:
        identifier = parse_qs(urlsplit(code).query)["qrCode"][0]
        named = self.world.provinces["zhejiang"].profile["registered_as"]
        headers = {"Calling-Department": quote(named["department"]), "Calling-Area": named["area"]}
        key, stamp = self.secret("zhejiang", "app-key").decode(), str(int(self.clock() * 1000))

        def signed(secret: str) -> dict[str, str]:
            text = f"{key}{secret}{stamp}"
            return {"appKey": key, "requestTime": stamp, "sign": hashlib.md5(text.encode()).hexdigest()}

        first = signed("wrong" if wrongly else self.secret("zhejiang", "app-secret").decode())
        given = await self.told("zhejiang", "/secret", data=first, headers=headers)
        if not given["success"]:
            return given
        second = signed(given["data"]["requestSecret"]) | {"qrCode": identifier, "additional": "{}"}
        return await self.told("zhejiang", "/query", data=second, headers=headers)

    async def _national(self, code: str, wrongly: bool) -> dict[str, Any]:
        def signed(**asked: str) -> dict[str, str]:
            asked |= {"appId": "healthcode-interop-gateway", "timestamp": str(int(self.clock() * 1000))}
            text = "&".join(f"{name}={asked[name]}" for name in sorted(asked))
            secret = b"wrong" if wrongly else self.secret("national", "secret-key")
            return asked | {"sign": hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()}

        given = await self.told("national", "/apply", json=signed())
        if given["resultCode"] != "0":
            return given
        carried = {name: given[name] for name in ("serialNumber", "challenge")}
        said = await self.told("national", "/verify", json=signed(**carried, codeContent=code))
        again = await self.told("national", "/verify", json=signed(**carried, codeContent=code))
        assert again["resultCode"] == "2401"  # a serial number is good for one call
        return said | {"as_given": {name: said.get(name) for name in carried} == carried}


@asynccontextmanager
async def asking(folder: Path, clock: FakeClock, *names: str) -> AsyncIterator[Asker]:
    world = ProvinceWorld(folder, names or SYSTEMS, clock=clock, people=300)
    await world.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Asker(world, clock, http)
    finally:
        await world.stop()


def state_in(name: str, said: dict[str, Any]) -> object:
    record, member = {
        "hainan": (None, "code_color"),
        "guangdong": ("data", "risk_assessment_grade"),
        "jiangsu": ("res", "level"),
        "zhejiang": ("data", "level"),
        "national": ("data", "state"),
    }[name]
    return (said if record is None else said[record])[member]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hainan", {"GREEN": "green", "YELLOW": "yellow", "RED": "red", "STALE_DECLARATION": "gray"}),
        ("guangdong", {"GREEN": "00", "YELLOW": "01", "RED": "10"}),
        ("jiangsu", {"GREEN": "green", "YELLOW": "yellow", "RED": "red"}),
        ("zhejiang", {"GREEN": "green", "YELLOW": "yellow", "RED": "red"}),
        ("national", {"GREEN": "00", "YELLOW": "01", "RED": "10"}),
    ],
)
async def test_each_says_the_truth_in_its_own_words_and_too_much(
    tmp_path: Path, clock: FakeClock, name: str, words: dict[str, str]
) -> None:
    async with asking(tmp_path, clock, name) as asker:
        for state, word in words.items():
            number = asker.world.people(name).first(CodeState[state])
            said = await asker.ask(name, number)
            assert state_in(name, said) == word
            assert said.get("as_given", True)
            told = json.dumps(said, ensure_ascii=False)
            assert sum(mark in told for mark in MARKS) >= 3


@pytest.mark.parametrize("name", SYSTEMS)
async def test_a_wrong_signature_or_token_is_refused_in_its_own_way(
    tmp_path: Path, clock: FakeClock, name: str
) -> None:
    async with asking(tmp_path, clock, name) as asker:
        said = await asker.ask(name, 0, wrongly=True)
        refused: dict[str, Callable[[], bool]] = {
            "hainan": lambda: said["code"] == "40002",
            "guangdong": lambda: said["errcode"] == "1401",
            "jiangsu": lambda: said["resCode"] == 116,
            "zhejiang": lambda: said["errCode"] == "SIGN_WRONG",
            "national": lambda: said["resultCode"] == "2401",
        }
        assert refused[name]()


@pytest.mark.parametrize("name", SYSTEMS)
async def test_an_old_code_is_expired_in_its_own_way(tmp_path: Path, clock: FakeClock, name: str) -> None:
    async with asking(tmp_path, clock, name) as asker:
        said = await asker.ask(name, 0, age_s=61)
        expired: dict[str, Callable[[], bool]] = {
            "hainan": lambda: said["sub_code"] == "QRCODE_EXPIRED",
            "guangdong": lambda: said["errcode"] == "0" and said["data"]["qrcode_expired"] is True,
            "jiangsu": lambda: said["resCode"] == 111,
            "zhejiang": lambda: said["errCode"] == "QRCODE_EXPIRED",
            "national": lambda: said["resultCode"] == "2111",
        }
        assert expired[name]()


@pytest.mark.parametrize("name", SYSTEMS)
async def test_faults_come_and_go_while_it_runs(tmp_path: Path, clock: FakeClock, name: str) -> None:
    async with asking(tmp_path, clock, name) as asker:
        right = await asker.ask(name, 0)
        asker.world.fault(name, Fault(FaultKind.RESET))
        with pytest.raises(aiohttp.ClientConnectionError):
            await asker.ask(name, 0)
        asker.world.fault(name, Fault(FaultKind.HANG))
        hanging = asyncio.create_task(asker.ask(name, 0))
        await asker.world.provinces[name].switch.until_struck()
        assert not hanging.done()
        asker.world.fault(name, HEALTHY)
        with pytest.raises(aiohttp.ClientConnectionError):
            await hanging
        assert state_in(name, await asker.ask(name, 0)) == state_in(name, right)
        await asker.world.provinces[name].system.cut()
        with pytest.raises(aiohttp.ClientConnectionError):
            await asker.ask(name, 0)
        await asker.world.provinces[name].system.restore()
        assert state_in(name, await asker.ask(name, 0)) == state_in(name, right)


async def test_the_same_code_answers_about_somebody_else_when_it_lies(tmp_path: Path, clock: FakeClock) -> None:
    async with asking(tmp_path, clock) as asker:
        for name in SYSTEMS:
            red = asker.world.people(name).first(CodeState.RED)
            honest = await asker.ask(name, red)
            asker.world.fault(name, Fault(FaultKind.OTHER_PERSON))
            lie = await asker.ask(name, red) if name != "national" else {}
            asker.world.fault(name, HEALTHY)
            if lie:
                assert state_in(name, lie) != state_in(name, honest)
            if name == "hainan":
                assert lie["qr_code"] != honest["qr_code"]
            if name == "zhejiang":
                assert lie["data"]["qrCode"] != honest["data"]["qrCode"]


async def test_a_platform_signature_can_be_wrong(tmp_path: Path, clock: FakeClock) -> None:
    async with asking(tmp_path, clock, "hainan") as asker:
        asker.world.fault("hainan", Fault(FaultKind.WRONG_SIGNATURE))
        with pytest.raises(InvalidSignature):
            await asker.ask("hainan", 0)


async def ask_native(world: ProvinceWorld, name: str, code: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the claims of a signed answer, its signature checked, and the binding that they should have."""
    nonce = os.urandom(16)
    make_stub: Any = CodeServiceStub
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(world.provinces[name].system.endpoint, options=options) as channel:
        answer = await make_stub(channel).ResolveCode(pb.ResolveCodeRequest(code=code, nonce=nonce), timeout=5)
    signing_input, _, signature = answer.signed_answer.encode().rpartition(b".")
    header, claims = (json.loads(_unpadded(part)) for part in signing_input.split(b"."))
    assert header["typ"] == "hcg-answer+jwt"
    issuers: Any = world.answer_issuers()
    jwk = issuers[0]["keys"][0]["jwk"]
    assert header["kid"] == jwk["kid"]
    Ed25519PublicKey.from_public_bytes(_unpadded(jwk["x"].encode())).verify(_unpadded(signature), signing_input)
    return claims, hashlib.sha256(nonce + code).digest()


def _unpadded(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


async def test_a_native_province_signs_and_binds_its_answer(tmp_path: Path, clock: FakeClock) -> None:
    async with asking(tmp_path, clock, "fujian") as asker:
        world = asker.world
        for state in (CodeState.GREEN, CodeState.YELLOW, CodeState.RED, CodeState.UNDER_REVIEW):
            code = world.code("fujian", world.people("fujian").first(state)).text
            claims, binding = await ask_native(world, "fujian", code)
            assert claims["st"] == state.name.lower()
            assert _unpadded(claims["bind"].encode()) == binding
            assert (claims["iss"], claims["div"]) == ("https://fujian.code.invalid", "350000")
        claims, _ = await ask_native(world, "fujian", world.code("fujian", 1, age_s=61).text)
        assert claims["st"] == "expired"
        claims, _ = await ask_native(world, "fujian", b"FJ:somebody-elses")
        assert claims["st"] == "not_found"


async def test_a_native_province_does_wrong_when_told(tmp_path: Path, clock: FakeClock) -> None:
    async with asking(tmp_path, clock, "fujian") as asker:
        world = asker.world
        code = world.code("fujian", 1).text
        world.fault("fujian", Fault(FaultKind.WRONG_SIGNATURE))
        with pytest.raises(InvalidSignature):
            await ask_native(world, "fujian", code)
        world.fault("fujian", Fault(FaultKind.OTHER_PERSON))
        claims, binding = await ask_native(world, "fujian", code)
        assert _unpadded(claims["bind"].encode()) != binding
        world.fault("fujian", Fault(FaultKind.EXPIRED_AS_SUCCESS))
        claims, _ = await ask_native(world, "fujian", code)
        assert claims["iat"] < claims["exp"] < clock.now
        for kind, status in (
            (FaultKind.RESET, grpc.StatusCode.UNAVAILABLE),
            (FaultKind.OVERLOAD, grpc.StatusCode.RESOURCE_EXHAUSTED),
            (FaultKind.SERVER_ERROR, grpc.StatusCode.UNKNOWN),
        ):
            world.fault("fujian", Fault(kind))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask_native(world, "fujian", code)
            assert caught.value.code() is status
        world.fault("fujian", HEALTHY)
        await world.provinces["fujian"].system.cut()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask_native(world, "fujian", code)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await world.provinces["fujian"].system.restore()
        claims, _ = await ask_native(world, "fujian", code)
        assert claims["st"] in {"green", "yellow", "red"}
