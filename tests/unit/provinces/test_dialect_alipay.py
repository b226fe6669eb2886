"""Alipay: a request that its platform would accept, and answers that only its platform can have signed."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateway.errors import Reason
from gateway.provinces import dialects
from gateway.provinces.dialect import Stated, UpstreamFailure
from gateway.provinces.profile import DialectName, ProvinceProfile

from .dialect_servers import HOLDER, NAME, NUMBER, connected, keep, no_keys, opaque, outcome, profile_of, serving

NODE = "alipay_ebpp_industry_gov_healthcode_verify_response"
CODE = opaque().identifier


@cache
def key(owner: str) -> RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


def private_pem(private: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return bytes(private.private_bytes(encoding, form, serialization.NoEncryption()))


def public_pem(private: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(private.public_key().public_bytes(encoding, form))


def alipay(
    endpoint: str, folder: Path, *, signed: bool = True, parameters: Mapping[str, str] | None = None
) -> ProvinceProfile:
    credentials = {"private_key": keep(folder / "own.pem", private_pem(key("gateway")))}
    if signed:
        credentials["platform_public_key"] = keep(folder / "platform.pem", public_pem(key("platform")), 0o644)
    return profile_of(
        DialectName.ALIPAY,
        endpoint,
        credentials=credentials,
        registered_as={"app_id": "2021000000000000"},
        parameters={"not_found_codes": "CODE_NOT_EXIST", "expired_codes": "CODE_EXPIRED", **(parameters or {})},
    )


def sign(text: bytes, owner: str = "platform") -> str:
    return b64encode(key(owner).sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def verified(color: object = "green", **more: object) -> dict[str, object]:
    return {
        "code": "10000",
        "msg": "Success",
        "code_color": color,
        "qr_code": CODE,
        "refresh_time": "2020-09-01 00:00:00",
        **HOLDER,
        **more,
    }


def failed(code: str, sub_code: str = "", **more: object) -> dict[str, object]:
    return {"code": code, "msg": NAME, "sub_code": sub_code, "sub_msg": NUMBER, **more}


def envelope(node: dict[str, object], name: str = NODE, owner: str | None = "platform") -> bytes:
    text = json.dumps(node, ensure_ascii=False, separators=(",", ":")).encode()
    end = b"}" if owner is None else b',"sign":"' + sign(text, owner).encode() + b'"}'
    return b'{"' + name.encode() + b'":' + text + end


async def answer_to(profile: Callable[[str], ProvinceProfile], body: bytes) -> Stated | Reason | UpstreamFailure:
    async def gateway_do(request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with serving(gateway_do) as endpoint, connected(profile(endpoint)) as province:
        return await outcome(province)


@pytest.mark.parametrize(
    ("parameters", "question"),
    [
        ({}, {"city_code": "330000", "code_content": CODE, "industry_type": "HEALTH_CODE"}),
        (
            {"city_code": "330100", "industry_type": "MEDICAL_ANGEL"},
            {"city_code": "330100", "code_content": CODE, "industry_type": "MEDICAL_ANGEL"},
        ),
    ],
)
async def test_the_platform_accepts_the_request(
    tmp_path: Path, parameters: dict[str, str], question: dict[str, str]
) -> None:
    seen: list[dict[str, str]] = []

    async def gateway_do(request: web.Request) -> web.Response:
        assert (request.method, request.path_qs) == ("POST", "/gateway.do")
        assert request.content_type == "application/x-www-form-urlencoded"
        fields = {name: str(value) for name, value in (await request.post()).items()}
        seen.append(dict(fields))
        signature = b64decode(fields.pop("sign"), validate=True)
        covered = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value)
        key("gateway").public_key().verify(signature, covered.encode(), padding.PKCS1v15(), hashes.SHA256())
        return web.Response(body=envelope(verified()))

    async with (
        serving(gateway_do) as endpoint,
        connected(alipay(endpoint, tmp_path, parameters=parameters)) as province,
    ):
        assert await outcome(province) == Stated("green")
    [fields] = seen
    assert json.loads(fields.pop("biz_content")) == question
    del fields["sign"]
    assert fields == {
        "app_id": "2021000000000000",
        "charset": "utf-8",
        "format": "JSON",
        "method": "alipay.ebpp.industry.gov.healthcode.verify",
        "sign_type": "RSA2",
        "timestamp": "2020-09-13 20:26:40",
        "version": "1.0",
    }


ANSWERS: list[tuple[str, bytes, Stated | Reason | UpstreamFailure]] = [
    ("green", envelope(verified("green")), Stated("green")),
    ("red", envelope(verified("red")), Stated("red")),
    ("under review", envelope(verified("init")), Stated("init")),
    ("a word that may be anything", envelope(verified(NAME)), Stated("")),
    ("refresh time empty", envelope(verified(refresh_time="")), Stated("green")),
    ("code of another", envelope(verified(qr_code=CODE + "0")), UpstreamFailure.WRONG_CODE),
    ("code missing", envelope(verified(qr_code=None)), UpstreamFailure.GARBAGE),
    ("expired", envelope(failed("40004", "CODE_EXPIRED")), Reason.EXPIRED),
    ("not found", envelope(failed("40004", "CODE_NOT_EXIST")), Reason.CODE_NOT_FOUND),
    ("other business error", envelope(failed("40004", NAME)), UpstreamFailure.ERROR_NUMBER),
    ("expired beside a colour", envelope({**verified(), **failed("40004", "CODE_EXPIRED")}), Reason.EXPIRED),
    ("not available", envelope(failed("20000", "isp.unknow-error")), UpstreamFailure.ERROR_NUMBER),
    ("no permission", envelope(failed("40006", "isv.insufficient-isv-permissions")), UpstreamFailure.REFUSED),
    ("bad signature, they say", envelope(failed("40002", "isv.invalid-signature")), UpstreamFailure.REFUSED),
    ("too many calls", envelope(failed("40005")), UpstreamFailure.OVERLOADED),
    ("too many calls, sub code", envelope(failed("40004", "isv.app-call-limited")), UpstreamFailure.OVERLOADED),
    ("error node", envelope(failed("40004", "CODE_EXPIRED"), "error_response"), Reason.EXPIRED),
    ("error node, no permission", envelope(failed("20001"), "error_response"), UpstreamFailure.REFUSED),
    ("success in the error node", envelope(verified(), "error_response"), Stated("green")),
    ("another node", envelope(verified(), "alipay_other_response"), UpstreamFailure.GARBAGE),
    ("both nodes", envelope(verified())[:-1] + b',"error_response":{}}', UpstreamFailure.GARBAGE),
    ("node a text", b'{"' + NODE.encode() + b'":"' + NAME.encode() + b'"}', UpstreamFailure.GARBAGE),
    ("code a number", envelope({**verified(), "code": 10000}), Stated("green")),
]
SIGNATURES: list[tuple[str, bytes, Stated | Reason | UpstreamFailure]] = [
    ("signed by another", envelope(verified(), owner="stranger"), UpstreamFailure.BAD_SIGNATURE),
    ("expired, signed by another", envelope(failed("40004", "CODE_EXPIRED"), owner="x"), UpstreamFailure.BAD_SIGNATURE),
    ("failure, signed by another", envelope(failed("20000"), owner="x"), UpstreamFailure.BAD_SIGNATURE),
    ("not signed", envelope(verified(), owner=None), UpstreamFailure.BAD_SIGNATURE),
    ("expired, not signed", envelope(failed("40004", "CODE_EXPIRED"), owner=None), UpstreamFailure.BAD_SIGNATURE),
    ("failure, not signed", envelope(failed("40006"), owner=None), UpstreamFailure.REFUSED),
    ("changed", envelope(verified("yellow")).replace(b"yellow", b"green"), UpstreamFailure.BAD_SIGNATURE),
    ("blank added", envelope(verified()).replace(b'"msg":', b'"msg": '), UpstreamFailure.BAD_SIGNATURE),
    ("sign null", envelope(verified(), owner=None)[:-1] + b',"sign":null}', UpstreamFailure.BAD_SIGNATURE),
    ("sign empty", envelope(verified(), owner=None)[:-1] + b',"sign":""}', UpstreamFailure.BAD_SIGNATURE),
    ("sign a list", envelope(verified(), owner=None)[:-1] + b',"sign":["x"]}', UpstreamFailure.BAD_SIGNATURE),
    ("sign no base64", envelope(verified(), owner=None)[:-1] + b',"sign":"!\\u738b"}', UpstreamFailure.BAD_SIGNATURE),
    ("sign twice", envelope(verified())[:-1] + b',"sign":"eA=="}', UpstreamFailure.GARBAGE),
]


@pytest.mark.parametrize(("body", "expected"), [c[1:] for c in ANSWERS], ids=[c[0] for c in ANSWERS])
@pytest.mark.parametrize("signed", [True, False])
async def test_answers(tmp_path: Path, body: bytes, expected: Stated | Reason | UpstreamFailure, signed: bool) -> None:
    assert await answer_to(lambda url: alipay(url, tmp_path, signed=signed), body) == expected


@pytest.mark.parametrize(("body", "expected"), [c[1:] for c in SIGNATURES], ids=[c[0] for c in SIGNATURES])
async def test_signatures(tmp_path: Path, body: bytes, expected: Stated | Reason | UpstreamFailure) -> None:
    assert await answer_to(lambda url: alipay(url, tmp_path), body) == expected


async def test_the_signature_covers_the_nodes_text_wherever_and_however_it_is_written(tmp_path: Path) -> None:
    """White space, order, escapes and look-alikes of the node's name: the exact bytes of the value count."""
    text = json.dumps(verified(decoy={NODE: '}\\"'}), indent=2, ensure_ascii=True)
    signature = sign(text.encode())
    decoy = json.dumps(f'","{NODE}":{{}}')
    body = (
        f' {{ "sign" : "{signature}", \r\n "a":{decoy}, "b": [1, {{"{NODE}": {{}}}}, "{{"],\t"{NODE}"\n:\n {text} ,'
        f' "z": "王" }} '
    )
    assert await answer_to(lambda url: alipay(url, tmp_path), body.encode()) == Stated("green")
    moved = body.replace('"decoy"', '"decoz"')
    assert await answer_to(lambda url: alipay(url, tmp_path), moved.encode()) is UpstreamFailure.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("credential", "content"),
    [
        ("private_key", b"what"),
        ("private_key", b"-----BEGIN PRIVATE " + b"KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("private_key", private_pem(ec.generate_private_key(ec.SECP256R1()))),
        ("private_key", private_pem(rsa.generate_private_key(65_537, 1024))),
        ("platform_public_key", b"what"),
        ("platform_public_key", public_pem(ec.generate_private_key(ec.SECP256R1()))),
        ("platform_public_key", public_pem(rsa.generate_private_key(65_537, 1024))),
        ("platform_public_key", public_pem(rsa.generate_private_key(3, 2048))),
    ],
)
def test_keys_that_are_none(tmp_path: Path, credential: str, content: bytes) -> None:
    profile = alipay("http://127.0.0.1:9", tmp_path)
    file = keep(profile.credentials[credential], content)
    with pytest.raises(dialects.CredentialsUnavailable) as refused:
        dialects.connect(profile, keys=no_keys)
    assert refused.value.file == file
