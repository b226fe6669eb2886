"""The gateway's own signing keys: found by a URI, used, published; never shown.

- A backend is chosen by the URI's scheme; a scheme that is not known is refused. `file:` is the one that exists: an
  unencrypted PKCS #8 PEM, Ed25519 or P-256. A hardware module or a key service is a new scheme, not a change here.
- A key file must be its owner's alone: readable by nobody else (0600 or stricter), and a regular file.
- The key id is the RFC 7638 thumbprint of the public key: two keys never share one by accident.
- No private key is in any repr, exception or log: errors name the file and what is wrong with it.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .jwk import thumbprint
from .own_files import FileRefused, read_secret_file
from .values import Algorithm, KeyId

MAX_KEY_FILE_BYTES: Final = 16 * 1024
_P256_BYTES: Final = 32
# RFC 9864 prefers Ed25519 as the name, but a verifier of today that meets it in a key set refuses the whole key.
_JOSE_NAME: Final = {Algorithm.ED25519: "EdDSA"}
_ES256: Final = ec.ECDSA(hashes.SHA256())


class SignerUnavailable(Exception):
    """The signing key cannot be used. Names the place and the fault, never the key."""


class Signer(Protocol):
    """A private key that signs for the gateway."""

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        ...

    @property
    def key_id(self) -> KeyId:
        """The thumbprint of its public key, as text in UTF-8."""
        ...

    @property
    def public_jwk(self) -> Mapping[str, str]:
        """Its public key for a key set: `kty`, `crv`, numbers, `kid`, `use`, `alg`."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the signature over exactly `data`: 64 bytes, for ECDSA r || s."""
        ...


def open_signer(uri: str) -> Signer:
    """Return the signer behind a URI: `file:/etc/hcgw/signing.pem`, or `file:signing.pem` in the current folder.

    Raises: SignerUnavailable: no such scheme, no such file, a file that others can read, or no usable key in it.
    """
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise SignerUnavailable(f"no signer for scheme {parts.scheme!r}: only file: is known")
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or not parts.path:
        raise SignerUnavailable("a file: URI names one local path and nothing else")
    path = Path(unquote(parts.path))
    try:
        return _from_pem(read_secret_file(path, MAX_KEY_FILE_BYTES), path)
    except FileRefused as refused:
        raise SignerUnavailable(str(refused)) from None


def generate_dev_key(path: Path) -> Signer:
    """Make a new Ed25519 key, write it to `path` (mode 0600) and return its signer. For demonstration and development.

    Raises: SignerUnavailable: the file exists (it is never written over), or cannot be made.
    """
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as no:
        raise SignerUnavailable(f"{path}: cannot be made: {no.strerror}") from None
    with os.fdopen(handle, "wb") as out:
        out.write(pem)
    return _Ed25519Signer(private)


def public_jwks(signers: Iterable[Signer], others: Iterable[Mapping[str, str]] = ()) -> bytes:
    """Return the JWK set of these signers' public keys, to be served at /.well-known/jwks.json.

    `others` are public keys of this gateway that sign nothing now: those before, and those to come. A key id of a
    signer's is not repeated.
    """
    own = [dict(signer.public_jwk) for signer in signers]
    held = {key["kid"] for key in own}
    beside = [dict(key) for key in others if key["kid"] not in held]
    return json.dumps({"keys": own + beside}, separators=(",", ":")).encode()


def _from_pem(pem: bytes, path: Path) -> Signer:
    # The library's own messages are left behind: some quote what they could not read.
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SignerUnavailable(f"{path}: not an unencrypted PKCS #8 private key in PEM") from None
    if isinstance(private, Ed25519PrivateKey):
        return _Ed25519Signer(private)
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        return _P256Signer(private)
    raise SignerUnavailable(f"{path}: the key is neither Ed25519 nor P-256")


class _Published:
    """The public side of a signer, and a repr that shows nothing else."""

    __slots__ = ("algorithm", "key_id", "public_jwk")

    def __init__(self, algorithm: Algorithm, members: Mapping[str, str]) -> None:
        kid = thumbprint(members)
        self.algorithm = algorithm
        self.key_id = KeyId(kid.encode())
        self.public_jwk: Mapping[str, str] = MappingProxyType(
            {**members, "kid": kid, "use": "sig", "alg": _JOSE_NAME.get(algorithm, algorithm.value)}
        )

    def __repr__(self) -> str:
        return f"<{self.algorithm.value} signer {self.key_id.decode()}>"


class _Ed25519Signer(_Published):
    __slots__ = ("sign",)

    def __init__(self, private: Ed25519PrivateKey) -> None:
        point = private.public_key().public_bytes_raw()
        super().__init__(Algorithm.ED25519, {"kty": "OKP", "crv": "Ed25519", "x": _base64url(point)})
        self.sign = private.sign


class _P256Signer(_Published):
    __slots__ = ("_private",)

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        numbers = private.public_key().public_numbers()
        x, y = (_base64url(number.to_bytes(_P256_BYTES, "big")) for number in (numbers.x, numbers.y))
        super().__init__(Algorithm.ES256, {"kty": "EC", "crv": "P-256", "x": x, "y": y})
        self._private = private

    def sign(self, data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(self._private.sign(data, _ES256))
        return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
