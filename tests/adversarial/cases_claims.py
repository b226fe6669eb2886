"""Attacks by what the claims say, rightly signed: issuer, times, duplicate names, odd texts, status index, depth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial

import cbor2

from gateway.formats import native_cwt

from .case import (
    BAD_CBOR,
    BAD_CLAIM,
    BAD_JSON,
    BAD_SIGNATURE,
    DIVISION_MISMATCH,
    DUPLICATE_KEY,
    EXPIRED,
    FORMAT_NOT_TRUSTED,
    MISSING_CLAIM,
    NOT_FINITE,
    NOT_UTF8,
    NOT_YET_VALID,
    STATUS_UNAVAILABLE,
    TIME_OUT_OF_RANGE,
    TOO_DEEP,
    TOO_LARGE,
    UNKNOWN_ISSUER,
    UNKNOWN_KEY,
    UNRECOGNISED,
    Case,
)
from .remake import Edit, Members, card, dcc, instead, jws, put, put_at, qr, seal, text, without
from .world import AT, COUNTRY, HAINAN, STATE

issuer = partial(Case, "wrong issuer with the right key")
expiry = partial(Case, "exp of odd kinds")
order = partial(Case, "nbf after exp")
early = partial(Case, "iat in the future")
twice = partial(Case, "duplicate keys")
odd_text = partial(Case, "BOM, UTF-16, surrogates, bidi, NUL")
index = partial(Case, "status index")
deep = partial(Case, "nesting")
costly_keys = partial(Case, "map keys of equal hash")

LATER = int(AT) + 3_600
FOUR_THOUSAND = 10**3_999


def _replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(held: bytes) -> bytes:
        assert old in held
        return held.replace(old, new, 1)

    return change


def _exp_as(literal: str) -> Edit:
    """Write `exp` as this literal."""
    return text(_replace(b'"exp":%d' % (int(AT) + 60), b'"exp":' + literal.encode()))


def _also(entry: bytes) -> Callable[[bytes], bytes]:
    """Put one more entry at the beginning of a CBOR map of less than 23 entries."""
    return lambda held: bytes((held[0] + 1,)) + entry + held[1:]


def _nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


def _colliding(around: bytes) -> bytes:
    """Return a map of 512 keys: arrays of -1 and -2, which hash alike, each inside `around`."""
    keys = (around + b"\x89" + bytes(one) for one in itertools.product((0x20, 0x21), repeat=9))
    return b"\xb9\x02\x00" + b"".join(key + b"\x00" for key in keys)


def _status(value: object) -> Edit:
    return put(status={"status_list": {"idx": value, "uri": "https://code.gz.example/s/1"}})


def _qr_status(value: object) -> Edit:
    return put_at((native_cwt.STATUS, {"status_list": {"idx": value, "uri": "https://a.example/1"}}))


def _utf16(held: Members) -> bytes:
    return text(lambda said: said.decode().encode("utf-16-le"))(held)  # type: ignore[return-value]


CASES = (
    issuer("another trusted province", "jws Ed25519", jws(payload=put(iss=HAINAN.issuer)), *UNKNOWN_KEY),
    issuer("another trusted province that has the same key id", "jws shared", jws(payload=put(iss=HAINAN.issuer)),
           *BAD_SIGNATURE),
    issuer("a stranger", "jws Ed25519", jws(payload=put(iss="https://nobody.example")), *UNKNOWN_ISSUER),
    issuer("the right one with a slash", "jws ES256", jws(payload=put(iss="https://code.gz.example/")),
        *UNKNOWN_ISSUER),
    issuer("the right one in capitals", "jws ES256", jws(payload=put(iss="https://CODE.gz.example")), *UNKNOWN_ISSUER),
    issuer("none", "jws ES256", jws(payload=without("iss")), *MISSING_CLAIM),
    issuer("an issuer of another format", "jws Ed25519", jws(payload=put(iss=str(COUNTRY))), *FORMAT_NOT_TRUSTED),
    issuer("HCERT of another country", "hcert", dcc(claims=put_at((1, "XB"))), *UNKNOWN_ISSUER),
    issuer("HCERT of an issuer of another format", "hcert", dcc(claims=put_at((1, STATE))), *FORMAT_NOT_TRUSTED),
    issuer("HCERT without issuer", "hcert", dcc(claims=without(1)), *UNKNOWN_ISSUER),
    issuer("card of another issuer", "shc", card(payload=put(iss="https://other.example")), *UNKNOWN_ISSUER),
    issuer("VDS-NC of another state", "vdsnc", seal(lambda data: data["hdr"].update({"is": "XXX"})), *UNKNOWN_ISSUER),
    issuer("QR of another trusted province", "qr Ed25519", qr(payload=put_at((1, HAINAN.issuer))), *UNKNOWN_KEY),
    issuer("the right one, another's division", "jws Ed25519", jws(payload=put(div="460100")), *DIVISION_MISMATCH),
    issuer("QR of the right one, another's division", "qr ES256", qr(payload=put_at((native_cwt.DIVISION, "330100"))),
           *DIVISION_MISMATCH),
    *(
        expiry(f"exp {name}", "jws Ed25519", jws(payload=_exp_as(literal)), *expected)
        for name, literal, expected in (
            ("NaN", "NaN", NOT_FINITE),
            ("Infinity", "Infinity", NOT_FINITE),
            ("-Infinity", "-Infinity", NOT_FINITE),
            ("1e400", "1e400", NOT_FINITE),
            ("1e308", "1e308", TIME_OUT_OF_RANGE),
            ("4000 digits", "9" * 2_000, NOT_FINITE),
            ("300 digits", "9" * 300, TIME_OUT_OF_RANGE),
            ("text", f'"{LATER}"', TIME_OUT_OF_RANGE),
            ("text of full-width digits", '"\uff12\uff11\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff10"',
            TIME_OUT_OF_RANGE),
            ("true", "true", TIME_OUT_OF_RANGE),
            ("null", "null", BAD_CLAIM),
            ("a list", f"[{LATER}]", TIME_OUT_OF_RANGE),
            ("negative", "-1", TIME_OUT_OF_RANGE),
            ("zero", "0", TIME_OUT_OF_RANGE),
            ("a fraction", f"{LATER}.5", TIME_OUT_OF_RANGE),
            ("an exponent", "1.75e9", TIME_OUT_OF_RANGE),
            ("before 2000", "946684799", TIME_OUT_OF_RANGE),
            ("after 2100", "4102444801", TIME_OUT_OF_RANGE),
            ("hexadecimal", "0x7fffffff", BAD_JSON),
            ("a leading zero", f"0{LATER}", BAD_JSON),
        )
    ),
    expiry("no exp", "jws Ed25519", jws(payload=without("exp")), *MISSING_CLAIM),
    expiry("exp is now", "jws Ed25519", jws(payload=put(exp=int(AT))), *EXPIRED),
    expiry("a second ago", "qr ES256", qr(payload=put_at((4, int(AT) - 1), (5, int(AT) - 9), (6, int(AT) - 9))),
        *EXPIRED),
    *(
        expiry(f"HCERT exp {name}", "hcert", dcc(claims=put_at((4, value))), *expected)
        for name, value, expected in (
            ("NaN, which one issuer writes for 'none'", math.nan, EXPIRED),
            ("infinite", math.inf, NOT_FINITE),
            ("1e308", 1e308, TIME_OUT_OF_RANGE),
            ("true", True, TIME_OUT_OF_RANGE),
            ("text", str(LATER), TIME_OUT_OF_RANGE),
            ("null", None, TIME_OUT_OF_RANGE),
            ("2^64 - 1", 2**64 - 1, TIME_OUT_OF_RANGE),
            ("4000 digits", FOUR_THOUSAND, BAD_CBOR),
            ("a decimal fraction", cbor2.CBORTag(4, [2**31, 1]), BAD_CBOR),
            ("a tagged time", cbor2.CBORTag(1, LATER), BAD_CBOR),
            ("past", int(AT) - 1, EXPIRED),
        )
    ),
    *(
        expiry(f"QR exp {name}", "qr Ed25519", qr(payload=put_at((4, value))), *expected)
        for name, value, expected in (
            ("NaN", math.nan, NOT_FINITE),
            ("a float", float(LATER), TIME_OUT_OF_RANGE),
            ("false", False, TIME_OUT_OF_RANGE),
            ("null", None, BAD_CLAIM),
        )
    ),
    *(
        expiry(f"card exp {name}", "shc", card(payload=put(exp=value)), *expected)
        for name, value, expected in (
            ("NaN", math.nan, NOT_FINITE),
            ("1e308", 1e308, TIME_OUT_OF_RANGE),
            ("text", str(LATER), TIME_OUT_OF_RANGE),
            ("true", True, TIME_OUT_OF_RANGE),
            ("null", None, TIME_OUT_OF_RANGE),
            ("past", AT - 0.5, EXPIRED),
        )
    ),
    order("native", "jws Ed25519", jws(payload=put(nbf=int(AT) + 61)), *BAD_CLAIM),
    order("native, equal", "jws Ed25519", jws(payload=put(nbf=int(AT) + 60)), *BAD_CLAIM),
    order("native, iat after exp", "jws ES256", jws(payload=put(iat=int(AT) + 61)), *BAD_CLAIM),
    order("QR", "qr Ed25519", qr(payload=put_at((5, int(AT) + 61))), *BAD_CLAIM),
    order("HCERT", "hcert", dcc(claims=put_at((5, LATER), (4, LATER - 1))), *NOT_YET_VALID),
    order("card", "shc", card(payload=put(nbf=LATER, exp=LATER - 1)), *NOT_YET_VALID),
    order("card, both past", "shc", card(payload=put(nbf=AT - 10, exp=AT - 20)), *EXPIRED),
    early("native", "jws Ed25519", jws(payload=put(iat=LATER, nbf=LATER, exp=LATER + 60)), *NOT_YET_VALID),
    early("native, nbf now", "jws ES256", jws(payload=put(iat=LATER, exp=LATER + 60)), *NOT_YET_VALID),
    early("native, a second beyond the skew", "jws ES256", jws(payload=put(iat=int(AT) + 31)), *NOT_YET_VALID),
    early("QR", "qr SM2", qr(payload=put_at((6, LATER), (4, LATER + 60))), *NOT_YET_VALID),
    early("HCERT", "hcert", dcc(claims=put_at((6, LATER), (4, LATER + 60))), *NOT_YET_VALID),
    early("card", "shc", card(payload=put(nbf=LATER)), *NOT_YET_VALID),
    twice("alg in the header", "jws Ed25519", jws(header=text(_replace(b'{"alg"', b'{"alg":"none","alg"'))),
        *DUPLICATE_KEY),
    twice("alg in the header, the same", "jws Ed25519",
        jws(header=text(_replace(b'{"alg"', b'{"alg":"Ed25519","alg"'))), *DUPLICATE_KEY),
    twice("state, worse first", "jws Ed25519", jws(payload=text(_replace(b'"st":', b'"st":"red","st":'))),
        *DUPLICATE_KEY),
    twice("state, escaped", "jws Ed25519", jws(payload=text(_replace(b'"st":', b'"\\u0073t":"red","st":'))),
        *DUPLICATE_KEY),
    twice("in an unknown claim, deep", "jws ES256",
        jws(payload=text(_replace(b'{"iss"', b'{"x":[{"y":{"z":1,"z":1}}],"iss"'))), *DUPLICATE_KEY),
    twice("card, issuer", "shc", card(payload=text(_replace(b'{"iss"', b'{"iss":"https://a.example","iss"'))),
        *DUPLICATE_KEY),
    twice("card, kid", "shc", card(header=text(_replace(b'"kid"', b'"kid":"x","kid"'))), *DUPLICATE_KEY),
    twice("VDS-NC, sig", "vdsnc", lambda _, code: _replace(b'"sig":', b'"sig":{},"sig":')(code), *DUPLICATE_KEY),
    twice("HCERT, exp", "hcert", dcc(claims=text(_also(b"\x04\x00"))), *DUPLICATE_KEY),
    twice("HCERT, exp as a float", "hcert", dcc(claims=text(_also(b"\xf9\x44\x00\x00"))), *DUPLICATE_KEY),
    twice("HCERT, alg", "hcert", dcc(header=text(_also(b"\x01\x26"))), *DUPLICATE_KEY),
    twice("QR, state", "qr ES256", qr(payload=text(_also(cbor2.dumps(native_cwt.STATE) + b"\x63red"))), *DUPLICATE_KEY),
    twice("QR, kid", "qr ES256", qr(header=text(_also(b"\x04\x41\x00"))), *DUPLICATE_KEY),
    odd_text("BOM before the payload", "jws Ed25519", jws(payload=text(lambda said: b"\xef\xbb\xbf" + said)),
        *BAD_JSON),
    odd_text("BOM before the header", "jws ES256", jws(header=text(lambda said: b"\xef\xbb\xbf" + said)),
        *UNRECOGNISED),
    odd_text("BOM before the code", "jws ES256", lambda _, code: b"\xef\xbb\xbf" + code, *UNRECOGNISED),
    odd_text("UTF-16 payload", "jws Ed25519", jws(payload=_utf16), *NOT_UTF8),
    odd_text("UTF-16 payload with BOM", "jws Ed25519", jws(payload=text(lambda said: said.decode().encode("utf-16"))),
             *NOT_UTF8),
    odd_text("UTF-16 code", "jws Ed25519", lambda _, code: code.decode().encode("utf-16"), *UNRECOGNISED),
    odd_text("UTF-16 HCERT", "hcert", lambda _, code: code.decode().encode("utf-16-le"), *UNRECOGNISED),
    odd_text("UTF-32 payload", "jws Ed25519", jws(payload=text(lambda said: said[:8].decode().encode("utf-32-le"))),
             *NOT_UTF8),
    odd_text("lone surrogate, escaped", "jws Ed25519", jws(payload=text(_replace(b"pseudonym-1", b"\\ud800"))),
        *NOT_UTF8),
    odd_text("lone low surrogate in an unknown claim", "jws Ed25519",
        jws(payload=text(_replace(b'{"iss"', b'{"x":"\\uDFFF","iss"'))),
             *NOT_UTF8),
    odd_text("surrogate in bytes", "jws Ed25519", jws(payload=text(_replace(b"pseudonym-1", b"\xed\xa0\x80"))),
        *NOT_UTF8),
    odd_text("overlong slash", "jws Ed25519", jws(payload=text(_replace(b"https://", b"https:\xc0\xaf/"))), *NOT_UTF8),
    odd_text("NUL in the subject", "jws Ed25519", jws(payload=put(sub="a\0b")), *BAD_CLAIM),
    odd_text("NUL behind the issuer", "jws Ed25519", jws(payload=put(iss="https://code.gz.example\0")), *BAD_CLAIM),
    odd_text("bidi in the issuer", "jws Ed25519", jws(payload=put(iss="https://code.gz.example\u202e")), *BAD_CLAIM),
    odd_text("bidi in the state", "jws Ed25519", jws(payload=put(st="\u202egreen")), *BAD_CLAIM),
    odd_text("line feed behind the state", "jws Ed25519", jws(payload=put(st="green\n")), *BAD_CLAIM),
    odd_text("full-width division", "jws Ed25519", jws(payload=put(div="\uff15\uff12\uff10\uff11\uff10\uff10")),
        *BAD_CLAIM),
    odd_text("card, lone surrogate", "shc", card(payload=put(x="\ud800")), *NOT_UTF8),
    odd_text("card, UTF-16", "shc", card(payload=_utf16), *NOT_UTF8),
    odd_text("card, NUL in the issuer", "shc", card(payload=put(iss="https://shc.example/issuer\0")), *UNKNOWN_ISSUER),
    odd_text("HCERT, text that is not UTF-8", "hcert", dcc(claims=text(_replace(b"\x62XA", b"\x62\xff\xfe"))),
        *NOT_UTF8),
    odd_text("HCERT, surrogate in text", "hcert", dcc(claims=text(_also(b"\x63\xed\xa0\x80\x00"))), *NOT_UTF8),
    odd_text("QR, NUL in the subject", "qr Ed25519", qr(payload=put_at((2, "a\0"))), *BAD_CLAIM),
    odd_text("QR, code id that is not ASCII", "qr Ed25519", qr(payload=put_at((7, b"\xff\xfe"))), *BAD_CLAIM),
    odd_text("VDS-NC, lone surrogate", "vdsnc", lambda _, code: _replace(b'"U32870"', b'"\\ud800"')(code), *NOT_UTF8),
    odd_text("payload is no JSON", "jws Ed25519", jws(payload=instead(b"\x00\x01")), *NOT_UTF8),
    *(
        index(name, "jws Ed25519", jws(payload=_status(value)), *expected)
        for name, value, expected in (
            ("a good one, of a list that is not held", 7, STATUS_UNAVAILABLE),
            ("negative", -1, BAD_CLAIM),
            ("a float", 1.0, BAD_CLAIM),
            ("true", True, BAD_CLAIM),
            ("text", "7", BAD_CLAIM),
            ("2^32", 2**32, BAD_CLAIM),
            ("2^63", 2**63, BAD_CLAIM),
            ("300 digits", 10**299, BAD_CLAIM),
            ("NaN", math.nan, NOT_FINITE),
            ("null", None, MISSING_CLAIM),
            ("a list", [7], BAD_CLAIM),
        )
    ),
    *(
        index(f"QR, {name}", "qr Ed25519", qr(payload=_qr_status(value)), *expected)
        for name, value, expected in (
            ("negative", -1, BAD_CLAIM),
            ("a float", 7.0, BAD_CLAIM),
            ("false", False, BAD_CLAIM),
            ("2^64", 2**64, BAD_CBOR),
        )
    ),
    index("another mechanism", "jws Ed25519", jws(payload=put(status={"other": {}})), *BAD_CLAIM),
    index("no address", "jws Ed25519", jws(payload=put(status={"status_list": {"idx": 1}})), *MISSING_CLAIM),
    *(
        index(f"address {uri[:12]}", "jws Ed25519", jws(payload=put(status={"status_list": {"idx": 1, "uri": uri}})),
              *BAD_CLAIM)
        for uri in ("http://code.gz.example/s", "file:///etc/passwd", "https://a.example/ b",
            "https://user@a.example/", "//a", "")
    ),
    deep("payload, 20", "jws Ed25519", jws(payload=put(x=_nested(20))), *TOO_DEEP),
    deep("payload, 1500 open", "jws Ed25519", jws(payload=instead(b"[" * 1_500)), *TOO_DEEP),
    deep("header, 10", "jws Ed25519", jws(header=put(x=_nested(10))), *TOO_DEEP),
    deep("header, 100000", "jws Ed25519", jws(header=instead(b'{"x":' + b"[" * 100_000)), *TOO_LARGE),
    deep("brackets in texts do not count, real ones do", "jws Ed25519", jws(payload=put(x=["[[[[", _nested(9)])),
        *TOO_DEEP),
    deep("HCERT claims, 100", "hcert", dcc(claims=put_at(("x", _nested(100)))), *TOO_DEEP),
    deep("HCERT claims, 5000 open", "hcert", dcc(claims=instead(b"\x81" * 5_000)), *TOO_DEEP),
    deep("HCERT header, 50", "hcert", dcc(header=put_at((99, _nested(50)))), *TOO_DEEP),
    deep("HCERT, a cycle of shared references", "hcert", dcc(claims=instead(b"\xd8\x1c\x81\xd8\x1d\x00")), *BAD_CBOR),
    costly_keys("HCERT claims, maps in maps", "hcert", dcc(claims=instead(_colliding(b"\xa1\x00\xa1\x00"))), *BAD_CBOR),
    costly_keys("HCERT header, maps in arrays", "hcert", dcc(header=instead(_colliding(b"\x81\xa1\x00"))), *BAD_CBOR),
    costly_keys("HCERT claims, arrays", "hcert", dcc(claims=instead(_colliding(b""))), *MISSING_CLAIM),
    deep("QR claims, 50", "qr Ed25519", qr(payload=put_at(("x", _nested(50)))), *TOO_DEEP),
    deep("card, 100", "shc", card(payload=put(x=_nested(100))), *TOO_DEEP),
    deep("card, 50000 open", "shc", card(payload=instead(b'{"a":' * 20_000)), *TOO_DEEP),
    deep("VDS-NC, 100", "vdsnc", seal(lambda data: data.update(x=_nested(100))), *TOO_DEEP),
)  # fmt: skip
