"""Signers: opened by URI, closed to others, never shown."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys.jwk import keys_from_jwks, thumbprint
from keys.signer import MAX_KEY_FILE_BYTES, SignerUnavailable, generate_dev_key, open_signer, public_jwks
from keys.values import Algorithm, IssuerId

from .making import PrivateKey, base64url, ec_key, rsa_key

PLAIN = serialization.NoEncryption()


def pem(key: PrivateKey, encryption: serialization.KeySerializationEncryption = PLAIN) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


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


def test_a_development_key_is_new_and_its_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = generate_dev_key(tmp_path / "dev.pem")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "dev.pem").stat().st_mode) == 0o600
    assert made.algorithm is Algorithm.ED25519
    assert made.key_id.decode() == thumbprint(dict(made.public_jwk))
    assert open_signer(f"file:{tmp_path / 'dev.pem'}").key_id == made.key_id
    before = (tmp_path / "dev.pem").read_bytes()
    with pytest.raises(SignerUnavailable):
        generate_dev_key(tmp_path / "dev.pem")
    assert (tmp_path / "dev.pem").read_bytes() == before
    assert generate_dev_key(tmp_path / "other.pem").key_id != made.key_id


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
