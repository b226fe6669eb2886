"""ICAO VDS-NC."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import vdsnc
from gateway.values import Algorithm, Format, KeyUse
from tests.vectors import require_vectors

CERTIFICATE = b"0\x82 not a certificate, and never parsed here"
SIGNATURE = bytes(range(64))


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode()


def seal(**changes: Any) -> dict[str, Any]:
    """Return a good seal with members changed by path: hdr_t, hdr_is, msg, sig_alg, ...; ... takes a member away."""
    made: dict[str, Any] = {
        "data": {
            "hdr": {"t": "icao.vacc", "v": 1, "is": "XAA"},
            "msg": {"uvci": "X1", "pid": {"n": "BEISPIEL  PROBE"}, "ve": [{"des": "XM68M6", "vd": [{"seq": 2}]}]},
        },
        "sig": {"alg": "ES256", "cer": b64(CERTIFICATE), "sigvl": b64(SIGNATURE)},
    }
    places = {"hdr": made["data"]["hdr"], "sig": made["sig"], "data": made["data"]}
    for path, value in changes.items():
        place, _, member = path.partition("_")
        target = places[place] if member else made
        name = member or place
        if value is ...:
            del target[name]
        else:
            target[name] = value
    return made


def code(**changes: Any) -> bytes:
    return json.dumps(seal(**changes), ensure_ascii=False).encode()


GOOD = code()


def reason_of(data: bytes) -> Reason:
    with pytest.raises(CodeUnreadable) as refused:
        vdsnc.read(data)
    return refused.value.reason


def test_what_a_seal_says_of_itself() -> None:
    read = vdsnc.read(GOOD)
    assert (read.format, read.issuer, read.algorithm) == (Format.VDSNC, "XAA", Algorithm.ES256)
    assert read.certificate == CERTIFICATE
    assert read.key_id == sha256(CERTIFICATE).digest()[:8]
    assert read.signature == SIGNATURE
    assert (read.statement, read.required_use) == ("attested", KeyUse.VACCINATION)
    assert (read.obstacle, read.notes) == (None, ())
    assert read.signed == (
        b'{"hdr":{"is":"XAA","t":"icao.vacc","v":1},"msg":{"pid":{"n":"BEISPIEL  PROBE"},'
        b'"uvci":"X1","ve":[{"des":"XM68M6","vd":[{"seq":2}]}]}}'
    )


def test_nothing_of_the_holder_is_in_repr() -> None:
    assert "BEISPIEL" not in repr(vdsnc.read(GOOD))


@pytest.mark.parametrize("spacing", [{"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": True}])
def test_the_canonical_form_does_not_depend_on_how_it_was_written(spacing: dict[str, Any]) -> None:
    made = seal(
        data_msg={
            "n": 'J\u00fcrgen \u20ac\ud83d\ude00 \u007f\u0001 "\\/\b\f\n\r\t',
            "i": [0, -0, 2**53 - 1, True, None],
        }
    )
    read = vdsnc.read(json.dumps(made, **spacing).encode())
    assert (
        read.signed
        == (
            '{"hdr":{"is":"XAA","t":"icao.vacc","v":1},"msg":{"i":[0,0,9007199254740991,true,null],'
            '"n":"J\u00fcrgen \u20ac\U0001f600 \u007f\\u0001 \\"\\\\/\\b\\f\\n\\r\\t"}}'
        ).encode()
    )


@pytest.mark.parametrize(
    ("result", "word"),
    [
        ({"r": "negative"}, "tested-negative"),
        ({"r": "Normal"}, "tested-negative"),
        ({"r": "positive"}, "tested-positive"),
        ({"r": "ABNORMAL"}, "tested-positive"),
        ({"r": " positive "}, "tested-positive"),
        ({"r": "inconclusive"}, "laboratory"),
        ({"r": None}, "laboratory"),
        ({"r": "detected"}, "laboratory"),
        ({}, "laboratory"),
        ("negative", "laboratory"),
    ],
)
def test_results_of_tests(result: object, word: str) -> None:
    read = vdsnc.read(code(hdr_t="icao.test", data_msg={"tr": result}))
    assert (read.statement, read.required_use) == (word, KeyUse.TEST)


def test_a_vaccination_never_says_a_test_result() -> None:
    assert vdsnc.read(code(data_msg={"tr": {"r": "negative"}})).statement == "attested"


@pytest.mark.parametrize("name", ["ES512", "none", "HS256", "es256"])
def test_a_foreign_algorithm_is_an_obstacle(name: str) -> None:
    read = vdsnc.read(code(sig_alg=name))
    assert (read.algorithm, read.obstacle) == (None, Reason.UNSUPPORTED_ALGORITHM)


def test_without_a_certificate_there_is_no_key_id() -> None:
    read = vdsnc.read(code(sig_cer=...))
    assert (read.key_id, read.certificate) == (None, None)


@pytest.mark.parametrize("size", [62, 63, 64])
def test_base64url_with_and_without_its_padding(size: int) -> None:
    padded = b64(SIGNATURE[:size])
    assert vdsnc.read(code(sig_sigvl=padded)).signature == SIGNATURE[:size]
    assert vdsnc.read(code(sig_sigvl=padded.rstrip("="))).signature == SIGNATURE[:size]


def test_a_later_version_is_a_deviation() -> None:
    assert vdsnc.read(code(hdr_v=2)).notes == (Reason.SCHEMA_DEVIATION,)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(GOOD[:-1], Reason.BAD_JSON, id="cut"),
        pytest.param(GOOD + b"}", Reason.BAD_JSON, id="a byte behind"),
        pytest.param(GOOD + GOOD, Reason.BAD_JSON, id="a second seal"),
        pytest.param(b"", Reason.BAD_JSON, id="nothing"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, Reason.BAD_JSON, id="byte order mark"),
        pytest.param(GOOD.replace(b"BEISPIEL", b"\xc3("), Reason.NOT_UTF8, id="not UTF-8"),
        pytest.param(GOOD.decode().encode("utf-16"), Reason.NOT_UTF8, id="UTF-16"),
        pytest.param(GOOD.replace(b'"seq": 2', b'"seq": 2, "seq": 3'), Reason.DUPLICATE_KEY, id="dose twice"),
        pytest.param(GOOD.replace(b'"is"', b'"t": "icao.test", "is"'), Reason.DUPLICATE_KEY, id="type twice"),
        pytest.param(GOOD.replace(b'"seq": 2', b'"seq": NaN'), Reason.NOT_FINITE, id="NaN"),
        pytest.param(GOOD.replace(b'"seq": 2', b'"seq": 1e400'), Reason.NOT_FINITE, id="infinite"),
        pytest.param(GOOD.replace(b'"seq": 2', b'"seq": ' + b"[" * 20 + b"]" * 20), Reason.TOO_DEEP, id="deep"),
        pytest.param(b"[" * 5000 + b"]" * 5000, Reason.TOO_DEEP, id="very deep"),
        pytest.param(b"[]", Reason.BAD_ENVELOPE, id="a list"),
        pytest.param(code(data=[]), Reason.BAD_ENVELOPE, id="data a list"),
        pytest.param(code(sig="x"), Reason.BAD_ENVELOPE, id="sig a text"),
        pytest.param(code(sig=...), Reason.MISSING_CLAIM, id="no sig"),
        pytest.param(code(data=...), Reason.MISSING_CLAIM, id="no data"),
        pytest.param(code(data_hdr=...), Reason.MISSING_CLAIM, id="no header"),
        pytest.param(code(data_msg=...), Reason.MISSING_CLAIM, id="no message"),
        pytest.param(code(hdr_is=...), Reason.MISSING_CLAIM, id="no issuer"),
        pytest.param(code(hdr_v=...), Reason.MISSING_CLAIM, id="no version"),
        pytest.param(code(sig_sigvl=...), Reason.MISSING_CLAIM, id="no signature"),
        pytest.param(code(hdr_t="icao.visa"), Reason.WRONG_TYPE, id="a visa"),
        pytest.param(code(hdr_t="icao.VACC"), Reason.WRONG_TYPE, id="another case"),
        pytest.param(code(hdr_t=1), Reason.BAD_CLAIM, id="type a number"),
        pytest.param(code(hdr_is=""), Reason.BAD_CLAIM, id="issuer empty"),
        pytest.param(code(hdr_v="1"), Reason.BAD_CLAIM, id="version a text"),
        pytest.param(code(hdr_v=True), Reason.BAD_CLAIM, id="version true"),
        pytest.param(code(data_msg={"n": 1.5}), Reason.BAD_CLAIM, id="a fraction"),
        pytest.param(code(data_msg={"n": 1.0}), Reason.BAD_CLAIM, id="a whole number with a point"),
        pytest.param(code(data_msg={"n": 2**53}), Reason.BAD_CLAIM, id="beyond a double"),
        pytest.param(code(data_msg={"n": [-(2**53)]}), Reason.BAD_CLAIM, id="beyond a double, negative"),
        pytest.param(code(data_msg={"\u00fc": 1}), Reason.BAD_CLAIM, id="a name beyond ASCII"),
        pytest.param(code(sig_sigvl=b64(SIGNATURE)[:-1]), Reason.BAD_TEXT_ENCODING, id="half the padding"),
        pytest.param(code(sig_sigvl=b64(SIGNATURE[:63]) + "="), Reason.BAD_TEXT_ENCODING, id="padding not due"),
        pytest.param(code(sig_sigvl="AA=A"), Reason.BAD_TEXT_ENCODING, id="padding inside"),
        pytest.param(code(sig_cer="A+/A"), Reason.BAD_TEXT_ENCODING, id="the other alphabet"),
        pytest.param(code(sig_cer="\u00fc\u00fc\u00fc\u00fc"), Reason.BAD_TEXT_ENCODING, id="beyond ASCII"),
        pytest.param(code(sig_cer="AB"), Reason.BAD_TEXT_ENCODING, id="unused bits"),
    ],
)
def test_refused(data: bytes, reason: Reason) -> None:
    assert reason_of(data) is reason


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=10,
    ),
)
def test_any_message_is_canonical_or_refused(message: object) -> None:
    try:
        read = vdsnc.read(code(data_msg={"m": message}))
    except (CodeUnreadable, UnicodeEncodeError):
        return
    again = json.loads(read.signed)
    assert again["msg"] == {"m": message}
    assert vdsnc.read(json.dumps({**seal(), "data": again}).encode()).signed == read.signed


def test_the_australian_seal_is_signed_by_its_certificate() -> None:
    read = vdsnc.read((require_vectors() / "gdhcn" / "ICAOAUQR1Contents.txt").read_bytes())
    assert (read.issuer, read.statement) == ("AUS", "attested")
    assert read.certificate is not None
    key = x509.load_der_x509_certificate(read.certificate).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(read.signature[:32], "big"), int.from_bytes(read.signature[32:], "big")
    key.verify(utils.encode_dss_signature(r, s), read.signed, ec.ECDSA(hashes.SHA256()))
