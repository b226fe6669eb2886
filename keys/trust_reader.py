"""The structure of a trust list, read strictly. No key is made here.

- A structural fault refuses the whole list and names its JSON path: a list that is not what its writer meant is not
  half trusted.
- Unknown members are faults, except inside a `jwk`: a misspelt `not_after` must not become "no end".
- The same rules stand in trust_list.schema.json, as far as a schema can say them; a test holds the two together.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from .algorithms import Sm2Settings
from .revocation import MAX_COUNTER, MAX_REVOKED, METHOD, RevocationInvalid, RevocationList, revocation_list
from .strict import StrictError, base64url_decode, parse_json
from .trust_document import (
    FORMAT_VERSION,
    FORMATS,
    MAX_CERTIFICATE_CHARACTERS,
    MAX_DEPTH,
    MAX_ISSUERS,
    MAX_KEY_ID_CHARACTERS,
    MAX_KEYS,
    MAX_LIST_BYTES,
    MAX_NAME_CHARACTERS,
    MAX_REVOCATION_LISTS,
    MAX_STATES,
    SIGNATURE_FORMS,
    STATES,
    ListedIssuer,
    ListedKey,
    TrustDocument,
)
from .values import EARLIEST, LATEST, Environment, Instant, IssuerId, KeyId, KeyUse

_DIVISION: Final = re.compile(r"[0-9]{6}|[A-Z]{2}", re.ASCII)
_LONGEST_REVOKED: Final = 64 + 1 + 12
"""An id, a dot, a number of seconds."""

_RFC3339: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z", re.ASCII)


class TrustListInvalid(ValueError):
    """The list as a whole cannot be used. `path` is the JSON path of the fault; neither part quotes a value."""

    def __init__(self, path: str, description: str) -> None:
        super().__init__(f"{path}: {description}")
        self.path = path
        self.description = description


def read_document(data: bytes) -> TrustDocument:
    """Read a trust list's structure.

    1. Size, then strict JSON.
    2. The head: version, sequence, environment, times in order.
    3. Issuers, each named once.

    Does not check that any key can be used, nor that the list has not expired.

    Raises: TrustListInvalid at the first fault.
    """
    # 1
    if len(data) > MAX_LIST_BYTES:
        raise TrustListInvalid("$", f"more than {MAX_LIST_BYTES} bytes")
    try:
        root = _Node(parse_json(data, max_depth=MAX_DEPTH), "$")
    except StrictError as broken:
        raise TrustListInvalid("$", f"not strict JSON: {broken.fault.value}") from None
    # 2
    members = root.members(
        required=("format_version", "sequence", "environment", "issued", "issuers"), optional=("expires",)
    )
    if members["format_version"].integer(0, MAX_COUNTER) != FORMAT_VERSION:
        raise members["format_version"].fault(f"only version {FORMAT_VERSION} is read")
    sequence = members["sequence"].integer(0, MAX_COUNTER)
    environment = members["environment"].one_of(Environment)
    issued = members["issued"].instant()
    expires = members["expires"].instant() if "expires" in members else None
    if expires is not None and expires <= issued:
        raise members["expires"].fault("not after issued")
    # 3
    issuers: dict[IssuerId, ListedIssuer] = {}
    for node in members["issuers"].items(MAX_ISSUERS):
        listed = _read_issuer(node)
        if listed.issuer in issuers:
            raise node.fault("this issuer is listed twice")
        issuers[listed.issuer] = listed
    return TrustDocument(sequence, environment, issued, tuple(issuers.values()), expires)


def _read_issuer(node: _Node) -> ListedIssuer:
    members = node.members(
        required=("issuer", "name", "formats", "keys"), optional=("division", "states", "converts", "revocations")
    )
    formats = [item.choice(FORMATS) for item in members["formats"].items(len(FORMATS), at_least=1)]
    if len(set(formats)) != len(formats):
        raise members["formats"].fault("a format is listed twice")
    division = members["division"].text(6) if "division" in members else None
    if division is not None and not _DIVISION.fullmatch(division):
        raise members["division"].fault("neither six digits nor two capital letters")
    states = members["states"].entries(MAX_STATES, MAX_NAME_CHARACTERS) if "states" in members else {}
    revocations = members["revocations"].items(MAX_REVOCATION_LISTS) if "revocations" in members else []
    return ListedIssuer(
        issuer=IssuerId(members["issuer"].text(MAX_NAME_CHARACTERS)),
        name=members["name"].text(MAX_NAME_CHARACTERS),
        formats=frozenset(formats),
        keys=tuple(map(_read_key, members["keys"].items(MAX_KEYS))),
        division=division,
        states=MappingProxyType({said: meant.choice(STATES) for said, meant in states.items()}),
        revocations=tuple(map(_read_revocation, revocations)),
        converts="converts" in members and members["converts"].boolean(),
    )


def _read_key(node: _Node) -> ListedKey:
    members = node.members(
        required=("algorithm", "key_id"),
        optional=("jwk", "certificate", "not_before", "not_after", "uses", "sm2"),
    )
    if ("jwk" in members) == ("certificate" in members):
        raise node.fault("exactly one of jwk and certificate is needed")
    algorithm = members["algorithm"].text(32)
    if ("sm2" in members) != (algorithm == "SM2"):
        raise node.fault("sm2 is needed for SM2 keys and for no others")
    uses = members["uses"].items(len(KeyUse), at_least=1) if "uses" in members else None
    return ListedKey(
        algorithm=algorithm,
        key_id=members["key_id"].key_id(),
        jwk=MappingProxyType(members["jwk"].mapping()) if "jwk" in members else None,
        certificate=members["certificate"].base64() if "certificate" in members else None,
        not_before=members["not_before"].instant() if "not_before" in members else None,
        not_after=members["not_after"].instant() if "not_after" in members else None,
        uses=None if uses is None else frozenset(use.one_of(KeyUse) for use in uses),
        sm2=_read_sm2(members["sm2"]) if "sm2" in members else None,
    )


def _read_sm2(node: _Node) -> Sm2Settings:
    members = node.members(required=("id", "z", "signature"))
    return Sm2Settings(
        signer_id=members["id"].text(MAX_NAME_CHARACTERS, at_least=0).encode(),
        z_mode=members["z"].boolean(),
        raw=members["signature"].choice(SIGNATURE_FORMS) == "raw",
    )


def _read_revocation(node: _Node) -> RevocationList:
    members = node.members(required=("kid", "method", "ctr", "rids"))
    members["method"].choice((METHOD,))
    rids = [rid.text(_LONGEST_REVOKED) for rid in members["rids"].items(MAX_REVOKED)]
    try:
        return revocation_list(
            KeyId(members["kid"].text(MAX_NAME_CHARACTERS // 2).encode()),
            members["ctr"].integer(0, MAX_COUNTER),
            rids,
        )
    except RevocationInvalid as invalid:
        raise TrustListInvalid(f"{node.path}.{invalid.member}", invalid.description) from None


_Name = TypeVar("_Name", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class _Node:
    """A JSON value and where it stands; every reader either gives what was asked for or tells the path."""

    value: object = field(repr=False)
    path: str

    def fault(self, description: str) -> TrustListInvalid:
        return TrustListInvalid(self.path, description)

    def mapping(self) -> dict[str, object]:
        if not isinstance(self.value, dict):
            raise self.fault("not an object")
        return self.value

    def members(self, *, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, _Node]:
        found = self.mapping()
        for name in required:
            if name not in found:
                raise self.fault(f"{name} is missing")
        for name in found:
            if name not in required and name not in optional:
                raise self.fault(f"member {name[:40]!r} is not known")
        return {name: _Node(value, f"{self.path}.{name}") for name, value in found.items()}

    def entries(self, at_most: int, longest_name: int) -> dict[str, _Node]:
        found = self.mapping()
        if len(found) > at_most or any(not 1 <= len(name) <= longest_name for name in found):
            raise self.fault(f"more than {at_most} entries, or a name of unusual length")
        return {name: _Node(value, f"{self.path}[{json.dumps(name)}]") for name, value in found.items()}

    def items(self, at_most: int, *, at_least: int = 0) -> list[_Node]:
        if not isinstance(self.value, list) or not at_least <= len(self.value) <= at_most:
            raise self.fault(f"not a list of {at_least} to {at_most} items")
        return [_Node(value, f"{self.path}[{number}]") for number, value in enumerate(self.value)]

    def text(self, at_most: int, *, at_least: int = 1) -> str:
        if not isinstance(self.value, str) or not at_least <= len(self.value) <= at_most:
            raise self.fault(f"not a text of {at_least} to {at_most} characters")
        return self.value

    def choice(self, choices: tuple[str, ...]) -> str:
        if not isinstance(self.value, str) or self.value not in choices:
            raise self.fault(f"none of {', '.join(choices)}")
        return self.value

    def one_of(self, names: type[_Name]) -> _Name:
        return names(self.choice(tuple(name.value for name in names)))

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fault("neither true nor false")
        return self.value

    def integer(self, lowest: int, highest: int) -> int:
        if type(self.value) is not int or not lowest <= self.value <= highest:
            raise self.fault(f"not an integer from {lowest} to {highest}")
        return self.value

    def instant(self) -> Instant:
        text = self.text(32)
        if not _RFC3339.fullmatch(text):
            raise self.fault("not a time as 2026-01-31T12:00:00Z")
        try:
            found = datetime.fromisoformat(text).timestamp()
        except ValueError:
            raise self.fault("no such day or hour") from None
        if not EARLIEST <= found <= LATEST:
            raise self.fault("not within 2000 to 2100")
        return Instant(found)

    def key_id(self) -> KeyId:
        try:
            return KeyId(base64url_decode(self.text(MAX_KEY_ID_CHARACTERS).encode(errors="replace")))
        except StrictError:
            raise self.fault("not base64url without padding") from None

    def base64(self) -> bytes:
        text = self.text(MAX_CERTIFICATE_CHARACTERS)
        try:
            found = b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise self.fault("not base64") from None
        if b64encode(found).decode() != text:
            raise self.fault("not base64 in its one spelling")
        return found
