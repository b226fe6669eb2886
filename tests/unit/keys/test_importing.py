"""Building trust lists from certificates, key sets and the VCI directory's form."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keys import importing
from keys.algorithms import Sm2Settings
from keys.importing import build, certificate_files, certificates_in, issuers_from_certificates, save
from keys.revocation import RevocationInvalid, revocation_list, revocation_list_from_crl
from keys.trust_document import ListedIssuer, ListedKey, TrustDocument
from keys.trust_list import TrustListInvalid, parse_trust_list
from keys.trust_reader import read_document
from keys.values import Algorithm, Environment, Instant, IssuerId, KeyId, KeyRefusal, KeyRefused
from keys.vci import issuers_from_vci, listed_from_jwks
from keys.x509 import MAX_CERTIFICATE_BYTES, certificate_key_id

from .making import certificate, ec_jwk, ec_key, ed25519_jwk, rsa_key

ISSUED = Instant(1_767_225_600)
HCERT = frozenset({"hcert"})


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def test_certificates_are_read_from_pem_der_and_folders(tmp_path: Path) -> None:
    one, two, three = certificate(country="FI"), certificate(ec_key("P-384"), country="SE"), certificate(country="FI")
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.der").write_bytes(one)
    (tmp_path / "deep" / "both.PEM").write_bytes(b"a comment\n" + pem(two) + pem(three))
    (tmp_path / "deep" / "notes.txt").write_bytes(b"not a certificate")
    found = issuers_from_certificates(certificate_files([tmp_path]), formats=HCERT)
    keys = {issuer.issuer: [key.key_id for key in issuer.keys] for issuer in found.issuers}
    assert keys == {"SE": [certificate_key_id(two)], "FI": [certificate_key_id(three), certificate_key_id(one)]}
    assert found.refused == ()
    assert [key.algorithm for issuer in found.issuers for key in issuer.keys] == ["ES384", "ES256", "ES256"]


def test_each_certificate_that_is_not_taken_is_told(tmp_path: Path) -> None:
    files = {
        "none.der": b"none",
        "nameless.der": certificate(country=None),
        "text.pem": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "broken.pem": b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
        "curve.der": certificate(ec_key("P-521")),
        "good.der": certificate(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    found = issuers_from_certificates(certificate_files([tmp_path]), formats=HCERT)
    assert [issuer.issuer for issuer in found.issuers] == ["XX"]
    assert {Path(one.position.split(" ")[0]).name: one.reason for one in found.refused} == {
        "none.der": KeyRefusal.MALFORMED,
        "nameless.der": KeyRefusal.MISSING_MEMBER,
        "text.pem": KeyRefusal.MALFORMED,
        "broken.pem": KeyRefusal.MALFORMED,
        "curve.der": KeyRefusal.UNSUPPORTED_CURVE,
    }


def test_a_given_issuer_and_algorithm_hold_for_all(tmp_path: Path) -> None:
    (tmp_path / "rsa.der").write_bytes(certificate(rsa_key(), country=None))
    (tmp_path / "ec.der").write_bytes(certificate(country="FI"))
    found = issuers_from_certificates(
        certificate_files([tmp_path / "rsa.der", tmp_path / "ec.der"]),
        formats=HCERT,
        issuer=IssuerId("https://example.org"),
        algorithm=Algorithm.RS256,
    )
    (issuer,) = found.issuers
    assert (issuer.issuer, [key.algorithm for key in issuer.keys]) == ("https://example.org", ["RS256"])
    assert [one.reason for one in found.refused] == [KeyRefusal.UNSUPPORTED_ALGORITHM]


def test_sm2_settings_are_pinned_on_sm2_keys_only(tmp_path: Path) -> None:
    (tmp_path / "ec.der").write_bytes(certificate())
    settings = Sm2Settings(b"1234567812345678", z_mode=True, raw=True)
    found = issuers_from_certificates([tmp_path / "ec.der"], formats=HCERT, sm2=settings)
    assert [key.sm2 for key in found.issuers[0].keys] == [None]


def test_nothing_to_import_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no certificate files"):
        certificate_files([tmp_path])


def test_files_and_certificates_beyond_the_bounds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.der").write_bytes(bytes(importing.MAX_FILE_BYTES + 1))
    (tmp_path / "long.der").write_bytes(bytes(MAX_CERTIFICATE_BYTES + 1))
    found = issuers_from_certificates(certificate_files([tmp_path]), formats=HCERT)
    assert (found.issuers, [one.reason for one in found.refused]) == ((), [KeyRefusal.MALFORMED] * 2)
    monkeypatch.setattr(importing, "MAX_FILES", 1)
    with pytest.raises(ValueError, match="more than 1 files"):
        certificate_files([tmp_path])


def test_a_list_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "trust.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        save(document(), tmp_path / "trust.json")
    assert [one.name for one in tmp_path.iterdir()] == ["trust.json"]


def test_a_der_file_is_one_certificate() -> None:
    der = certificate()
    assert certificates_in(der) == [der]


def document(*issuers: ListedIssuer, into: TrustDocument | None = None) -> TrustDocument:
    return build(issuers, into=into, environment=Environment.TEST, issued=ISSUED)


def jwk_keys(*jwks: dict[str, object]) -> tuple[ListedKey, ...]:
    keys, refused = listed_from_jwks({"keys": list(jwks)}, issuer=IssuerId("A"), shc=False)
    assert refused == []
    return keys


def test_merging_adds_and_never_takes_away() -> None:
    first, second = jwk_keys(ed25519_jwk(kid="1")), jwk_keys(ec_jwk(kid="2"))
    old = ListedIssuer(
        IssuerId("A"),
        "Old name",
        frozenset({"native"}),
        first,
        "330000",
        {"绿": "GREEN"},
        (revocation_list(KeyId(b"1"), 5, ["a"]), revocation_list(KeyId(b"2"), 1, ["b"])),
    )
    new = ListedIssuer(
        IssuerId("A"),
        "New name",
        frozenset({"shc"}),
        first + second,
        revocations=(revocation_list(KeyId(b"1"), 4, []), revocation_list(KeyId(b"2"), 2, ["c"])),
    )
    merged = document(new, ListedIssuer(IssuerId("B"), "B", HCERT), into=document(old))
    assert merged.sequence == 2
    a, b = merged.issuers
    assert (a.name, a.division, sorted(a.formats)) == ("Old name", "330000", ["native", "shc"])
    assert a.states == {"绿": "GREEN"}
    assert a.keys == first + second
    assert [(one.counter, list(one.revoked)) for one in a.revocations] == [(5, ["a"]), (2, ["c"])]
    assert b.issuer == "B"


def test_a_test_list_is_never_added_to_a_production_list() -> None:
    held = build((), into=None, environment=Environment.PRODUCTION, issued=ISSUED)
    with pytest.raises(ValueError, match="production"):
        document(into=held)


def test_a_list_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "trust.json"
    good = document(ListedIssuer(IssuerId("A"), "A", HCERT, jwk_keys(ed25519_jwk(kid="1"))))
    saved = save(good, file)
    assert parse_trust_list(file.read_bytes()).issuers == saved.issuers
    assert read_document(file.read_bytes()) == good
    before = file.read_bytes()
    with pytest.raises(TrustListInvalid):
        save(document(ListedIssuer(IssuerId(""), "nobody", HCERT)), file)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["trust.json"]


def entry(iss: object = "https://a.example", name: object = "A", **more: object) -> dict[str, object]:
    return {"issuer": {"iss": iss, "name": name}, "keys": [], **more}


def test_a_vci_entry_that_cannot_be_read_costs_no_other() -> None:
    found = issuers_from_vci(
        {
            "issuerInfo": [
                entry(),
                entry(name="the same again"),
                "?",
                entry(iss=5),
                entry(iss="https://b.example", keys="?"),
                entry(iss="https://c.example", crls=[{"kid": "k"}, "?"]),
                entry(iss="https://d.example", crls="?", keys=[ec_jwk(kid="not the thumbprint")]),
            ]
        }
    )
    assert [issuer.issuer for issuer in found.issuers] == [
        "https://a.example",
        "https://c.example",
        "https://d.example",
    ]
    assert [fault.split(":")[0] for fault in found.faults] == [
        "issuerInfo[1]",
        "issuerInfo[2]",
        "issuerInfo[3]",
        "issuerInfo[4]",
        "issuerInfo[5].crls[0]",
        "issuerInfo[5].crls[1]",
        "issuerInfo[6].crls",
    ]
    assert [(one.issuer, one.position, one.reason) for one in found.refused] == [
        ("https://d.example", "issuerInfo[6].keys[0]", KeyRefusal.WRONG_KEY_ID)
    ]


@pytest.mark.parametrize("snapshot", [None, [], {}, {"issuerInfo": {}}])
def test_what_is_no_snapshot_is_refused(snapshot: object) -> None:
    with pytest.raises(KeyRefused):
        issuers_from_vci(snapshot)


def test_a_listed_jwk_holds_the_key_and_the_edition_of_its_revocations() -> None:
    (listed,) = jwk_keys(ec_jwk(kid="1", alg="ES256", use="sig", x5c=["?"], date="x", crlVersion=1))
    assert listed.jwk is not None
    assert set(listed.jwk) == {"kty", "crv", "x", "y", "crlVersion"}
    assert (listed.key_id, listed.algorithm) == (b"1", "ES256")


@pytest.mark.parametrize(
    ("crl", "member"),
    [
        (None, "crl"),
        ({}, "kid"),
        ({"kid": "", "method": "rid", "ctr": 1, "rids": []}, "kid"),
        ({"kid": "k", "method": "jti", "ctr": 1, "rids": []}, "method"),
        ({"kid": "k", "method": "rid", "ctr": -1, "rids": []}, "ctr"),
        ({"kid": "k", "method": "rid", "ctr": True, "rids": []}, "ctr"),
        ({"kid": "k", "method": "rid", "ctr": "1x", "rids": []}, "ctr"),
        ({"kid": "k", "method": "rid", "ctr": 2**53, "rids": []}, "ctr"),
        ({"kid": "k", "method": "rid", "ctr": 1, "rids": "a"}, "rids"),
        ({"kid": "k", "method": "rid", "ctr": 1, "rids": [1]}, "rids"),
        ({"kid": "k", "method": "rid", "ctr": 1, "rids": ["a", "b.c"]}, "rids[1]"),
        ({"kid": "k", "method": "rid", "ctr": 1, "rids": ["a" * 65]}, "rids[0]"),
    ],
)
def test_what_is_no_revocation_list_is_refused(crl: object, member: str) -> None:
    with pytest.raises(RevocationInvalid) as invalid:
        revocation_list_from_crl(crl)
    assert invalid.value.member == member


def test_a_counter_may_be_a_number_in_text() -> None:
    assert revocation_list_from_crl({"kid": "k", "method": "rid", "ctr": "17", "rids": []}).counter == 17
