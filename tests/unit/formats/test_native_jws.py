"""The native code as a compact JWS: each rule of docs/native-code.md broken once or more."""

from __future__ import annotations

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats.native import read
from gateway.formats.native_claims import MAX_JWS_BYTES
from gateway.values import Algorithm, ClaimedCode, DivisionCode, Format, Instant, IssuerId, StatusPointer
from tests.simulators.shc_issuer import compact
from tests.unit.formats.case_ids import case_id
from tests.unit.formats.native_codes import (
    CLAIMS,
    DIGEST,
    FULL,
    HEADER,
    KEY_ID,
    PAYLOAD,
    SIGNING_KEY,
    jws,
    jws_header,
    jws_of,
    jws_with,
    jws_without,
)


def reason_of(code: bytes) -> Reason:
    with pytest.raises(CodeUnreadable) as caught:
        read(code)
    assert caught.value.__context__ is None
    return caught.value.reason


def test_an_accepted_code() -> None:
    token = jws()
    claimed = read(token)
    assert claimed == ClaimedCode(
        format=Format.NATIVE,
        issuer=IssuerId("https://code.gz.example"),
        key_id=KEY_ID,
        algorithm=Algorithm.ED25519,
        signed=token.rpartition(b".")[0],
        signature=claimed.signature,
        statement="green",
        issue_time=Instant(1_700_000_000.0),
        not_before=Instant(1_700_000_100.0),
        expire_time=Instant(1_700_086_400.0),
        division=DivisionCode("520000"),
        code_id="Aa0_-Aa0_-Aa0_-A",
        subject="p-7f3a",
        holder_binding=f"jkt:{DIGEST}",
        status_pointer=StatusPointer("https://status.gz.example/lists/7", 4_294_967_295),
    )
    SIGNING_KEY.verify_key.verify(claimed.signed, claimed.signature)


def test_the_least_code() -> None:
    claimed = read(jws(CLAIMS))
    assert claimed.not_before is None
    assert claimed.subject is None
    assert claimed.holder_binding is None
    assert claimed.status_pointer is None


def test_a_commitment_binds_too() -> None:
    claimed = read(jws(CLAIMS._replace(holder_commitment=DIGEST)))
    assert claimed.holder_binding == f"hcm:{DIGEST}"


@pytest.mark.parametrize(
    "state", ["green", "yellow", "red", "under_review", "unconfirmed", "stale_declaration", "orange"]
)
def test_a_state_stays_the_issuers_word(state: str) -> None:
    assert read(jws_with(st=state)).statement == state


@pytest.mark.parametrize("state", ["a", "a" * 32, "x9_"])
def test_the_longest_and_the_shortest(state: str) -> None:
    token = jws_with(
        st=state, jti=state, sub="-" * 64, iss="x" * 128, nbf=946_684_800, iat=946_684_800, exp=4_102_444_800
    )
    assert read(token).statement == state


def test_unknown_claims_and_parameters_are_ignored() -> None:
    assert read(jws_with(name="Anyperson", azp=["x"], x={"y": [1.5, None]})).code_id == FULL.code_id
    pointed = read(jws_with(status={"status_list": {"idx": 0, "uri": "https://s.example", "x": 1}, "other": {}}))
    assert pointed.status_pointer == StatusPointer("https://s.example", 0)
    hostile = jws_header(jku="https://evil.example", x5c=["x"], jwk={}, cty="JWT")
    assert read(hostile).key_id == KEY_ID
    assert read(hostile).algorithm is Algorithm.ED25519


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_both_names_of_ed25519(name: str) -> None:
    assert read(jws_header(alg=name)).algorithm is Algorithm.ED25519


@pytest.mark.parametrize("name", ["none", "nOnE", "HS256", "ES512"])
def test_an_algorithm_that_is_not_read_is_an_obstacle(name: str) -> None:
    claimed = read(jws_header(alg=name))
    assert claimed.algorithm is None
    assert claimed.obstacle is Reason.UNSUPPORTED_ALGORITHM


def test_nothing_of_the_holder_shows() -> None:
    for text in (repr(read(jws())), repr(FULL)):
        assert "p-7f3a" not in text
        assert FULL.code_id not in text
        assert DIGEST not in text


def each_wrong(name: str, reason: Reason, *values: object) -> list[tuple[bytes, Reason]]:
    return [(jws_with(**{name: value}), reason) for value in values]


