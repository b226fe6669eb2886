"""The compact JWS: what is refused, by name, and what is only kept."""

from __future__ import annotations

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats.jws import _read_header_cached, read_compact, read_header
from gateway.values import Algorithm
from tests.simulators.shc_issuer import base64url, compact
from tests.unit.formats.case_ids import case_id

HEADER = {"alg": "ES256", "kid": "k1", "typ": "JWT"}
PAYLOAD = compact({"iss": "x"})
SIGNATURE = bytes(range(64))


def token(header: bytes | None = None, payload: bytes = PAYLOAD, signature: bytes = SIGNATURE) -> bytes:
    head = compact(HEADER) if header is None else header
    return b".".join((base64url(head), base64url(payload), base64url(signature)))


def with_header(**changed: object) -> bytes:
    return token(compact({**HEADER, **changed}))


def reason_of(data: bytes, types: frozenset[str | None] | None = None) -> Reason:
    with pytest.raises(CodeUnreadable) as caught:
        read_compact(data, types=types)
    assert caught.value.__context__ is None
    return caught.value.reason


def test_an_accepted_token_comes_apart() -> None:
    jws = read_compact(token())
    assert jws.header.algorithm is Algorithm.ES256
    assert jws.header.key_id == b"k1"
    assert jws.header.type == "JWT"
    assert jws.header.compression is None
    assert jws.header.obstacle is None
    assert jws.payload == PAYLOAD
    assert jws.signature == SIGNATURE
    assert jws.signing_input == token().rpartition(b".")[0]


def test_known_answer_of_rfc_7515_appendix_a_3() -> None:
    # RFC 7515, A.3.1: an ES256 signature over a claims set with line ends.
    text = (
        b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ij"
        b"p0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    jws = read_compact(text)
    assert jws.header.algorithm is Algorithm.ES256
    assert jws.header.key_id is None
    assert jws.payload == b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    assert jws.signature[:3] == bytes([14, 209, 33])
    assert jws.signature[-2:] == bytes([84, 213])


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("EdDSA", Algorithm.ED25519),
        ("Ed25519", Algorithm.ED25519),
        ("ES256", Algorithm.ES256),
        ("ES384", Algorithm.ES384),
        ("PS256", Algorithm.PS256),
        ("RS256", Algorithm.RS256),
        ("SM2", Algorithm.SM2),
    ],
)
def test_algorithms_on_the_list(name: str, algorithm: Algorithm) -> None:
    header = read_compact(with_header(alg=name)).header
    assert header.algorithm is algorithm
    assert header.obstacle is None


@pytest.mark.parametrize(
    "name",
    ["none", "None", "nOnE", "NONE", "HS256", "ES512", "ES256K", "Ed448", "RS1", "es256", " ES256", "ES256\0", ""],
)
def test_an_algorithm_off_the_list_is_an_obstacle(name: str) -> None:
    for signature in (SIGNATURE, b""):
        header = read_compact(token(compact({**HEADER, "alg": name}), signature=signature)).header
        assert header.algorithm is None
        assert header.obstacle is Reason.UNSUPPORTED_ALGORITHM


def test_addresses_and_keys_in_a_header_are_ignored() -> None:
    hostile = with_header(jku="http://127.0.0.1/", x5u="file:///etc/passwd", x5c=["MII"], jwk={"kty": "oct", "k": ""})
    assert read_compact(hostile).header == read_compact(token()).header


@pytest.mark.parametrize(
    ("typ", "read"),
    [("hcg+jwt", "hcg+jwt"), ("application/hcg+jwt", "hcg+jwt"), ("Application/hcg+jwt", "Application/hcg+jwt")],
)
def test_the_media_type_prefix_is_optional(typ: str, read: str) -> None:
    assert read_compact(with_header(typ=typ)).header.type == read


def test_kinds_are_told_apart_before_anything_else() -> None:
    types = frozenset({"hcg+jwt"})
    assert reason_of(token(), types) is Reason.WRONG_TYPE
    assert reason_of(with_header(typ="statuslist+jwt"), types) is Reason.WRONG_TYPE
    assert reason_of(token(compact({"alg": "ES256"})), types) is Reason.WRONG_TYPE
    assert reason_of(token() + b"~disclosure~", types) is Reason.WRONG_TYPE
    assert read_compact(token(compact({"alg": "ES256"})), types=frozenset({None})).header.type is None


