"""Public keys that are published beside the signer's: read from files, and never a private one."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys.published import MAX_PUBLIC_KEY_BYTES, PublicKeyUnreadable, read_public_key
from keys.signer import Signer, generate_dev_key, open_signer, public_jwks
from keys.sm2_der import spki_from_public_key
from keys.strict import base64url_decode
from keys.values import Algorithm

Private = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def pem(private: Private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def signer_of(private: Private, path: Path) -> Signer:
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    return open_signer(f"file:{path}")


def read(path: Path, data: bytes) -> Mapping[str, object]:
    path.write_bytes(data)
    return read_public_key(path)


@pytest.mark.parametrize("private", [Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())])
def test_a_public_key_is_published_as_its_signer_published_it(tmp_path: Path, private: Private) -> None:
    signer = signer_of(private, tmp_path / "key.pem")
    assert read(tmp_path / "public.pem", pem(private)) == dict(signer.public_jwk)
    jwk = dict(signer.public_jwk)
    assert read(tmp_path / "public.json", json.dumps(jwk).encode()) == jwk
    bare = {name: value for name, value in jwk.items() if name not in ("kid", "use", "alg")}
    assert read(tmp_path / "bare.json", json.dumps(bare).encode()) == jwk
    named = json.dumps({**jwk, "kid": "2020", "x5t": "left out"}).encode()
    assert read(tmp_path / "named.json", named) == {**jwk, "kid": "2020"}


def test_an_sm2_key_is_published_as_its_signer_published_it(tmp_path: Path) -> None:
    signer = generate_dev_key(tmp_path / "key.pem", Algorithm.SM2)
    jwk = dict(signer.public_jwk)
    x, y = (base64url_decode(str(jwk[member]).encode()) for member in "xy")
    spki = base64.encodebytes(spki_from_public_key(b"\x04" + x + y))
    public = b"-----BEGIN PUBLIC KEY-----\n" + spki + b"-----END PUBLIC KEY-----\n"
    assert read(tmp_path / "public.pem", public) == jwk
    assert read(tmp_path / "public.json", json.dumps(jwk).encode()) == jwk
    bare = {name: value for name, value in jwk.items() if name not in ("kid", "use", "alg")}
    assert read(tmp_path / "bare.json", json.dumps(bare).encode()) == jwk
    # Signed otherwise before: it says so, and is published so.
    der = {**jwk, "sm2": {"id": "old", "z": True, "signature": "der"}}
    assert read(tmp_path / "der.json", json.dumps(der).encode()) == der
    faults: list[dict[str, object]] = [{"sm2": None}, {"sm2": {}}, {"y": jwk["x"]}]
    for fault in faults:
        with pytest.raises(PublicKeyUnreadable):
            read(tmp_path / "fault.json", json.dumps({**jwk, **fault}).encode())
    off = base64.encodebytes(spki_from_public_key(b"\x04" + x + x))
    with pytest.raises(PublicKeyUnreadable, match="not_on_curve"):
        read(tmp_path / "off.pem", public.replace(spki, off))
    with pytest.raises(PublicKeyUnreadable):
        read(tmp_path / "off.pem", public.replace(spki, spki[:-2] + b"\n"))


def test_the_key_set_holds_each_key_once(tmp_path: Path) -> None:
    signer, before = (generate_dev_key(tmp_path / name) for name in ("now.pem", "before.pem"))
    published = json.loads(public_jwks([signer], [before.public_jwk, signer.public_jwk]))["keys"]
    assert published == [dict(signer.public_jwk), dict(before.public_jwk)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no key",
        b"{",
        b"[]",
        b"{}",
        b'{"kty":"OKP","crv":"Ed25519","x":"AA"}',
        b'{"kty":"oct","k":"AAAA"}',
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(rsa.generate_private_key(65537, 2048)),
        b" " * (MAX_PUBLIC_KEY_BYTES + 1),
    ],
    ids=range(11),
)
def test_what_is_no_key_of_ours_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(PublicKeyUnreadable):
        read(tmp_path / "key", data)


def test_a_private_key_is_never_published(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    signer_of(Ed25519PrivateKey.generate(), path)
    with pytest.raises(PublicKeyUnreadable, match="private"):
        read_public_key(path)
    signer = generate_dev_key(tmp_path / "other.pem")
    with pytest.raises(PublicKeyUnreadable):
        read(tmp_path / "key.json", json.dumps({**signer.public_jwk, "d": "AAAA"}).encode())


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PublicKeyUnreadable, match="No such file"):
        read_public_key(tmp_path / "absent.pem")
    with pytest.raises(PublicKeyUnreadable):
        read_public_key(tmp_path)