def status(**pointer: object) -> bytes:
    return jws_with(status={"status_list": pointer})


PLAIN = compact(PAYLOAD)
UNBOUND = {name: value for name, value in PAYLOAD.items() if name != "cnf"}
ADDRESS = "https://status.gz.example/lists/7"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        # kind
        *((jws_header(typ=typ), Reason.WRONG_TYPE) for typ in (
            "JWT", "HCG+JWT", "hcg+jwt ", "", "application/application/hcg+jwt", "hcg+cwt", "statuslist+jwt",
            "hcgw-receipt+jwt", "client-authentication+jwt")),
        (jws_of(compact({name: HEADER[name] for name in ("alg", "kid")})), Reason.WRONG_TYPE),
        # envelope
        (jws_of(compact({name: HEADER[name] for name in ("alg", "typ")})), Reason.MISSING_CLAIM),
        (jws_of(compact({name: HEADER[name] for name in ("kid", "typ")})), Reason.BAD_ENVELOPE),
        (jws_header(kid="k" * 65), Reason.BAD_CLAIM),
        (jws_header(kid="../../etc/passwd\0"), Reason.BAD_CLAIM),
        (jws_header(kid="k' OR 1=1"), Reason.BAD_CLAIM),
        (jws_header(kid="省"), Reason.BAD_CLAIM),
        (jws_header(kid=["gz-2026-1"]), Reason.BAD_ENVELOPE),
        (jws_header(crit=["exp"]), Reason.CRITICAL_HEADER),
        (jws_header(b64=False), Reason.CRITICAL_HEADER),
        (jws_header(zip="DEF"), Reason.BAD_COMPRESSION),
        (jws_header(zip=""), Reason.BAD_COMPRESSION),
        (jws() + b".", Reason.BAD_ENVELOPE),
        (jws() + b".AAAA", Reason.BAD_ENVELOPE),
        (jws().rpartition(b".")[0], Reason.BAD_ENVELOPE),
        (jws() + b"==", Reason.BAD_TEXT_ENCODING),
        (jws() + b"AAA", Reason.BAD_TEXT_ENCODING),
        (jws() + b"\n", Reason.TRAILING_BYTES),
        (b" " + jws(), Reason.TRAILING_BYTES),
        (jws_with(x="y" * MAX_JWS_BYTES), Reason.TOO_LARGE),
        (jws_header(kid="k" * 1_000_000), Reason.TOO_LARGE),
        # payload
        (jws_of(payload=b""), Reason.BAD_JSON),
        (jws_of(payload=PLAIN[:-1]), Reason.BAD_JSON),
        (jws_of(payload=PLAIN + PLAIN), Reason.BAD_JSON),
        (jws_of(payload=b"\xef\xbb\xbf" + PLAIN), Reason.BAD_JSON),
        (jws_of(payload=PLAIN.decode().encode("utf-16")), Reason.NOT_UTF8),
        (jws_of(payload=PLAIN.decode().encode("utf-16-be")), Reason.NOT_UTF8),
        (jws_of(payload=PLAIN.replace(b"green", b"\xff")), Reason.NOT_UTF8),
        (jws_of(payload=PLAIN.replace(b"green", rb"\ud800")), Reason.NOT_UTF8),
        (jws_of(payload=PLAIN[:-1] + b',"st":"red"}'), Reason.DUPLICATE_KEY),
        (jws_of(payload=PLAIN[:-1] + rb',"\u0065xp":4102444800}'), Reason.DUPLICATE_KEY),
        (jws_of(payload=PLAIN[:-1] + b',"x":{"y":1,"y":1}}'), Reason.DUPLICATE_KEY),
        (jws_with(x=[[[[[[[[]]]]]]]]), Reason.TOO_DEEP),
        (jws_of(payload=b"[" * 2_500), Reason.TOO_DEEP),
        (jws_of(payload=b'{"a":' * 500), Reason.TOO_DEEP),
        (jws_of(payload=PLAIN.replace(b"1700086400", b"NaN")), Reason.NOT_FINITE),
        (jws_of(payload=PLAIN.replace(b"1700086400", b"Infinity")), Reason.NOT_FINITE),
        (jws_of(payload=PLAIN.replace(b"1700086400", b"1e400")), Reason.NOT_FINITE),
        (jws_of(payload=PLAIN.replace(b"1700086400", b"9" * 2_000)), Reason.NOT_FINITE),
        (jws_of(payload=b"[]"), Reason.BAD_CLAIM),
        (jws_of(payload=b"1"), Reason.BAD_CLAIM),
        # what is always there
        *((jws_without(name), Reason.MISSING_CLAIM) for name in ("iss", "div", "st", "iat", "exp", "jti")),
        *((jws_with(**{name: None}), Reason.BAD_CLAIM) for name in (*PAYLOAD, "hcm", "anything")),
        # texts
        *each_wrong("iss", Reason.BAD_CLAIM, "", "a b", "贵州", "x" * 129, "x\n", 7, ["x"], True, {}),
        *each_wrong("div", Reason.BAD_CLAIM, "", "52000", "5200000", "052000", "52000a", "520000\n"),
        *each_wrong("div", Reason.BAD_CLAIM, "\uff15\uff12" * 3, 520000),
        *each_wrong("st", Reason.BAD_CLAIM, "", "Green", "green ", "9green", "_green", "a" * 33, "绿"),
        *each_wrong("st", Reason.BAD_CLAIM, "green\n", 1, ["green"]),
        *each_wrong("jti", Reason.BAD_CLAIM, "", "a" * 65, "a.b", "a b", "a\0", 7, {"a": 1}),
        *each_wrong("sub", Reason.BAD_CLAIM, "", "a" * 65, "Zhang San", "张三", 11010119900307, False),
        # times
        *each_wrong("exp", Reason.TIME_OUT_OF_RANGE, "1700086400", "\uff11", True, 1_700_086_400.0, 1_700_086_400.5,
                    1e308, 10**300, 0, -1, 4_102_444_801, 1_700_086_400_000, [1_700_086_400]),
        *each_wrong("iat", Reason.TIME_OUT_OF_RANGE, "1700000000", False, 1.7e9, 946_684_799, 0),
        *each_wrong("nbf", Reason.TIME_OUT_OF_RANGE, "1700000000", True, 1.5, 946_684_799, {}),
        *each_wrong("exp", Reason.BAD_CLAIM, 1_700_000_000, 1_699_999_999, 1_700_000_100),
        (jws_with(nbf=1_700_086_400), Reason.BAD_CLAIM),
        (jws_with(nbf=1_700_086_401), Reason.BAD_CLAIM),
        # status pointer
        *each_wrong("status", Reason.BAD_CLAIM, {}, [], "x", 7, {"identifier_list": {"id": "x"}}, {"status_list": []},
                    {"status_list": "x"}, {"status_list": None}),
        *((status(idx=index, uri=ADDRESS), Reason.BAD_CLAIM) for index in (-1, 1 << 32, 1.0, True, "7", [7], 10**300)),
        *((status(idx=7, uri=uri), Reason.BAD_CLAIM) for uri in (
            "", "http://status.gz.example/", "HTTPS://x", "https://", "https:///x", "https://u:p@h/", "https://h/#f",
            "https://h/ x", "https://h/\n", "https://h:123456/", "https://贵州/", "file:///etc/passwd", 7, [ADDRESS],
            "https://h/" + "x" * 250)),
        (status(idx=7), Reason.MISSING_CLAIM),
        (status(uri=ADDRESS), Reason.MISSING_CLAIM),
        (status(), Reason.MISSING_CLAIM),
        (status(idx=None, uri=ADDRESS), Reason.MISSING_CLAIM),
        # binding
        *each_wrong("cnf", Reason.BAD_CLAIM, {}, [], "x", {"jwk": {}}, {"jkt": None}, {"jkt": DIGEST[:-1]},
                    {"jkt": DIGEST + "A"}, {"jkt": DIGEST[:-1] + "B"}, {"jkt": 7}, {"jkt": DIGEST[:-1] + "="}),
        (jws_with(hcm=DIGEST), Reason.BAD_CLAIM),
        *((jws_of(payload=compact({**UNBOUND, "hcm": wrong})), Reason.BAD_CLAIM)
          for wrong in ("", DIGEST + "A", DIGEST[:-1], 7, {"jkt": DIGEST})),
    ],
    ids=case_id,
)  # fmt: skip
def test_refusals(code: bytes, reason: Reason) -> None:
    assert reason_of(code) is reason
