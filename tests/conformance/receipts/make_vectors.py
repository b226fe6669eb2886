"""Makes vectors.json: receipts that this project signs itself, with keys that everybody can derive.

Run `python -m tests.conformance.receipts.make_vectors` to print it. The private keys are SHA-256 of a public sentence:
they protect nothing. Signatures are deterministic (RFC 8032, RFC 6979; SM2 by hand), and so is what is random in a real
receipt, so that the file is the same on every run. What is added goes behind what is there: known answers stay.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from unittest.mock import patch

from gateway.clinical import ClinicalItem, EntryState, LaboratoryTest
from gateway.disclosure import ClinicDisclosure, GateDisclosure, ProvinceDisclosure, StaffDisclosure
from gateway.errors import Reason
from gateway.receipts.checking import ReceiptFault
from gateway.receipts.receipt import RECEIPT_TYPE, Answer, Draft, ReceiptIssuer, joined
from gateway.values import (
    Algorithm,
    Assurance,
    Caller,
    CallerId,
    CallerKind,
    CodeState,
    DivisionCode,
    Format,
    Handle,
    Instant,
    IssuerId,
    KeyId,
    Measure,
    PairwiseHandle,
    Purpose,
)
from keys.jwk import thumbprint
from keys.sm2_curve import N
from keys.sm2_der import signature_from_raw
from keys.sm2_settings import OWN_SETTINGS, own_jwk
from tests.conformance.native.make_vectors import SENTENCE, TestKey, ed25519_key, es256_key
from tests.conformance.receipts import sm2_by_hand

AT = Instant(1_600_000_000.0)
"""When everything in the vectors was said."""

ENDS = 4_102_444_800
"""2100-01-01: so that a verifier that knows no other time than now can be tested."""

GATEWAY = "https://gateway.zhejiang.example"
CALLER = Caller(CallerId("spiffe://zhejiang.example/hub/330100/rail/east"), CallerKind.TLS_PEER)
TRUST = ("12:" + hashlib.sha256(b"a trust list").hexdigest(),)
CODES = (b"HCI1:TEST", "粤康码".encode(), b"", b"HC1:ANOTHER", b"x" * 300)

SM2_PRIVATE = int.from_bytes(hashlib.sha256(f"{SENTENCE}SM2".encode()).digest(), "big") % (N - 2) + 1

Members = dict[str, object]


@dataclass(frozen=True)
class PublicSigner:
    """Signs with a key that everybody can derive."""

    algorithm: Algorithm
    key_id: KeyId
    public_jwk: Mapping[str, object]
    sign: Callable[[bytes], bytes]


def signer_of(key: TestKey, algorithm: str) -> PublicSigner:
    members = {name: value for name, value in key.jwk.items() if name not in ("kid", "alg", "use")}
    kid = thumbprint(members)
    jwk = {**members, "kid": kid, "use": "sig", "alg": algorithm}
    return PublicSigner(key.algorithm, KeyId(kid.encode()), jwk, key.sign)


def sm2_signer() -> PublicSigner:
    """Return the signer of the SM2 test key."""
    members = own_jwk(b"\x04" + b"".join(map(sm2_by_hand.octets, sm2_by_hand.times(SM2_PRIVATE))))
    kid = thumbprint(members)
    jwk = {**members, "kid": kid, "use": "sig", "alg": "SM2"}
    return PublicSigner(Algorithm.SM2, KeyId(kid.encode()), jwk, sm2_signing(OWN_SETTINGS.signer_id))


def sm2_signing(signer_id: bytes) -> Callable[[bytes], bytes]:
    """Return how the SM2 test key signs under an ID."""
    return partial(sm2_by_hand.sign, SM2_PRIVATE, signer_id=signer_id)


ED25519 = signer_of(ed25519_key(), "EdDSA")
ES256 = signer_of(es256_key(), "ES256")
SM2 = sm2_signer()

STAFF = StaffDisclosure(
    Measure.PASS,
    (Reason.STATE_GREEN, Reason.NOT_PUBLISHED),
    AT,
    CodeState.GREEN,
    IssuerId("https://code.guizhou.example"),
    DivisionCode("520000"),
    Format.NATIVE,
    Assurance.SCANNED_SIGNED,
    Instant(AT - 90.5),
    90.5,
    Instant(AT + 3600),
    None,
    None,
    None,
)
PROVINCE = ProvinceDisclosure(
    STAFF.measure,
    STAFF.reasons,
    AT,
    STAFF,
    "330000-1",
    PairwiseHandle(Handle("A-handle-is-not-in-it."), Instant(AT + 86_400)),
)
CLINIC = ClinicDisclosure(
    STAFF.measure,
    STAFF.reasons,
    AT,
    ClinicalItem.LATEST_TEST,
    EntryState.SHOWN,
    LaboratoryTest("2020-09-12"),
)
GATE = GateDisclosure(Measure.DENY, (Reason.STATE_RED,), AT)


@contextmanager
def not_random() -> Iterator[None]:
    """Let what is random in a receipt be SHA-256 of 0, 1, 2 and so on."""
    numbers = count()

    def drawn(size: int) -> bytes:
        return hashlib.sha256(b"%d" % next(numbers)).digest()[:size]

    with patch("gateway.receipts.receipt.secrets.token_bytes", drawn):
        yield


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _opened(segment: str) -> Members:
    found: Members = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return found


def again(token: str, signer: PublicSigner, header: Members, claims: Members) -> str:
    """Return `token` with members of its header and claims changed, None to leave one out, rightly signed."""
    parts = []
    for segment, change in zip(token.split("."), (header, claims), strict=False):
        members = {name: value for name, value in (_opened(segment) | change).items() if value is not None}
        parts.append(_base64url(json.dumps(members, separators=(",", ":")).encode()))
    signed = ".".join(parts)
    return f"{signed}.{_base64url(signer.sign(signed.encode()))}"


def _told(name: str, text: str, salt: bytes, code: bytes | None) -> Members:
    parts = text.split("~")
    claims = _opened(parts[1] if len(parts) > 1 else text.split(".")[1])
    members: Members = {"name": name, "receipt": text}
    if code is not None:
        members |= {"code_base64url": _base64url(code), "salt": _base64url(salt)}
    return members | {"claims": claims}


def _alone(kind: str, signer: PublicSigner) -> Iterator[Members]:
    issuer = ReceiptIssuer(GATEWAY, signer, ENDS - int(AT), TRUST)
    for profile, said in (("STAFF", STAFF), ("GATE", GATE), ("PROVINCE", PROVINCE), ("CLINIC", CLINIC)):
        given = issuer.issue(Answer(said, CALLER, Purpose.TRANSPORT_ARRIVAL, "r-1", CODES[0]))
        yield _told(f"alone, {kind}, {profile}", given.text, given.salt, CODES[0])


def _together(issuer: ReceiptIssuer, size: int, suffix: str = "") -> Iterator[Members]:
    drafts = _drafts(issuer, size)
    signed = issuer.sign_together([one.payload for one in drafts], caller=CALLER, at=AT)
    for index, (draft, path) in enumerate(zip(drafts, signed.paths, strict=True)):
        text = joined(signed.root, draft.payload, index, path)
        yield _told(f"number {index} of {size}{suffix}", text, draft.salt, CODES[index])


def accepted() -> list[Members]:
    """Return the receipts that are valid, each with what is told of it."""
    found = [*_alone("Ed25519", ED25519), *_alone("ES256", ES256)]
    issuer = ReceiptIssuer(GATEWAY, ED25519, ENDS - int(AT))
    shown = issuer.issue(Answer(GATE, CALLER, Purpose.VENUE_ENTRY))
    found.append(_told("of a code that was only seen", shown.text, b"", None))
    for size in (1, 2, 5):
        found += _together(issuer, size)
    return found


def accepted_sm2() -> list[Members]:
    """Return the same of SM2."""
    return [*_alone("SM2", SM2), *_together(ReceiptIssuer(GATEWAY, SM2, ENDS - int(AT)), 3, ", SM2")]


def refused_sm2() -> list[Members]:
    """Return what is no receipt by SM2."""
    issuer = ReceiptIssuer(GATEWAY, SM2, ENDS - int(AT), TRUST)
    text = issuer.issue(Answer(STAFF, CALLER, Purpose.TRANSPORT_ARRIVAL, "", CODES[0])).text
    covered, _, signature = text.rpartition(".")
    raw = urlsafe_b64decode(signature + "==")
    der = signature_from_raw(raw)
    assert der is not None
    other_id = again(text, replace(SM2, sign=sm2_signing(b"")), {}, {})
    rows = [
        ("SM2, claims changed", again(text, ED25519, {}, {"measure": "DENY"}).rpartition(".")[0] + "." + signature),
        ("SM2, in DER", f"{covered}.{_base64url(der)}"),
        ("SM2, halves exchanged", f"{covered}.{_base64url(raw[32:] + raw[:32])}"),
        ("SM2, s is zero", f"{covered}.{_base64url(raw[:32] + bytes(32))}"),
        ("SM2, another ID", other_id),
        ("SM2, named ES256", again(text, SM2, {"alg": "ES256"}, {})),
        ("Ed25519, named SM2", again(text, ED25519, {"kid": ED25519.key_id.decode()}, {})),
    ]
    return [{"name": name, "receipt": text, "fault": ReceiptFault.BAD_SIGNATURE.value} for name, text in rows]


def _drafts(issuer: ReceiptIssuer, size: int) -> list[Draft]:
    return [
        issuer.draft(Answer(STAFF, CALLER, Purpose.VENUE_ENTRY, f"b-{number}", CODES[number])) for number in range(size)
    ]


def refused() -> list[Members]:
    """Return what is no valid receipt, each with the fault that a reader finds."""
    issuer = ReceiptIssuer(GATEWAY, ED25519, ENDS - int(AT), TRUST)
    given = issuer.issue(Answer(STAFF, CALLER, Purpose.TRANSPORT_ARRIVAL, "", CODES[0]))
    drafts = _drafts(issuer, 5)
    signed = issuer.sign_together([one.payload for one in drafts], caller=CALLER, at=AT)
    third = joined(signed.root, drafts[2].payload, 2, signed.paths[2])
    root, payload, _, path = third.split("~")
    head, body, signature = given.text.split(".")
    changed = _base64url(urlsafe_b64decode(body + "==").replace(b"PASS", b"DENY"))
    other = joined(root, drafts[3].payload, 2, signed.paths[2])
    short, long = signed.paths[2][:-32], signed.paths[2] + bytes(32)

    def under(header: Members, claims: Members) -> str:
        return "~".join((again(root, ED25519, header, claims), payload, "2", path))

    malformed, signature_, proof = ReceiptFault.MALFORMED, ReceiptFault.BAD_SIGNATURE, ReceiptFault.BAD_PROOF
    rows: list[tuple[str, str, ReceiptFault]] = [
        ("claims changed", f"{head}.{changed}.{signature}", signature_),
        ("signature of another", f"{head}.{body}.{root.split('.')[2]}", signature_),
        ("no signature", f"{head}.{body}.", signature_),
        ("alg none", again(given.text, ED25519, {"alg": "none"}, {}), signature_),
        ("another alg than the key's", again(given.text, ED25519, {"alg": "ES256"}, {}), signature_),
        ("typ of another token", again(given.text, ED25519, {"typ": "JWT"}, {}), malformed),
        ("no typ", again(given.text, ED25519, {"typ": None}, {}), malformed),
        ("a critical header", again(given.text, ED25519, {"crit": ["b64"], "b64": False}, {}), malformed),
        ("a key that is not in the set", again(given.text, ED25519, {"kid": "another"}, {}), ReceiptFault.UNKNOWN_KEY),
        ("no end", again(given.text, ED25519, {}, {"exp": None}), malformed),
        ("ended", again(given.text, ED25519, {}, {"exp": int(AT)}), ReceiptFault.EXPIRED),
        ("issued later", again(given.text, ED25519, {}, {"iat": ENDS - 1}), ReceiptFault.NOT_YET_VALID),
        ("for another caller", again(given.text, ED25519, {}, {"aud": "another"}), ReceiptFault.WRONG_CALLER),
        ("of another gateway", again(given.text, ED25519, {}, {"iss": "another"}), ReceiptFault.WRONG_ISSUER),
        ("padding", given.text + "=", malformed),
        ("a root alone", root, malformed),
        ("a receipt for a root", "~".join((given.text, payload, "2", path)), malformed),
        (
            "a root that is a receipt by its typ",
            under({"typ": RECEIPT_TYPE}, {}),
            malformed,
        ),
        ("the claims of another leaf", other, proof),
        ("the place of another leaf", "~".join((root, payload, "3", path)), proof),
        ("a place outside", "~".join((root, payload, "5", path)), proof),
        ("a place in another spelling", "~".join((root, payload, "02", path)), malformed),
        ("a path too short", joined(root, drafts[2].payload, 2, short), proof),
        ("a path too long", joined(root, drafts[2].payload, 2, long), proof),
        ("no path", "~".join((root, payload, "2", "")), proof),
        ("another tree", under({}, {"tree": "sha1"}), malformed),
        ("another size", under({}, {"size": 3}), proof),
        ("a root for another caller", under({}, {"aud": "another"}), proof),
        (
            "a root that has ended",
            under({}, {"exp": int(AT)}),
            ReceiptFault.EXPIRED,
        ),
    ]
    return [{"name": name, "receipt": text, "fault": fault.value} for name, text, fault in rows]


def vectors() -> Members:
    """Return the whole file."""
    with not_random():
        # In this order: each draws on from where the one before stopped.
        first, second = accepted(), refused()
        return {
            "at": int(AT),
            "issuer": GATEWAY,
            "caller": CALLER.caller_id,
            "jwks": {"keys": [dict(one.public_jwk) for one in (ED25519, ES256, SM2)]},
            "accepted": [*first, *accepted_sm2()],
            "refused": [*second, *refused_sm2()],
        }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1, ensure_ascii=False))
