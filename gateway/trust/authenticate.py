"""The checks that turn a claim into an authentic code.

Issuer, key id and algorithm in a code are unauthenticated hints: they choose the key, they never replace a check.
Validity in time (of the code and of the key) is the next room's, so that a wrong signature and an old one stay two
different answers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.divisions import lies_within
from gateway.errors import CodeStopped, Reason
from gateway.values import Assurance, AuthenticCode, ClaimedCode, CodeMarks, Format, Instant, IssuerProfile, TrustedKey

from .marks import DYNAMIC_MAX_S, marks_of
from .snapshot import TrustSnapshot

# Of a class, Python 3.11 takes 70 ns to look a member up: the one that every code is compared with is looked up once.
_NATIVE: Final = Format.NATIVE
_SIGNED: Final = Assurance.SCANNED_SIGNED


class SignedCode(NamedTuple):
    """A code whose signature is its issuer's. Whether the key may attest such a thing is not known yet.

    A tuple, because one is made for every code.
    """

    claimed: ClaimedCode
    issuer: IssuerProfile
    keys: tuple[TrustedKey, ...]
    """All keys of that issuer that fit the signature."""
    marks: CodeMarks


def find_signer(claimed: ClaimedCode, trust: TrustSnapshot, dynamic_max_s: float = DYNAMIC_MAX_S) -> SignedCode:
    """Return `claimed` with the keys that signed it, and with its marks (`dynamic_max_s`: see `marks_of`).

    1. Its proof is of a kind that can be checked here.
    2. The issuer is on the trust list, for this format (or a single certificate is trusted for any issuer).
    3. That issuer has a key with this key id, or a certificate that is trusted for any issuer has it.
    4. One of those keys has the algorithm that the code names, and the signature is that key's over the exact bytes.
    5. The division that the code names lies within its issuer's.
    6. It names an origin only if its issuer converts: anybody else would pass a code off as another province's.

    Does not check: what the key may attest, validity in time, revocation, meaning.

    Raises: CodeStopped. Cannot decide: UNSUPPORTED_ALGORITHM, UNSUPPORTED_PROOF, UNKNOWN_ISSUER, FORMAT_NOT_TRUSTED,
    UNKNOWN_KEY. Proven bad: KEY_ID_MISMATCH, ALGORITHM_MISMATCH, BAD_SIGNATURE, DIVISION_MISMATCH.
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
        if trust.ring.has_unbound:
            keys += trust.ring.find_unbound(claimed.key_id)
        if not keys:
            raise CodeStopped(Reason.UNKNOWN_KEY)
    else:
        issuer, keys = _vouched_for_by_certificate(claimed, trust)
    # 4
    fitting = _keys_that_signed(claimed, keys)
    # 5
    outer = issuer.division
    named = claimed.division
    if named is not None and outer is not None and named != outer and not lies_within(named, outer):
        raise CodeStopped(Reason.DIVISION_MISMATCH)
    # 6
    if claimed.origin is not None and not issuer.converts:
        raise CodeStopped(Reason.DIVISION_MISMATCH, "org")
    return SignedCode(claimed, issuer, fitting, marks_of(claimed, issuer.issuer, dynamic_max_s))


def permit(code: SignedCode, at: Instant) -> AuthenticCode:
    """Return `code` as its issuer's own word, by a key that may attest it.

    Of several keys that may, one whose window holds `at` is taken if there is one, so that a key listed anew under the
    same id does not strand anybody. Whether the window of the key that was taken holds is the next room's question.

    The uses are those of medical certificates: a key that is limited to some of them never attests a colour, but may
    attest what is no vaccination, test or recovery (a reference to other documents).

    Raises: CodeStopped with KEY_USE_REFUSED (proven bad) if none may.
    """
    claimed = code.claimed
    use = claimed.required_use
    unlimited = use is None and claimed.format is not _NATIVE
    outside_its_window: TrustedKey | None = None
    for key in code.keys:
        if unlimited or not key.uses or use in key.uses:
            if key.valid_at(at):
                return AuthenticCode(claimed, code.issuer, key, _SIGNED, None, None, code.marks)
            outside_its_window = key
    if outside_its_window is None:
        raise CodeStopped(Reason.KEY_USE_REFUSED)
    return AuthenticCode(claimed, code.issuer, outside_its_window, _SIGNED, None, None, code.marks)


def _vouched_for_by_certificate(
    claimed: ClaimedCode, trust: TrustSnapshot
) -> tuple[IssuerProfile, tuple[TrustedKey, ...]]:
    if not trust.ring.has_unbound:
        raise CodeStopped(Reason.UNKNOWN_ISSUER)
    keys = trust.ring.find_unbound(claimed.key_id)
    if not keys:
        raise CodeStopped(Reason.KEY_ID_MISMATCH)
    return trust.profile_of_anyone(claimed.issuer or keys[0].issuer), keys


def _keys_that_signed(claimed: ClaimedCode, keys: tuple[TrustedKey, ...]) -> tuple[TrustedKey, ...]:
    named, signature, signed = claimed.algorithm, claimed.signature, claimed.signed
    tried: tuple[TrustedKey, ...]
    fitting: tuple[TrustedKey, ...]
    if len(keys) == 1:  # the usual case, without lists
        tried = keys if named is None or keys[0].algorithm is named else ()
        fitting = tried if tried and tried[0].verifier.verify(signature, signed) else ()
    else:
        tried = tuple(key for key in keys if named is None or key.algorithm is named)
        fitting = tuple(key for key in tried if key.verifier.verify(signature, signed))
    if fitting:
        return fitting
    counts = f"{len(keys)} keys with this id, {len(tried)} with this algorithm, none fits the signature"
    if not tried:
        raise CodeStopped(Reason.ALGORITHM_MISMATCH, counts)
    # A code without a key id may have been signed with a key that is not known: that proves nothing against it.
    if claimed.key_id is None and keys[0].issuer == claimed.issuer:
        raise CodeStopped(Reason.UNKNOWN_KEY, counts)
    raise CodeStopped(Reason.BAD_SIGNATURE, counts)
