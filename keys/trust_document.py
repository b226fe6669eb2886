"""The trust list as it is written: its parts, its bounds, and its writer. No key is made here.

- A document says what was listed; `trust_list.py` says what of it can be used.
- `write_document` is the inverse of `trust_reader.read_document`; the tools that build lists go through both, so that
  what they write can be read.

The format is described in docs/trust-list.md, its JSON Schema is trust_list.schema.json.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from .algorithms import Sm2Settings
from .revocation import METHOD, RevocationList
from .sm2_settings import written_settings
from .values import Environment, Instant, IssuerId, KeyId, KeyUse

FORMAT_VERSION: Final = 1
MAX_LIST_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 12
MAX_ISSUERS: Final = 10_000
MAX_KEYS: Final = 1024
"""Keys of one issuer."""

MAX_STATES: Final = 256
MAX_REVOCATION_LISTS: Final = 1024
MAX_NAME_CHARACTERS: Final = 512
MAX_KEY_ID_CHARACTERS: Final = 344
"""256 bytes as base64url."""

MAX_CERTIFICATE_CHARACTERS: Final = 21_848
"""16 KiB as base64."""

FORMATS: Final = ("native", "hcert", "shc", "vdsnc", "divoc")
STATES: Final = ("GREEN", "YELLOW", "RED", "UNDER_REVIEW", "UNCONFIRMED", "STALE_DECLARATION")
SIGNATURE_FORMS: Final = ("der", "raw")


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as it is listed; not yet known to be usable. Exactly one of `jwk` and `certificate` is set."""

    algorithm: str
    key_id: KeyId
    jwk: Mapping[str, object] | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    not_before: Instant | None = None
    not_after: Instant | None = None
    uses: frozenset[KeyUse] | None = None
    """None: the list says nothing. It never says "none"."""
    sm2: Sm2Settings | None = None


@dataclass(frozen=True, slots=True)
class ListedIssuer:
    """An issuer as it is listed."""

    issuer: IssuerId
    name: str
    formats: frozenset[str]
    keys: tuple[ListedKey, ...] = ()
    division: str | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    revocations: tuple[RevocationList, ...] = ()
    converts: bool = False


@dataclass(frozen=True, slots=True)
class TrustDocument:
    """A whole list as it is written."""

    sequence: int
    environment: Environment
    issued: Instant
    issuers: tuple[ListedIssuer, ...]
    expires: Instant | None = None


def write_document(document: TrustDocument) -> bytes:
    """Return the list as JSON that `read_document` reads back to an equal value, and ends with a line feed."""
    head: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "sequence": document.sequence,
        "environment": document.environment.value,
        "issued": rfc3339(document.issued),
    }
    if document.expires is not None:
        head["expires"] = rfc3339(document.expires)
    head["issuers"] = [_written_issuer(issuer) for issuer in document.issuers]
    return json.dumps(head, ensure_ascii=False, indent=1).encode() + b"\n"


def rfc3339(at: Instant) -> str:
    """Return an instant as RFC 3339 in UTC, with a fraction only if it has one."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _written_issuer(listed: ListedIssuer) -> dict[str, object]:
    written: dict[str, object] = {"issuer": listed.issuer, "name": listed.name}
    if listed.division is not None:
        written["division"] = listed.division
    written["formats"] = [name for name in FORMATS if name in listed.formats]
    written["keys"] = [_written_key(key) for key in listed.keys]
    if listed.states:
        written["states"] = dict(listed.states)
    if listed.converts:
        written["converts"] = True
    if listed.revocations:
        written["revocations"] = [_written_revocation(one) for one in listed.revocations]
    return written


def _written_key(key: ListedKey) -> dict[str, object]:
    written: dict[str, object] = {
        "algorithm": key.algorithm,
        "key_id": urlsafe_b64encode(key.key_id).rstrip(b"=").decode(),
    }
    if key.jwk is not None:
        written["jwk"] = dict(key.jwk)
    if key.certificate is not None:
        written["certificate"] = b64encode(key.certificate).decode()
    if key.not_before is not None:
        written["not_before"] = rfc3339(key.not_before)
    if key.not_after is not None:
        written["not_after"] = rfc3339(key.not_after)
    if key.uses is not None:
        written["uses"] = sorted(use.value for use in key.uses)
    if key.sm2 is not None:
        written["sm2"] = written_settings(key.sm2)
    return written


def _written_revocation(listed: RevocationList) -> dict[str, object]:
    return {
        "kid": listed.key_id.decode(),
        "method": METHOD,
        "ctr": listed.counter,
        "rids": [rid if before is None else f"{rid}.{int(before)}" for rid, before in listed.revoked.items()],
    }
