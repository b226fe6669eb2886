"""DIVOC: the archive, the credential, the proof that cannot be checked here."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import divoc
from gateway.values import Format
from tests.vectors import require_vectors


def jws(header: object, signature: bytes = b"signature") -> str:
    def segment(data: bytes) -> str:
        return urlsafe_b64encode(data).rstrip(b"=").decode()

    return segment(json.dumps(header).encode()) + ".." + segment(signature)


HEADER = {"alg": "EdDSA", "b64": False, "crit": ["b64"]}


def credential(**changes: Any) -> bytes:
    """Return a good credential with members changed; ... takes a member away; proof_x changes the proof."""
    proof: dict[str, Any] = {"type": "Ed25519Signature2018", "verificationMethod": "did:xa#1", "jws": jws(HEADER)}
    made: dict[str, Any] = {
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "type": ["VerifiableCredential", "ProofOfVaccinationCredential"],
        "issuer": "https://health.example/",
        "issuanceDate": "2021-12-17T18:41:49.500Z",
        "credentialSubject": {"name": "Probe Beispiel"},
        "evidence": [{"dose": 2, "totalDoses": 2}],
        "proof": proof,
    }
    for name, value in changes.items():
        target, member = (proof, name.removeprefix("proof_")) if name.startswith("proof_") else (made, name)
        if value is ...:
            del target[member]
        else:
            target[member] = value
    return json.dumps(made).encode()


class Pipe(io.RawIOBase):
    """A file that cannot seek, so that zipfile writes the sizes behind the data, as the real issuers do."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.written += data
        return len(data)


def entry(name: str = "certificate.json", method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, (2021, 12, 17, 18, 41, 48))
    made.compress_type = method
    return made


def archive(content: bytes, *, name: str = "certificate.json", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(entry(name, method), content)
    return file.getvalue()


def streamed_archive(content: bytes) -> bytes:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as made, made.open(entry(), "w") as opened:
        opened.write(content)
    return bytes(pipe.written)


def two_entries() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(entry(), credential())
        made.writestr(entry("other.json"), credential())
    return file.getvalue()


def with_comment() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(entry(), credential())
        made.comment = b"note"
    return file.getvalue()


def text(data: bytes) -> bytes:
    return b"B64:" + b64encode(data)


def code(**changes: Any) -> bytes:
    return text(archive(credential(**changes)))


def reason_of(data: bytes) -> Reason:
    with pytest.raises(CodeUnreadable) as refused:
        divoc.read(data)
    return refused.value.reason


ARCHIVE = archive(credential())
GOOD = text(ARCHIVE)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(GOOD, id="text"),
        pytest.param(ARCHIVE, id="bare"),
        pytest.param(text(streamed_archive(credential())), id="sizes behind the data"),
        pytest.param(text(archive(credential(), method=zipfile.ZIP_STORED)), id="stored"),
        pytest.param(code(issuer={"id": "https://health.example/", "name": "Ministry"}), id="issuer an object"),
    ],
)
def test_what_a_code_says_of_itself(data: bytes) -> None:
    read = divoc.read(data)
    assert (read.format, read.issuer) == (Format.DIVOC, "https://health.example/")
    assert read.issue_time == 1_639_766_509.5
    assert read.expire_time is None
    assert (read.key_id, read.signature) == (b"did:xa#1", b"signature")
    assert "Beispiel" not in repr(read)


def test_nothing_of_it_is_ever_proven_or_translated() -> None:
    read = divoc.read(GOOD)
    assert (read.obstacle, read.statement, read.algorithm) == (Reason.UNSUPPORTED_PROOF, "attested", None)


def test_an_expiry_is_kept() -> None:
    assert divoc.read(code(expirationDate="2022-01-01T00:00:00+00:00")).expire_time == 1_640_995_200.0


def test_another_kind_of_proof_is_read_too() -> None:
    read = divoc.read(code(proof_jws=..., proof_verificationMethod=..., proof_type="DataIntegrityProof"))
    assert (read.obstacle, read.signature, read.key_id) == (Reason.UNSUPPORTED_PROOF, b"", None)


