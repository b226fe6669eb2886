"""The recogniser and the dispatch: every family by its beginning, and nothing else."""

from __future__ import annotations

import random

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import MAX_CODE_BYTES, read_code, recognise
from gateway.formats.native_claims import MAX_JWS_BYTES
from gateway.values import Format
from tests.simulators.shc_issuer import ShcIssuer, base64url, compact, to_chunks, to_qr
from tests.unit.formats.case_ids import case_id
from tests.unit.formats.native_codes import HEADER, PAYLOAD, jws, jws_header, jws_of, qr
from tests.vectors import require_vectors

ISSUER = ShcIssuer()
CARD = ISSUER.issue()


def token(header: bytes) -> bytes:
    return base64url(header) + b".e30.AAAA"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (b"HC1:6BF", Format.HCERT),
        (b"HC1:", Format.HCERT),
        (qr(), Format.NATIVE),
        (b"HCI1:", Format.NATIVE),
        (jws(), Format.NATIVE),
        (jws_header(typ="application/hcg+jwt"), Format.NATIVE),
        (CARD, Format.SHC),
        (to_qr(CARD), Format.SHC),
        (to_chunks(CARD, 3)[1], Format.SHC),
        (b"B64:UEsDBBQ", Format.DIVOC),
        (b"PK\x03\x04\x14\x00", Format.DIVOC),
        (b'{"data":{"hdr":{},"msg":{}},"sig":{}}', Format.VDSNC),
        (b'{ "sig": {}, "data": {} }', Format.VDSNC),
        # white space does not hide a code
        (b" \t\n " + CARD + b"\t\n ", Format.SHC),
        (b"\r\nHC1:6BF", Format.HCERT),
        (b"\0" + jws(), Format.NATIVE),
        # headers that begin in the other ways that JSON can
        (token(b'{ "alg":"EdDSA","typ":"hcg+jwt"}'), Format.NATIVE),
        (token(b'{\n"alg":"EdDSA","typ":"hcg+jwt"}'), Format.NATIVE),
        (token(b'{\t"alg":"ES256","zip":"DEF"}'), Format.SHC),
        (token(b'{\r\n"alg":"ES256","zip":"DEF"}'), Format.SHC),
        # a card with a fault is a card
        (token(b'{"alg":"ES256","kid":"k"}'), Format.SHC),
        (token(b'{"alg":"ES256","typ":"JWT"}'), Format.SHC),
        (token(b'{"zip":"DEF","kid":"k"}'), Format.SHC),
        # a foreign kind of token is refused by name
        (token(b'{"alg":"ES256","typ":"statuslist+jwt"}'), Format.NATIVE),
        (token(b'{"alg":"EdDSA","typ":"hcgw-receipt+jwt"}'), Format.NATIVE),
        (token(b'{"alg":"ES256","typ":"dc+sd-jwt"}'), Format.NATIVE),
        (jws_header(zip="DEF"), Format.NATIVE),
        (token(b'{"alg":"ES256","typ":"vc+jwt","zip":"DEF"}'), Format.SHC),
        # a header that cannot be read, and still tells
        (token(b'{"alg":"EdDSA","alg":"none","typ":"hcg+jwt"}'), Format.NATIVE),
        (token(b'{"alg":"EdDSA","typ":"hcg+jwt","crit":["x"]}'), Format.NATIVE),
        (token(b'{"zip":"DEF","alg":"ES256"'), Format.SHC),
        (base64url(compact(HEADER)) + b"==.e30.AAAA", Format.NATIVE),
    ],
    ids=lambda value: value.value if isinstance(value, Format) else "code",
)
def test_recognised(code: bytes, found: Format) -> None:
    assert recognise(code) is found


@pytest.mark.parametrize(
    "code",
    [
        b"", b" ", b" \t\r\n", b"\0", b"\xff", b"H", b"HC", b"HC1", b"HC2:6BF", b"hc1:6BF", b"HCI2:", b"HCI1",
        b"hci1:X", b"SHC:/5676", b"shc:", b"shc:5676", b"B64", b"b64:UEs", b"PK", b"PK\x05\x06", b"{", b"{}",
        b'{"data":{}}', b'{"sig":{}}', b'[{"data":1,"sig":2}]',
        b"e", b"ey", b"eyJ", b"eyJhbGciOiJFUzI1NiJ9", b"ey.", b"eyJ!.x.y",
        b"ew.x.y", b"eyJhIjox.e30.AA", b"https://example.org/code?id=1", b"123456", b"\xef\xbb\xbfHC1:6BF",
        '{"alg":"ES256"}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_not_recognised(code: bytes) -> None:
    assert recognise(code) is Format.UNKNOWN
    with pytest.raises(CodeUnreadable) as caught:
        read_code(code, recognise(code))
    assert caught.value.reason is (Reason.UNRECOGNISED if code else Reason.EMPTY_CODE)


def test_a_serialised_jws_is_not_recognised() -> None:
    head, payload, signature = (part.decode() for part in jws().split(b"."))
    flat = compact({"payload": payload, "protected": head, "signature": signature})
    general = compact({"payload": payload, "signatures": [{"protected": head, "signature": signature}]})
    assert recognise(flat) is Format.UNKNOWN
    assert recognise(general) is Format.UNKNOWN


def test_recognising_never_raises() -> None:
    seeds = [jws(), qr(), CARD, to_qr(CARD), b"HC1:6BF", b"B64:UEs", b'{"data":{},"sig":{}}']
    dice = random.Random(7)
    for _ in range(3_000):
        code = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 4)):
            code[dice.randrange(len(code))] = dice.randrange(256)
        assert recognise(bytes(code[: dice.randrange(len(code) + 1)])) in Format
        assert recognise(dice.randbytes(dice.randrange(40))) in Format


