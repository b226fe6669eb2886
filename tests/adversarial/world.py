"""Who is trusted in these tests, and one accepted code of every kind, all signed for real.

Two provinces, a state that issues HCERT, an issuer of SMART Health Cards, a state that issues VDS-NC. The rules let
every GREEN through, and the trust list translates each format's good word to GREEN, so that an unmutated code is a PASS
and nothing but its own fault can make a mutated one anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from gateway.pipeline import Pipeline
from gateway.policy.book import PolicyBook
from gateway.policy.rules import parse_rules
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import CodeState, Decision, DivisionCode, Format, IssuerProfile, Revocations
from keys.ring import KeyRing
from keys.values import Algorithm, Instant, IssuerId, KeyId, TrustedKey
from tests.simulators import hcert_issuer, shc_issuer
from tests.simulators.native_issuer import NativeIssuer
from tests.simulators.signing import SM2_SETTINGS, SigningKey, make_key
from tests.simulators.vdsnc_issuer import VdsncIssuer, make_vdsnc_issuer

AT = Instant(1_750_000_000.0)
RECEIVER = DivisionCode("330000")
GUIZHOU = NativeIssuer(IssuerId("https://code.gz.example"), "520100")
HAINAN = NativeIssuer(IssuerId("https://code.hn.example"), "460100")
COUNTRY = IssuerId("XA")
STATE = "UTO"
SHARED_KEY_ID = "shared"

RULES = """
division = "330000"
version = "adversarial"

[[rule]]
from = ["*"]
states = ["GREEN"]
measure = "PASS"
source = "lets everyone through, so that nothing is refused for another reason than its own"
"""


@dataclass(frozen=True, slots=True)
class World:
    """Everyone's keys, and everyone's good code."""

    guizhou: dict[str, SigningKey] = field(repr=False)
    """By algorithm, one whose SM2 signatures are DER, and one whose key id Hainan uses too."""
    hainan: SigningKey
    country: SigningKey
    hcert: hcert_issuer.HcertIssuer
    shc: shc_issuer.ShcIssuer
    vdsnc: VdsncIssuer
    codes: dict[str, bytes] = field(repr=False)
    """By kind: each of them passes."""

    def trusted(self) -> tuple[TrustedKey, ...]:
        """Return every key on the trust list."""
        card = _key_of(self.shc)
        return (
            *(key.trusted(GUIZHOU.issuer) for key in self.guizhou.values()),
            self.hainan.trusted(HAINAN.issuer),
            self.country.trusted(COUNTRY),
            card.trusted(IssuerId(self.shc.url)),
            self.vdsnc.key.trusted(IssuerId(STATE)),
        )

    def snapshot(self, keys: tuple[TrustedKey, ...] | None = None, revoked: Revocations | None = None) -> TrustSnapshot:
        """Return the trust list, or the same issuers with other keys."""
        profiles = (
            _profile(GUIZHOU.issuer, Format.NATIVE, {}, "520000"),
            _profile(HAINAN.issuer, Format.NATIVE, {}, "460000"),
            _profile(COUNTRY, Format.HCERT, {"vaccinated": CodeState.GREEN}),
            _profile(IssuerId(self.shc.url), Format.SHC, {"immunization": CodeState.GREEN}),
            _profile(IssuerId(STATE), Format.VDSNC, {"attested": CodeState.GREEN}),
        )
        ring = KeyRing(self.trusted() if keys is None else keys)
        return TrustSnapshot(ring, {profile.issuer: profile for profile in profiles}, revoked or {})

    def judge(self, code: bytes, *, at: Instant = AT, trust: TrustSnapshot | None = None) -> Decision:
        """Send a code the whole way."""
        pipeline = Pipeline(trust or standing_trust(), standing_policies())
        return pipeline.verify_offline(code, at=at, division=RECEIVER)


def _profile(
    issuer: IssuerId, found: Format, states: dict[str, CodeState], division: str | None = None
) -> IssuerProfile:
    return IssuerProfile(issuer, None if division is None else DivisionCode(division), frozenset({found}), states)


def _key_of(issuer: shc_issuer.ShcIssuer) -> SigningKey:
    def sign(_message: bytes) -> bytes:
        raise NotImplementedError

    return SigningKey(Algorithm.ES256, KeyId(issuer.key_id.encode()), sign, issuer.key.public_key(), issuer.key)


@cache
def world() -> World:
    """Return the one world of this process: keys are made once."""
    guizhou = {algorithm.value: make_key(algorithm, f"gz-{algorithm.value}") for algorithm in Algorithm}
    guizhou["SM2 in DER"] = make_key(Algorithm.SM2, "gz-SM2-DER", sm2=replace(SM2_SETTINGS, raw=False))
    guizhou["shared"] = make_key(Algorithm.ED25519, SHARED_KEY_ID)
    country = make_key(Algorithm.ES256, "xa-key-8")
    hcert = hcert_issuer.HcertIssuer(country.sign, country.key_id, Algorithm.ES256, COUNTRY)
    shc = shc_issuer.ShcIssuer()
    vdsnc = make_vdsnc_issuer(STATE)
    codes = {f"jws {name}": GUIZHOU.issue(key, AT) for name, key in guizhou.items()}
    codes |= {f"qr {name}": GUIZHOU.issue_qr(guizhou[name], AT) for name in ("Ed25519", "ES256", "SM2")}
    codes["hcert"] = hcert.issue(hcert_issuer.vaccination(), issued=AT - 1000, expires=AT + 1000)
    codes["shc"] = shc.issue()
    codes["shc qr"] = shc_issuer.to_qr(codes["shc"])
    codes["shc chunks"] = b"\n".join(shc_issuer.to_chunks(codes["shc"], 2))
    codes["vdsnc"] = vdsnc.issue()
    return World(guizhou, make_key(Algorithm.ED25519, SHARED_KEY_ID), country, hcert, shc, vdsnc, codes)


@cache
def standing_trust() -> TrustSnapshot:
    """Return the trust list of this process."""
    return world().snapshot()


@cache
def standing_policies() -> PolicyBook:
    """Return the rules of this process."""
    return PolicyBook([parse_rules(RULES)])
