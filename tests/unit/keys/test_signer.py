"""Signers: opened by URI, closed to others, never shown."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys import sm2
from keys.jwk import keys_from_jwks, thumbprint
from keys.signer import MAX_KEY_FILE_BYTES, SIGNING, SignerUnavailable, generate_dev_key, open_signer, public_jwks
from keys.sm2 import sm3
from keys.sm2_curve import N
from keys.strict import base64url_decode
from keys.values import Algorithm, IssuerId
from tests.conformance.receipts import sm2_by_hand

from .making import PrivateKey, base64url, ec_key, rsa_key
from .sm2_example import SCALAR

PLAIN = serialization.NoEncryption()


def pem(key: PrivateKey, encryption: serialization.KeySerializationEncryption = PLAIN) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def pem_of(der: bytes) -> bytes:
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(der) + b"-----END PRIVATE KEY-----\n"


def write(path: Path, data: bytes, mode: int = 0o600) -> str:
    path.write_bytes(data)
    path.chmod(mode)
    return f"file:{path}"


@pytest.mark.parametrize(
    ("key", "algorithm"), [(Ed25519PrivateKey.generate(), Algorithm.ED25519), (ec_key(), Algorithm.ES256)]
)
def test_what_a_signer_signs_its_published_key_verifies(tmp_path: Path, key: PrivateKey, algorithm: Algorithm) -> None:
    signer = open_signer(write(tmp_path / "key.pem", pem(key)))
    published = json.loads(public_jwks([signer]))
    taken, refused = keys_from_jwks(published, issuer=IssuerId("me"), require_thumbprint=True)
    assert refused == []
    assert [(one.key_id, one.algorithm) for one in taken] == [(signer.key_id, algorithm)]
    assert signer.algorithm is algorithm
    for number in range(50):
        data = number.to_bytes(2, "big")
        signature = signer.sign(data)
        assert len(signature) == 64
        assert taken[0].verifier.verify(signature, data)
        assert not taken[0].verifier.verify(signature, data + b"!")


@pytest.mark.parametrize("algorithm", SIGNING)
def test_a_development_key_is_new_and_its_owners_alone(tmp_path: Path, algorithm: Algorithm) -> None:
    old = os.umask(0)
    try:
        made = generate_dev_key(tmp_path / "dev.pem", algorithm)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "dev.pem").stat().st_mode) == 0o600
    assert made.algorithm is algorithm
    assert b"BEGIN PRIVATE KEY" in (tmp_path / "dev.pem").read_bytes()
    assert made.key_id.decode() == thumbprint(dict(made.public_jwk))
    assert open_signer(f"file:{tmp_path / 'dev.pem'}").key_id == made.key_id
    before = (tmp_path / "dev.pem").read_bytes()
    with pytest.raises(SignerUnavailable):
        generate_dev_key(tmp_path / "dev.pem", algorithm)
    assert (tmp_path / "dev.pem").read_bytes() == before
    assert generate_dev_key(tmp_path / "other.pem", algorithm).key_id != made.key_id


def test_an_sm2_key_signs_in_the_one_way_that_its_public_key_states(tmp_path: Path) -> None:
    signer = generate_dev_key(tmp_path / "sm2.pem", Algorithm.SM2)
    jwk = dict(signer.public_jwk)
    assert (jwk["kty"], jwk["crv"], jwk["alg"]) == ("EC", "SM2", "SM2")
    assert jwk["sm2"] == {"id": "1234567812345678", "z": True, "signature": "raw"}
    taken, refused = keys_from_jwks(json.loads(public_jwks([signer])), issuer=IssuerId("me"), require_thumbprint=True)
    assert refused == []
    (key,) = taken
    for number in range(50):
        data = number.to_bytes(2, "big")
        signature = signer.sign(data)
        assert len(signature) == 64
        assert key.verifier.verify(signature, data)
        assert not key.verifier.verify(signature, data + b"!")
    # By the book, with no libcrypto: the signature is over SM3(Z || M), Z with the ID that is stated.
    x, y = (int.from_bytes(base64url_decode(str(jwk[name]).encode()), "big") for name in "xy")
    signed = signer.sign(b"m")
    r, s = int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:], "big")
    e = int.from_bytes(sm3(sm2_by_hand.z(b"1234567812345678", (x, y)) + b"m"), "big")
    found = sm2_by_hand.added(sm2_by_hand.times(s), sm2_by_hand.times((r + s) % N, (x, y)))
    assert found is not None
    assert (e + found[0]) % N == r


def test_what_openssl_makes_is_taken(tmp_path: Path) -> None:
    # As `openssl genpkey -algorithm SM2` writes it: with the public key inside.
    scalar = (7).to_bytes(32, "big")
    point = b"\x04" + b"".join(map(sm2_by_hand.octets, sm2_by_hand.times(7)))
    sec1 = b"\x30\x6b\x02\x01\x01\x04\x20" + scalar + b"\xa1\x44\x03\x42\x00" + point
    head = bytes.fromhex("020100301306072a8648ce3d020106082a811ccf5501822d046d")
    der = b"\x30\x81\x87" + head + sec1
    signer = open_signer(write(tmp_path / "key.pem", pem_of(der)))
    assert signer.algorithm is Algorithm.SM2
    assert signer.public_jwk["x"] == base64url(point[1:33])


@pytest.mark.parametrize("algorithm", SIGNING)
def test_without_libcrypto_sm2_is_refused_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: Algorithm
) -> None:
    generate_dev_key(tmp_path / "key.pem", algorithm)
    monkeypatch.setattr(sm2, "unavailable_reason", lambda: "libcrypto is on holiday")
    if algorithm is not Algorithm.SM2:
        assert open_signer(f"file:{tmp_path / 'key.pem'}").algorithm is algorithm
        return
    with pytest.raises(SignerUnavailable, match="holiday"):
        open_signer(f"file:{tmp_path / 'key.pem'}")
    with pytest.raises(SignerUnavailable, match="holiday"):
        generate_dev_key(tmp_path / "other.pem", algorithm)
    assert not (tmp_path / "other.pem").exists()


@pytest.mark.parametrize("mode", [0o601, 0o604, 0o640, 0o620, 0o660, 0o644, 0o666, 0o777])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SignerUnavailable, match="mode"):
        open_signer(write(tmp_path / "key.pem", pem(ec_key()), mode))


def test_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = write(tmp_path / "key.pem", pem(ec_key()))
    if os.geteuid() == 0:
        os.chown(tmp_path / "key.pem", 4242, -1)
    else:
        monkeypatch.setattr("keys.signer.os.geteuid", lambda: 4242)
    with pytest.raises(SignerUnavailable, match="another user"):
        open_signer(uri)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_that_its_owner_alone_can_reach_is_taken(tmp_path: Path, mode: int) -> None:
    assert open_signer(write(tmp_path / "key.pem", pem(ec_key()), mode)).algorithm is Algorithm.ES256


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a key",
        pem(rsa_key()),
        pem(ec_key("P-384")),
        pem(ec_key(), serialization.BestAvailableEncryption(b"password")),
        ec_key().public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        b"A" * (MAX_KEY_FILE_BYTES + 1),
    ],
    ids=["empty", "text", "RSA", "P-384", "encrypted", "public", "large"],
)
def test_what_is_no_key_of_ours_is_refused_without_a_word_of_it(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SignerUnavailable) as refused:
        open_signer(write(tmp_path / "key.pem", data))
    assert refused.value.__cause__ is None
    for line in data.decode().splitlines():
        assert len(line) < 20 or line not in str(refused.value)


def test_a_link_is_judged_by_what_is_behind_it(tmp_path: Path) -> None:
    write(tmp_path / "key.pem", pem(ec_key()))
    (tmp_path / "link.pem").symlink_to("key.pem")
    assert open_signer(f"file:{tmp_path / 'link.pem'}").algorithm is Algorithm.ES256
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(SignerUnavailable, match="mode"):
        open_signer(f"file:{tmp_path / 'link.pem'}")


def test_a_folder_a_pipe_and_nothing_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem", 0o600)
    for name in ("pipe.pem", "missing.pem", ""):
        with pytest.raises(SignerUnavailable):
            open_signer(f"file:{tmp_path / name}")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "key.pem",
        "pkcs11:token=x",
        "http://example.org/key.pem",
        "env:KEY",
        "file:",
        "file://host/key",
        "file:k?x=1",
    ],
)
def test_an_unknown_scheme_or_place_is_refused(uri: str) -> None:
    with pytest.raises(SignerUnavailable):
        open_signer(uri)


def test_no_private_sm2_key_is_ever_shown(tmp_path: Path) -> None:
    """Nor is one in what is said of a key that is not taken: the file is the same but for its last bytes."""
    made = sm2.Sm2Signer.from_scalar(SCALAR, signer_id=b"", z_mode=True, raw=True)
    path = tmp_path / "key.pem"
    signer = open_signer(write(path, made.private_pem()))
    shown = f"{signer!r} {signer} {signer.public_jwk} {public_jwks([signer])!r}"
    write(path, pem_of(base64.b64decode(made.private_pem().splitlines()[1])[:-3]))
    with pytest.raises(SignerUnavailable) as refused:
        open_signer(f"file:{path}")
    assert refused.value.__cause__ is None
    for spelling in (SCALAR.hex(), base64url(SCALAR), base64url(SCALAR)[2:-2], str(int.from_bytes(SCALAR, "big"))):
        assert spelling not in shown
        assert spelling not in str(refused.value)
    assert "d" not in signer.public_jwk
    for escape in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            escape(signer)


def test_no_private_key_is_ever_shown(tmp_path: Path) -> None:
    for key in (Ed25519PrivateKey.generate(), ec_key()):
        signer = open_signer(write(tmp_path / "key.pem", pem(key)))
        if isinstance(key, ec.EllipticCurvePrivateKey):
            secret = key.private_numbers().private_value.to_bytes(32, "big")
        else:
            secret = key.private_bytes_raw()
        shown = f"{signer!r} {signer} {signer.public_jwk} {public_jwks([signer])!r}"
        for spelling in (secret.hex(), base64url(secret), str(int.from_bytes(secret, "big"))):
            assert spelling not in shown
        assert "d" not in signer.public_jwk
        assert set(json.loads(public_jwks([signer]))["keys"][0]) <= {"kty", "crv", "x", "y", "kid", "use", "alg"}
