"""The signed receipt of one verdict, and one signature for the receipts of many.

- A compact JWS, `typ` hcgw-receipt+jwt, signed with the gateway's key, verifiable offline with its published key set.
- Bound to the caller (`aud`): shown to anybody else it proves nothing. It ends (`exp`).
- Holds what the disclosure held, which trust lists were in force, and a salted digest of the code (commitment.py): no
  code, no token, nothing about the holder. So a province's has no handle, and a clinic's no clinical item: both are the
  holder's, and a receipt is shown to others.
- Of many only the root of a tree over their claims is signed (merkle.py), as a JWS of its own type that no reader takes
  for a receipt. Each receipt is then its claims, the path and that root.

Source: docs/receipts.md.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NewType

from gateway.disclosure import Disclosure, ProvinceDisclosure, StaffDisclosure
from gateway.values import Caller, Instant, Passage, Purpose
from keys.signer import Signer

from .commitment import SALT_BYTES, code_digest
from .merkle import tree_over

RECEIPT_TYPE: Final = "hcgw-receipt+jwt"
ROOT_TYPE: Final = "hcgw-receipt-root+jwt"
TREE: Final = "rfc9162-sha256"

LIFETIME_S: Final = 90 * 86_400
"""Seconds that a receipt proves anything, if nothing else is configured."""

_ID_BYTES: Final = 16
_SALT_OF: Final = b"salt\0"
_ID_OF: Final = b"id\0"
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode

Receipt = NewType("Receipt", str)
"""The exact signed text."""


def _nobody(receipts: int) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receipt is of: what was said, to whom, and about what."""

    said: Disclosure
    caller: Caller
    purpose: Purpose
    request_id: str = field(default="", repr=False)
    code: bytes | None = field(default=None, repr=False)
    """What was scanned; None if it was only seen."""
    passage: Passage | None = None
    """Of the same passage and the same words it is the same receipt: its time, id and salt are those of the first."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a receipt says, not signed yet."""

    payload: bytes = field(repr=False)
    """The claims as JSON: these bytes are signed, or are a leaf."""
    salt: bytes = field(repr=False)
    """Of the code's digest: for the asker, and kept nowhere. Empty if no code was scanned."""


@dataclass(frozen=True, slots=True)
class IssuedReceipt:
    """A receipt, and what its asker needs to prove which code it is about."""

    text: Receipt
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedTogether:
    """One signature for many drafts."""

    root: Receipt
    paths: tuple[bytes, ...]
    """One for each draft, in their order."""


@dataclass(frozen=True, slots=True)
class ReceiptIssuer:
    """Signs receipts in the name of one gateway."""

    issuer: str
    """The gateway's own name, as verifiers of receipts know it."""
    signer: Signer
    lifetime_s: int = LIFETIME_S
    """Seconds after which a receipt proves nothing any more."""
    trust: tuple[str, ...] = ()
    """The trust lists in force, `sequence:SHA-256` each: which keys the verdict rests on."""
    watch: Callable[[int], None] = _nobody
    """Told at each signature how many receipts it is for; must not raise or wait."""

    def issue(self, answer: Answer) -> IssuedReceipt:
        """Return the receipt of exactly what was said. Signs: some tens of microseconds."""
        draft = self.draft(answer)
        return IssuedReceipt(self._signed(RECEIPT_TYPE, draft.payload, receipts=1), draft.salt)

    def draft(self, answer: Answer) -> Draft:
        """Return the same, for `sign_together`."""
        said, code, passage = answer.said, answer.code, answer.passage
        decided = int(said.decided_time if passage is None else passage.first_time)
        salt = b"" if code is None else _salt(passage)
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": answer.caller.caller_id,
            "iat": decided,
            "exp": decided + self.lifetime_s,
            "jti": "",
            "purpose": answer.purpose.name,
            "measure": said.measure.name,
            "reasons": [reason.name for reason in said.reasons],
        }
        if code is not None:
            claims["code_digest"] = _base64url(code_digest(code, salt))
        if self.trust:
            claims["trust"] = self.trust
        if answer.request_id:
            claims["request_id"] = answer.request_id
        if isinstance(said, StaffDisclosure):
            claims.update(_claims_of_staff(said))
        elif isinstance(said, ProvinceDisclosure):
            claims.update(_claims_of_staff(said.staff))
            if said.rule_version is not None:
                claims["rule_version"] = said.rule_version
        claims["jti"] = _base64url(_id(claims, passage))
        return Draft(_encode(claims).encode("ascii"), salt)

    def sign_together(self, payloads: Sequence[bytes], *, caller: Caller, at: Instant) -> SignedTogether:
        """Return one signature for all of these drafts, at least one, which are all for `caller`."""
        tree = tree_over(payloads)
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": caller.caller_id,
            "iat": int(at),
            "exp": int(at) + self.lifetime_s,
            "tree": TREE,
            "size": len(payloads),
            "root": _base64url(tree.root),
        }
        root = self._signed(ROOT_TYPE, _encode(claims).encode("ascii"), receipts=len(payloads))
        return SignedTogether(root, tree.paths)

    def _signed(self, typ: str, payload: bytes, *, receipts: int) -> Receipt:
        # By hand and not by PyJWT, which signs with key objects only: a signer's key may live where none can be had.
        header: dict[str, object] = {
            "alg": self.signer.public_jwk["alg"],  # as the key set publishes it, so that the two agree
            "kid": self.signer.key_id.decode(),
            "typ": typ,
        }
        signing_input = f"{_base64url(_encode(header).encode('ascii'))}.{_base64url(payload)}"
        signature = self.signer.sign(signing_input.encode("ascii"))
        self.watch(receipts)
        return Receipt(f"{signing_input}.{_base64url(signature)}")


def _salt(passage: Passage | None) -> bytes:
    """Return a new salt, or the one of that passage. Nobody but who keeps its secret could tell the two apart."""
    if passage is None:
        return secrets.token_bytes(SALT_BYTES)
    return blake2b(_SALT_OF, key=passage.secret, digest_size=SALT_BYTES).digest()


def _id(claims: dict[str, object], passage: Passage | None) -> bytes:
    """Return a new id, or the one of these claims in that passage: no two receipts that differ ever share one."""
    if passage is None:
        return secrets.token_bytes(_ID_BYTES)
    return blake2b(_ID_OF + _encode(claims).encode("ascii"), key=passage.secret, digest_size=_ID_BYTES).digest()


def _claims_of_staff(said: StaffDisclosure) -> dict[str, object]:
    """Return what STAFF adds; what is not known has no claim."""
    claims: dict[str, object | None] = {
        "state": said.state.name,
        "format": said.format.value,
        "issuer": said.issuer,
        "issuer_division": said.issuer_division,
        "assurance": None if said.assurance is None else said.assurance.name,
        "observed_time": None if said.observed_time is None else int(said.observed_time),
        "valid_until_time": None if said.valid_until is None else int(said.valid_until),
        "reason_class": None if said.reason_class is None else said.reason_class.name,
        "origin_division": said.origin_division,
    }
    return {name: value for name, value in claims.items() if value is not None}


def joined(root: str, payload: bytes, index: int, path: bytes) -> str:
    """Return one of many receipts as one text: root, claims, index and path, with tildes between."""
    return f"{root}~{_base64url(payload)}~{index}~{_base64url(path)}"


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