@pytest.mark.parametrize("code", [jws(), qr(), CARD, to_qr(CARD)], ids=["jws", "qr", "card", "card-qr"])
def test_dispatch_reads_what_was_recognised(code: bytes) -> None:
    assert read_code(code, recognise(code)).format is recognise(code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (b"", Reason.EMPTY_CODE),
        (b"x", Reason.UNRECOGNISED),
        (b"x" * (MAX_CODE_BYTES + 1), Reason.TOO_LARGE),
        (CARD + b"A" * MAX_CODE_BYTES, Reason.TOO_LARGE),
        (b"HC1:" + b"6" * 5_000_000, Reason.TOO_LARGE),
        (b"shc:/" + b"5" * MAX_CODE_BYTES, Reason.TOO_LARGE),
        (jws_header(kid="k" * 1_000_000), Reason.TOO_LARGE),
        (b" " + CARD, Reason.TRAILING_BYTES),
        (b"\n" + to_qr(CARD), Reason.TRAILING_BYTES),
        (b"\t" + jws(), Reason.TRAILING_BYTES),
        (b" " + qr(), Reason.TRAILING_BYTES),
        (b" HC1:6BF", Reason.TRAILING_BYTES),
        (b"\0B64:UEs", Reason.TRAILING_BYTES),
        (b' {"data":{},"sig":{}}', Reason.TRAILING_BYTES),
        (b" \t\n " + CARD + b"\t\n ", Reason.TRAILING_BYTES),
        (jws_header(typ="statuslist+jwt"), Reason.WRONG_TYPE),
        (jws_header(typ="hcgw-receipt+jwt"), Reason.WRONG_TYPE),
        (jws_header(typ="dc+sd-jwt") + b"~WyJzYWx0Il0~", Reason.WRONG_TYPE),
        (jws_header(typ="hcg+jwt "), Reason.WRONG_TYPE),
        (jws_of(compact({**HEADER, "pad": "x" * 400}), compact({**PAYLOAD, "pad": "x" * MAX_JWS_BYTES})),
         Reason.TOO_LARGE),
    ],
    ids=case_id,
)  # fmt: skip
def test_refusals(code: bytes, reason: Reason) -> None:
    with pytest.raises(CodeUnreadable) as caught:
        read_code(code, recognise(code))
    assert caught.value.reason is reason


def test_a_format_is_not_read_as_another() -> None:
    for code, right in ((jws(), Format.NATIVE), (CARD, Format.SHC), (to_qr(CARD), Format.SHC), (qr(), Format.NATIVE)):
        for found in set(Format) - {right}:
            with pytest.raises(CodeUnreadable):
                read_code(code, found)


PUBLIC = {
    "shc/example-00-d-jws.txt": None,
    "shc/example-00-f-qr-code-numeric-value-0.txt": None,
    "shc/example-03-f-qr-code-numeric-value-0.txt": None,
    "shc/example-02-f-qr-code-numeric-value-1.txt": Reason.CHUNKS_MISSING,
    "shc/faults/test-example-00-d-jws-der-signature.txt": None,
    "shc/faults/test-example-00-d-jws-no_deflate.txt": Reason.BAD_COMPRESSION,
    "shc/faults/test-example-00-d-jws-no_jws_header_alg.txt": Reason.BAD_ENVELOPE,
    "shc/faults/test-example-00-d-jws-no_jws_header_kid.txt": Reason.MISSING_CLAIM,
    "shc/faults/test-example-00-d-jws-trailing_chars.txt": Reason.TRAILING_BYTES,
}


@pytest.mark.parametrize(("name", "reason"), PUBLIC.items())
def test_public_cards_are_recognised_even_when_faulty(name: str, reason: Reason | None) -> None:
    code = (require_vectors() / name).read_bytes()
    assert recognise(code) is Format.SHC
    if reason is None:
        assert read_code(code, Format.SHC).format is Format.SHC
        return
    with pytest.raises(CodeUnreadable) as caught:
        read_code(code, Format.SHC)
    assert caught.value.reason is reason


def test_the_public_card_in_three_parts() -> None:
    folder = require_vectors() / "shc"
    parts = [(folder / f"example-02-f-qr-code-numeric-value-{part}.txt").read_bytes() for part in (2, 0, 1)]
    code = b"\n".join(parts)
    assert read_code(code, recognise(code)) == read_code((folder / "example-02-d-jws.txt").read_bytes(), Format.SHC)
