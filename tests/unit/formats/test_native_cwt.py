"""The native code as a QR text: the same claims as the JWS, and each rule of docs/native-code.md broken."""

from __future__ import annotations

import dataclasses
import hashlib

import cbor2
import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import base45, cbor, cose
from gateway.formats.native import read
from gateway.formats.native_claims import MAX_QR_BYTES, NativeClaims
from gateway.values import Algorithm
from tests.unit.formats.case_ids import case_id
from tests.unit.formats.native_codes import (
    CLAIMS,
    COSE_HEADER,
    CWT,
    DIGEST,
    FULL,
    KEY_ID,
    SIGNING_KEY,
    jws,
    qr,
    qr_of,
    qr_with,
    qr_without,
    sign,
)


def reason_of(code: bytes) -> Reason:
    with pytest.raises(CodeUnreadable) as caught:
        read(code)
    return caught.value.reason


@pytest.mark.parametrize(
    "claims", [CLAIMS, FULL, CLAIMS._replace(holder_commitment=DIGEST)], ids=["least", "full", "hcm"]
)
def test_both_spellings_say_the_same(claims: NativeClaims) -> None:
    text = read(qr(claims))
    token = read(jws(claims))
    assert dataclasses.replace(text, signed=b"", signature=b"") == dataclasses.replace(token, signed=b"", signature=b"")
    SIGNING_KEY.verify_key.verify(text.signed, text.signature)
    assert text.key_id == KEY_ID


def test_an_algorithm_that_is_not_read_is_an_obstacle() -> None:
    for number in (-36, 5, 0, -47, "ES256"):
        claimed = read(qr_of({**COSE_HEADER, 1: number}))
        assert claimed.algorithm is None
        assert claimed.obstacle is Reason.UNSUPPORTED_ALGORITHM


def test_other_numbers_of_the_same_algorithm() -> None:
    assert read(qr_of({**COSE_HEADER, 1: -19})).algorithm is Algorithm.ED25519
    assert read(qr_of({**COSE_HEADER, 1: -9})).algorithm is Algorithm.ES256


def test_unknown_claims_and_an_unprotected_header_are_ignored() -> None:
    said = read(qr())
    odd = read(
        qr_of(payload=cbor.encode({**CWT, 38: "x", -260: {1: {}}, "name": [1]}), unprotected={4: b"other", 33: b"x"})
    )
    assert odd.key_id == said.key_id
    assert odd.code_id == said.code_id


def raw(message: object, tag: bytes = cose.TAG_SIGN1) -> bytes:
    return b"HCI1:" + base45.encode(tag + cbor2.dumps(message))


SHORT = {label: value for label, value in CWT.items() if label not in (8, 65535)}
"""Leaves room under the limit for a claim that is too long."""


def each_wrong(label: int, reason: Reason, *values: object) -> list[tuple[bytes, Reason]]:
    return [(qr_of(payload=cbor.encode({**SHORT, label: value})), reason) for value in values]


def status(**pointer: object) -> bytes:
    return qr_with({65535: {"status_list": pointer}})


