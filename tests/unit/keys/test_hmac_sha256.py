"""HMAC-SHA-256 with a cached key schedule gives what the standard says, and shows nothing of its key."""

from __future__ import annotations

import hmac
import pickle
import secrets

import pytest

from keys.hmac_sha256 import HmacSha256

# RFC 4231, sections 4.2, 4.3, 4.4, 4.7 and 4.8: key, data, HMAC-SHA-256
KNOWN = (
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
)


@pytest.mark.parametrize(("key", "data", "expected"), KNOWN)
def test_the_known_answers_of_the_standard(key: bytes, data: bytes, expected: str) -> None:
    prf = HmacSha256(key)
    assert [prf.digest(data).hex() for _ in range(2)] == [expected] * 2


def test_it_is_the_librarys_for_any_key_and_message() -> None:
    for length in (0, 1, 32, 63, 64, 65, 200):
        key, message = secrets.token_bytes(length), secrets.token_bytes(length * 3)
        assert HmacSha256(key).digest(message) == hmac.digest(key, message, "sha256")


def test_it_shows_nothing_and_is_not_written_down() -> None:
    prf = HmacSha256(b"secret key")
    assert repr(prf) == "<HMAC-SHA-256>"
    with pytest.raises(TypeError):
        pickle.dumps(prf)
