"""SM2 and SM3 from the system's libcrypto, by ctypes.

1. Loaded at the first use, never at import; the Python may have been linked without it, or to another one.
2. OpenSSL 3.0 or newer. Anything missing - the library, a function, SM2 or SM3 in it - raises `LibcryptoMissing` with
   one sentence for the operator. Nothing is ever guessed or replaced.
3. Every object of the library is freed exactly once: contexts in the call that made them, a key with its `Key`.
4. A `Key` is immutable once made and each call makes its own contexts, so that threads may share it. ctypes releases
   the interpreter lock for the length of each call.
5. A failed call clears the thread's error queue, which `ssl` and `hashlib` read too where they share the library.
6. Answers of the library other than 1 are a no.

Source: OpenSSL 3.0 manual pages EVP_PKEY-SM2(7), EVP_DigestVerifyInit(3), EVP_PKEY_CTX_set1_id(3), EVP_PKEY_verify(3).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

_NAMES: Final = ("libcrypto.so.3", "libcrypto.3.dylib", "libcrypto-3-x64.dll", "libcrypto-3.dll")
_OLDEST: Final = 0x3000_0000
_ALGORITHM: Final = b"SM2"
_DIGEST_BYTES: Final = 32
_SIGNATURE_BUFFER: Final = 256

_Pointer = ctypes.c_void_p
_Int = ctypes.c_int
_Size = ctypes.c_size_t
_Bytes = ctypes.c_char_p

_SIGNATURES: Final[dict[str, tuple[object, tuple[object, ...]]]] = {
    "OpenSSL_version_num": (ctypes.c_ulong, ()),
    "ERR_clear_error": (None, ()),
    "CRYPTO_free": (None, (_Pointer, _Bytes, _Int)),
    "EVP_sm3": (_Pointer, ()),
    "EVP_Digest": (_Int, (_Bytes, _Size, _Pointer, _Pointer, _Pointer, _Pointer)),
    "EVP_MD_CTX_new": (_Pointer, ()),
    "EVP_MD_CTX_free": (None, (_Pointer,)),
    "EVP_MD_CTX_set_pkey_ctx": (None, (_Pointer, _Pointer)),
    "EVP_PKEY_CTX_new_from_name": (_Pointer, (_Pointer, _Bytes, _Bytes)),
    "EVP_PKEY_CTX_new_from_pkey": (_Pointer, (_Pointer, _Pointer, _Bytes)),
    "EVP_PKEY_CTX_free": (None, (_Pointer,)),
    "EVP_PKEY_CTX_set1_id": (_Int, (_Pointer, _Bytes, _Int)),
    "EVP_PKEY_free": (None, (_Pointer,)),
    "EVP_PKEY_is_a": (_Int, (_Pointer, _Bytes)),
    "EVP_PKEY_verify_init": (_Int, (_Pointer,)),
    "EVP_PKEY_verify": (_Int, (_Pointer, _Bytes, _Size, _Bytes, _Size)),
    "EVP_PKEY_sign_init": (_Int, (_Pointer,)),
    "EVP_PKEY_sign": (_Int, (_Pointer, _Pointer, ctypes.POINTER(_Size), _Bytes, _Size)),
    "EVP_DigestVerifyInit": (_Int, (_Pointer, _Pointer, _Pointer, _Pointer, _Pointer)),
    "EVP_DigestVerify": (_Int, (_Pointer, _Bytes, _Size, _Bytes, _Size)),
    "EVP_DigestSignInit": (_Int, (_Pointer, _Pointer, _Pointer, _Pointer, _Pointer)),
    "EVP_DigestSign": (_Int, (_Pointer, _Pointer, ctypes.POINTER(_Size), _Bytes, _Size)),
    "d2i_PUBKEY": (_Pointer, (_Pointer, ctypes.POINTER(_Bytes), ctypes.c_long)),
    "d2i_AutoPrivateKey": (_Pointer, (_Pointer, ctypes.POINTER(_Bytes), ctypes.c_long)),
    "i2d_PUBKEY": (_Int, (_Pointer, ctypes.POINTER(_Pointer))),
    "i2d_PrivateKey": (_Int, (_Pointer, ctypes.POINTER(_Pointer))),
}


class LibcryptoMissing(Exception):
    """There is no libcrypto that can do SM2 here. The text tells the operator what is wrong and holds no key."""


class LibcryptoFailed(Exception):
    """The library refused an operation. Its own error text is not passed on."""


def _open() -> ctypes.CDLL:
    for name in _NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    found = ctypes.util.find_library("crypto")
    if found is not None:
        try:
            return ctypes.CDLL(found)
        except OSError:
            pass
    raise LibcryptoMissing("OpenSSL's libcrypto 3 is not installed (apt-get install libssl3)")


@functools.cache
def library() -> ctypes.CDLL:
    """Load libcrypto once.

    Raises:
        LibcryptoMissing: it is absent, older than 3.0, or built without SM2 or SM3.

    """
    crypto = _open()
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(crypto, name)
        except AttributeError:
            raise LibcryptoMissing(f"libcrypto lacks {name}: OpenSSL 3.0 or newer with SM2 and SM3 is needed") from None
        function.restype = result
        function.argtypes = arguments
    if crypto.OpenSSL_version_num() < _OLDEST:
        raise LibcryptoMissing("libcrypto is older than OpenSSL 3.0")
    context = crypto.EVP_PKEY_CTX_new_from_name(None, _ALGORITHM, None)
    if not context:
        crypto.ERR_clear_error()
        raise LibcryptoMissing("libcrypto was built, or is configured, without SM2")
    crypto.EVP_PKEY_CTX_free(context)
    return crypto


class Key:
    """One SM2 key inside the library, public or private. Cannot be copied or pickled."""

    __slots__ = ("__weakref__", "_handle")

    def __init__(self, handle: int) -> None:
        self._handle = handle
        weakref.finalize(self, library().EVP_PKEY_free, handle).atexit = False

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key of libcrypto cannot be copied")

    @classmethod
    def from_spki(cls, der: bytes) -> Key:
        """Read a SubjectPublicKeyInfo. Raises LibcryptoFailed if the library does not take it for an SM2 key."""
        return cls._read("d2i_PUBKEY", der)

    @classmethod
    def from_private_der(cls, der: bytes) -> Key:
        """Read an unencrypted PKCS #8 or SEC 1 private key. Raises LibcryptoFailed if it is not an SM2 key."""
        return cls._read("d2i_AutoPrivateKey", der)

    @classmethod
    def _read(cls, reader: str, der: bytes) -> Key:
        crypto = library()
        cursor = _Bytes(der)
        start = ctypes.cast(cursor, _Pointer).value or 0
        handle = getattr(crypto, reader)(None, ctypes.byref(cursor), len(der))
        if not handle:
            _fail(crypto, "reading a key")
        key = cls(handle)
        consumed = (ctypes.cast(cursor, _Pointer).value or 0) - start
        if consumed != len(der) or crypto.EVP_PKEY_is_a(handle, _ALGORITHM) != 1:
            _fail(crypto, "reading a key")
        return key

    def spki(self) -> bytes:
        """Write the public half as SubjectPublicKeyInfo."""
        return self._write("i2d_PUBKEY")

    def private_der(self) -> bytes:
        """Write the private key as the library does: SEC 1 with the curve by name, without the public key."""
        return self._write("i2d_PrivateKey")

    def _write(self, writer: str) -> bytes:
        crypto = library()
        out = _Pointer()
        length = getattr(crypto, writer)(self._handle, ctypes.byref(out))
        if length <= 0 or not out.value:
            _fail(crypto, "writing a key")
        try:
            return ctypes.string_at(out.value, length)
        finally:
            ctypes.memset(out.value, 0, length)
            crypto.CRYPTO_free(out, None, 0)

    def verify(self, signature: bytes, message: bytes, signer_id: bytes) -> bool:
        """Check a DER signature over SM3(Z(signer_id) || message)."""
        crypto = library()
        with _contexts(crypto, self._handle) as (context, digest):
            good: bool = (
                crypto.EVP_PKEY_CTX_set1_id(context, signer_id, len(signer_id)) == 1
                and crypto.EVP_DigestVerifyInit(digest, None, crypto.EVP_sm3(), None, self._handle) == 1
                and crypto.EVP_DigestVerify(digest, signature, len(signature), message, len(message)) == 1
            )
        if not good:
            crypto.ERR_clear_error()
        return good

    def verify_digest(self, signature: bytes, digest: bytes) -> bool:
        """Check a DER signature over `digest` (32 bytes) as it is: no Z."""
        crypto = library()
        with _contexts(crypto, self._handle) as (context, _):
            good: bool = (
                crypto.EVP_PKEY_verify_init(context) == 1
                and crypto.EVP_PKEY_verify(context, signature, len(signature), digest, len(digest)) == 1
            )
        if not good:
            crypto.ERR_clear_error()
        return good

    def sign(self, message: bytes, signer_id: bytes) -> bytes:
        """Sign SM3(Z(signer_id) || message). Returns DER. Raises LibcryptoFailed (a public key cannot sign)."""
        crypto = library()
        out = ctypes.create_string_buffer(_SIGNATURE_BUFFER)
        length = _Size(_SIGNATURE_BUFFER)
        with _contexts(crypto, self._handle) as (context, digest):
            done = (
                crypto.EVP_PKEY_CTX_set1_id(context, signer_id, len(signer_id)) == 1
                and crypto.EVP_DigestSignInit(digest, None, crypto.EVP_sm3(), None, self._handle) == 1
                and crypto.EVP_DigestSign(digest, out, ctypes.byref(length), message, len(message)) == 1
            )
        if not done:
            _fail(crypto, "signing")
        return out.raw[: length.value]

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign `digest` (32 bytes) as it is: no Z. Returns DER. Raises LibcryptoFailed."""
        crypto = library()
        out = ctypes.create_string_buffer(_SIGNATURE_BUFFER)
        length = _Size(_SIGNATURE_BUFFER)
        with _contexts(crypto, self._handle) as (context, _):
            done = (
                crypto.EVP_PKEY_sign_init(context) == 1
                and crypto.EVP_PKEY_sign(context, out, ctypes.byref(length), digest, len(digest)) == 1
            )
        if not done:
            _fail(crypto, "signing")
        return out.raw[: length.value]


def sm3(message: bytes) -> bytes:
    """Hash `message` with SM3 (32 bytes). Raises LibcryptoMissing, LibcryptoFailed."""
    crypto = library()
    out = ctypes.create_string_buffer(_DIGEST_BYTES)
    if crypto.EVP_Digest(message, len(message), out, None, crypto.EVP_sm3(), None) != 1:
        _fail(crypto, "hashing")
    return out.raw


@contextmanager
def _contexts(crypto: ctypes.CDLL, key: int) -> Iterator[tuple[int, int]]:
    """Lend the two contexts of one operation, the digest's already tied to the key's."""
    context = crypto.EVP_PKEY_CTX_new_from_pkey(None, key, None)
    digest = crypto.EVP_MD_CTX_new()
    try:
        if not context or not digest:
            _fail(crypto, "allocating")
        crypto.EVP_MD_CTX_set_pkey_ctx(digest, context)
        yield context, digest
    finally:
        crypto.EVP_MD_CTX_free(digest)
        crypto.EVP_PKEY_CTX_free(context)


def _fail(crypto: ctypes.CDLL, doing: str) -> NoReturn:
    crypto.ERR_clear_error()
    raise LibcryptoFailed(f"libcrypto failed when {doing}")