LOCAL, DIRECTORY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def patched(magic: bytes, at: int, layout: str, value: int | bytes, data: bytes = ARCHIVE) -> bytes:
    """Return the archive with one number changed, `at` bytes behind the record that begins with `magic`."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, data.rindex(magic) + at, value)
    return bytes(changed)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(LOCAL, id="magic alone"),
        pytest.param(ARCHIVE[:-30], id="end record gone"),
        pytest.param(two_entries(), id="two entries"),
        pytest.param(archive(credential(), name="other.json"), id="another name"),
        pytest.param(archive(credential(), name="../certificate.json"), id="a path"),
        pytest.param(archive(credential(), name="certificate.jsoN"), id="another case"),
        pytest.param(patched(END, 4, "<H", 1), id="another disk"),
        pytest.param(patched(END, 8, "<H", 2), id="entries on this disk"),
        pytest.param(patched(END, 10, "<H", 2), id="entries in all"),
        pytest.param(patched(END, 12, "<L", 10), id="directory size"),
        pytest.param(
            patched(END, 12, "<L", 10, patched(END, 16, "<L", ARCHIVE.rindex(END) - 10)), id="directory too short"
        ),
        pytest.param(patched(END, 16, "<L", 0), id="directory elsewhere"),
        pytest.param(patched(END, 20, "<H", 5), id="comment announced"),
        pytest.param(patched(END, 0, "<4s", b"PK\x05\x07"), id="end magic"),
        pytest.param(patched(DIRECTORY, 0, "<H", 0), id="directory magic"),
        pytest.param(patched(DIRECTORY, 8, "<H", 1), id="encrypted"),
        pytest.param(patched(LOCAL, 6, "<H", 1), id="encrypted, local header only"),
        pytest.param(patched(DIRECTORY, 10, "<H", 99), id="another method"),
        pytest.param(patched(LOCAL, 8, "<H", 0), id="methods differ"),
        pytest.param(patched(DIRECTORY, 42, "<L", 1), id="local header elsewhere"),
        pytest.param(patched(DIRECTORY, 16, "<L", 0), id="check values differ"),
        pytest.param(patched(LOCAL, 18, "<L", 7), id="packed sizes differ"),
        pytest.param(patched(LOCAL, 22, "<L", 7), id="sizes differ"),
        pytest.param(patched(LOCAL, 28, "<H", 60_000), id="extra field beyond the end"),
        pytest.param(patched(LOCAL, 30, "<B", 67), id="names differ"),
        pytest.param(patched(DIRECTORY, 30, "<H", 4), id="directory extra beyond the end"),
        pytest.param(patched(DIRECTORY, 8, "<H", 8), id="sizes behind, not announced"),
    ],
)
def test_archives_that_are_not_one_entry_and_nothing_else(data: bytes) -> None:
    assert reason_of(data if data.startswith(LOCAL) else text(data)) is Reason.BAD_ENVELOPE


def test_a_gap_between_data_and_directory_is_refused() -> None:
    start = ARCHIVE.rindex(DIRECTORY)
    changed = ARCHIVE[:start] + b"hidden" + ARCHIVE[start:]
    assert reason_of(patched(END, 16, "<L", start + 6, changed)) is Reason.BAD_ENVELOPE


def test_a_descriptor_that_differs_is_refused() -> None:
    good = streamed_archive(credential())
    assert reason_of(patched(b"PK\x07\x08", 4, "<L", 1, good)) is Reason.BAD_ENVELOPE


def bomb(size: int, *, told: int | None = None) -> bytes:
    data = archive(bytes(size))
    if told is not None:
        data = patched(LOCAL, 22, "<L", told, patched(DIRECTORY, 24, "<L", told, data))
    return data


def resigned(content: bytes, check: int) -> bytes:
    """Return an archive whose two CRC-32 are `check`."""
    return patched(LOCAL, 14, "<L", check, patched(DIRECTORY, 16, "<L", check, archive(content)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"B65:" + GOOD[4:], Reason.UNRECOGNISED, id="another prefix"),
        pytest.param(b" " + GOOD, Reason.UNRECOGNISED, id="space before"),
        pytest.param(b"", Reason.UNRECOGNISED, id="nothing"),
        pytest.param(b"B64:", Reason.BAD_TEXT_ENCODING, id="prefix alone"),
        pytest.param(GOOD + b"\n", Reason.BAD_TEXT_ENCODING, id="line end"),
        pytest.param(GOOD[:-1], Reason.BAD_TEXT_ENCODING, id="text cut"),
        pytest.param(b"B64:UEsDBA==UEsDBA==", Reason.BAD_TEXT_ENCODING, id="behind the padding"),
        pytest.param(b"B64:UEsDBA==", Reason.BAD_ENVELOPE, id="hardly an archive"),
        pytest.param(b"B64:UEsDBB==", Reason.BAD_TEXT_ENCODING, id="unused bits"),
        pytest.param(b"B64:UEsD-_==", Reason.BAD_TEXT_ENCODING, id="the other alphabet"),
        pytest.param(b"B64:\xff\xff\xff\xff", Reason.BAD_TEXT_ENCODING, id="no letters"),
        pytest.param(text(ARCHIVE + b"\0"), Reason.TRAILING_BYTES, id="a byte behind the archive"),
        pytest.param(with_comment(), Reason.TRAILING_BYTES, id="comment"),
        pytest.param(bomb(divoc.MAX_INFLATED + 1), Reason.DECOMPRESSION_BOMB, id="one byte too many"),
        pytest.param(bomb(20_000_000), Reason.DECOMPRESSION_BOMB, id="bomb"),
        pytest.param(bomb(20_000_000, told=100), Reason.DECOMPRESSION_BOMB, id="a bomb that tells a small size"),
        pytest.param(bomb(1000, told=100), Reason.BAD_COMPRESSION, id="wrong size"),
        pytest.param(resigned(credential(), 7), Reason.BAD_COMPRESSION, id="wrong check value"),
        pytest.param(
            ARCHIVE.replace(ARCHIVE[50:60], bytes(10)), Reason.BAD_COMPRESSION, id="compressed data overwritten"
        ),
        pytest.param(text(archive(b"{")), Reason.BAD_JSON, id="JSON cut"),
        pytest.param(text(archive(credential() + b"x")), Reason.BAD_JSON, id="behind the JSON"),
        pytest.param(text(archive(b'{"type":1,"type":2}')), Reason.DUPLICATE_KEY, id="type twice"),
        pytest.param(text(archive(b'{"a":{"b":1,"b":1}}')), Reason.DUPLICATE_KEY, id="member twice"),
        pytest.param(text(archive(b'{"a":NaN}')), Reason.NOT_FINITE, id="NaN"),
        pytest.param(text(archive(b'{"a":1e999}')), Reason.NOT_FINITE, id="infinite"),
        pytest.param(text(archive(b'{"a":"\xc3("}')), Reason.NOT_UTF8, id="not UTF-8"),
        pytest.param(text(archive(credential().decode().encode("utf-16"))), Reason.NOT_UTF8, id="UTF-16"),
        pytest.param(text(archive(b"[" * 30 + b"]" * 30)), Reason.TOO_DEEP, id="deep"),
        pytest.param(text(archive(b"[" * 20_000)), Reason.TOO_DEEP, id="very deep"),
        pytest.param(text(archive(b"[]")), Reason.BAD_CLAIM, id="a list"),
        pytest.param(code(type="ProofOfVaccinationCredential"), Reason.WRONG_TYPE, id="type a text"),
        pytest.param(code(type=["VerifiablePresentation"]), Reason.WRONG_TYPE, id="another type"),
        pytest.param(code(type=...), Reason.MISSING_CLAIM, id="no type"),
        pytest.param(code(issuer=...), Reason.MISSING_CLAIM, id="no issuer"),
        pytest.param(code(issuanceDate=...), Reason.MISSING_CLAIM, id="no issue time"),
        pytest.param(code(credentialSubject=...), Reason.MISSING_CLAIM, id="no subject"),
        pytest.param(code(proof=...), Reason.MISSING_CLAIM, id="no proof"),
        pytest.param(code(proof_type=...), Reason.MISSING_CLAIM, id="no type of proof"),
        pytest.param(code(issuer=""), Reason.BAD_CLAIM, id="issuer empty"),
        pytest.param(code(issuer=["x"]), Reason.BAD_CLAIM, id="issuer a list"),
        pytest.param(code(proof=[]), Reason.BAD_CLAIM, id="proof a list"),
        pytest.param(code(issuanceDate="17.12.2021"), Reason.BAD_CLAIM, id="no date"),
        pytest.param(code(issuanceDate="2021-12-17T18:41:49"), Reason.BAD_CLAIM, id="no offset"),
        pytest.param(code(issuanceDate=1639766509), Reason.BAD_CLAIM, id="a number"),
        pytest.param(code(issuanceDate="1999-12-31T23:59:59Z"), Reason.TIME_OUT_OF_RANGE, id="before 2000"),
        pytest.param(code(expirationDate="2100-01-01T00:00:01Z"), Reason.TIME_OUT_OF_RANGE, id="after 2100"),
        pytest.param(code(expirationDate="2021-13-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE, id="month 13"),
        pytest.param(code(issuanceDate="0001-01-01T00:00:00+23:59"), Reason.TIME_OUT_OF_RANGE, id="before year 1"),
        pytest.param(code(proof_jws="a.b.c"), Reason.BAD_ENVELOPE, id="JWS with a payload"),
        pytest.param(code(proof_jws=jws([])), Reason.BAD_ENVELOPE, id="JWS header a list"),
        pytest.param(code(proof_jws=jws({"alg": "EdDSA"})), Reason.BAD_ENVELOPE, id="JWS encoded"),
        pytest.param(code(proof_jws="\u00fc..AA"), Reason.BAD_ENVELOPE, id="JWS beyond ASCII"),
        pytest.param(code(proof_jws=jws({**HEADER, "crit": ["b64", "x"]})), Reason.CRITICAL_HEADER, id="more crit"),
        pytest.param(code(proof_jws=jws({**HEADER, "crit": []})), Reason.CRITICAL_HEADER, id="no crit"),
        pytest.param(code(proof_jws=jws(HEADER) + "="), Reason.BAD_TEXT_ENCODING, id="JWS padded"),
        pytest.param(code(proof_jws="!!..AA"), Reason.BAD_TEXT_ENCODING, id="JWS header no base64url"),
        pytest.param(code(proof_jws="e30K.." * 2), Reason.BAD_ENVELOPE, id="JWS of more parts"),
    ],
)
def test_refused(data: bytes, reason: Reason) -> None:
    assert reason_of(data) is reason


@given(st.integers(0, len(ARCHIVE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_nothing_that_is_read(at: int, change: int) -> None:
    data = bytearray(ARCHIVE)
    data[at] ^= change
    try:
        read = divoc.read(bytes(data))
    except CodeUnreadable:
        return
    assert read == divoc.read(ARCHIVE)


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_magic_are_refused(data: bytes) -> None:
    assert isinstance(reason_of(LOCAL + data), Reason)


@pytest.mark.parametrize(
    ("name", "issuer"),
    [("DIVOCJamaicaContents.txt", "https://www.moh.gov.jm"), ("DIVOCQR1Contents.txt", "https://cowin.gov.in/")],
)
def test_real_codes_are_read(name: str, issuer: str) -> None:
    read = divoc.read((require_vectors() / "gdhcn" / name).read_bytes())
    assert (read.issuer, read.obstacle, read.key_id) == (issuer, Reason.UNSUPPORTED_PROOF, b"did:india")
    assert read.signature
