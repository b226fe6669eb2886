"""SM2 for PyJWT, as a reader of receipts would add it: the library knows no SM2, but takes algorithms of others."""

from __future__ import annotations

from typing import Any

import jwt
from jwt.algorithms import Algorithm

from keys.sm2 import Sm2Verifier
from keys.strict import base64url_decode


class Sm2(Algorithm):
    """Verifies SM2 with the settings that the JWK states."""

    def prepare_key(self, key: dict[str, Any]) -> Sm2Verifier:
        x, y = (base64url_decode(key[member].encode()) for member in "xy")
        stated = key["sm2"]
        return Sm2Verifier(x + y, signer_id=stated["id"].encode(), z_mode=stated["z"], raw=stated["signature"] == "raw")

    def sign(self, msg: bytes, key: Any) -> bytes:
        raise NotImplementedError

    def verify(self, msg: bytes, key: Sm2Verifier, sig: bytes) -> bool:
        return key.verify(sig, msg)

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> Any:
        raise NotImplementedError

    @staticmethod
    def from_jwk(jwk: Any) -> Any:
        raise NotImplementedError


def pyjwt_claims(token: str, jwk: dict[str, Any], **expected: Any) -> dict[str, Any]:
    """Return the claims of a token as PyJWT reads them with one key of a key set. Raises what PyJWT does."""
    if jwk["alg"] != "SM2":
        found: dict[str, Any] = jwt.decode(token, jwt.PyJWK(jwk), algorithms=[jwk["alg"]], **expected)
        return found
    reader = jwt.PyJWT()
    reader._jws.register_algorithm("SM2", Sm2())
    return reader.decode(token, jwk, algorithms=["SM2"], **expected)  # type: ignore[arg-type]  # prepare_key takes it
