"""The encoders: what they write is read back, and nothing is signed that would not be."""

from __future__ import annotations

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import read_code, recognise
from gateway.formats.native_encode import NativeClaims, encode_jws, encode_qr
from gateway.values import Algorithm, Format, KeyId
from tests.unit.formats.case_ids import case_id
from tests.unit.formats.native_codes import CLAIMS, DIGEST, FULL, KEY_ID

SIGNATURE_BYTES = {
    Algorithm.ED25519: 64,
    Algorithm.ES256: 64,
    Algorithm.ES384: 96,
    Algorithm.PS256: 256,
    Algorithm.RS256: 256,
    Algorithm.SM2: 64,
}


class Signer:
    """Counts what it was asked to sign."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.signed: list[bytes] = []
        self._length = SIGNATURE_BYTES[algorithm]

    def __call__(self, message: bytes) -> bytes:
        self.signed.append(message)
        return bytes(range(256))[: self._length]


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("claims", [CLAIMS, FULL], ids=["least", "full"])
def test_a_jws_of_every_algorithm_is_read_back(algorithm: Algorithm, claims: NativeClaims) -> None:
    sign = Signer(algorithm)
    code = encode_jws(claims, key_id=KEY_ID, algorithm=algorithm, sign=sign).encode()
    claimed = read_code(code, recognise(code))
    assert claimed.format is Format.NATIVE
    assert claimed.algorithm is algorithm
    assert [claimed.signed] == sign.signed
    assert len(claimed.signature) == SIGNATURE_BYTES[algorithm]


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ES256, Algorithm.SM2])
@pytest.mark.parametrize("claims", [CLAIMS, FULL], ids=["least", "full"])
def test_a_qr_text_of_every_short_signature_is_read_back(algorithm: Algorithm, claims: NativeClaims) -> None:
    sign = Signer(algorithm)
    text = encode_qr(claims, key_id=KEY_ID, algorithm=algorithm, sign=sign)
    assert len(text) < 512
    claimed = read_code(text.encode(), recognise(text.encode()))
    assert claimed.algorithm is algorithm
    assert [claimed.signed] == sign.signed


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(CodeUnreadable) as caught:
        encode_qr(FULL, key_id=KEY_ID, algorithm=Algorithm.PS256, sign=Signer(Algorithm.PS256))
    assert caught.value.reason is Reason.TOO_LARGE
    large = FULL._replace(issuer="x" * 128, subject="s" * 64, code_id="c" * 64)
    with pytest.raises(CodeUnreadable) as caught:
        encode_qr(large, key_id=KEY_ID, algorithm=Algorithm.ED25519, sign=Signer(Algorithm.ED25519))
    assert caught.value.reason is Reason.TOO_LARGE
    assert encode_jws(large, key_id=KEY_ID, algorithm=Algorithm.ED25519, sign=Signer(Algorithm.ED25519))
    with pytest.raises(CodeUnreadable) as caught:
        encode_jws(FULL, key_id=KEY_ID, algorithm=Algorithm.RS256, sign=lambda _message: bytes(4_000))
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("claims", "key_id", "reason"),
    [
        (CLAIMS._replace(issuer=""), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(division="52"), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(state="Green"), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(code_id="a b"), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(subject="张三"), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(expire_time=CLAIMS.issue_time), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(issue_time=0), KEY_ID, Reason.TIME_OUT_OF_RANGE),
        (CLAIMS._replace(expire_time=1.7e9), KEY_ID, Reason.TIME_OUT_OF_RANGE),  # type: ignore[arg-type]
        (CLAIMS._replace(not_before=CLAIMS.expire_time), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(status_index=7), KEY_ID, Reason.MISSING_CLAIM),
        (CLAIMS._replace(status_uri="https://h/"), KEY_ID, Reason.MISSING_CLAIM),
        (CLAIMS._replace(status_uri="http://h/", status_index=7), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(holder_key="x"), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS._replace(holder_key=DIGEST, holder_commitment=DIGEST), KEY_ID, Reason.BAD_CLAIM),
        (CLAIMS, KeyId(b""), Reason.BAD_CLAIM),
        (CLAIMS, KeyId(b"k" * 65), Reason.BAD_CLAIM),
        (CLAIMS, KeyId(b"\xff"), Reason.BAD_CLAIM),
    ],
    ids=case_id,
)
def test_nothing_is_signed_that_would_be_refused(claims: NativeClaims, key_id: KeyId, reason: Reason) -> None:
    for encode in (encode_jws, encode_qr):
        sign = Signer(Algorithm.ED25519)
        with pytest.raises(CodeUnreadable) as caught:
            encode(claims, key_id=key_id, algorithm=Algorithm.ED25519, sign=sign)
        assert caught.value.reason is reason
        assert sign.signed == []