GOOD = token()
HEAD, BODY, TAIL = GOOD.split(b".")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        # segments
        (b"", Reason.BAD_ENVELOPE),
        (HEAD, Reason.BAD_ENVELOPE),
        (HEAD + b"." + BODY, Reason.BAD_ENVELOPE),
        (GOOD + b".", Reason.BAD_ENVELOPE),
        (GOOD + b"." + TAIL, Reason.BAD_ENVELOPE),
        (GOOD + b"." + TAIL + b"." + TAIL, Reason.BAD_ENVELOPE),
        # the JSON serialisations
        (compact({"payload": BODY.decode(), "signatures": []}), Reason.BAD_ENVELOPE),
        (compact({"payload": BODY.decode(), "protected": HEAD.decode(), "signature": TAIL.decode()}),
         Reason.BAD_ENVELOPE),
        # around
        (b" " + GOOD, Reason.TRAILING_BYTES),
        (GOOD + b"\n", Reason.TRAILING_BYTES),
        (GOOD + b"\0", Reason.TRAILING_BYTES),
        # text
        (GOOD + b"==", Reason.BAD_TEXT_ENCODING),
        (GOOD + b"=", Reason.BAD_TEXT_ENCODING),
        (HEAD + b"==." + BODY + b"." + TAIL, Reason.BAD_TEXT_ENCODING),
        (HEAD + b"." + BODY + b"=." + TAIL, Reason.BAD_TEXT_ENCODING),
        (HEAD + b"." + BODY[:-1] + b"+." + TAIL, Reason.BAD_TEXT_ENCODING),
        (HEAD + b"." + BODY + b"." + TAIL[:-2] + b"/w", Reason.BAD_TEXT_ENCODING),
        (HEAD + b"." + BODY + b"." + TAIL[:-1] + b"_", Reason.BAD_TEXT_ENCODING),  # unused bits set
        (HEAD + b"." + BODY + b"." + TAIL[:-1], Reason.BAD_TEXT_ENCODING),
        (HEAD + b". " + BODY + b"." + TAIL, Reason.BAD_TEXT_ENCODING),
        (HEAD + b"." + BODY + b"." + TAIL + b"\xff", Reason.BAD_TEXT_ENCODING),
        (GOOD + b"~", Reason.BAD_TEXT_ENCODING),
        # header
        (token(b"[]"), Reason.BAD_ENVELOPE),
        (token(b'"ES256"'), Reason.BAD_ENVELOPE),
        (token(b"{}"), Reason.BAD_ENVELOPE),
        (token(b'{"kid":"k1"}'), Reason.BAD_ENVELOPE),
        (with_header(alg=None), Reason.BAD_ENVELOPE),
        (with_header(alg=-7), Reason.BAD_ENVELOPE),
        (with_header(alg=["ES256"]), Reason.BAD_ENVELOPE),
        (with_header(kid=1), Reason.BAD_ENVELOPE),
        (with_header(kid=["k1"]), Reason.BAD_ENVELOPE),
        (with_header(kid=""), Reason.BAD_ENVELOPE),
        (with_header(kid="k" * 257), Reason.BAD_ENVELOPE),
        (with_header(typ={}), Reason.BAD_ENVELOPE),
        (with_header(typ=True), Reason.BAD_ENVELOPE),
        (with_header(zip=1), Reason.BAD_ENVELOPE),
        (with_header(zip=["DEF"]), Reason.BAD_ENVELOPE),
        (with_header(crit=["exp"]), Reason.CRITICAL_HEADER),
        (with_header(crit=[]), Reason.CRITICAL_HEADER),
        (with_header(crit=None), Reason.CRITICAL_HEADER),
        (with_header(b64=False), Reason.CRITICAL_HEADER),
        (with_header(b64=True), Reason.CRITICAL_HEADER),
        (token(b'{"alg":"ES256","alg":"none"}'), Reason.DUPLICATE_KEY),
        (token(b'{"alg":"ES256","kid":"a","kid":"b"}'), Reason.DUPLICATE_KEY),
        (token(b'{"alg":"ES256"'), Reason.BAD_JSON),
        (token(b'\xef\xbb\xbf{"alg":"ES256"}'), Reason.BAD_JSON),
        (b"." + BODY + b"." + TAIL, Reason.BAD_JSON),
        (token('{"alg":"ES256"}'.encode("utf-16")), Reason.NOT_UTF8),
        (token(rb'{"alg":"ES256","kid":"\ud800"}'), Reason.NOT_UTF8),
        (token(b'{"alg":"ES256","x":NaN}'), Reason.NOT_FINITE),
        (token(b'{"alg":"ES256","x":1e400}'), Reason.NOT_FINITE),
        (token(b'{"alg":"ES256","x":[[[[1]]]]}'), Reason.TOO_DEEP),
        (token(b'{"alg":"ES256","x":' + b"[" * 6_000 + b"]" * 6_000 + b"}"), Reason.TOO_LARGE),
        # size
        (with_header(kid="k" * 1_000_000), Reason.TOO_LARGE),
        (with_header(kid="k" * 7_000), Reason.TOO_LARGE),
        (token(payload=b"a" * 25_000), Reason.TOO_LARGE),
        (token(payload=b"a" * 5_000_000), Reason.TOO_LARGE),
    ],
    ids=case_id,
)  # fmt: skip
def test_refusals(data: bytes, reason: Reason) -> None:
    assert reason_of(data) is reason


def test_a_header_is_read_once_per_key_and_long_ones_are_not_kept() -> None:
    short = base64url(compact({"alg": "ES256", "kid": "only in this test"}))
    before = _read_header_cached.cache_info()
    assert read_header(short) is read_header(short)
    after = _read_header_cached.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses + 1)

    long = base64url(compact({"alg": "ES256", "kid": "k", "x": "y" * 600}))
    assert read_header(long) == read_header(long)
    assert _read_header_cached.cache_info() == after
    assert after.maxsize is not None


def test_a_refused_header_is_not_kept() -> None:
    broken = base64url(b'{"alg":"ES256","crit":["only in this test"]}')
    size = _read_header_cached.cache_info().currsize
    for _ in range(2):
        with pytest.raises(CodeUnreadable):
            read_header(broken)
    assert _read_header_cached.cache_info().currsize == size
