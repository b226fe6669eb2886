"""Signed notes: a known answer, one spelling, and what a note of several keys is worth.

Known answer: the example of Go's package golang.org/x/mod/sumdb/note.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from keys.ed25519 import LOW_ORDER
from keys.notes import MAX_NOTE_BYTES, NoteFault, NoteRefused, NoteSigner, NoteVerifier, open_note
from keys.signer import open_signer
from tests.unit.audit.logs import note_signer
from tests.unit.keys.making import ec_key

VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
LINE = f"\u2014 PeterNeumann {SIGNATURE}\n"
NOTE = f"{TEXT}\n{LINE}".encode()
KNOWN = NoteVerifier.from_vkey(VKEY)


def refused(data: bytes, *verifiers: NoteVerifier) -> NoteFault:
    with pytest.raises(NoteRefused) as why:
        open_note(data, verifiers or (KNOWN,))
    return why.value.fault


def test_the_known_note_is_opened() -> None:
    note = open_note(NOTE, [KNOWN])
    assert (note.text, note.signed_by, KNOWN.vkey, KNOWN.key_id.hex()) == (TEXT, (KNOWN,), VKEY, "c74f20a3")


def test_what_is_signed_here_is_opened_with_the_key_that_is_told() -> None:
    signer = note_signer("gateway.example/log")
    data = signer.sign("one\n\ntwo\n")
    assert open_note(data, [NoteVerifier.from_vkey(signer.verifier.vkey)]).text == "one\n\ntwo\n"
    assert repr(signer) == f"<note signer gateway.example/log+{signer.verifier.key_id.hex()}>"


def test_one_known_signature_is_enough_and_a_false_one_spoils_all() -> None:
    signer = note_signer("gateway.example/log")
    own = signer.sign(TEXT).decode().rpartition("\n\n")[2]
    both = NOTE + own.encode()
    assert open_note(both, [KNOWN]).signed_by == (KNOWN,)
    assert open_note(both + LINE.encode(), [KNOWN, signer.verifier]).signed_by == (KNOWN, signer.verifier)
    bent = own[:-10] + ("A" if own[-10] != "A" else "B") + own[-9:]
    assert open_note(NOTE + bent.encode(), [KNOWN]).signed_by == (KNOWN,)
    assert refused(NOTE + bent.encode(), KNOWN, signer.verifier) is NoteFault.BAD_SIGNATURE


def test_a_key_is_known_by_its_name_and_its_id() -> None:
    other_name = NoteVerifier("PeterNeumann2", KNOWN.public_key)
    other_key = NoteVerifier("PeterNeumann", note_signer("x").verifier.public_key)
    assert refused(NOTE, other_name) is NoteFault.UNKNOWN_KEY
    assert refused(NOTE, other_key) is NoteFault.UNKNOWN_KEY
    with pytest.raises(NoteRefused):
        open_note(NOTE, [])


MALFORMED = [
    b"",
    b"\n",
    TEXT.encode(),
    TEXT.encode() + b"\n",
    TEXT.encode() + LINE.encode(),
    NOTE[:-1],
    NOTE + b"\n",
    NOTE + b"x\n",
    b"\xff" + NOTE,
    b"\x01" + NOTE,
    NOTE.replace(b"problem", b"prob\tlem"),
    NOTE.replace(b"\n", b"\r\n"),
    NOTE.replace("\u2014".encode(), b"-"),
    NOTE.replace(b"PeterNeumann x", b"PeterNeumann  x"),
    NOTE.replace(b"PeterNeumann x", b"Peter+Neumann x"),
    NOTE.replace(b"PeterNeumann x", b" x"),
    f"{TEXT}\n\u2014 PeterNeumann {SIGNATURE.rstrip('=')}\n".encode(),
    f"{TEXT}\n\u2014 PeterNeumann {SIGNATURE[:-2]}N=\n".encode(),
    f"{TEXT}\n\u2014 PeterNeumann \u00fc\n".encode(),
    f"{TEXT}\n\u2014 PeterNeumann x08gow==\n".encode(),
    f"{TEXT}\n".encode() + 65 * LINE.encode(),
    b"a" * MAX_NOTE_BYTES + NOTE,
]


@pytest.mark.parametrize("number", range(len(MALFORMED)))
def test_a_note_has_one_spelling(number: int) -> None:
    assert refused(MALFORMED[number]) is NoteFault.MALFORMED


def test_every_flip_is_refused() -> None:
    for at in range(len(NOTE)):
        for bit in range(8):
            bent = bytearray(NOTE)
            bent[at] ^= 1 << bit
            assert isinstance(refused(bytes(bent)), NoteFault)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", NoteFault.BAD_KEY),
        ("PeterNeumann", NoteFault.BAD_KEY),
        (VKEY.replace("c74f20a3", "c74f20a4"), NoteFault.BAD_KEY),
        (VKEY.replace("c74f20a3", "C74F20A3"), NoteFault.BAD_KEY),
        (VKEY.replace("+ARpc", "+AhpC"), NoteFault.BAD_KEY),
        (VKEY + "A", NoteFault.BAD_KEY),
        ("a+00000000+" + base64.b64encode(b"\x01" + bytes(31)).decode(), NoteFault.BAD_KEY),
        ("a+00000000+" + base64.b64encode(b"\x01" + sorted(LOW_ORDER)[0]).decode(), NoteFault.BAD_KEY),
        (VKEY.replace("PeterNeumann", "Peter Neumann"), NoteFault.BAD_KEY_NAME),
        (VKEY.replace("PeterNeumann", ""), NoteFault.BAD_KEY_NAME),
    ],
)
def test_a_vkey_fits_itself(text: str, fault: NoteFault) -> None:
    with pytest.raises(NoteRefused) as why:
        NoteVerifier.from_vkey(text)
    assert why.value.fault is fault


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "\x00\n"])
def test_only_lines_are_signed(text: str) -> None:
    with pytest.raises(ValueError, match="no text"):
        note_signer("x").sign(text)


def test_only_ed25519_signs_notes(tmp_path: Path) -> None:
    pem = tmp_path / "p256.pem"
    pem.touch(0o600)
    pem.write_bytes(
        ec_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(NoteRefused) as why:
        NoteSigner("x", open_signer(f"file:{pem}"))
    assert why.value.fault is NoteFault.BAD_KEY
