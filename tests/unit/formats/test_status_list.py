"""Token Status Lists: each rule broken once in both spellings, and places translated as one by one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest

from gateway.changes import Word
from gateway.errors import CodeUnreadable, Reason
from gateway.formats import cose, status_list, status_list_cwt, status_list_jwt
from gateway.formats.status_list import MAX_TTL_S, ClaimedStatusList, WordTable, pack, status_at, unpacked
from gateway.values import Algorithm, Instant, IssuerId, KeyId
from tests.unit.formats.case_ids import case_id
from tests.unit.formats.status_lists import CLAIMS, EXPIRES, ISSUED, KEY, LISTED, PACKED, RAW, URI, cwt, jwt, segment

Make = Callable[..., bytes]
Read = Callable[..., ClaimedStatusList]

SPELLINGS = pytest.mark.parametrize(
    ("make", "read"), [(jwt, status_list_jwt.read), (cwt, status_list_cwt.read)], ids=["jwt", "cwt"]
)


def reason_of(read: Callable[[], object]) -> Reason:
    with pytest.raises(CodeUnreadable) as caught:
        read()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.reason


def without(claims: Mapping[str, object], name: str) -> dict[str, object]:
    return {said: value for said, value in claims.items() if said != name}


@SPELLINGS
def test_what_a_list_says(make: Make, read: Read) -> None:
    found = read(make({**CLAIMS, "iss": "https://code.gz.example", "nbf": int(ISSUED)}))
    assert found == ClaimedStatusList(
        uri=URI,
        issuer=IssuerId("https://code.gz.example"),
        key_id=KeyId(b"status-1"),
        algorithm=Algorithm.ED25519,
        signed=found.signed,
        signature=found.signature,
        issue_time=ISSUED,
        not_before=ISSUED,
        expire_time=EXPIRES,
        ttl=60.0,
        bits=4,
        packed=PACKED,
    )
    assert KEY.trusted(IssuerId("x")).verifier.verify(found.signature, found.signed)
    assert "lst" not in repr(found)


@SPELLINGS
def test_the_least_list(make: Make, read: Read) -> None:
    found = read(make({"sub": URI, "iat": ISSUED + 0.5}))
    assert (found.issuer, found.not_before, found.expire_time, found.ttl) == (None, None, None, None)
    assert found.issue_time == ISSUED + 0.5


@SPELLINGS
@pytest.mark.parametrize(
    ("claim", "value", "reason"),
    [
        ("sub", None, Reason.BAD_CLAIM),
        ("sub", "", Reason.BAD_CLAIM),
        ("sub", "https://x y", Reason.BAD_CLAIM),
        ("sub", "https://x/" + "a" * 600, Reason.BAD_CLAIM),
        ("sub", 7, Reason.BAD_CLAIM),
        ("iss", "", Reason.BAD_CLAIM),
        ("iat", None, Reason.BAD_CLAIM),
        ("iat", "1700000000", Reason.TIME_OUT_OF_RANGE),
        ("iat", True, Reason.TIME_OUT_OF_RANGE),
        ("iat", 946_684_799, Reason.TIME_OUT_OF_RANGE),
        ("iat", 1e300, Reason.TIME_OUT_OF_RANGE),
        ("exp", 4_102_444_801, Reason.TIME_OUT_OF_RANGE),
        ("exp", int(ISSUED), Reason.BAD_CLAIM),
        ("nbf", int(EXPIRES), Reason.BAD_CLAIM),
        ("nbf", "soon", Reason.TIME_OUT_OF_RANGE),
        ("ttl", 0, Reason.BAD_CLAIM),
        ("ttl", -1, Reason.BAD_CLAIM),
        ("ttl", True, Reason.BAD_CLAIM),
        ("ttl", "60", Reason.BAD_CLAIM),
        ("ttl", int(MAX_TTL_S) + 1, Reason.BAD_CLAIM),
    ],
)
def test_a_claim_that_is_wrong(make: Make, read: Read, claim: str, value: object, reason: Reason) -> None:
    assert reason_of(lambda: read(make({**CLAIMS, claim: value}))) is reason


@SPELLINGS
@pytest.mark.parametrize("claim", ["sub", "iat"])
def test_a_claim_that_is_missing(make: Make, read: Read, claim: str) -> None:
    assert reason_of(lambda: read(make(without(CLAIMS, claim)))) is Reason.MISSING_CLAIM


@SPELLINGS
@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        (None, Reason.MISSING_CLAIM),
        ([4, "x"], Reason.BAD_CLAIM),
        ({"lst": PACKED}, Reason.MISSING_CLAIM),
        ({"bits": 4}, Reason.MISSING_CLAIM),
        ({**LISTED, "bits": 3}, Reason.BAD_CLAIM),
        ({**LISTED, "bits": 16}, Reason.BAD_CLAIM),
        ({**LISTED, "bits": 4.0}, Reason.BAD_CLAIM),
        ({**LISTED, "bits": True}, Reason.BAD_CLAIM),
        ({**LISTED, "bits": "4"}, Reason.BAD_CLAIM),
        ({**LISTED, "bits": None}, Reason.BAD_CLAIM),
        ({**LISTED, "lst": 7}, Reason.BAD_CLAIM),
        ({**LISTED, "aggregation_uri": ""}, Reason.BAD_CLAIM),
    ],
)
def test_a_list_that_is_wrong(make: Make, read: Read, listed: object, reason: Reason) -> None:
    assert reason_of(lambda: read(make(CLAIMS, listed))) is reason


@pytest.mark.parametrize("kind", ["jwt", "hcg+jwt", "STATUSLIST+JWT", "statuslist+cwt", None])
def test_no_other_kind_of_token_is_a_jwt_list(kind: str | None) -> None:
    header = {"alg": "EdDSA", "kid": "status-1"} | ({} if kind is None else {"typ": kind})
    assert reason_of(lambda: status_list_jwt.read(jwt(header=header))) is Reason.WRONG_TYPE


@pytest.mark.parametrize("kind", ["hcg+cwt", "application/statuslist+jwt", 61, None])
def test_no_other_kind_of_token_is_a_cwt_list(kind: object) -> None:
    header = {1: -8} | ({} if kind is None else {16: kind})
    assert reason_of(lambda: status_list_cwt.read(cwt(header=header))) is Reason.WRONG_TYPE


def test_an_algorithm_that_is_not_read_is_an_obstacle() -> None:
    header = {"alg": "none", "typ": "application/statuslist+jwt"}
    found = status_list_jwt.read(jwt(header=header))
    assert (found.algorithm, found.key_id, found.obstacle) == (None, None, Reason.UNSUPPORTED_ALGORITHM)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (b"", Reason.BAD_ENVELOPE),
        (jwt() + b"\n", Reason.TRAILING_BYTES),
        (segment(b'{"alg":"EdDSA","typ":"statuslist+jwt"}') + b"." + segment(b"[]") + b".AA", Reason.BAD_CLAIM),
        (jwt() + b".", Reason.BAD_ENVELOPE),
        (jwt(CLAIMS, {**LISTED, "lst": "eNo="}), Reason.BAD_TEXT_ENCODING),
        (jwt(CLAIMS, {**LISTED, "lst": "\u00e9"}), Reason.BAD_TEXT_ENCODING),
        (jwt(header={"alg": "EdDSA", "typ": "statuslist+jwt", "zip": "DEF"}), Reason.BAD_COMPRESSION),
        (jwt(header={"alg": "EdDSA", "typ": "statuslist+jwt", "crit": ["x"]}), Reason.CRITICAL_HEADER),
        (jwt(CLAIMS, {**LISTED, "more": [[[[[[[[]]]]]]]]}), Reason.TOO_DEEP),
    ],
    ids=case_id,
)
def test_a_broken_jwt(token: bytes, reason: Reason) -> None:
    assert reason_of(lambda: status_list_jwt.read(token)) is reason


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (b"", Reason.BAD_CBOR),
        (cwt() + b"\0", Reason.TRAILING_BYTES),
        (cwt(tags=cose.TAG_CWT + cose.TAG_SIGN1), Reason.BAD_ENVELOPE),
        (cwt()[:-1], Reason.BAD_CBOR),
        (b"\xd2" + b"\x80", Reason.BAD_ENVELOPE),
        (cose.encode_sign1({1: -8, 16: "statuslist+cwt"}, b"\x80", KEY.sign), Reason.BAD_CLAIM),
    ],
    ids=case_id,
)
def test_a_broken_cwt(token: bytes, reason: Reason) -> None:
    assert reason_of(lambda: status_list_cwt.read(token)) is reason


@SPELLINGS
def test_a_list_is_read_up_to_its_cap(make: Make, read: Read) -> None:
    token = make()
    assert read(token, max_bytes=len(token)).uri == URI
    assert reason_of(lambda: read(token, max_bytes=len(token) - 1)) is Reason.TOO_LARGE


def test_a_large_cwt_of_few_items_is_read() -> None:
    raw = Random(1).randbytes(100_000)
    found = status_list_cwt.read(cwt(CLAIMS, {"bits": 8, "lst": pack([raw])}))
    assert b"".join(unpacked(found.packed, 8)) == raw


def test_a_large_cwt_of_many_items_is_refused_before_they_are_read() -> None:
    crowd = {"more": [[-1, -2][place % 2] for place in range(300)], "lst": bytes(9_000), "bits": 4}
    assert reason_of(lambda: status_list_cwt.read(cwt(CLAIMS, crowd))) is Reason.TOO_LARGE


# the places


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"", Reason.BAD_COMPRESSION),
        (b"not zlib", Reason.BAD_COMPRESSION),
        (PACKED[:-1], Reason.BAD_COMPRESSION),
        (PACKED[:-4] + b"\0\0\0\0", Reason.BAD_COMPRESSION),
        (PACKED + b"\0", Reason.TRAILING_BYTES),
        (PACKED + bytes(1 << 17), Reason.TRAILING_BYTES),
        (zlib.compress(b""), Reason.BAD_CLAIM),
        (zlib.compress(RAW, wbits=-15), Reason.BAD_COMPRESSION),
    ],
    ids=case_id,
)
def test_places_that_do_not_unpack(packed: bytes, reason: Reason) -> None:
    assert reason_of(lambda: list(unpacked(packed, 4))) is reason


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_list_is_unpacked_up_to_its_cap(bits: int) -> None:
    packed = pack([bytes(bits * 16)])
    assert sum(map(len, unpacked(packed, bits, most_places=128))) == bits * 16
    assert reason_of(lambda: list(unpacked(packed, bits, most_places=127))) is Reason.DECOMPRESSION_BOMB


def test_a_bomb_costs_no_more_than_its_cap() -> None:
    bomb = pack(bytes(1 << 20) for _ in range(100))
    assert reason_of(lambda: list(unpacked(bomb, 4, most_places=3 << 20))) is Reason.DECOMPRESSION_BOMB


@pytest.mark.parametrize("size", [1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_places_come_in_even_pieces(size: int) -> None:
    for raw in (bytes(size), Random(size).randbytes(size)):
        pieces = list(unpacked(pack([raw], level=1), 8))
        assert b"".join(pieces) == raw
        assert {len(piece) for piece in pieces[:-1]} <= {1 << 20}


@pytest.mark.parametrize(("piece", "fed"), [(1, 1), (1, 7), (2, 1 << 16), (3, 2), (259, 5), (1_000, 1)])
def test_however_they_are_cut_places_are_the_same(monkeypatch: pytest.MonkeyPatch, piece: int, fed: int) -> None:
    monkeypatch.setattr(status_list, "_PIECE", piece)
    monkeypatch.setattr(status_list, "_SLICE", fed)
    for size in (1, 2, 3, 258, 259, 600, 2_000):
        for raw in (bytes(size), Random(size).randbytes(size), bytes(range(7)) * size):
            packed = pack([raw])
            assert b"".join(unpacked(packed, 8)) == raw
            assert reason_of(lambda: list(unpacked(packed[:-1], 8))) is Reason.BAD_COMPRESSION  # noqa: B023 run at once
            assert reason_of(lambda: list(unpacked(packed + b"x", 8))) is Reason.TRAILING_BYTES  # noqa: B023 as above


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [1, 2, 33, 1_000])
def test_words_are_those_of_each_place(bits: int, size: int) -> None:
    rng = Random(bits * size)
    words = [Word(rng.randrange(16)) for _ in range(1 << bits)]
    raw = rng.randbytes(size)
    found = WordTable(bits, words).words(raw)
    places = size * 8 // bits
    expected = [words[status_at(raw, bits, index) or 0] for index in range(places)]
    assert [status_at(found, 4, index) for index in range(places)] == expected
    assert [status_at(found, 4, index) for index in range(places, len(found) * 2)] == [0xF] * (places % 2)


@pytest.mark.parametrize(("bits", "count"), [(1, 4), (2, 3), (3, 8), (4, 15), (8, 16)])
def test_a_map_fits_its_size(bits: int, count: int) -> None:
    with pytest.raises(ValueError, match="words"):
        WordTable(bits, [Word(0)] * count)


def test_a_word_is_four_bits() -> None:
    with pytest.raises(ValueError, match="words"):
        WordTable(1, [Word(0), Word(16)])


@pytest.mark.parametrize("index", [-1, 6, 1 << 40])
def test_a_place_outside_is_none(index: int) -> None:
    assert status_at(RAW, 4, index) is None


# written


def test_what_is_written_is_read() -> None:
    for issuer, expires, ttl in ((None, None, None), (IssuerId("https://gz"), EXPIRES, 600)):
        said: dict[str, Any] = {
            "uri": URI, "bits": 4, "packed": PACKED, "issue_time": Instant(ISSUED + 0.9), "expire_time": expires,
            "ttl": ttl, "issuer": issuer, "key_id": KEY.key_id, "algorithm": KEY.algorithm, "sign": KEY.sign,
        }  # fmt: skip
        for read in (
            status_list_jwt.read(status_list_jwt.write(**said)),
            status_list_cwt.read(status_list_cwt.write(**said)),
        ):
            assert (read.uri, read.issuer, read.issue_time, read.expire_time) == (URI, issuer, ISSUED, expires)
            assert (read.ttl, read.bits, read.packed, read.key_id) == (ttl, 4, PACKED, KEY.key_id)
            assert KEY.trusted(IssuerId("x")).verifier.verify(read.signature, read.signed)


def test_where_more_lists_are_is_written_too() -> None:
    token = status_list_jwt.write(
        uri=URI,
        bits=4,
        packed=PACKED,
        issue_time=ISSUED,
        aggregation_uri="https://gz.example/status-lists",
        key_id=KEY.key_id,
        algorithm=KEY.algorithm,
        sign=KEY.sign,
    )
    assert status_list_jwt.read(token).aggregation_uri == "https://gz.example/status-lists"
