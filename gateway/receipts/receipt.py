"""The signed receipt of one verdict.

- A compact JWS, `typ` hcgw-receipt+jwt, signed with the gateway's key, verifiable offline with its published key set.
- Bound to the caller (`aud`): shown to anybody else it proves nothing.
- Holds what the disclosure held: no code, no token, no digest of one, nothing about the holder.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final, NewType

from gateway.disclosure import Disclosure, StaffDisclosure
from gateway.values import Caller, Purpose
from keys.signer import Signer

RECEIPT_TYPE: Final = "hcgw-receipt+jwt"

Receipt = NewType("Receipt", str)
"""The exact signed text."""


@dataclass(frozen=True, slots=True)
class ReceiptIssuer:
    """Signs receipts in the name of one gateway."""

    issuer: str
    """The gateway's own name, as verifiers of receipts know it."""
    signer: Signer

    def issue(self, said: Disclosure, *, caller: Caller, purpose: Purpose, request_id: str) -> Receipt:
        """Return the receipt of exactly what was `said` to `caller`. Signs: some tens of microseconds."""
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": caller.caller_id,
            "iat": int(said.decided_time),
            "jti": secrets.token_urlsafe(16),
            "purpose": purpose.name,
            "measure": said.measure.name,
            "reasons": [reason.name for reason in said.reasons],
        }
        if request_id:
            claims["request_id"] = request_id
        if isinstance(said, StaffDisclosure):
            claims["state"] = said.state.name
            claims["format"] = said.format.value
            optional: dict[str, object | None] = {
                "issuer": said.issuer,
                "issuer_division": said.issuer_division,
                "assurance": None if said.assurance is None else said.assurance.name,
                "observed_time": None if said.observed_time is None else int(said.observed_time),
                "valid_until_time": None if said.valid_until is None else int(said.valid_until),
                "rule_version": said.rule_version,
                "reason_class": None if said.reason_class is None else said.reason_class.name,
                "origin_division": said.origin_division,
            }
            claims.update((name, value) for name, value in optional.items() if value is not None)
        return Receipt(self._signed(claims))

    def _signed(self, claims: dict[str, object]) -> str:
        # By hand and not by PyJWT, which signs with key objects only: a signer's key may live where none can be had.
        header: dict[str, object] = {
            "alg": self.signer.public_jwk["alg"],  # as the key set publishes it, so that the two agree
            "kid": self.signer.key_id.decode(),
            "typ": RECEIPT_TYPE,
        }
        signing_input = _segment(header) + b"." + _segment(claims)
        return (signing_input + b"." + urlsafe_b64encode(self.signer.sign(signing_input)).rstrip(b"=")).decode("ascii")


def _segment(members: dict[str, object]) -> bytes:
    return urlsafe_b64encode(json.dumps(members, separators=(",", ":")).encode()).rstrip(b"=")
