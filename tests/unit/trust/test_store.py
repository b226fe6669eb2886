"""Trust lists are swapped whole or not at all; a missing or foreign one refuses the start."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from gateway.cli.trust_import import Listable
from gateway.policy.rules import RULED_STATES
from gateway.trust.snapshot import SIGNED_FORMATS, snapshot_of
from gateway.trust.store import TrustStore, TrustUnavailable
from gateway.values import CodeState, Format, Instant, IssuerId, RevokedCodes
from keys.revocation import RevocationList
from keys.trust_document import FORMATS, STATES, ListedIssuer, TrustDocument, write_document
from keys.trust_list import parse_trust_list
from keys.values import Environment, KeyId
from tests.unit.codes import AT, GUIZHOU


def document(
    *, sequence: int = 1, environment: Environment = Environment.TEST, issuer: str = GUIZHOU, days: int = 1
) -> bytes:
    listed = ListedIssuer(
        IssuerId(issuer), "Sample", frozenset({"native"}), division="520000", states={"orange": "YELLOW"}
    )
    return write_document(TrustDocument(sequence, environment, AT, (listed,), expires=Instant(AT + 86_400.0 * days)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trust.json"
    path.write_bytes(document())
    return path


def test_a_list_is_loaded_in_the_gateways_own_words(file: Path) -> None:
    snapshot = TrustStore([file], Environment.TEST, at=AT).current
    profile = snapshot.issuers[GUIZHOU]
    assert profile.division == "520000"
    assert profile.formats == frozenset({Format.NATIVE})
    assert profile.states == {"orange": CodeState.YELLOW}
    assert (snapshot.epoch, snapshot.issued) == (1, AT)
    assert not snapshot.expired(AT)
    assert snapshot.expired(Instant(AT + 86_400))


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{",
        document(environment=Environment.PRODUCTION),
        document(days=0),
    ],
)
def test_what_cannot_be_used_refuses_the_start_and_names_the_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "trust.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrustUnavailable) as unavailable:
        TrustStore([path], Environment.TEST, at=AT)
    assert str(path) in unavailable.value.file
    assert unavailable.value.why


def test_no_list_at_all_refuses_the_start() -> None:
    with pytest.raises(TrustUnavailable):
        TrustStore([], Environment.TEST, at=AT)


def test_two_lists_must_not_name_the_same_issuer(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(document())
    with pytest.raises(TrustUnavailable):
        TrustStore([file, other], Environment.TEST, at=AT)
    other.write_bytes(document(issuer="https://elsewhere.example"))
    assert len(TrustStore([file, other], Environment.TEST, at=AT).current.issuers) == 2


@pytest.mark.parametrize(
    "content", [b"{", document(sequence=0), document(sequence=2, environment=Environment.PRODUCTION), document(days=0)]
)
def test_a_reload_that_fails_keeps_what_is_in_force(file: Path, content: bytes) -> None:
    store = TrustStore([file], Environment.TEST, at=AT)
    before = store.current
    file.write_bytes(content)
    with pytest.raises(TrustUnavailable):
        store.load(at=AT)
    assert store.current is before


def test_a_reload_raises_the_epoch(file: Path) -> None:
    store = TrustStore([file], Environment.TEST, at=AT)
    file.write_bytes(document(sequence=2))
    before = store.current
    loaded = store.load(at=Instant(AT + 5))
    assert store.current is before
    store.adopt(loaded)
    assert store.current.epoch == 2
    assert store.current is loaded.snapshot


def test_the_editions_in_force_are_named_by_sequence_and_hash(file: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.json"
    second.write_bytes(document(sequence=7, issuer="https://second.example"))
    store = TrustStore([second, file], Environment.TEST, at=AT)
    assert store.held.versions == tuple(
        f"{sequence}:{sha256(one.read_bytes()).hexdigest()}" for sequence, one in ((7, second), (1, file))
    )
    second.write_bytes(document(sequence=8, issuer="https://second.example"))
    loaded = store.load(at=AT)
    assert [one.partition(":")[0] for one in loaded.versions] == ["8", "1"]
    assert store.held.versions[0].startswith("7:")


def test_of_two_revocation_lists_for_a_key_the_newer_counts() -> None:
    older, newer = (RevocationList(KeyId(b"k"), counter, {f"rid{counter}": None}) for counter in (1, 2))
    listed = ListedIssuer(GUIZHOU, "Sample", frozenset({"shc"}), revocations=(newer, older))
    trust = parse_trust_list(write_document(TrustDocument(1, Environment.TEST, AT, (listed,))))
    assert snapshot_of([trust]).revocations == {(GUIZHOU, b"k"): RevokedCodes(2, {"rid2": None})}


def test_a_list_and_the_gateway_use_the_same_words() -> None:
    """The keys package knows nothing of the gateway, so each has its own table."""
    assert {found.value for found in SIGNED_FORMATS} == set(FORMATS) == {listable.value for listable in Listable}
    assert {state.name for state in RULED_STATES} == set(STATES)
