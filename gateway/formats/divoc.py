"""DIVOC (India, Sri Lanka, the Philippines, Jamaica): a zipped JSON-LD credential, `B64:` and Base64 or the bare ZIP.

Rules:

- the ZIP is one entry, certificate.json, from the first byte to the last: no second entry, no comment, no gap, nothing
  before or after, no encryption; local header and directory say the same
- at most MAX_INFLATED bytes unpacked, counted while it unpacks; the entry's CRC-32 is right
- strict JSON: a verifiable credential with issuer, times, subject and proof
- the proof cannot be checked here. It covers the RDF canonical form (URDNA2015) of the credential, which depends on
  JSON-LD contexts that live on the web. The code is read whole, and says so: UNSUPPORTED_PROOF
- so nothing that it states is translated: the statement is always "attested"
"""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.values import ClaimedCode, Format, Instant, IssuerId, KeyId
from keys.values import EARLIEST, LATEST

from .inflate import inflate
from .jws import read_base64url, read_json
from .members import object_member, text_member

PREFIX: Final = b"B64:"
MAX_INFLATED: Final = 65_536
"""The real ones unpack to 1.5 KiB; JSON shrinks at best to a tenth, and the largest QR symbol holds 2,953 bytes."""
ENTRY_NAME: Final = b"certificate.json"
MAX_DEPTH: Final = 16

_CREDENTIAL_TYPE: Final = "VerifiableCredential"
_HEADER_DEPTH: Final = 4
_STATEMENT: Final = "attested"


def read(code: bytes) -> ClaimedCode:
    """Read a DIVOC code.

    1. the text, if it is text
    2. the archive
    3. the credential: strict JSON, its type, issuer and times
    4. the proof: its type; a detached JWS is read whole

    Guarantees that every byte was read, and that `obstacle` is UNSUPPORTED_PROOF: nothing of it is ever proven.
    The caller has bounded the size of `code`.

    Source: W3C Verifiable Credentials Data Model 1.1, section 4; Ed25519Signature2018 and RsaSignature2018 (W3C CCG);
    APPNOTE.TXT 6.3.9, section 4.3 (ZIP).

    Raises: CodeUnreadable with UNRECOGNISED, BAD_TEXT_ENCODING, BAD_ENVELOPE (the archive, or the JWS),
    BAD_COMPRESSION, DECOMPRESSION_BOMB, TRAILING_BYTES, what `jws.read_json` raises, CRITICAL_HEADER, WRONG_TYPE,
    MISSING_CLAIM, BAD_CLAIM, TIME_OUT_OF_RANGE.
    """
    # 1
    if code.startswith(PREFIX):
        archive = _base64(code[len(PREFIX) :])
    elif code.startswith(_LOCAL_MAGIC):
        archive = code
    else:
        raise CodeUnreadable(Reason.UNRECOGNISED, "prefix")
    # 2
    text = _only_entry(archive)
    # 3
    credential = read_json(text, max_depth=MAX_DEPTH, what="credential")
    if not isinstance(credential, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "credential")
    kinds = credential.get("type")
    if not isinstance(kinds, list) or _CREDENTIAL_TYPE not in kinds:
        raise CodeUnreadable(Reason.WRONG_TYPE if "type" in credential else Reason.MISSING_CLAIM, "type")
    issuer = _issuer(credential)
    object_member(credential, "credentialSubject")
    issue_time = _time(credential, "issuanceDate")
    if issue_time is None:
        raise CodeUnreadable(Reason.MISSING_CLAIM, "issuanceDate")
    # 4
    proof = object_member(credential, "proof")
    text_member(proof, "type")
    method = proof.get("verificationMethod")
    return ClaimedCode(
        Format.DIVOC,
        IssuerId(issuer),
        KeyId(method.encode()) if isinstance(method, str) else None,
        None,
        b"",
        _detached_signature(proof) if "jws" in proof else b"",
        _STATEMENT,
        issue_time,
        expire_time=_time(credential, "expirationDate"),
        obstacle=Reason.UNSUPPORTED_PROOF,
    )


def _issuer(credential: Mapping[str, object]) -> str:
    """Return the issuer, which is a text or an object with an `id`."""
    issuer = credential.get("issuer")
    return text_member(issuer, "id") if isinstance(issuer, dict) else text_member(credential, "issuer")


_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")


def _time(members: Mapping[str, object], name: str) -> Instant | None:
    if name not in members:
        return None
    text = members[name]
    if not isinstance(text, str) or _TIME.fullmatch(text) is None:
        raise CodeUnreadable(Reason.BAD_CLAIM, name)
    try:
        instant = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        instant = -1.0
    if not EARLIEST <= instant <= LATEST:
        raise CodeUnreadable(Reason.TIME_OUT_OF_RANGE, name)
    return Instant(instant)


