"""Codes that nobody here wrote: the EU's, WHO's and SMART's own test codes, judged at their own instants.

They stay outside the project. Where they are: HCGW_VECTORS, else ../shared/vectors beside the working folder.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.errors import Reason
from gateway.formats import hcert
from gateway.instants import parse_instant
from gateway.values import IssuerId, KeyId, Measure
from keys.jwk import keys_from_jwks
from keys.revocation import revocation_list_from_crl
from keys.trust_document import ListedIssuer, ListedKey
from keys.x509 import certificate_key_id, key_from_certificate

from .samples import Sample

WHERE_TO_GET_THEM: Final = (
    "public vectors not found (set HCGW_VECTORS; sources and commits: tests/conformance/README.md): "
    "real EU, WHO and SMART codes are left out"
)

_DCC: Final = {
    "AT/2DCode/raw/1.json": ("Austria, vaccination (ES256)", Measure.LIMITED, Reason.STATE_UNCONFIRMED),
    "CH/2DCode/raw/1.json": ("Switzerland, vaccination (PS256)", Measure.LIMITED, Reason.STATE_UNCONFIRMED),
    "DE/2DCode/raw/1.json": ("Germany, key id unprotected", Measure.LIMITED, Reason.STATE_UNCONFIRMED),
    "common/2DCode/raw/CO5.json": ("EU common CO5, forged", Measure.DENY, Reason.BAD_SIGNATURE),
    "common/2DCode/raw/CO6.json": ("EU common CO6, key for tests only", Measure.DENY, Reason.KEY_USE_REFUSED),
    "common/2DCode/raw/CO17.json": ("EU common CO17, expired", Measure.DENY, Reason.EXPIRED),
}
_GDHCN: Final = {
    "WHOQR1Contents.txt": "WHO DDCC",
    "DVCTest2QR.txt": "WHO ICVP",
    "ICAOAUQR1Contents.txt": "Australia, VDS-NC",
}
_CARD_ISSUER: Final = IssuerId("https://spec.smarthealth.cards/examples/issuer")
_CARD_CLOCK: Final = "2023-07-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class PublicCodes:
    """Public samples, and the issuers that must be trusted for them."""

    samples: tuple[Sample, ...]
    issuers: tuple[ListedIssuer, ...]


def vectors_folder() -> Path | None:
    """Return the folder of public vectors, or None if there is none."""
    named = os.environ.get("HCGW_VECTORS")
    folder = Path(named) if named else Path("..") / "shared" / "vectors"
    return folder if (folder / "README.md").is_file() else None


def public_codes(folder: Path) -> PublicCodes:
    """Return the samples of `folder`. Raises: OSError or ValueError if the folder is not laid out as expected."""
    certified, countries = _certificates(folder / "dcc" / "dcc-testdata.jsonl")
    cards, card_issuer = _cards(folder / "shc")
    foreign = [
        Sample(title, (folder / "gdhcn" / name).read_bytes().strip(), Measure.MANUAL, Reason.UNKNOWN_ISSUER)
        for name, title in _GDHCN.items()
    ]
    return PublicCodes((*certified, *foreign, *cards), (*countries, card_issuer))


def _certificates(file: Path) -> tuple[list[Sample], list[ListedIssuer]]:
    samples: list[Sample] = []
    keys: dict[IssuerId, dict[KeyId, ListedKey]] = {}
    for vector in _chosen(file):
        title, measure, reason = _DCC[vector["file"]]
        context = vector["TESTCTX"]
        code = vector["PREFIX"].encode()
        samples.append(Sample(title, code, measure, reason, parse_instant(context["VALIDATIONCLOCK"])))
        certificate = base64.b64decode(context["CERTIFICATE"])
        issuer, key_id = hcert.read(code).issuer, certificate_key_id(certificate)
        algorithm = key_from_certificate(certificate, issuer=issuer).algorithm
        keys.setdefault(issuer, {})[key_id] = ListedKey(algorithm.value, key_id, certificate=certificate)
    issuers = [
        ListedIssuer(issuer, f"Test authority of {issuer}", frozenset({"hcert"}), tuple(found.values()), issuer[:2])
        for issuer, found in keys.items()
    ]
    return samples, issuers


def _chosen(file: Path) -> list[dict[str, Any]]:
    return sorted(
        (vector for vector in map(json.loads, _lines(file)) if vector["file"] in _DCC),
        key=lambda vector: list(_DCC).index(vector["file"]),
    )


def _lines(file: Path) -> Iterable[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _cards(folder: Path) -> tuple[list[Sample], ListedIssuer]:
    jwks = json.loads((folder / "issuer" / "jwks.json").read_text())
    taken, _ = keys_from_jwks(jwks, issuer=_CARD_ISSUER)
    by_id = {key["kid"].encode(): key for key in jwks["keys"]}
    crls = (json.loads(file.read_text()) for file in sorted((folder / "issuer" / "crl").iterdir()))
    issuer = ListedIssuer(
        _CARD_ISSUER,
        "SMART Health Cards, example issuer",
        frozenset({"shc"}),
        tuple(ListedKey(key.algorithm.value, key.key_id, jwk=by_id[key.key_id]) for key in taken),
        "US",
        revocations=tuple(map(revocation_list_from_crl, crls)),
    )
    at = parse_instant(_CARD_CLOCK)
    card = (folder / "example-00-f-qr-code-numeric-value-0.txt").read_bytes().strip()
    parts = b"\n".join(file.read_bytes().strip() for file in sorted(folder.glob("example-02-f-qr-code-*.txt")))
    return [
        Sample("SMART Health Card, immunization", card, Measure.LIMITED, Reason.STATE_UNCONFIRMED, at),
        Sample("SMART Health Card in three parts", parts, Measure.MANUAL, Reason.UNKNOWN_STATE, at),
    ], issuer
