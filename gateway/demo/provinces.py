"""Sample issuers with keys of their own: provinces with native codes, and one issuer of each foreign format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.values import Algorithm, Instant, IssuerId, KeyId
from keys import sm2
from keys.revocation import RevocationList
from keys.signer import Signer
from keys.sm2_settings import OWN_SETTINGS
from keys.trust_document import ListedIssuer, ListedKey, TrustDocument, write_document
from keys.values import Environment
from keys.x509 import certificate_key_id

from .home import DemoHome

REVOKED_CARD: Final = "rev0ked"


@dataclass(frozen=True, slots=True)
class SampleIssuer:
    """An issuer as the demo plays it: what it signs with, and how the trust list names it."""

    listed: ListedIssuer
    algorithm: Algorithm
    key_id: KeyId
    sign: Callable[[bytes], bytes] = field(repr=False)
    certificate: bytes | None = field(default=None, repr=False)

    @property
    def issuer(self) -> IssuerId:
        """Its name."""
        return self.listed.issuer


@dataclass(frozen=True, slots=True)
class SampleIssuers:
    """All of them. `fujian` is None where the system's libcrypto has no SM2."""

    guizhou: SampleIssuer
    hainan: SampleIssuer
    jilin: SampleIssuer
    fujian: SampleIssuer | None
    certificates: SampleIssuer
    cards: SampleIssuer
    seals: SampleIssuer

    def all(self) -> tuple[SampleIssuer, ...]:
        """Return those that exist here."""
        every = (self.guizhou, self.hainan, self.jilin, self.fujian, self.certificates, self.cards, self.seals)
        return tuple(issuer for issuer in every if issuer is not None)


def make_issuers(home: DemoHome) -> SampleIssuers:
    """Return the sample issuers, with keys kept in `home`."""
    return SampleIssuers(
        guizhou=make_guizhou(home),
        hainan=_province(home, "460000", "hainan", "Sample Hainan", Algorithm.ES256),
        jilin=_province(home, "220000", "jilin", "Sample Jilin", Algorithm.ED25519, {"orange": "YELLOW"}),
        fujian=_province(home, "350000", "fujian", "Sample Fujian", Algorithm.SM2) if sm2.available() else None,
        certificates=_with_certificate(home, "XA", "hcert", "Sample certificate authority", {"vaccinated": "GREEN"}),
        cards=_card_issuer(home),
        seals=_with_certificate(home, "XBA", "vdsnc", "Sample seal authority", {"attested": "UNCONFIRMED"}),
    )


def make_guizhou(home: DemoHome) -> SampleIssuer:
    """Return the sample province that publishes live status too."""
    return _province(home, "520000", "guizhou", "Sample Guizhou", Algorithm.ED25519)


def trust_document(issuers: tuple[ListedIssuer, ...], at: Instant) -> bytes:
    """Return the demo's trust list: of the test environment, good for a day."""
    return write_document(
        TrustDocument(
            sequence=int(at),
            environment=Environment.TEST,
            issued=Instant(float(int(at))),
            issuers=issuers,
            expires=Instant(float(int(at)) + 86_400.0),
        )
    )


def _province(
    home: DemoHome,
    division: str,
    name: str,
    title: str,
    algorithm: Algorithm,
    states: dict[str, str] | None = None,
) -> SampleIssuer:
    signer = home.signer(name, algorithm)
    issuer = IssuerId(f"https://{name}.code.example")
    listed = ListedIssuer(
        issuer, title, frozenset({"native"}), (_listed(signer),), division, _native_states(states or {})
    )
    return SampleIssuer(listed, algorithm, signer.key_id, signer.sign)


def _native_states(extra: dict[str, str]) -> dict[str, str]:
    return {"green": "GREEN", "yellow": "YELLOW", "red": "RED", "under_review": "UNDER_REVIEW"} | extra


def _listed(signer: Signer) -> ListedKey:
    settings = OWN_SETTINGS if signer.algorithm is Algorithm.SM2 else None
    return ListedKey(signer.algorithm.value, signer.key_id, jwk=signer.public_jwk, sm2=settings)


def _card_issuer(home: DemoHome) -> SampleIssuer:
    signer = home.signer("cards", Algorithm.ES256)
    listed = ListedIssuer(
        IssuerId("https://cards.example/issuer"),
        "Sample card issuer",
        frozenset({"shc"}),
        (_listed(signer),),
        "XC",
        revocations=(RevocationList(signer.key_id, 1, {REVOKED_CARD: None}),),
    )
    return SampleIssuer(listed, Algorithm.ES256, signer.key_id, signer.sign)


def _with_certificate(home: DemoHome, country: str, found: str, title: str, states: dict[str, str]) -> SampleIssuer:
    signer = home.signer(found, Algorithm.ES256)
    certificate = _self_signed(home, found, country[:2], title)
    key_id = certificate_key_id(certificate)
    listed = ListedIssuer(
        IssuerId(country),
        title,
        frozenset({found}),
        (ListedKey(Algorithm.ES256.value, key_id, certificate=certificate),),
        country[:2],
        states,
    )
    return SampleIssuer(listed, Algorithm.ES256, key_id, signer.sign, certificate)


def _self_signed(home: DemoHome, name: str, country: str, title: str) -> bytes:
    """Return the certificate of a sample authority; made anew each time, over the same key."""
    key = serialization.load_pem_private_key(home.key_file(name).read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"the demo's key of {name} is not P-256")
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, country), x509.NameAttribute(NameOID.COMMON_NAME, title)]
    )
    today = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)
