"""Attacks by the signature itself, of each algorithm. The message is the accepted code's own, unless said."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from keys import sm2_curve
from keys.sm2 import DEFAULT_SIGNER_ID, Sm2Signer
from keys.sm2_der import signature_from_raw, signature_to_raw

from .case import BAD_SIGNATURE, Case, Mutation
from .remake import envelope, jws_signed_as, signature, whole
from .world import World

ecdsa = partial(Case, "ECDSA values and lengths")
eddsa = partial(Case, "Ed25519 encodings")
long = partial(Case, "RSA values")
sm2 = partial(Case, "SM2 settings and spellings")
tampered = partial(Case, "tampering")


P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P384_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
ED25519_L = 2**252 + 27742317777372353535851937790883648493

LOW_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
)
"""Points of small order; RFC 8032 decodes the first to the identity."""
NOT_CANONICAL = (
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)
"""Other spellings of points: y of p or more, or a minus where x is zero."""


def _pair(r: int, s: int, size: int = 32) -> Callable[[bytes], bytes]:
    return lambda _: r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _halves(change: Callable[[int, int], tuple[int, int]], size: int = 32) -> Callable[[bytes], bytes]:
    """Change r and s as numbers; what no longer fits `size` is written a byte longer."""

    def changed(held: bytes) -> bytes:
        pair = change(int.from_bytes(held[:size], "big"), int.from_bytes(held[size:], "big"))
        width = size if max(pair) < 256**size else size + 1
        return b"".join(number.to_bytes(width, "big") for number in pair)

    return changed


def _add_order(held: bytes) -> bytes:
    return held[:32] + (int.from_bytes(held[32:], "little") + ED25519_L).to_bytes(32, "little")


def _with_point(point: str, *, keep_s: bool) -> Mutation:
    """Put `point` for R, and 0 for S unless it is kept."""
    return signature(lambda held: bytes.fromhex(point) + (held[32:] if keep_s else bytes(32)))


def _ecdsa_der(held: bytes) -> bytes:
    return utils.encode_dss_signature(int.from_bytes(held[:32], "big"), int.from_bytes(held[32:], "big"))


def _ecdsa_with(scheme: hashes.HashAlgorithm) -> Mutation:
    """Sign by the right key over another hash."""

    def sign(world: World, signing_input: bytes) -> bytes:
        key = world.guizhou["ES256"].private
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = utils.decode_dss_signature(key.sign(signing_input, ec.ECDSA(scheme)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return jws_signed_as(sign)


def _rsa_with(kind: str, pad: padding.AsymmetricPadding, digest: hashes.HashAlgorithm) -> Mutation:
    def sign(world: World, signing_input: bytes) -> bytes:
        key = world.guizhou[kind].private
        assert isinstance(key, rsa.RSAPrivateKey)
        return key.sign(signing_input, pad, digest)

    return jws_signed_as(sign)


def _sm2_with(signer_id: bytes, *, z_mode: bool = True) -> Mutation:
    """Sign by the right key with other settings than those that are pinned."""

    def sign(world: World, signing_input: bytes) -> bytes:
        key = world.guizhou["SM2"].private
        assert isinstance(key, Sm2Signer)
        pem = key.private_pem()
        return Sm2Signer.from_pem(pem, signer_id=signer_id, z_mode=z_mode, raw=True).sign(signing_input)

    return jws_signed_as(sign)


def _sm2_der(held: bytes) -> bytes:
    der = signature_from_raw(held)
    assert der is not None
    return der


def _sm2_raw(held: bytes) -> bytes:
    raw = signature_to_raw(held)
    assert raw is not None
    return raw


N = sm2_curve.N
CURVES = (("jws ES256", P256_N, 32), ("jws ES384", P384_N, 48))

CASES = (
    *(
        ecdsa(f"r {r_name}, s {s_name}", origin, signature(_pair(r, s, size)), *BAD_SIGNATURE)
        for origin, n, size in CURVES
        for r_name, r in (("0", 0), ("1", 1), ("n-1", n - 1), ("n", n), ("n+1", n + 1), ("all ones", 256**size - 1))
        for s_name, s in (("0", 0), ("1", 1), ("n-1", n - 1), ("n", n), ("n+1", n + 1), ("all ones", 256**size - 1))
    ),
    *(
        ecdsa(name, origin, signature(_halves(change, size)), *BAD_SIGNATURE)
        for origin, n, size in CURVES
        for name, change in (
            ("r 0, s right", lambda r, s: (0, s)),
            ("r right, s 0", lambda r, s: (r, 0)),
            ("r + n", lambda r, s, n=n: (r + n, s)),
            ("s + n", lambda r, s, n=n: (r, s + n)),
            ("n - r", lambda r, s, n=n: (n - r, s)),
            ("swapped", lambda r, s: (s, r)),
        )
    ),
    *(
        ecdsa(name, "jws ES256", signature(change), *BAD_SIGNATURE)
        for name, change in (
            ("empty", lambda held: b""),
            ("one byte", lambda held: b"\0"),
            ("63 bytes", lambda held: held[:-1]),
            ("65 bytes", lambda held: held + b"\0"),
            ("65 bytes, zero in front", lambda held: b"\0" + held),
            ("66 bytes, each half padded", lambda held: b"\0" + held[:32] + b"\0" + held[32:]),
            ("96 bytes, as P-384 has", lambda held: bytes(16) + held[:32] + bytes(16) + held[32:]),
            ("twice", lambda held: held + held),
            ("DER", _ecdsa_der),
            ("zeros", lambda held: bytes(64)),
        )
    ),
    ecdsa("over SHA-384", "jws ES256", _ecdsa_with(hashes.SHA384()), *BAD_SIGNATURE),
    ecdsa("HCERT, r 0", "hcert", envelope(lambda held: held[:-64] + bytes(32) + held[-32:]), *BAD_SIGNATURE),
    ecdsa("HCERT, 63 bytes", "hcert", envelope(lambda held: held[:-66] + b"\x58\x3f" + held[-64:-1]), *BAD_SIGNATURE),
    ecdsa("card, zeros", "shc", signature(lambda held: bytes(64)), *BAD_SIGNATURE),
    ecdsa("QR, zeros", "qr ES256", envelope(lambda held: held[:-64] + bytes(64)), *BAD_SIGNATURE),
    *(
        eddsa(f"R of small order {point[:8]}, S 0", "jws Ed25519", _with_point(point, keep_s=False), *BAD_SIGNATURE)
        for point in LOW_ORDER
    ),
    *(
        eddsa(f"R not canonical {point[:2]}..{point[-2:]}, S right", "jws Ed25519",
              _with_point(point, keep_s=True), *BAD_SIGNATURE)
        for point in NOT_CANONICAL
    ),
    *(
        eddsa(name, "jws Ed25519", signature(change), *BAD_SIGNATURE)
        for name, change in (
            ("S + L", _add_order),
            ("S = L", lambda held: held[:32] + ED25519_L.to_bytes(32, "little")),
            ("S all ones", lambda held: held[:32] + b"\xff" * 32),
            ("S 0", lambda held: held[:32] + bytes(32)),
            ("empty", lambda held: b""),
            ("63 bytes", lambda held: held[:-1]),
            ("65 bytes", lambda held: held + b"\0"),
            ("message in front, as libsodium writes", lambda held: held + b"message"),
        )
    ),
    eddsa("QR, S + L", "qr Ed25519", envelope(lambda held: held[:-64] + _add_order(held[-64:])), *BAD_SIGNATURE),
    *(
        long(name, origin, signature(change), *BAD_SIGNATURE)
        for origin in ("jws RS256", "jws PS256")
        for name, change in (
            ("0", lambda held: bytes(256)),
            ("1", lambda held: bytes(255) + b"\x01"),
            ("all ones", lambda held: b"\xff" * 256),
            ("255 bytes", lambda held: held[:-1]),
            ("257 bytes, zero in front", lambda held: b"\0" + held),
            ("empty", lambda held: b""),
        )
    ),
    long("PKCS #1 made where PSS is due", "jws PS256", _rsa_with("PS256", padding.PKCS1v15(), hashes.SHA256()),
        *BAD_SIGNATURE),
    long("PSS made where PKCS #1 is due", "jws RS256",
        _rsa_with("RS256", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()), *BAD_SIGNATURE),
    long("over SHA-1", "jws RS256", _rsa_with("RS256", padding.PKCS1v15(), hashes.SHA1()), *BAD_SIGNATURE),
    long("PSS with a salt of 20", "jws PS256",
        _rsa_with("PS256", padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256()), *BAD_SIGNATURE),
    sm2("the empty ID", "jws SM2", _sm2_with(b""), *BAD_SIGNATURE),
    sm2("another ID", "jws SM2", _sm2_with(b"ALICE123@YAHOO.COM"), *BAD_SIGNATURE),
    sm2("the ID of RFC 8998", "jws SM2", _sm2_with(b"TLSv1.3+GM+Cipher+Suite"), *BAD_SIGNATURE),
    sm2("Z omitted", "jws SM2", _sm2_with(DEFAULT_SIGNER_ID, z_mode=False), *BAD_SIGNATURE),
    sm2("DER where r || s is pinned", "jws SM2", signature(_sm2_der), *BAD_SIGNATURE),
    *(
        sm2(f"r {r_name}, s {s_name}", "jws SM2", signature(_pair(r, s)), *BAD_SIGNATURE)
        for r_name, r in (("0", 0), ("1", 1), ("n-1", N - 1), ("n", N), ("n+1", N + 1), ("all ones", 2**256 - 1))
        for s_name, s in (("0", 0), ("1", 1), ("n-1", N - 1), ("n", N), ("n+1", N + 1), ("all ones", 2**256 - 1))
    ),
    sm2("r + s = n", "jws SM2", signature(_halves(lambda r, s: (r, N - r))), *BAD_SIGNATURE),
    sm2("n - s: SM2 has no second spelling", "jws SM2", signature(_halves(lambda r, s: (r, N - s))), *BAD_SIGNATURE),
    sm2("s + n", "jws SM2", signature(_halves(lambda r, s: (r, s + N))), *BAD_SIGNATURE),
    sm2("63 bytes", "jws SM2", signature(lambda held: held[:-1]), *BAD_SIGNATURE),
    sm2("empty", "jws SM2", signature(lambda held: b""), *BAD_SIGNATURE),
    sm2("QR, zeros", "qr SM2", envelope(lambda held: held[:-64] + bytes(64)), *BAD_SIGNATURE),
    *(
        sm2(f"DER, {name}", "jws SM2 in DER", signature(change), *BAD_SIGNATURE)
        for name, change in (
            ("long form", lambda held: b"\x30\x81" + held[1:]),
            ("two-byte long form", lambda held: b"\x30\x82\x00" + held[1:]),
            ("long form of r", lambda held: bytes((0x30, held[1] + 1, 0x02, 0x81)) + held[3:]),
            ("indefinite", lambda held: b"\x30\x80" + held[2:] + b"\0\0"),
            ("extra zero before r", lambda held: bytes((0x30, held[1] + 1, 0x02, held[3] + 1, 0)) + held[4:]),
            ("negative r", lambda held: held[:4] + b"\xff" + held[5:]),
            ("r 0", lambda held: bytes((0x30, held[1] - held[3] + 1, 0x02, 1, 0)) + held[4 + held[3] :]),
            ("a byte behind", lambda held: held + b"\0"),
            ("a byte behind, inside", lambda held: bytes((0x30, held[1] + 1)) + held[2:] + b"\0"),
            ("a third element", lambda held: bytes((0x30, held[1] + 2)) + held[2:] + b"\x05\0"),
            ("cut", lambda held: held[:-1]),
            ("a set", lambda held: b"\x31" + held[1:]),
            ("empty", lambda held: b""),
            ("r || s", _sm2_raw),
        )
    ),
    *(
        tampered(f"one letter of the signature of {origin}", origin,
                 whole(lambda code: code[:-12] + (b"A" if code[-12:-11] != b"A" else b"B") + code[-11:]),
                 *BAD_SIGNATURE)
        for origin in ("jws Ed25519", "jws ES256", "jws ES384", "jws RS256", "jws PS256", "jws SM2", "shc")
    ),
    *(
        tampered(f"the last bit of {origin}", origin, envelope(lambda held: held[:-1] + bytes((held[-1] ^ 1,))),
            *BAD_SIGNATURE)
        for origin in ("hcert", "qr Ed25519", "qr ES256", "qr SM2")
    ),
    tampered("another name in HCERT", "hcert",
        envelope(lambda held: held.replace(b"PROBE", b"PROBA")), *BAD_SIGNATURE),
    tampered("another name in VDS-NC", "vdsnc", whole(lambda code: code.replace(b"SPECIMEN", b"SPECIMAN")),
        *BAD_SIGNATURE),
)  # fmt: skip
