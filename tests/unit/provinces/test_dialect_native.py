"""The native dialect: an answer is taken only if the province signed it, now, about this question."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from healthcode.province.v1 import code_service_pb2 as pb

from gateway.errors import Reason
from gateway.provinces import dialects
from gateway.provinces.dialect import Dialect, FindsKeys, Stated, UpstreamFailure
from gateway.provinces.profile import DialectName, ProvinceProfile
from gateway.values import Algorithm, Instant, IssuerId, KeyId, KeyUse, ReasonClass, TrustedKey
from keys.algorithms import make_verifier

from .dialect_servers import AT, HOLDER, ISSUER, NAME, certificate, no_keys, opaque, outcome, profile_of

KID = KeyId(b"key-1")

Answer = Callable[[pb.ResolveCodeRequest, grpc.aio.ServicerContext[Any, Any]], Awaitable[pb.ResolveCodeResponse]]


@cache
def key(owner: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def trusted(
    *, owner: str = "province", issuer: IssuerId = ISSUER, algorithm: Algorithm = Algorithm.ED25519, **more: Any
) -> FindsKeys:
    """Return a trust list of one key."""
    verifier = make_verifier(Algorithm.ED25519, key(owner).public_key())
    held = TrustedKey(issuer, KID, algorithm, verifier, **more)

    def find(issuer: IssuerId, key_id: KeyId) -> tuple[TrustedKey, ...]:
        return (held,) if (issuer, key_id) == (held.issuer, held.key_id) else ()

    return find


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def bind(request: pb.ResolveCodeRequest) -> str:
    return b64(hashlib.sha256(request.nonce + request.code).digest())


HEADER: Mapping[str, object] = {"alg": "Ed25519", "kid": "key-1", "typ": "hcg-answer+jwt"}


def claims(request: pb.ResolveCodeRequest, **changed: object) -> dict[str, object]:
    said: dict[str, object] = {
        "iss": ISSUER,
        "div": "330100",
        "iat": int(AT),
        "exp": int(AT) + 60,
        "bind": bind(request),
        "st": "green",
        **HOLDER,
        **changed,
    }
    return {name: value for name, value in said.items() if value is not ...}


def jws(payload: object, owner: str = "province", **header: object) -> str:
    given: dict[str, object] = {**HEADER, **header}
    members = {name: value for name, value in given.items() if value is not ...}
    text = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    covered = f"{b64(json.dumps(members).encode())}.{b64(text)}"
    return f"{covered}.{b64(key(owner).sign(covered.encode()))}"


def _serialized(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else bytes(answer.SerializeToString())


@asynccontextmanager
async def province_serving(answer: Answer, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[str]:
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=pb.ResolveCodeRequest.FromString,
        response_serializer=_serialized,
    )
    service = grpc.method_handlers_generic_handler("healthcode.province.v1.CodeService", {"ResolveCode": handler})
    server.add_generic_rpc_handlers((service,))
    address = "localhost:0" if credentials else "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    await server.start()
    try:
        yield f"{address.partition(':')[0]}:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def connected(profile: ProvinceProfile, keys: FindsKeys | None = None) -> AsyncIterator[Dialect]:
    dialect = dialects.connect(profile, keys=keys or trusted())
    try:
        yield dialect
    finally:
        await dialect.close()


def native(endpoint: str, **more: Any) -> ProvinceProfile:
    return profile_of(DialectName.NATIVE, endpoint, **more)


def says(make: Callable[[pb.ResolveCodeRequest], str]) -> Answer:
    async def answer(request: pb.ResolveCodeRequest, context: object) -> pb.ResolveCodeResponse:
        return pb.ResolveCodeResponse(signed_answer=make(request))

    return answer


async def test_the_request_holds_the_code_a_fresh_nonce_and_nothing_else() -> None:
    seen: list[pb.ResolveCodeRequest] = []
    metadata: set[str] = set()

    async def answer(
        request: pb.ResolveCodeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ResolveCodeResponse:
        seen.append(request)
        metadata.update(str(name) for name, _ in context.invocation_metadata() or ())
        return pb.ResolveCodeResponse(signed_answer=jws(claims(request)))

    async with province_serving(answer) as endpoint, connected(native(endpoint)) as province:
        for _ in range(2):
            assert await outcome(province) == Stated("green", None, AT, Instant(AT + 60))
    assert [request.code for request in seen] == [opaque().text.encode()] * 2
    assert [len(request.nonce) for request in seen] == [16, 16]
    assert seen[0].nonce != seen[1].nonce
    assert metadata <= {"user-agent"}


def claimed(expected: Stated | Reason | UpstreamFailure, **changed: object) -> Any:
    name = ",".join(f"{one}={str(value)[:12]}" for one, value in changed.items()).replace(NAME, "canary") or "as is"
    return pytest.param(changed, expected, id=name.encode("ascii", "replace").decode())


GREEN = Stated("green", None, AT, Instant(AT + 60))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        claimed(GREEN),
        claimed(Stated("red", ReasonClass.RED_CLOSE_CONTACT, AT, Instant(AT + 60)), st="red", rc="RED_CLOSE_CONTACT"),
        claimed(GREEN, rc=NAME),
        claimed(GREEN, rc=4),
        claimed(GREEN, div="330000"),
        claimed(Stated("green", None, AT, None), exp=...),
        claimed(Stated("", None, AT, Instant(AT + 60)), st=NAME),
        claimed(Stated("", None, AT, Instant(AT + 60)), st=""),
        claimed(Stated("green", None, Instant(AT - 90), Instant(AT - 30)), iat=int(AT) - 90, exp=int(AT) - 30),
        claimed(Reason.EXPIRED, st="expired"),
        claimed(Reason.EXPIRED, st="expired", rc="RED_CLOSE_CONTACT", exp=...),
        claimed(Reason.CODE_NOT_FOUND, st="not_found"),
        claimed(Reason.NOT_ITS_ISSUERS, st="not_mine"),
        claimed(UpstreamFailure.WRONG_CODE, bind=b64(hashlib.sha256(b"another").digest())),
        claimed(UpstreamFailure.WRONG_CODE, bind=...),
        claimed(UpstreamFailure.WRONG_CODE, bind=[NAME]),
        claimed(UpstreamFailure.WRONG_CODE, st="expired", bind=""),
        claimed(UpstreamFailure.WRONG_CODE, iss="https://other.example.invalid"),
        claimed(UpstreamFailure.WRONG_CODE, iss=...),
        claimed(UpstreamFailure.WRONG_CODE, iss=None),
        claimed(UpstreamFailure.WRONG_CODE, div="320000"),
        claimed(UpstreamFailure.GARBAGE, div=...),
        claimed(UpstreamFailure.GARBAGE, div=330000),
        claimed(UpstreamFailure.GARBAGE, div="33"),
        claimed(UpstreamFailure.GARBAGE, div=f"33{NAME}"),
        claimed(UpstreamFailure.GARBAGE, iat=...),
        claimed(UpstreamFailure.GARBAGE, iat=None),
        claimed(UpstreamFailure.GARBAGE, iat=str(int(AT))),
        claimed(UpstreamFailure.GARBAGE, iat=float(AT) + 0.5),
        claimed(UpstreamFailure.GARBAGE, iat=True),
        claimed(UpstreamFailure.GARBAGE, iat=1),
        claimed(UpstreamFailure.GARBAGE, iat=5_000_000_000),
        claimed(UpstreamFailure.GARBAGE, exp=int(AT)),
        claimed(UpstreamFailure.GARBAGE, exp=None),
        claimed(UpstreamFailure.GARBAGE, exp=NAME),
        claimed(UpstreamFailure.GARBAGE, st=...),
        claimed(UpstreamFailure.GARBAGE, st=2),
        claimed(UpstreamFailure.GARBAGE, st=["green"]),
        claimed(UpstreamFailure.GARBAGE, st=NAME * 10),
    ],
)
async def test_claims(changed: Mapping[str, object], expected: Stated | Reason | UpstreamFailure) -> None:
    answer = says(lambda request: jws(claims(request, **changed)))
    async with province_serving(answer) as endpoint, connected(native(endpoint)) as province:
        assert await outcome(province) == expected


Made = Callable[[pb.ResolveCodeRequest], str]
TOKENS: dict[str, tuple[Made, UpstreamFailure]] = {
    "empty": (lambda _: "", UpstreamFailure.GARBAGE),
    "a story": (lambda _: NAME, UpstreamFailure.GARBAGE),
    "no typ": (lambda r: jws(claims(r), typ=...), UpstreamFailure.GARBAGE),
    "a native code": (lambda r: jws(claims(r), typ="hcg+jwt"), UpstreamFailure.GARBAGE),
    "a plain JWT": (lambda r: jws(claims(r), typ="JWT"), UpstreamFailure.GARBAGE),
    "critical": (lambda r: jws(claims(r), crit=["x"]), UpstreamFailure.GARBAGE),
    "no alg": (lambda r: jws(claims(r), alg=...), UpstreamFailure.GARBAGE),
    "alg none": (lambda r: jws(claims(r), alg="none"), UpstreamFailure.BAD_SIGNATURE),
    "another alg": (lambda r: jws(claims(r), alg="ES256"), UpstreamFailure.BAD_SIGNATURE),
    "no kid": (lambda r: jws(claims(r), kid=...), UpstreamFailure.BAD_SIGNATURE),
    "another kid": (lambda r: jws(claims(r), kid="key-2"), UpstreamFailure.BAD_SIGNATURE),
    "its own key in the header": (
        lambda r: jws(claims(r), "stranger", jwk={"kty": "OKP", "crv": "Ed25519", "x": "AA"}, kid="key-3"),
        UpstreamFailure.BAD_SIGNATURE,
    ),
    "signed by a stranger": (lambda r: jws(claims(r), "stranger"), UpstreamFailure.BAD_SIGNATURE),
    "cut": (lambda r: jws(claims(r))[:-2], UpstreamFailure.BAD_SIGNATURE),
    "two segments": (lambda r: jws(claims(r)).rpartition(".")[0], UpstreamFailure.GARBAGE),
    "blank behind": (lambda r: jws(claims(r)) + " ", UpstreamFailure.GARBAGE),
    "padded": (lambda r: jws(claims(r)) + "==", UpstreamFailure.GARBAGE),
    "payload a list": (lambda r: jws([claims(r)]), UpstreamFailure.GARBAGE),
    "payload a text": (lambda r: jws(NAME.encode()), UpstreamFailure.GARBAGE),
    "payload empty": (lambda r: jws(b""), UpstreamFailure.GARBAGE),
    "claims twice": (
        lambda r: jws(json.dumps(claims(r)).encode()[:-1] + b',"st":"red"}'),
        UpstreamFailure.GARBAGE,
    ),
    "deep": (lambda r: jws(b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}"), UpstreamFailure.GARBAGE),
    "too large": (lambda r: jws(claims(r, note=NAME * 10_000)), UpstreamFailure.GARBAGE),
}


@pytest.mark.parametrize(("make", "expected"), TOKENS.values(), ids=TOKENS)
async def test_tokens(make: Made, expected: UpstreamFailure) -> None:
    async with province_serving(says(make)) as endpoint, connected(native(endpoint)) as province:
        assert await outcome(province) is expected


@pytest.mark.parametrize("alg", ["Ed25519", "EdDSA"])
@pytest.mark.parametrize("typ", ["hcg-answer+jwt", "application/hcg-answer+jwt"])
async def test_both_names(alg: str, typ: str) -> None:
    answer = says(lambda request: jws(claims(request), alg=alg, typ=typ))
    async with province_serving(answer) as endpoint, connected(native(endpoint)) as province:
        assert await outcome(province) == GREEN


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (trusted(not_before=Instant(AT), not_after=Instant(AT)), GREEN),
        (trusted(not_after=Instant(AT - 1)), UpstreamFailure.BAD_SIGNATURE),
        (trusted(not_before=Instant(AT + 1)), UpstreamFailure.BAD_SIGNATURE),
        (trusted(uses=frozenset({KeyUse.TEST})), UpstreamFailure.BAD_SIGNATURE),
        (trusted(issuer=IssuerId("https://other.example.invalid")), UpstreamFailure.BAD_SIGNATURE),
        (trusted(algorithm=Algorithm.ES256), UpstreamFailure.BAD_SIGNATURE),
        (no_keys, UpstreamFailure.BAD_SIGNATURE),
    ],
)
async def test_keys(keys: FindsKeys, expected: Stated | UpstreamFailure) -> None:
    answer = says(lambda request: jws(claims(request)))
    async with province_serving(answer) as endpoint, connected(native(endpoint), keys) as province:
        assert await outcome(province) == expected


async def test_an_answer_of_before_is_not_taken_again() -> None:
    first: list[str] = []

    def replayed(request: pb.ResolveCodeRequest) -> str:
        first.append(jws(claims(request)))
        return first[0]

    async with province_serving(says(replayed)) as endpoint, connected(native(endpoint)) as province:
        assert await outcome(province) == GREEN
        assert await outcome(province) is UpstreamFailure.WRONG_CODE


STATUSES = {
    grpc.StatusCode.DEADLINE_EXCEEDED: UpstreamFailure.TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: UpstreamFailure.UNREACHABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: UpstreamFailure.OVERLOADED,
    grpc.StatusCode.PERMISSION_DENIED: UpstreamFailure.REFUSED,
    grpc.StatusCode.UNAUTHENTICATED: UpstreamFailure.REFUSED,
    grpc.StatusCode.INTERNAL: UpstreamFailure.SERVER_ERROR,
    grpc.StatusCode.UNKNOWN: UpstreamFailure.SERVER_ERROR,
    grpc.StatusCode.ABORTED: UpstreamFailure.SERVER_ERROR,
    grpc.StatusCode.CANCELLED: UpstreamFailure.SERVER_ERROR,
    grpc.StatusCode.DATA_LOSS: UpstreamFailure.SERVER_ERROR,
    grpc.StatusCode.UNIMPLEMENTED: UpstreamFailure.GARBAGE,
    grpc.StatusCode.INVALID_ARGUMENT: UpstreamFailure.ERROR_NUMBER,
    grpc.StatusCode.NOT_FOUND: UpstreamFailure.GARBAGE,
    grpc.StatusCode.ALREADY_EXISTS: UpstreamFailure.GARBAGE,
    grpc.StatusCode.FAILED_PRECONDITION: UpstreamFailure.GARBAGE,
    grpc.StatusCode.OUT_OF_RANGE: UpstreamFailure.ERROR_NUMBER,
}


def test_every_status_has_its_failure() -> None:
    assert set(STATUSES) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize(("status", "failure"), STATUSES.items())
async def test_status(status: grpc.StatusCode, failure: UpstreamFailure) -> None:
    async def answer(
        request: pb.ResolveCodeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ResolveCodeResponse:
        await context.abort(status, NAME, (("holder", "CANARY"),))
        raise AssertionError

    async with province_serving(answer) as endpoint, connected(native(endpoint)) as province:
        assert await outcome(province) is failure


async def test_an_exception_of_the_province(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(request: pb.ResolveCodeRequest, context: object) -> pb.ResolveCodeResponse:
        raise KeyError(NAME)

    async with province_serving(answer) as endpoint, connected(native(endpoint)) as province:
        assert await outcome(province) is UpstreamFailure.SERVER_ERROR


@pytest.mark.parametrize("sent", [b"\xff\xff\xff", NAME.encode(), b"\x0a\x05\xff\xfe\xff\xfe\xff"])
async def test_a_message_that_is_none(sent: bytes) -> None:
    async def answer(request: pb.ResolveCodeRequest, context: object) -> Any:
        return sent

    async with province_serving(answer) as endpoint, connected(native(endpoint)) as province:
        assert await outcome(province) is UpstreamFailure.GARBAGE


async def test_a_province_that_compresses_is_told_not_to() -> None:
    """A server that would compress sees that only identity is accepted: the answer's whole length is on the wire."""
    letters = 20_000
    received = 0

    async def answer(
        request: pb.ResolveCodeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ResolveCodeResponse:
        context.set_compression(grpc.Compression.Gzip)
        return pb.ResolveCodeResponse(signed_answer=jws(claims(request, note="a" * letters)))

    relayed = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", int(endpoint.rpartition(":")[2]))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            nonlocal received
            while data := await source.read(65_536):
                received += len(data) if sink is writer else 0
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, ours), pump(theirs, writer), return_exceptions=True)
        await asyncio.gather(ours.wait_closed(), writer.wait_closed(), return_exceptions=True)
        relayed.set()

    async with province_serving(answer) as endpoint:
        between = await asyncio.start_server(relay, "127.0.0.1", 0)
        async with connected(native(f"127.0.0.1:{between.sockets[0].getsockname()[1]}")) as province:
            assert await outcome(province) == GREEN
        await relayed.wait()
        between.close()
        await between.wait_closed()
    assert received > letters


