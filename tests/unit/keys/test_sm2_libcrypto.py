"""Machines without a libcrypto that can do SM2: every key is refused clearly, nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from keys import sm2, sm2_libcrypto
from keys.sm2 import Sm2Signer
from keys.values import KeyRefusal, KeyRefused

from .sm2_example import signer, verifier


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A machine without libcrypto. Gives the monkeypatch, to make other kinds of broken machines of it."""

    def forget() -> None:
        sm2_libcrypto.library.cache_clear()
        sm2._tested.cache_clear()

    monkeypatch.setattr(sm2_libcrypto, "_NAMES", ("libcrypto-of-nobody.so",))
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    forget()
    yield monkeypatch
    monkeypatch.undo()
    forget()


def expect_unsupported() -> None:
    assert not sm2.available()
    for attempt in (
        verifier,
        signer,
        lambda: Sm2Signer.generate(signer_id=b"", z_mode=True, raw=True),
        lambda: Sm2Signer.from_pem(b"", signer_id=b"", z_mode=True, raw=True),
    ):
        with pytest.raises(KeyRefused) as refused:
            attempt()
        assert refused.value.reason is KeyRefusal.UNSUPPORTED_ALGORITHM
        assert refused.value.detail


def test_without_libcrypto_every_key_is_refused(absent: pytest.MonkeyPatch) -> None:
    expect_unsupported()
    assert "apt-get install libssl3" in (sm2.unavailable_reason() or "")


def test_with_a_library_that_is_not_libcrypto_every_key_is_refused(absent: pytest.MonkeyPatch) -> None:
    absent.setattr("ctypes.util.find_library", lambda name: "libc.so.6")
    expect_unsupported()


def test_with_an_unloadable_library_every_key_is_refused(absent: pytest.MonkeyPatch) -> None:
    absent.setattr("ctypes.util.find_library", lambda name: "libcrypto-of-nobody.so")
    expect_unsupported()


def test_with_an_old_library_every_key_is_refused(absent: pytest.MonkeyPatch) -> None:
    absent.setattr(sm2_libcrypto, "_NAMES", ("libcrypto.so.3",))
    absent.setattr(sm2_libcrypto, "_OLDEST", 0xF000_0000)
    expect_unsupported()


def test_with_a_library_without_sm2_every_key_is_refused(absent: pytest.MonkeyPatch) -> None:
    absent.setattr(sm2_libcrypto, "_NAMES", ("libcrypto.so.3",))
    absent.setattr(sm2_libcrypto, "_ALGORITHM", b"SM2-of-nobody")
    expect_unsupported()


@pytest.mark.parametrize("says", [True, False])
def test_a_library_that_always_says_the_same_fails_the_self_test(absent: pytest.MonkeyPatch, says: bool) -> None:
    absent.setattr(sm2_libcrypto, "_NAMES", ("libcrypto.so.3",))
    absent.setattr(sm2_libcrypto.Key, "verify", lambda *_: says)
    expect_unsupported()


def test_a_library_with_a_wrong_hash_fails_the_self_test(absent: pytest.MonkeyPatch) -> None:
    absent.setattr(sm2_libcrypto, "_NAMES", ("libcrypto.so.3",))
    absent.setattr(sm2, "sm3", lambda message: bytes(32))
    expect_unsupported()


def test_a_broken_reader_of_signatures_fails_the_self_test(absent: pytest.MonkeyPatch) -> None:
    absent.setattr(sm2, "signature_from_raw", lambda signature: None)
    expect_unsupported()


def test_the_self_test_runs_once(absent: pytest.MonkeyPatch) -> None:
    runs: list[None] = []
    absent.setattr(sm2, "self_test", lambda: runs.append(None))
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: sm2.available(), range(16)))
    assert len(runs) == 1
