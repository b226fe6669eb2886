"""The checks that turn a claim into an authentic code.

Issuer, key id and algorithm in a code are unauthenticated hints: they choose the key, they never replace a check.
Validity in time (of the code and of the key) is the next room's, so that a wrong signature and an old one stay two
different answers.
"""

from __future__ import annotations

from gateway.errors import CodeStopped, Reason
from gateway.values import AuthenticCode, ClaimedCode, DivisionCode, IssuerProfile, TrustedKey

from .snapshot import TrustSnapshot


def authenticate(claimed: ClaimedCode, trust: TrustSnapshot) -> AuthenticCode:
    """Return `claimed` as its issuer's own word.

    1. Its proof is of a kind that can be checked here.
    2. The issuer is on the trust list, for this format (or a single certificate is trusted for any issuer).
    3. That issuer has a key with this key id.
    4. One of those keys has the algorithm that the code names, and the signature is that key's over the exact bytes.
    5. The division that the code names lies within its issuer's.
    6. That key may attest this kind of statement. Of several keys that fit the signature, one that may is taken.

    Does not check: validity in time, revocation, meaning.

    Raises: CodeStopped. Cannot decide: UNSUPPORTED_ALGORITHM, UNSUPPORTED_PROOF, UNKNOWN_ISSUER, FORMAT_NOT_TRUSTED,
    UNKNOWN_KEY. Proven bad: KEY_ID_MISMATCH, ALGORITHM_MISMATCH, BAD_SIGNATURE, DIVISION_MISMATCH, KEY_USE_REFUSED.
    """
    # 1
    if claimed.obstacle is not None:
        raise CodeStopped(claimed.obstacle)
    # 2, 3
    issuer = trust.issuers.get(claimed.issuer)
    if issuer is not None:
        if claimed.format not in issuer.formats:
            raise CodeStopped(Reason.FORMAT_NOT_TRUSTED)
        keys = trust.ring.find(claimed.issuer, claimed.key_id)
        if not keys:
            raise CodeStopped(Reason.UNKNOWN_KEY)
    else:
        issuer, keys = _vouched_for_by_certificate(claimed, trust)
    # 4
    fitting = _keys_that_signed(claimed, keys)
    # 5
    if (
        claimed.division is not None
        and issuer.division is not None
        and not lies_within(claimed.division, issuer.division)
    ):
        raise CodeStopped(Reason.DIVISION_MISMATCH)
    # 6
    for key in fitting:
        if claimed.required_use is None or not key.uses or claimed.required_use in key.uses:
            return AuthenticCode(claimed, issuer, key)
    raise CodeStopped(Reason.KEY_USE_REFUSED)


def lies_within(division: DivisionCode, outer: DivisionCode) -> bool:
    """Tell whether `division` is `outer` or part of it. Source: GB/T 2260, three levels of two digits."""
    if outer.endswith("0000"):
        return division[:2] == outer[:2]
    if outer.endswith("00"):
        return division[:4] == outer[:4]
    return division == outer


def _vouched_for_by_certificate(
    claimed: ClaimedCode, trust: TrustSnapshot
) -> tuple[IssuerProfile, tuple[TrustedKey, ...]]:
    if not trust.ring.has_unbound:
        raise CodeStopped(Reason.UNKNOWN_ISSUER)
    keys = trust.ring.find_unbound(claimed.key_id)
    if not keys:
        raise CodeStopped(Reason.KEY_ID_MISMATCH)
    return trust.profile_of_anyone(claimed.issuer or keys[0].issuer), keys


def _keys_that_signed(claimed: ClaimedCode, keys: tuple[TrustedKey, ...]) -> list[TrustedKey]:
    named, signature, signed = claimed.algorithm, claimed.signature, claimed.signed
    tried = [key for key in keys if named is None or key.algorithm is named]
    fitting = [key for key in tried if key.verifier.verify(signature, signed)]
    if fitting:
        return fitting
    counts = f"{len(keys)} keys with this id, {len(tried)} with this algorithm, none fits the signature"
    if not tried:
        raise CodeStopped(Reason.ALGORITHM_MISMATCH, counts)
    # A code without a key id may have been signed with a key that is not known: that proves nothing against it.
    if claimed.key_id is None and keys[0].issuer == claimed.issuer:
        raise CodeStopped(Reason.UNKNOWN_KEY, counts)
    raise CodeStopped(Reason.BAD_SIGNATURE, counts)