async def test_hanging_and_gone(tmp_path: Path) -> None:
    asked, hang = asyncio.Event(), asyncio.Event()

    async def answer(request: pb.ResolveCodeRequest, context: object) -> pb.ResolveCodeResponse:
        asked.set()
        await hang.wait()
        return pb.ResolveCodeResponse()

    async with province_serving(answer) as endpoint, connected(native(endpoint)) as province:
        assert await outcome(province, time_left=0.05) is UpstreamFailure.TIMEOUT
        assert await outcome(province, time_left=0.0) is UpstreamFailure.TIMEOUT
        asked.clear()
        asker = asyncio.create_task(outcome(province))
        await asked.wait()
        await province.close()
        assert await asker is UpstreamFailure.UNREACHABLE
        assert await outcome(province) is UpstreamFailure.UNREACHABLE
    async with connected(native(endpoint)) as province:
        assert await outcome(province, time_left=5.0) in (UpstreamFailure.UNREACHABLE, UpstreamFailure.TIMEOUT)


async def test_an_asker_that_goes_away_is_cancelled_and_no_other() -> None:
    async def answer(request: pb.ResolveCodeRequest, context: object) -> pb.ResolveCodeResponse:
        number = int(request.code)
        await asyncio.sleep(0.001 * (number % 5))
        return pb.ResolveCodeResponse(signed_answer=jws(claims(request, st="green" if number % 2 else "red")))

    async with province_serving(answer) as endpoint, connected(native(endpoint)) as province:
        askers = [asyncio.create_task(outcome(province, opaque(text=str(n)))) for n in range(60)]
        await asyncio.sleep(0.01)
        for asker in askers[::3]:
            asker.cancel()
        found = await asyncio.gather(*askers, return_exceptions=True)
    for number, one in enumerate(found):
        if not isinstance(one, asyncio.CancelledError):
            assert isinstance(one, Stated)
            assert one.statement == ("green" if number % 2 else "red")


