"""Each check that turns a claim into an authentic code, and each way of failing it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import CodeStopped, Reason
from gateway.trust.authenticate import find_signer, permit
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import (
    Algorithm,
    AuthenticCode,
    CodeState,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    KeyId,
    KeyUse,
    Origin,
    TrustedKey,
)
from keys.ring import KeyRing
from tests.unit.codes import AT, GUIZHOU, claimed, key, profile

FRANCE = IssuerId("FR")


def trusting(*keys: TrustedKey, unbound: tuple[TrustedKey, ...] = (), **changes: Any) -> TrustSnapshot:
    issuers: dict[IssuerId, IssuerProfile] = {GUIZHOU: profile(**changes)} if keys else {}
    return TrustSnapshot(KeyRing(keys, unbound=unbound), issuers, {})


def authenticate(code: Any, trust: TrustSnapshot) -> AuthenticCode:
    return permit(find_signer(code, trust), AT)


def reason_of(code: Any, trust: TrustSnapshot) -> Reason:
    with pytest.raises(CodeStopped) as stopped:
        authenticate(code, trust)
    assert "code-1" not in stopped.value.detail
    return stopped.value.reason


def test_the_issuers_own_signature_makes_a_code_authentic() -> None:
    one = key()
    code = authenticate(claimed(), trusting(one))
    assert (code.key, code.issuer.division) == (one, "520000")


@pytest.mark.parametrize(
    ("changes", "keys", "reason"),
    [
        ({"obstacle": Reason.UNSUPPORTED_PROOF}, [key()], Reason.UNSUPPORTED_PROOF),
        ({"obstacle": Reason.UNSUPPORTED_ALGORITHM, "algorithm": None}, [key()], Reason.UNSUPPORTED_ALGORITHM),
        ({"issuer": FRANCE}, [key()], Reason.UNKNOWN_ISSUER),
        ({"issuer": IssuerId("")}, [key()], Reason.UNKNOWN_ISSUER),
        ({"format": Format.SHC}, [key()], Reason.FORMAT_NOT_TRUSTED),
        ({"key_id": KeyId(b"key-2")}, [key()], Reason.UNKNOWN_KEY),
        ({"algorithm": Algorithm.ES256}, [key()], Reason.ALGORITHM_MISMATCH),
        ({"signature": b"signed by two"}, [key()], Reason.BAD_SIGNATURE),
        ({"signed": b"payload!"}, [key()], Reason.BAD_SIGNATURE),
        ({"signature": b"signed by two", "algorithm": None}, [key()], Reason.BAD_SIGNATURE),
        # Without a key id a signature that no known key made proves nothing: its key may be unknown.
        ({"signature": b"signed by two", "key_id": None}, [key()], Reason.UNKNOWN_KEY),
        ({"division": DivisionCode("530100")}, [key()], Reason.DIVISION_MISMATCH),
        ({"required_use": KeyUse.TEST}, [key(uses=frozenset({KeyUse.RECOVERY}))], Reason.KEY_USE_REFUSED),
        # A colour is none of the uses that the key is limited to.
        ({"required_use": None}, [key(uses=frozenset(KeyUse))], Reason.KEY_USE_REFUSED),
    ],
)
def test_whatever_is_wrong_is_told(changes: dict[str, Any], keys: list[TrustedKey], reason: Reason) -> None:
    assert reason_of(claimed(**changes), trusting(*keys)) is reason


ORIGIN = Origin(IssuerId("https://code.yn.example"), DivisionCode("530000"))


@pytest.mark.parametrize("changes", [{}, {"division": None}, {"states": {"green": CodeState.GREEN}}])
def test_an_origin_is_believed_of_nobody_who_does_not_convert(changes: dict[str, Any]) -> None:
    forged = claimed(origin=ORIGIN, audience=DivisionCode("330000"))
    assert reason_of(forged, trusting(key(), **changes)) is Reason.DIVISION_MISMATCH
    assert reason_of(forged, trusting(unbound=(key(),))) is Reason.DIVISION_MISMATCH


def test_an_origin_is_believed_of_an_issuer_that_converts() -> None:
    code = authenticate(claimed(origin=ORIGIN), trusting(key(), converts=True, division=None))
    assert code.claimed.origin == ORIGIN
    assert code.issuer.converts


def test_an_issuer_that_converts_stays_within_its_division_if_it_has_one() -> None:
    foreign = claimed(origin=ORIGIN, division=DivisionCode("330000"))
    assert reason_of(foreign, trusting(key(), converts=True)) is Reason.DIVISION_MISMATCH


def test_an_audience_may_be_named_by_anybody() -> None:
    assert authenticate(claimed(audience=DivisionCode("330000")), trusting(key())).claimed.audience == "330000"


@pytest.mark.parametrize(
    "changes",
    [
        {"key_id": None},
        {"algorithm": None},
        {"division": None},
        {"division": DivisionCode("520000")},
        {"required_use": KeyUse.TEST},
    ],
)
def test_what_a_code_leaves_out_does_not_stop_it(changes: dict[str, Any]) -> None:
    one = key()
    assert authenticate(claimed(**changes), trusting(one)).key is one


def test_a_limited_key_may_attest_a_document_without_a_use() -> None:
    code, one = claimed(format=Format.HCERT), key(uses=frozenset({KeyUse.TEST}))
    assert authenticate(code, trusting(one, formats=frozenset({Format.HCERT}))).key is one


def test_all_keys_that_share_an_id_are_tried() -> None:
    first, second = key(b"two"), key(b"one")
    assert authenticate(claimed(), trusting(first, second)).key is second


def test_a_key_of_another_algorithm_is_passed_over() -> None:
    wrong, right = key(algorithm=Algorithm.ES256), key()
    assert authenticate(claimed(), trusting(wrong, right)).key is right


def test_of_the_keys_that_fit_one_that_may_attest_is_taken() -> None:
    may_not, may = key(uses=frozenset({KeyUse.TEST})), key(uses=frozenset({KeyUse.VACCINATION}))
    code = authenticate(claimed(required_use=KeyUse.VACCINATION), trusting(may_not, may))
    assert code.key is may


def test_of_the_keys_that_may_attest_one_inside_its_window_is_taken() -> None:
    past, now, future = key(not_after=Instant(AT - 1)), key(not_before=AT), key(not_before=Instant(AT + 1))
    assert authenticate(claimed(), trusting(past, future, now)).key is now
    assert authenticate(claimed(), trusting(past)).key is past
    test_only = key(uses=frozenset({KeyUse.TEST}))
    assert authenticate(claimed(required_use=KeyUse.RECOVERY), trusting(test_only, past)).key is past


def test_a_key_of_one_issuer_never_vouches_for_another() -> None:
    assert reason_of(claimed(issuer=FRANCE), trusting(key(), key(issuer=FRANCE, key_id=KeyId(b"x")))) is (
        Reason.UNKNOWN_ISSUER
    )


class TestACertificateTrustedForAnyone:
    ANYONES = key(issuer=IssuerId(""))

    def test_vouches_for_the_issuer_that_the_code_names(self) -> None:
        code = authenticate(claimed(issuer=FRANCE, format=Format.HCERT), trusting(unbound=(self.ANYONES,)))
        assert (code.issuer.issuer, code.issuer.division) == (FRANCE, None)

    def test_must_be_the_one_that_the_code_names(self) -> None:
        trust = trusting(unbound=(self.ANYONES,))
        assert reason_of(claimed(key_id=KeyId(b"other")), trust) is Reason.KEY_ID_MISMATCH

    def test_is_contradicted_by_a_signature_that_is_not_its_own_even_without_a_key_id(self) -> None:
        trust = trusting(unbound=(self.ANYONES,))
        assert reason_of(claimed(key_id=None, signature=b"forged"), trust) is Reason.BAD_SIGNATURE

    def test_vouches_for_a_listed_issuer_too(self) -> None:
        trust = trusting(key(b"two"), unbound=(self.ANYONES,))
        assert authenticate(claimed(), trust).key is self.ANYONES
        other = trusting(key(b"two"), unbound=(key(issuer=IssuerId(""), key_id=KeyId(b"x")),))
        assert reason_of(claimed(), other) is Reason.BAD_SIGNATURE
        assert reason_of(claimed(format=Format.SHC), trust) is Reason.FORMAT_NOT_TRUSTED


def test_every_division_is_the_nations() -> None:
    said, nation = claimed(division=DivisionCode("520100")), DivisionCode("100000")
    assert authenticate(said, trusting(key(), division=nation)).claimed is said
    assert reason_of(said, trusting(key(), division=DivisionCode("530000"))) is Reason.DIVISION_MISMATCH
