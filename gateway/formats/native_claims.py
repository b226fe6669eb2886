"""The claims of the native interop code: one set, two spellings (docs/native-code.md).

Rules:

- issuer, division, state, issue time, expiry time and code id are always there; nothing is ever null
- times are whole seconds within 2000 to 2100; the code expires after it is issued and after it becomes valid
- each text has one form, below; none can hold a name, white space, or anything that is not ASCII
- the live status is pointed at by an https address and a number; a status of another kind is refused, not skipped
- the holder is bound by the thumbprint of a key, or by a commitment, or not at all
- a code may be for one division only; one that names the code that it was made from must be

A claim that is not listed here is ignored. How long a code lives is not judged here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.errors import CodeUnreadable, Reason
from gateway.values import (
    Algorithm,
    ClaimedCode,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    KeyId,
    Origin,
    StatusPointer,
)
from keys.values import EARLIEST, LATEST

JWS_TYPE: Final = "hcg+jwt"
CWT_TYPE: Final = "hcg+cwt"
QR_PREFIX: Final = b"HCI1:"

MAX_JWS_BYTES: Final = 4_096
MAX_QR_BYTES: Final = 511
"""Under 512, so that the symbol stays small enough for a cheap scanner and a cracked screen."""

KEY_THUMBPRINT: Final = "jkt:"
COMMITMENT: Final = "hcm:"
"""How `ClaimedCode.holder_binding` begins: which of the two it is."""

_MAX_STATUS_INDEX: Final = (1 << 32) - 1
_MAX_ADDRESS_CHARACTERS: Final = 256

_Form = Callable[[str], "re.Match[str] | None"]

_ISSUER, _DIVISION, _STATE, _ID = r"[!-~]{1,128}", r"[1-9][0-9]{5}", r"[a-z][a-z0-9_]{0,31}", r"[A-Za-z0-9_-]{1,64}"
_issuer_form = re.compile(_ISSUER).fullmatch
_division_form = re.compile(_DIVISION).fullmatch
_state_form = re.compile(_STATE).fullmatch
_id_form = re.compile(_ID).fullmatch
_all_forms = re.compile(f"{_ISSUER} {_DIVISION} {_STATE} {_ID}").fullmatch
"""The four that are always there, side by side: none of them can hold the blank between them."""
_origin_division_form = re.compile(f"{_DIVISION}|[A-Z]{{2}}").fullmatch
"""A code of a foreign issuer may be converted too."""
_digest_form = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]").fullmatch
_address_form = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~:/?@!$&'()*+,;=%-]*)?").fullmatch
_key_id_form = re.compile(rb"[!-~]{1,64}").fullmatch


class NativeClaims(NamedTuple):
    """What a native code says. Made by `check_claims` when read, by the issuer when encoded.

    A tuple and no dataclass: one is built for every code that is read, and a frozen dataclass of this size costs four
    times as much.
    """

    issuer: str
    division: str
    state: str
    issue_time: int
    expire_time: int
    code_id: str
    not_before: int | None = None
    subject: str | None = None
    status_uri: str | None = None
    status_index: int | None = None
    holder_key: str | None = None
    """SHA-256 thumbprint of the holder's JWK (RFC 7638), base64url."""
    holder_commitment: str | None = None
    """32 bytes that only the holder can open, base64url."""
    audience: str | None = None
    """The one division that the code is for."""
    origin_issuer: str | None = None
    """Of a converted code: who issued the code that it was made from."""
    origin_division: str | None = None

    def __repr__(self) -> str:
        """Show what concerns nobody in person."""
        return f"NativeClaims(issuer={self.issuer!r}, division={self.division!r})"


def check_claims(
    issuer: object,
    division: object,
    state: object,
    issue_time: object,
    expire_time: object,
    code_id: object,
    not_before: object = None,
    subject: object = None,
    status_uri: object = None,
    status_index: object = None,
    holder_key: object = None,
    holder_commitment: object = None,
    audience: object = None,
    origin_issuer: object = None,
    origin_division: object = None,
) -> NativeClaims:
    """Return the claims if they keep the rules above. Arguments as in `NativeClaims`; None is an absent claim.

    1. the texts that are always there
    2. the times, and their order
    3. the optional texts
    4. the status pointer, whole or absent
    5. at most one binding
    6. the origin, whole or absent, and not without an audience

    Raises: CodeUnreadable with MISSING_CLAIM, BAD_CLAIM or TIME_OUT_OF_RANGE.
    """
    # 1: in one look, since they are nearly always as they must be; one by one to name the one that is not
    if not (
        isinstance(issuer, str)
        and isinstance(division, str)
        and isinstance(state, str)
        and isinstance(code_id, str)
        and _all_forms(f"{issuer} {division} {state} {code_id}")
    ):
        issuer = _text(issuer, _issuer_form, "iss")
        division = _text(division, _division_form, "div")
        state = _text(state, _state_form, "st")
        code_id = _text(code_id, _id_form, "jti")
    # 2
    issued = _time(issue_time, "iat")
    expires = _time(expire_time, "exp")
    starts = None if not_before is None else _time(not_before, "nbf")
    if expires <= issued or (starts is not None and expires <= starts):
        raise CodeUnreadable(Reason.BAD_CLAIM, "exp")
    # 3
    if subject is not None:
        subject = _text(subject, _id_form, "sub")
    if holder_key is not None:
        holder_key = _text(holder_key, _digest_form, "cnf")
    if holder_commitment is not None:
        holder_commitment = _text(holder_commitment, _digest_form, "hcm")
    # 4
    if status_uri is not None or status_index is not None:
        status_uri = _text(status_uri, _address_form, "status uri")
        if len(status_uri) > _MAX_ADDRESS_CHARACTERS:
            raise CodeUnreadable(Reason.BAD_CLAIM, "status uri")
        status_index = _status_index(status_index)
    # 5
    if holder_key is not None and holder_commitment is not None:
        raise CodeUnreadable(Reason.BAD_CLAIM, "hcm")
    # 6
    if audience is not None:
        audience = _text(audience, _division_form, "aud")
    if origin_issuer is not None or origin_division is not None:
        origin_issuer = _text(origin_issuer, _issuer_form, "org iss")
        origin_division = _text(origin_division, _origin_division_form, "org div")
        if audience is None:
            raise CodeUnreadable(Reason.MISSING_CLAIM, "aud")
    return NativeClaims(
        issuer,
        division,
        state,
        issued,
        expires,
        code_id,
        starts,
        subject,
        status_uri,
        status_index,
        holder_key,
        holder_commitment,
        audience,
        origin_issuer,
        origin_division,
    )


