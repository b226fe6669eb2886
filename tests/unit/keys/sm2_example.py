"""The example of GB/T 32918.5-2017 annex A.2, and makers of keys with its settings."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keys.sm2 import DEFAULT_SIGNER_ID, Sm2Signer, Sm2Verifier

MESSAGE = b"message digest"
SCALAR = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
X = bytes.fromhex("09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020")
Y = bytes.fromhex("CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13")
POINT = b"\x04" + X + Y
R = bytes.fromhex("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3")
S = bytes.fromhex("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA")


def verifier(
    point: bytes = POINT, signer_id: bytes = DEFAULT_SIGNER_ID, *, z_mode: bool = True, raw: bool = True
) -> Sm2Verifier:
    return Sm2Verifier(point, signer_id=signer_id, z_mode=z_mode, raw=raw)


def signer(signer_id: bytes = DEFAULT_SIGNER_ID, *, z_mode: bool = True, raw: bool = True) -> Sm2Signer:
    return Sm2Signer.from_scalar(SCALAR, signer_id=signer_id, z_mode=z_mode, raw=raw)


def p256_point() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def sequence(*parts: bytes) -> bytes:
    """A DER SEQUENCE of less than 128 bytes."""
    body = b"".join(parts)
    return bytes((0x30, len(body))) + body
