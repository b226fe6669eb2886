"""Whose authorities vouch for a certificate, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.callers import roots as module
from gateway.callers.roots import LOOK_AGAIN_S, DomainRoots, RootsUnusable
from gateway.values import Instant
from keys.dev_certificates import DevAuthority

AT = Instant(1_700_000_000.0)
DAY = 86_400.0
EAST = "spiffe://zj.example/hub/330100/rail/east"
ZJ, NOBODY = frozenset({"zj.example"}), frozenset[str]()


@dataclass
class Domains:
    """Two domains, and their authorities."""

    zj: DevAuthority = field(default_factory=lambda: DevAuthority("zj", AT))
    gz: DevAuthority = field(default_factory=lambda: DevAuthority("gz", AT))

    def roots(self) -> DomainRoots:
        found = {"zj.example": self.zj, "gz.example": self.gz}
        return DomainRoots({name: [x509.load_pem_x509_certificate(one.certificate)] for name, one in found.items()})


@pytest.fixture(scope="module")
def domains() -> Domains:
    return Domains()


def test_a_name_of_a_domain_needs_the_authority_of_that_domain(domains: Domains) -> None:
    roots = domains.roots()
    right, wrong = domains.zj.issue_caller("x", EAST, AT), domains.gz.issue_caller("x", EAST, AT)
    assert roots.vouching(EAST, right.certificate, AT) == ZJ
    assert roots.vouching(EAST, wrong.certificate, AT) == NOBODY
    foreign = "spiffe://other.example/gateway/330000/x"
    assert roots.vouching(foreign, domains.zj.issue_caller("x", foreign, AT).certificate, AT) == NOBODY


def test_a_name_without_a_domain_is_whoevers_authority_signed_it(domains: Domains) -> None:
    roots = domains.roots()
    assert roots.vouching("x", domains.zj.issue_caller("x", "", AT).certificate, AT) == ZJ
    assert roots.vouching("x", domains.gz.issue_caller("x", "", AT).certificate, AT) == {"gz.example"}
    assert roots.vouching("x", DevAuthority("else", AT).issue_caller("x", "", AT).certificate, AT) == NOBODY


def test_the_name_must_be_the_one_of_the_certificate_where_it_names_a_domain(domains: Domains) -> None:
    roots = domains.roots()
    certificate = domains.zj.issue_caller("x", EAST, AT).certificate
    assert roots.vouching("spiffe://zj.example/hub/330100/rail/west", certificate, AT) == NOBODY
    assert roots.vouching(EAST, domains.zj.issue_caller("x", "", AT).certificate, AT) == NOBODY
    assert roots.vouching("SPIFFE://zj.example/x", certificate, AT) == NOBODY


def test_it_counts_in_its_time_only_also_when_it_was_remembered(domains: Domains) -> None:
    roots = domains.roots()
    certificate = domains.zj.issue_caller("x", EAST, AT, days=1).certificate
    assert roots.vouching(EAST, certificate, Instant(AT - 2 * 3600)) == NOBODY
    assert roots.vouching(EAST, certificate, AT) == ZJ
    assert roots.vouching(EAST, certificate, Instant(AT + DAY - 1)) == ZJ
    assert roots.vouching(EAST, certificate, Instant(AT + DAY + 1)) == NOBODY


def test_one_that_is_not_valid_yet_is_looked_at_again(domains: Domains) -> None:
    roots, early = domains.roots(), Instant(AT - 3600 - LOOK_AGAIN_S / 2)
    certificate = domains.zj.issue_caller("x", EAST, AT).certificate
    assert roots.vouching(EAST, certificate, early) == NOBODY
    assert roots.vouching(EAST, certificate, Instant(early + LOOK_AGAIN_S - 1)) == NOBODY  # remembered
    assert roots.vouching(EAST, certificate, Instant(early + LOOK_AGAIN_S)) == ZJ


def test_an_authority_that_has_expired_vouches_for_nobody() -> None:
    short = DevAuthority("zj", AT, days=1)
    roots = DomainRoots({"zj.example": [x509.load_pem_x509_certificate(short.certificate)]})
    certificate = short.issue_caller("x", EAST, AT, days=30).certificate
    assert roots.vouching(EAST, certificate, AT) == ZJ
    assert roots.vouching(EAST, certificate, Instant(AT + 2 * DAY)) == NOBODY


def test_a_servers_certificate_an_authoritys_and_garbage_are_nobodys(domains: Domains) -> None:
    roots = domains.roots()
    for chain in (
        domains.zj.issue_server("x", ["x.example"], AT).certificate,
        domains.zj.certificate,
        b"",
        b"-----BEGIN CERTIFICATE-----\n####\n-----END CERTIFICATE-----\n",
    ):
        assert roots.vouching("x", chain, AT) == NOBODY
    assert roots.vouching_for_leaf("x", b"garbage", AT) == NOBODY


def test_what_stands_between_comes_with_the_caller_or_among_the_roots() -> None:
    root = trustme.CA()
    between = root.create_child_ca()
    issued = between.issue_cert("gate.example")
    chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
    leaf, middle = (x509.load_pem_x509_certificates(chain)[0], between.cert_pem.bytes())
    at = Instant(leaf.not_valid_before_utc.timestamp() + DAY)
    top = x509.load_pem_x509_certificate(root.cert_pem.bytes())
    der = leaf.public_bytes(Encoding.DER)
    roots = DomainRoots({"zj.example": [top]})
    assert roots.vouching("gate.example", chain, at) == ZJ
    assert roots.vouching_for_leaf("gate.example", der, at) == NOBODY
    both = DomainRoots({"zj.example": [top, x509.load_pem_x509_certificate(middle)]})
    assert both.vouching_for_leaf("gate.example", der, at) == ZJ


def test_a_certificate_is_looked_at_once(domains: Domains, monkeypatch: pytest.MonkeyPatch) -> None:
    roots, looks = domains.roots(), list[str]()
    look = roots._look

    def counted(self: DomainRoots, name: str, chain: bytes, at: Instant) -> object:
        looks.append(name)
        return look(name, chain, at)

    monkeypatch.setattr(DomainRoots, "_look", counted)
    certificate = domains.zj.issue_caller("x", EAST, AT).certificate
    for second in range(100):
        assert roots.vouching(EAST, certificate, Instant(AT + second)) == ZJ
    assert looks == [EAST]


def test_what_is_remembered_is_bounded(domains: Domains, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 4)
    roots = domains.roots()
    for number in range(20):
        roots.vouching("x", str(number).encode(), AT)
        assert len(roots._seen) <= 4


def test_files_are_read_and_refused_by_domain_and_file(tmp_path: Path, domains: Domains) -> None:
    file = tmp_path / "zj.pem"
    file.write_bytes(domains.zj.certificate + domains.gz.certificate)
    roots = DomainRoots.load({"zj.example": file})
    assert roots.domains == {"zj.example"}
    assert roots.vouching(EAST, domains.gz.issue_caller("x", EAST, AT).certificate, AT) == ZJ
    caller = domains.zj.issue_caller("x", EAST, AT)
    for content in (b"", b"no PEM", caller.certificate, caller.key, b"#" * (module.MAX_PEM_BYTES + 1), None):
        file.unlink()
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(RootsUnusable) as caught:
            DomainRoots.load({"zj.example": file})
        assert (caught.value.domain, caught.value.file) == ("zj.example", file)
        file.touch()