@pytest.mark.parametrize(
    ("endpoint", "plain"),
    [
        ("code.example.invalid", False),
        ("code.example.invalid:", False),
        (":443", False),
        ("https://code.example.invalid:443", False),
        ("code.example.invalid:443/path", False),
        ("code.example.invalid:https", False),
        ("code.example.invalid:443", True),
        ("10.0.0.1:443", True),
    ],
)
def test_endpoints_that_may_not_be_spoken_to(endpoint: str, plain: bool) -> None:
    with pytest.raises(dialects.CredentialsUnavailable):
        dialects.connect(native(endpoint, plain=plain), keys=no_keys)


async def test_mutual_tls(tmp_path: Path) -> None:
    pair, stranger = certificate(tmp_path, "province"), certificate(tmp_path, "stranger")
    own = certificate(tmp_path, "gateway")
    server = grpc.ssl_server_credentials(
        [(pair[0].read_bytes(), pair[1].read_bytes())], own[1].read_bytes(), require_client_auth=True
    )
    names: list[object] = []

    async def answer(
        request: pb.ResolveCodeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ResolveCodeResponse:
        names.append(context.auth_context().get("x509_common_name"))
        return pb.ResolveCodeResponse(signed_answer=jws(claims(request)))

    async with province_serving(answer, server) as endpoint:
        credentials = {"client_key": own[0], "client_certificate": own[1]}
        good = native(endpoint, credentials=credentials, ca_file=pair[1], plain=False)
        async with connected(good) as province:
            assert await outcome(province) == GREEN
        for bad in (replace(good, ca_file=stranger[1]), replace(good, credentials={})):
            async with connected(bad) as province:
                assert await outcome(province, time_left=30.0) is UpstreamFailure.UNREACHABLE
    assert names == [[b"gateway"]]