def _detached_signature(proof: Mapping[str, object]) -> bytes:
    """Return the signature of a JWS without payload (RFC 7797), whose one critical parameter is `b64`: false."""
    header, dot, rest = text_member(proof, "jws").partition("..")
    if not dot or not header.isascii() or not rest.isascii():
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "proof.jws")
    said = read_json(read_base64url(header.encode(), "proof.jws"), max_depth=_HEADER_DEPTH, what="proof.jws")
    if not isinstance(said, dict) or not isinstance(said.get("alg"), str) or said.get("b64") is not False:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "proof.jws")
    if said.get("crit") != ["b64"]:
        raise CodeUnreadable(Reason.CRITICAL_HEADER, "proof.jws")
    return read_base64url(rest.encode(), "proof.jws")


def _base64(text: bytes) -> bytes:
    """Decode Base64 with its padding, in its one spelling."""
    try:
        decoded = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        decoded = b""
    if not decoded or binascii.b2a_base64(decoded, newline=False) != text:
        raise CodeUnreadable(Reason.BAD_TEXT_ENCODING, "base64")
    return decoded


# The archive: local header, data, perhaps a data descriptor, directory of one, end record.

_LOCAL_MAGIC: Final = b"PK\x03\x04"
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_DIRECTORY: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_DIRECTORY_MAGIC: Final = b"PK\x01\x02"
_END_MAGIC: Final = b"PK\x05\x06"
_DESCRIPTOR_MAGIC: Final = b"PK\x07\x08"
_SIZES_FOLLOW: Final = 0x0008
_HARMLESS_FLAGS: Final = 0x0806 | _SIZES_FOLLOW  # the compressor's effort, and that the name is UTF-8
_STORED: Final = 0
_DEFLATED: Final = 8


def _only_entry(archive: bytes) -> bytes:
    """Return the content of a ZIP that is one entry and nothing else.

    1. the end record, at the very end: one disk, one entry, no comment
    2. the directory, right before it: the one name, a known method, nothing encrypted
    3. the local header, at the very beginning, says the same
    4. the data, and behind it nothing but the descriptor that the flags announce
    5. the size and the CRC-32 are right
    """
    # 1
    end_at = len(archive) - _END.size
    if end_at < _LOCAL.size + _DIRECTORY.size:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "archive is truncated")
    magic, disk, start, here, entries, length, offset, comment = _END.unpack_from(archive, end_at)
    if magic != _END_MAGIC:
        found = archive.rfind(_END_MAGIC) >= 0
        raise CodeUnreadable(Reason.TRAILING_BYTES if found else Reason.BAD_ENVELOPE, "end record")
    if (disk, start, here, entries, comment) != (0, 0, 1, 1, 0) or offset + length != end_at:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "end record")
    # 2
    if length < _DIRECTORY.size:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "directory")
    entry = _DIRECTORY.unpack_from(archive, offset)
    magic, _, _, flags, method, _, _, check, packed, size, name, extra, comment, disk, _, _, local_at = entry
    name_at = offset + _DIRECTORY.size
    if (
        magic != _DIRECTORY_MAGIC
        or archive[name_at : name_at + name] != ENTRY_NAME
        or name_at + name + extra + comment != end_at
        or flags & ~_HARMLESS_FLAGS
        or method not in (_STORED, _DEFLATED)
        or (disk, local_at) != (0, 0)
    ):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "directory")
    # 3
    magic, _, local_flags, local_method, _, _, *sizes, name, extra = _LOCAL.unpack_from(archive)
    data_at = _LOCAL.size + name + extra
    told = (0, 0, 0) if flags & _SIZES_FOLLOW else (check, packed, size)
    if (
        magic != _LOCAL_MAGIC
        or (local_flags, local_method) != (flags, method)
        or archive[_LOCAL.size : _LOCAL.size + name] != ENTRY_NAME
        or tuple(sizes) not in (told, (check, packed, size))
        or data_at + packed > offset
    ):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "local header")
    # 4
    descriptor = struct.pack("<3L", check, packed, size)
    allowed = (descriptor, _DESCRIPTOR_MAGIC + descriptor) if flags & _SIZES_FOLLOW else (b"",)
    if archive[data_at + packed : offset] not in allowed:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "data descriptor")
    data = archive[data_at : data_at + packed]
    if size > MAX_INFLATED:
        raise CodeUnreadable(Reason.DECOMPRESSION_BOMB, "archive")
    # 5
    content = data if method == _STORED else inflate(data, raw=True, limit=MAX_INFLATED)
    if len(content) != size or zlib.crc32(content) != check:
        raise CodeUnreadable(Reason.BAD_COMPRESSION, "archive")
    return content
