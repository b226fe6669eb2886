"""The settings of an SM2 key as JSON: in a key set's `sm2` member, and beside a key of a trust list.

- All three are stated or the key is refused: a signature made with another ID, or without Z, never verifies, and trying
  several would confuse protocols.
- What a JWK says of itself and what somebody pinned for it must be the same.
- The gateway's own SM2 keys all sign in one way, `OWN_SETTINGS`, and say so in its key set.

Source: GB/T 32918.2-2016 clause 5.5 (ID and Z); GB/T 35276-2017 clause 10 (the common ID); docs/trust-list.md.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final, cast

from .algorithms import Sm2Settings
from .sm2 import DEFAULT_SIGNER_ID
from .values import KeyRefusal, KeyRefused

OWN_SETTINGS: Final = Sm2Settings(DEFAULT_SIGNER_ID, z_mode=True, raw=True)
"""As the gateway signs: the standard's Z with the common ID, and r || s as JOSE and COSE write signatures."""

MEMBER: Final = "sm2"
_FORMS: Final = {"raw": True, "der": False}
_MAX_ID_CHARACTERS: Final = 512


def written_settings(settings: Sm2Settings) -> dict[str, object]:
    """Return settings as JSON: `id`, `z`, `signature`."""
    return {
        "id": settings.signer_id.decode(),
        "z": settings.z_mode,
        "signature": "raw" if settings.raw else "der",
    }


def own_jwk(point: bytes) -> dict[str, object]:
    """Return the JWK of an SM2 key of the gateway's own, without `kid`, `use`, `alg`. `point` has 65 bytes."""
    x, y = (urlsafe_b64encode(half).rstrip(b"=").decode() for half in (point[1:33], point[33:]))
    return {"kty": "EC", "crv": "SM2", "x": x, "y": y, MEMBER: written_settings(OWN_SETTINGS)}


def settings_of(jwk: Mapping[str, object], pinned: Sm2Settings | None = None) -> Sm2Settings | None:
    """Return the settings that an SM2 JWK states, or those that are pinned for it; None if nobody states any.

    Raises: KeyRefused: MALFORMED, if they cannot be read or differ from `pinned`.
    """
    stated = jwk.get(MEMBER)
    if stated is None:
        return pinned
    found = _read(stated)
    if pinned not in (None, found):
        raise KeyRefused(KeyRefusal.MALFORMED, "sm2 of the JWK is not what is pinned for it")
    return found


def _read(value: object) -> Sm2Settings:
    stated = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    signer_id, z_mode, form = stated.get("id"), stated.get("z"), stated.get("signature")
    if (
        len(stated) != 3
        or not (isinstance(signer_id, str) and len(signer_id) <= _MAX_ID_CHARACTERS and signer_id.isascii())
        or not isinstance(z_mode, bool)
        or not (isinstance(form, str) and form in _FORMS)
    ):
        raise KeyRefused(KeyRefusal.MALFORMED, "sm2 does not state id, z and signature")
    return Sm2Settings(signer_id.encode(), z_mode=z_mode, raw=_FORMS[form])