QR = qr()
DATA = base45.decode(QR[5:])
PAYLOAD = cbor.encode(CWT)
PROTECTED = cbor.encode(COSE_HEADER)
ADDRESS = "https://status.gz.example/lists/7"
EARLIER = {label: value for label, value in CWT.items() if label != 8}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        # text
        (b"HCI1:", Reason.BAD_ENVELOPE),
        (QR + b" ", Reason.BAD_TEXT_ENCODING),
        (QR[:-1] + b"a", Reason.BAD_TEXT_ENCODING),
        (QR[:20] + b"\n" + QR[20:], Reason.BAD_TEXT_ENCODING),
        (QR[:20] + b"_" + QR[20:], Reason.BAD_TEXT_ENCODING),
        (QR + b"::", Reason.BAD_TEXT_ENCODING),
        (QR + b"\n", Reason.TRAILING_BYTES),
        (QR + b"\0", Reason.TRAILING_BYTES),
        (QR + b"A" * MAX_QR_BYTES, Reason.TOO_LARGE),
        (b"HCI1:" + b"0" * (MAX_QR_BYTES - 4), Reason.TOO_LARGE),
        (qr_with({2: "a" * 64, -65539: b"x" * 200}), Reason.TOO_LARGE),
        # envelope
        (qr_of(tags=b""), Reason.BAD_ENVELOPE),
        (qr_of(tags=cose.TAG_CWT + cose.TAG_SIGN1), Reason.BAD_ENVELOPE),
        (qr_of(tags=b"\xd1"), Reason.BAD_ENVELOPE),
        (qr_of(tags=cose.TAG_SIGN1 * 2), Reason.BAD_CBOR),
        (raw([PROTECTED, {}, PAYLOAD]), Reason.BAD_ENVELOPE),
        (raw([PROTECTED, {}, PAYLOAD, b"", b""]), Reason.BAD_ENVELOPE),
        (raw([PROTECTED, {}, None, b""]), Reason.BAD_ENVELOPE),
        (raw([COSE_HEADER, {}, PAYLOAD, b""]), Reason.BAD_ENVELOPE),
        (b"HCI1:" + base45.encode(DATA[:-1]), Reason.BAD_CBOR),
        (b"HCI1:" + base45.encode(DATA[: len(DATA) // 2]), Reason.BAD_CBOR),
        (b"HCI1:" + base45.encode(DATA + b"\0"), Reason.TRAILING_BYTES),
        (b"HCI1:" + base45.encode(DATA + DATA[:20]), Reason.TRAILING_BYTES),
        (qr_of({**COSE_HEADER, 2: [16]}), Reason.CRITICAL_HEADER),
        (qr_of(unprotected={2: [16]}), Reason.CRITICAL_HEADER),
        # kind, algorithm, key
        *((qr_of({**COSE_HEADER, 16: kind}), Reason.WRONG_TYPE) for kind in (
            "hcg+jwt", "HCG+CWT", "statuslist+cwt", "", 16, [1], None, "application/application/hcg+cwt")),
        (qr_of({1: -8, 4: b"gz-2026-1"}), Reason.WRONG_TYPE),
        (qr_of({1: -8, 4: b"gz-2026-1"}, unprotected={16: "hcg+cwt"}), Reason.WRONG_TYPE),
        (qr_of({4: b"gz-2026-1", 16: "hcg+cwt"}), Reason.BAD_ENVELOPE),
        (qr_of({4: b"gz-2026-1", 16: "hcg+cwt"}, unprotected={1: -8}), Reason.BAD_ENVELOPE),
        (qr_of({**COSE_HEADER, 1: True}), Reason.BAD_ENVELOPE),
        (qr_of({1: -8, 16: "hcg+cwt"}), Reason.MISSING_CLAIM),
        (qr_of({1: -8, 16: "hcg+cwt"}, unprotected={4: b"gz-2026-1"}), Reason.MISSING_CLAIM),
        (qr_of({**COSE_HEADER, 4: b""}), Reason.BAD_CLAIM),
        (qr_of({**COSE_HEADER, 4: b"k" * 65}, cbor.encode(SHORT)), Reason.BAD_CLAIM),
        (qr_of({**COSE_HEADER, 4: b"\x00\xff"}), Reason.BAD_CLAIM),
        (qr_of({**COSE_HEADER, 4: "gz-2026-1"}), Reason.BAD_ENVELOPE),
        # payload
        (qr_of(payload=b""), Reason.BAD_CBOR),
        (qr_of(payload=PAYLOAD[:-1]), Reason.BAD_CBOR),
        (qr_of(payload=PAYLOAD + b"\0"), Reason.TRAILING_BYTES),
        (qr_of(payload=b"\xd8\x23\x61a"), Reason.BAD_CBOR),
        (qr_of(payload=b"\xa2\x01\x61a\x01\x61b"), Reason.DUPLICATE_KEY),
        (qr_of(payload=b"\xab" + PAYLOAD[1:] + b"\x04\x1a\x7f\xff\xff\xff"), Reason.DUPLICATE_KEY),
        (qr_of(payload=b"\xa1\x01\x61\xff"), Reason.NOT_UTF8),
        (qr_of(payload=b"\x81" * 100 + b"\x00"), Reason.TOO_DEEP),
        (qr_with({4: float("nan")}), Reason.NOT_FINITE),
        (qr_with({4: float("inf")}), Reason.NOT_FINITE),
        (qr_of(payload=b"\x80"), Reason.BAD_CLAIM),
        (qr_of(payload=b"\x01"), Reason.BAD_CLAIM),
        # what is always there
        *((qr_without(label), Reason.MISSING_CLAIM) for label in (1, 4, 6, 7, -65537, -65538)),
        *((qr_with({label: None}), Reason.BAD_CLAIM) for label in (*CWT, -65539, 99)),
        # texts
        *each_wrong(1, Reason.BAD_CLAIM, "", "a b", "x" * 129, b"https://code.gz.example", 7),
        *each_wrong(-65537, Reason.BAD_CLAIM, 520000, "52", b"520000"),
        *each_wrong(-65538, Reason.BAD_CLAIM, "Green", "", b"green", 1),
        *each_wrong(7, Reason.BAD_CLAIM, "Aa0_-Aa0_-Aa0_-A", b"", b"a" * 65, b"\xff", b"a.b", 7),
        *each_wrong(2, Reason.BAD_CLAIM, "", "Zhang San", "a" * 65, b"p-7f3a", 7),
        # times
        *each_wrong(4, Reason.TIME_OUT_OF_RANGE, 1_700_086_400.0, 1_700_086_400.5, True, "1700086400", 1e308, 0, -1,
                    4_102_444_801, 1_700_086_400_000),
        *each_wrong(6, Reason.TIME_OUT_OF_RANGE, 1.7e9, False, "x", 946_684_799),
        *each_wrong(5, Reason.TIME_OUT_OF_RANGE, 1.5, True, b"x"),
        *each_wrong(4, Reason.BAD_CLAIM, 1_700_000_000, 1_700_000_100),
        (qr_of(payload=cbor.encode({**CWT, 4: cbor2.CBORTag(1, 1_700_086_400)})), Reason.BAD_CBOR),
        # status pointer
        *each_wrong(65535, Reason.BAD_CLAIM, {}, [], 7, {"status_list": []}, {1: {"idx": 0}}),
        *((status(idx=index, uri=ADDRESS), Reason.BAD_CLAIM) for index in (-1, 1 << 32, 1.0, True, "7")),
        *((status(idx=7, uri=uri), Reason.BAD_CLAIM) for uri in ("http://h/", "", b"https://h/", 7)),
        (status(idx=7), Reason.MISSING_CLAIM),
        (status(uri=ADDRESS), Reason.MISSING_CLAIM),
        # binding
        *each_wrong(8, Reason.BAD_CLAIM, {}, [], b"x", {1: {}}, {"jkt": DIGEST}, {"jkt": b"x" * 31}),
        *each_wrong(8, Reason.BAD_CLAIM, {"jkt": b"x" * 33}, {"jkt": None}, DIGEST),
        (qr_with({-65539: hashlib.sha256().digest()}), Reason.BAD_CLAIM),
        *((qr_of(payload=cbor.encode({**EARLIER, -65539: wrong})), Reason.BAD_CLAIM)
          for wrong in (b"", b"x" * 31, b"x" * 33, DIGEST, 7)),
    ],
    ids=case_id,
)  # fmt: skip
def test_refusals(code: bytes, reason: Reason) -> None:
    assert reason_of(code) is reason


def test_the_largest_text_is_read() -> None:
    payload = cbor.encode({**EARLIER, "pad": "x" * 68})
    code = qr_of(payload=payload)
    while len(code) < MAX_QR_BYTES - 1:
        payload = cbor.encode({**EARLIER, "pad": "x" * (len(cbor2.loads(payload)["pad"]) + 1)})
        code = qr_of(payload=payload)
    assert MAX_QR_BYTES - 1 <= len(code) <= MAX_QR_BYTES
    assert read(code).statement == "green"


def test_another_prefix_is_not_a_native_text() -> None:
    from gateway.formats import native_cwt

    for prefix in (b"HC1:", b"hci1:"):
        with pytest.raises(CodeUnreadable) as caught:
            native_cwt.read(prefix + QR[5:])
        assert caught.value.reason is Reason.UNRECOGNISED


def test_the_signature_covers_header_and_payload() -> None:
    said = read(QR)
    assert read(qr_of({**COSE_HEADER, 4: b"gz-2026-2"})).signed != said.signed
    assert read(qr_with({-65538: "red"})).signed != said.signed
    assert said.signature == sign(said.signed)
