"""A server's certificate and key: what fits, and every fault once; throw-away certificates are written once."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from keys.dev_certificates import DevAuthority, FileExists, write_new
from keys.tls_pair import PairUnusable, check_authorities, check_pair

AUTHORITY = DevAuthority("servers", 1_700_000_000.0)
ONE, OTHER = (AUTHORITY.issue_server(name, ["127.0.0.1", "a.example"], 1_700_000_000.0) for name in ("one", "other"))


def locked() -> bytes:
    """Return a key that needs a password."""
    key = rsa.generate_private_key(65_537, 2_048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def test_a_pair_fits() -> None:
    check_pair(ONE.certificate + AUTHORITY.certificate, ONE.key)
    check_authorities(AUTHORITY.certificate + AUTHORITY.certificate)


@pytest.mark.parametrize(
    ("chain", "key"),
    [
        (ONE.certificate, OTHER.key),
        (AUTHORITY.certificate + ONE.certificate, ONE.key),
        (b"", ONE.key),
        (ONE.key, ONE.key),
        (ONE.certificate, b""),
        (ONE.certificate, ONE.certificate),
        (ONE.certificate, locked()),
        (b"-----BEGIN CERTIFICATE-----\n####\n-----END CERTIFICATE-----\n", ONE.key),
    ],
)
def test_what_does_not_fit_is_refused_without_a_word_of_the_key(chain: bytes, key: bytes) -> None:
    with pytest.raises(PairUnusable) as caught:
        check_pair(chain, key)
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize("pem", [b"", b"no PEM", ONE.key])
def test_what_holds_no_certificate_is_no_authority(pem: bytes) -> None:
    with pytest.raises(PairUnusable):
        check_authorities(pem)


def test_a_file_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    write_new(file, b"one", secret=True)
    with pytest.raises(FileExists):
        write_new(file, b"two", secret=True)
    with pytest.raises(FileExists):
        write_new(tmp_path / "none" / "a.pem", b"x", secret=False)
    assert file.read_bytes() == b"one"
    assert file.stat().st_mode & 0o777 == 0o600