def read_origin(origin: object) -> tuple[object, object]:
    """Return issuer and division that an origin claim names, not yet checked.

    Raises: CodeUnreadable with BAD_CLAIM (not an object) or MISSING_CLAIM.
    """
    if not isinstance(origin, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "org")
    issuer, division = origin.get("iss"), origin.get("div")
    if issuer is None or division is None:
        raise CodeUnreadable(Reason.MISSING_CLAIM, "org")
    return issuer, division


def read_status_list(status: object) -> tuple[object, object]:
    """Return address and number that a status claim points at, not yet checked.

    Raises: CodeUnreadable with BAD_CLAIM (another mechanism: refused, not skipped, or a code that the issuer can cancel
    would look like one that it cannot) or MISSING_CLAIM.
    """
    pointer = read_member(status, "status_list", "status")
    if not isinstance(pointer, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "status_list")
    uri, index = pointer.get("uri"), pointer.get("idx")
    if uri is None or index is None:
        raise CodeUnreadable(Reason.MISSING_CLAIM, "status_list")
    return uri, index


def read_member(value: object, name: str, claim: str) -> object:
    """Return the one member that is read of a claim that is an object.

    Raises: CodeUnreadable with BAD_CLAIM.
    """
    member: object = value.get(name) if isinstance(value, dict) else None
    if member is None:
        raise CodeUnreadable(Reason.BAD_CLAIM, claim)
    return member


def check_key_id(key_id: KeyId | None) -> KeyId:
    """Return the key id if a native code may carry it: 1 to 64 printable ASCII letters.

    Raises: CodeUnreadable with MISSING_CLAIM or BAD_CLAIM.
    """
    if key_id is None:
        raise CodeUnreadable(Reason.MISSING_CLAIM, "kid")
    if not _key_id_form(key_id):
        raise CodeUnreadable(Reason.BAD_CLAIM, "kid")
    return key_id


def claimed_code(
    claims: NativeClaims,
    *,
    key_id: KeyId,
    algorithm: Algorithm | None,
    obstacle: Reason | None,
    signed: bytes,
    signature: bytes,
) -> ClaimedCode:
    """Put checked claims and their envelope into the one type that every format gives."""
    issuer, division, state, issued, expires, code_id, starts, subject, uri, index, holder_key, commitment = claims[:12]
    audience, origin_issuer, origin_division = claims[12:]
    holder_binding = None
    if holder_key is not None:
        holder_binding = KEY_THUMBPRINT + holder_key
    elif commitment is not None:
        holder_binding = COMMITMENT + commitment
    return ClaimedCode(
        Format.NATIVE,
        IssuerId(issuer),
        key_id,
        algorithm,
        signed,
        signature,
        state,
        Instant(float(issued)),
        None if starts is None else Instant(float(starts)),
        Instant(float(expires)),
        DivisionCode(division),
        None,
        code_id,
        subject,
        holder_binding,
        None if uri is None or index is None else StatusPointer(uri, index),
        None,
        obstacle,
        audience=None if audience is None else DivisionCode(audience),
        origin=None
        if origin_issuer is None or origin_division is None
        else Origin(IssuerId(origin_issuer), DivisionCode(origin_division)),
    )


def _text(value: object, form: _Form, claim: str) -> str:
    if isinstance(value, str) and form(value):
        return value
    raise CodeUnreadable(Reason.MISSING_CLAIM if value is None else Reason.BAD_CLAIM, claim)


def _time(value: object, claim: str) -> int:
    # type() and not isinstance(): True is an int.
    if type(value) is int and EARLIEST <= value <= LATEST:
        return value
    raise CodeUnreadable(Reason.MISSING_CLAIM if value is None else Reason.TIME_OUT_OF_RANGE, claim)


def _status_index(value: object) -> int:
    if type(value) is int and 0 <= value <= _MAX_STATUS_INDEX:
        return value
    raise CodeUnreadable(Reason.MISSING_CLAIM if value is None else Reason.BAD_CLAIM, "status idx")
