"""The gateway's own signing keys: found by a URI, used, published; never shown.

- A backend is chosen by the URI's scheme; a scheme that is not known is refused. `file:` is the one that exists: an
  unencrypted PKCS #8 PEM, Ed25519, P-256 or SM2. A hardware module or a key service is a new scheme, not a change here.
- SM2 needs the system's libcrypto, which must know the standard's answers first (sm2.py): else the key is refused. It
  signs in one way, sm2_settings.OWN_SETTINGS, and its public key says in which.
- A key file must be its owner's alone: readable by nobody else (0600 or stricter), and a regular file.
- The key id is the RFC 7638 thumbprint of the public key: two keys never share one by accident.
- No private key is in any repr, exception or log: errors name the file and what is wrong with it.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from functools import partial
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
from .sm2 import Sm2Signer, names_the_curve
from .sm2_settings import OWN_SETTINGS, own_jwk
from .values import Algorithm, KeyId, KeyRefused

MAX_KEY_FILE_BYTES: Final = 16 * 1024
SIGNING: Final = (Algorithm.ED25519, Algorithm.ES256, Algorithm.SM2)
"""What a gateway may sign with."""

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
    def public_jwk(self) -> Mapping[str, object]:
        """Its public key for a key set: `kty`, `crv`, numbers, `kid`, `use`, `alg`; of SM2 its settings too."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the signature over exactly `data`: 64 bytes, for ECDSA and SM2 r || s."""
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


def generate_dev_key(path: Path, algorithm: Algorithm = Algorithm.ED25519) -> Signer:
    """Make a new key, write it to `path` (mode 0600) and return its signer. For demonstration and development.

    `algorithm` is one of SIGNING. Raises: SignerUnavailable: the file exists (it is never written over), or cannot be
    made; this machine cannot do SM2.
    """
    pem = _new_key(algorithm, path)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as no:
        raise SignerUnavailable(f"{path}: cannot be made: {no.strerror}") from None
    with os.fdopen(handle, "wb") as out:
        out.write(pem)
    return _from_pem(pem, path)


def public_jwks(signers: Iterable[Signer], others: Iterable[Mapping[str, object]] = ()) -> bytes:
    """Return the JWK set of these signers' public keys, to be served at /.well-known/jwks.json.

    `others` are public keys of this gateway that sign nothing now: those before, and those to come. A key id of a
    signer's is not repeated.
    """
    own = [dict(signer.public_jwk) for signer in signers]
    held = {key["kid"] for key in own}
    beside = [dict(key) for key in others if key["kid"] not in held]
    return json.dumps({"keys": own + beside}, separators=(",", ":")).encode()


def _new_key(algorithm: Algorithm, path: Path) -> bytes:
    if algorithm is Algorithm.SM2:
        return _sm2_private(Sm2Signer.generate, path).private_pem()
    private = (
        Ed25519PrivateKey.generate() if algorithm is Algorithm.ED25519 else ec.generate_private_key(ec.SECP256R1())
    )
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _from_pem(pem: bytes, path: Path) -> Signer:
    # Before the library that reads the others is asked: it knows no SM2, and could not say what is wrong with one.
    if names_the_curve(pem):
        return _Sm2Signer(_sm2_private(partial(Sm2Signer.from_pem, pem), path))
    # The library's own messages are left behind: some quote what they could not read.
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SignerUnavailable(f"{path}: not an unencrypted PKCS #8 private key in PEM") from None
    if isinstance(private, Ed25519PrivateKey):
        return _Ed25519Signer(private)
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        return _P256Signer(private)
    raise SignerUnavailable(f"{path}: the key is neither Ed25519 nor P-256 nor SM2")


class _Makes(Protocol):
    def __call__(self, *, signer_id: bytes, z_mode: bool, raw: bool) -> Sm2Signer: ...


def _sm2_private(make: _Makes, path: Path) -> Sm2Signer:
    own = OWN_SETTINGS
    try:
        return make(signer_id=own.signer_id, z_mode=own.z_mode, raw=own.raw)
    except KeyRefused as refused:
        raise SignerUnavailable(f"{path}: {refused.detail}") from None


class _Published:
    """The public side of a signer, and a repr that shows nothing else."""

    __slots__ = ("algorithm", "key_id", "public_jwk")

    def __init__(self, algorithm: Algorithm, members: Mapping[str, object]) -> None:
        kid = thumbprint(members)
        self.algorithm = algorithm
        self.key_id = KeyId(kid.encode())
        self.public_jwk: Mapping[str, object] = MappingProxyType(
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


class _Sm2Signer(_Published):
    __slots__ = ("sign",)

    def __init__(self, private: Sm2Signer) -> None:
        super().__init__(Algorithm.SM2, own_jwk(private.public_key))
        self.sign = private.sign


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
