"""Certificates: window, uses, key id; damaged ones read where it is safe and refused where it is not."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import sm2
from keys.algorithms import Sm2Settings
from keys.values import EARLIEST, LATEST, Algorithm, IssuerId, KeyId, KeyRefusal, KeyRefused, KeyUse
from keys.x509 import MAX_CERTIFICATE_BYTES, certificate_key_id, key_from_certificate, read_certificate

from .making import FROM, UNTIL, PrivateKey, certificate, ec_key, rsa_key
from .sm2_example import POINT

ISSUER = IssuerId("XX")
SPEC = "1.3.6.1.4.1.1847.2021.1."
OLDER = "1.3.6.1.4.1.0.1847.2021.1."
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"

USAGE_OID = bytes.fromhex("0603551d25")
"""OBJECT IDENTIFIER 2.5.29.37"""


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(body).to_bytes(size, "big") + body


def oid(dotted: str) -> bytes:
    found = x509.ObjectIdentifier(dotted)
    first, second, *rest = (int(arc) for arc in found.dotted_string.split("."))
    encoded = b""
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(groups))
    return tlv(0x06, encoded)


def by_hand(
    *,
    extensions: bytes | None = None,
    spki: bytes | None = None,
    validity: bytes | None = None,
    subject: bytes = b"\x30\x00",
    version: bool = True,
) -> bytes:
    """Return a certificate put together by hand, so that any part of it can be wrong."""
    point = (
        ec_key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    body = tlv(
        0x30,
        b"\xa0\x03\x02\x01\x02" if version else b"",
        b"\x02\x01\x07",
        tlv(0x30, oid("1.2.840.10045.4.3.2")),
        b"\x30\x00",
        tlv(0x30, tlv(0x17, b"210501000000Z"), tlv(0x17, b"230501000000Z")) if validity is None else validity,
        subject,
        point if spki is None else spki,
        b"" if extensions is None else tlv(0xA3, extensions),
    )
    return tlv(0x30, body, tlv(0x30, oid("1.2.840.10045.4.3.2")), tlv(0x03, b"\0"))


def extension(name: bytes, value: bytes, *, critical: bytes = b"") -> bytes:
    return tlv(0x30, name, critical, tlv(0x04, value))


def refusal(der: bytes) -> KeyRefusal:
    with pytest.raises(KeyRefused) as refused:
        key_from_certificate(der, issuer=ISSUER)
    return refused.value.reason


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec_key(), Algorithm.ES256),
        (ec_key("P-384"), Algorithm.ES384),
        (rsa_key(), Algorithm.PS256),
        (Ed25519PrivateKey.generate(), Algorithm.ED25519),
    ],
)
def test_a_sound_certificate(key: PrivateKey, algorithm: Algorithm) -> None:
    der = certificate(key)
    found = key_from_certificate(der, issuer=ISSUER)
    assert found.algorithm is algorithm
    assert found.key_id == hashlib.sha256(der).digest()[:8] == certificate_key_id(der)
    assert (found.not_before, found.not_after) == (FROM.timestamp(), UNTIL.timestamp())
    assert (found.issuer, found.uses) == (ISSUER, frozenset())
    assert read_certificate(der).country == "XX"


def test_an_rsa_certificate_does_rs256_only_if_told() -> None:
    der = certificate(rsa_key())
    assert key_from_certificate(der, issuer=ISSUER, algorithm=Algorithm.RS256).algorithm is Algorithm.RS256
    with pytest.raises(KeyRefused) as refused:
        key_from_certificate(der, issuer=ISSUER, algorithm=Algorithm.ES256)
    assert refused.value.reason is KeyRefusal.UNSUPPORTED_ALGORITHM


def test_a_key_id_can_be_given() -> None:
    assert key_from_certificate(certificate(), issuer=ISSUER, key_id=KeyId(b"own")).key_id == b"own"


@pytest.mark.parametrize(
    ("oids", "uses"),
    [
        (None, set()),
        ([CLIENT_AUTH], set()),
        ([SPEC + "1"], {KeyUse.TEST}),
        ([SPEC + "2"], {KeyUse.VACCINATION}),
        ([SPEC + "3"], {KeyUse.RECOVERY}),
        ([OLDER + "1"], {KeyUse.TEST}),
        ([OLDER + "2"], {KeyUse.VACCINATION}),
        ([OLDER + "3"], {KeyUse.RECOVERY}),
        ([CLIENT_AUTH, OLDER + "3", SPEC + "1"], {KeyUse.TEST, KeyUse.RECOVERY}),
        ([SPEC + "4", SPEC + "12", SPEC + "1.1"], set()),
    ],
)
@pytest.mark.parametrize("critical", [False, True])
def test_uses_come_from_the_extended_key_usage(oids: list[str] | None, uses: set[KeyUse], *, critical: bool) -> None:
    assert key_from_certificate(certificate(uses=oids, critical=critical), issuer=ISSUER).uses == uses


def test_damaged_extensions_beside_the_key_usage_cost_nothing() -> None:
    # basicConstraints with its default encoded (Finland), one with rubbish inside, and an empty one
    damaged = (
        extension(oid("2.5.29.19"), bytes.fromhex("3003010100"), critical=b"\x01\x01\xff")
        + extension(oid("2.5.29.14"), b"\xff\xff\xff")
        + extension(oid("2.5.29.15"), b"")
    )
    usage = extension(USAGE_OID, tlv(0x30, oid(OLDER + "1")))
    for extensions in (damaged + usage, usage + damaged):
        der = by_hand(extensions=tlv(0x30, extensions))
        with pytest.raises(ValueError, match="parsing asn1"):
            _ = x509.load_der_x509_certificate(der).extensions
        assert key_from_certificate(der, issuer=ISSUER).uses == {KeyUse.TEST}


def test_an_empty_key_usage_list_limits_nothing() -> None:
    der = by_hand(extensions=tlv(0x30, extension(USAGE_OID, b"\x30\x00")))
    assert key_from_certificate(der, issuer=ISSUER).uses == frozenset()


USAGE = tlv(0x30, oid(SPEC + "1"))


@pytest.mark.parametrize(
    "extensions",
    [
        tlv(0x30, extension(USAGE_OID, b"")),
        tlv(0x30, extension(USAGE_OID, b"\x30\x05\x06")),
        tlv(0x30, extension(USAGE_OID, tlv(0x31, oid(SPEC + "1")))),
        tlv(0x30, extension(USAGE_OID, USAGE + b"\0")),
        tlv(0x30, extension(USAGE_OID, tlv(0x30, b"\x04\x01\x00"))),
        tlv(0x30, extension(USAGE_OID, tlv(0x30, b"\x06\x00"))),
        tlv(0x30, tlv(0x30, USAGE_OID)),
        tlv(0x30, tlv(0x30, USAGE_OID, b"\x05\x00")),
        tlv(0x30, extension(USAGE_OID, USAGE), extension(USAGE_OID, USAGE)),
        tlv(0x30, b"\x30\x05\x06"),
        tlv(0x30, tlv(0x30, b"")),
        tlv(0x30, b"\x05\x00"),
        tlv(0x31, extension(USAGE_OID, USAGE)),
        b"\x30\x84\xff\xff\xff\xff",
    ],
)
def test_a_key_whose_uses_cannot_be_read_is_refused(extensions: bytes) -> None:
    assert refusal(by_hand(extensions=extensions)) is KeyRefusal.MALFORMED


def validity(first: bytes, last: bytes, tag: int = 0x18) -> bytes:
    return tlv(0x30, tlv(tag, first), tlv(tag, last))


@pytest.mark.parametrize(
    ("written", "not_before", "not_after"),
    [
        (validity(b"20210501000000Z", b"20230501000000Z"), FROM.timestamp(), UNTIL.timestamp()),
        (validity(b"19500101000000Z", b"99991231235959Z"), EARLIEST, LATEST),
        (
            validity(b"500101000000Z", b"491231235959Z", 0x17),
            EARLIEST,
            datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp(),
        ),
    ],
)
def test_a_window_is_cut_to_what_a_time_may_be(written: bytes, not_before: float, not_after: float) -> None:
    found = read_certificate(by_hand(validity=written))
    assert (found.not_before, found.not_after) == (not_before, not_after)


@pytest.mark.parametrize(
    "written",
    [
        b"\x30\x00",
        tlv(0x30, tlv(0x17, b"210501000000Z")),
        validity(b"20230501000000Z", b"20210501000000Z"),
        validity(b"20210501000000+0200", b"20230501000000Z"),
        validity(b"20210501000000", b"20230501000000Z"),
        validity(b"20211301000000Z", b"20230501000000Z"),
        validity(b"2021\xff501000000Z", b"20230501000000Z"),
        validity(b"20210501000000Z", b"20230501000000Z", 0x0C),
    ],
)
def test_a_window_that_cannot_be_read_refuses_the_key(written: bytes) -> None:
    assert refusal(by_hand(validity=written)) is KeyRefusal.MALFORMED


def spki(algorithm: bytes, bits: bytes) -> bytes:
    return tlv(0x30, algorithm, tlv(0x03, b"\0", bits))


EC_OID = oid("1.2.840.10045.2.1")
P256_OID = oid("1.2.840.10045.3.1.7")
RSA_OID = oid("1.2.840.113549.1.1.1")


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (spki(tlv(0x30, EC_OID, P256_OID), POINT), KeyRefusal.NOT_ON_CURVE),
        (spki(tlv(0x30, EC_OID, P256_OID), b"\0"), KeyRefusal.NOT_ON_CURVE),
        (spki(tlv(0x30, EC_OID, P256_OID), b""), KeyRefusal.NOT_ON_CURVE),
        (spki(tlv(0x30, EC_OID, oid("1.3.132.0.35")), POINT), KeyRefusal.UNSUPPORTED_CURVE),
        (spki(tlv(0x30, EC_OID, oid("1.3.132.0.10")), POINT), KeyRefusal.UNSUPPORTED_CURVE),
        (spki(tlv(0x30, EC_OID), POINT), KeyRefusal.UNSUPPORTED_CURVE),
        (spki(tlv(0x30, EC_OID, tlv(0x30, b"\x02\x01\x01")), POINT), KeyRefusal.UNSUPPORTED_CURVE),
        (spki(tlv(0x30, oid("1.3.101.113")), bytes(57)), KeyRefusal.UNSUPPORTED_KEY_TYPE),
        (spki(tlv(0x30, oid("1.2.840.10040.4.1")), b""), KeyRefusal.UNSUPPORTED_KEY_TYPE),
        (spki(tlv(0x30, oid("1.3.101.112")), bytes(32)), KeyRefusal.LOW_ORDER),
        (spki(tlv(0x30, oid("1.3.101.112")), bytes(31)), KeyRefusal.MALFORMED),
        (spki(tlv(0x30, RSA_OID), tlv(0x30, integer(1 << 1023 | 1), integer(65_537))), KeyRefusal.RSA_TOO_SHORT),
        (spki(tlv(0x30, RSA_OID), tlv(0x30, integer(1 << 2047 | 1), integer(3))), KeyRefusal.RSA_BAD_EXPONENT),
        (spki(tlv(0x30, RSA_OID), tlv(0x30, b"\x02\x01\x80", integer(65_537))), KeyRefusal.MALFORMED),
        (spki(tlv(0x30, RSA_OID), tlv(0x30, integer(65_537))), KeyRefusal.MALFORMED),
        (tlv(0x30, tlv(0x30, EC_OID, P256_OID), tlv(0x03, b"\x01", POINT)), KeyRefusal.MALFORMED),
        (tlv(0x30, tlv(0x30, EC_OID, P256_OID)), KeyRefusal.MALFORMED),
        (tlv(0x30, b"\x30\x00", tlv(0x03, b"\0")), KeyRefusal.MALFORMED),
    ],
)
def test_a_public_key_that_is_not_taken(written: bytes, reason: KeyRefusal) -> None:
    assert refusal(by_hand(spki=written)) is reason


def test_a_compressed_point_is_a_key() -> None:
    public = ec_key().public_key()
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    found = read_certificate(by_hand(spki=spki(tlv(0x30, EC_OID, P256_OID), point))).public_key
    assert isinstance(found, ec.EllipticCurvePublicKey)
    assert found.public_numbers() == public.public_numbers()


def test_an_rsa_pss_certificate_is_an_rsa_key() -> None:
    numbers = rsa_key().public_key().public_numbers()
    bits = tlv(0x30, integer(numbers.n), integer(numbers.e))
    found = read_certificate(by_hand(spki=spki(tlv(0x30, oid("1.2.840.113549.1.1.10")), bits))).public_key
    assert isinstance(found, rsa.RSAPublicKey)
    assert found.public_numbers() == numbers


def test_an_sm2_certificate_needs_its_settings() -> None:
    der = by_hand(spki=spki(tlv(0x30, EC_OID, oid("1.2.156.10197.1.301")), POINT))
    assert refusal(der) is KeyRefusal.MISSING_MEMBER
    if sm2.available():
        found = key_from_certificate(der, issuer=ISSUER, sm2=Sm2Settings(b"1234567812345678", z_mode=True, raw=False))
        assert found.algorithm is Algorithm.SM2


@pytest.mark.parametrize(
    ("subject", "country"),
    [
        (b"\x30\x00", None),
        (tlv(0x30, tlv(0x31, tlv(0x30, oid("2.5.4.6"), tlv(0x13, b"FI")))), "FI"),
        (tlv(0x30, tlv(0x31, tlv(0x30, oid("2.5.4.6"), tlv(0x0C, b"FIN")))), None),
        (tlv(0x30, tlv(0x31, tlv(0x30, oid("2.5.4.6"), tlv(0x0C, b"\xff\xff")))), None),
    ],
)
def test_the_country_of_the_subject(subject: bytes, country: str | None) -> None:
    assert read_certificate(by_hand(subject=subject)).country == country


def test_a_certificate_without_a_version_is_read() -> None:
    assert read_certificate(by_hand(version=False)).algorithms == (Algorithm.ES256,)


def test_no_cut_and_no_extra_byte_is_taken() -> None:
    der = certificate(uses=[SPEC + "1"])
    for cut in range(len(der)):
        assert refusal(der[:cut]) is KeyRefusal.MALFORMED
    assert refusal(der + b"\0") is KeyRefusal.MALFORMED
    assert refusal(b"") is KeyRefusal.MALFORMED
    assert refusal(tlv(0x30, bytes(MAX_CERTIFICATE_BYTES))) is KeyRefusal.MALFORMED


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_certificate_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    der = bytearray(by_hand(extensions=tlv(0x30, extension(USAGE_OID, USAGE))))
    for place in data.draw(st.lists(st.integers(0, len(der) - 1), min_size=1, max_size=4)):
        der[place] = data.draw(st.integers(0, 255))
    with suppress(KeyRefused):
        key_from_certificate(bytes(der), issuer=ISSUER)
