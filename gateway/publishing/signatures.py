"""Whose signatures a batch carries.

Rules:

- Its issuer is on a trust list in force and states colours (native codes); a key that is limited to medical statements
  signs no list.
- Each signature must be that of a key of this issuer's that is valid now. One that is not refuses the batch: whoever
  added it wants something.
- A key counts once, under however many names it is listed.
"""

from __future__ import annotations

from gateway.changes import BATCH_CONTEXT, BatchRefusal, BatchRefused, SignedBatch
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Format, Instant, IssuerId, TrustedKey


def signing_keys(issuer: IssuerId, signed: SignedBatch, trust: TrustSnapshot, at: Instant) -> tuple[TrustedKey, ...]:
    """Return the different keys of `issuer` that signed exactly these bytes, at least one.

    1. an issuer of native codes on a trust list that has not run out
    2. for each signature a key that fits, and that is not one of those before under another name

    Raises: BatchRefused with UNKNOWN_ISSUER or BAD_SIGNATURE.
    """
    # 1
    profile = trust.issuers.get(issuer)
    if profile is None or Format.NATIVE not in profile.formats or trust.expired(at):
        raise BatchRefused(BatchRefusal.UNKNOWN_ISSUER, "list.issuer")
    # 2
    message = BATCH_CONTEXT + signed.body
    found: list[TrustedKey] = []
    for place, one in enumerate(signed.signatures):
        for key in trust.ring.find(issuer, one.key_id):
            if key.valid_at(at) and not key.uses and key.verifier.verify(one.signature, message):
                break
        else:
            raise BatchRefused(BatchRefusal.BAD_SIGNATURE, f"signatures[{place}]")
        if key not in found and not any(known.verifier.verify(one.signature, message) for known in found):
            found.append(key)
    if not found:
        raise BatchRefused(BatchRefusal.BAD_SIGNATURE, "signatures")
    return tuple(found)
