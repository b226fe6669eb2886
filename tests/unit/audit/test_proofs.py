"""Proofs out of tiles: they lead where they must, from whatever is left of a log, and nothing else does."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from gateway.audit.compare import Comparison, Relation, compare_heads, trusted_tiles
from gateway.audit.faults import LogFault, LogUnusable, Place
from gateway.audit.proofs import ProofFault, ProofRefused, check_proof, consistency_proof, inclusion_path, write_proof
from gateway.audit.reading import TileReader
from gateway.audit.tree import is_consistent, is_hash_included, leaf_hash
from gateway.receipts.merkle import tree_over
from tests.unit.audit.logs import AT, ORIGIN, entries, entry, make_log, note_signer, open_log

VERIFIERS = [note_signer().verifier]
SIZES = [1, 2, 3, 255, 256, 257, 700]


@pytest.mark.parametrize("size", SIZES)
def test_every_entry_is_proved_out_of_tiles(tmp_path: Path, size: int) -> None:
    make_log(tmp_path, size)
    tree = tree_over(entries(0, size))
    reader = TileReader(tmp_path, size)
    for index in range(size):
        path = b"".join(inclusion_path(reader, index))
        assert path == tree.paths[index]
        assert is_hash_included(leaf_hash(entry(index)), index, size, path, tree.root)


@pytest.mark.parametrize("size", SIZES)
def test_every_earlier_head_is_proved_out_of_tiles(tmp_path: Path, size: int) -> None:
    make_log(tmp_path, size)
    reader = TileReader(tmp_path, size)
    root = tree_over(entries(0, size)).root
    for old in range(1, size + 1, 7):
        old_root = tree_over(entries(0, old)).root
        assert reader.prefix_root(old) == old_root
        assert is_consistent(old, old_root, size, root, consistency_proof(reader, old, size))
    assert consistency_proof(reader, 0, size) == []


def test_a_proof_stands_for_itself_also_when_the_entry_was_forgotten(tmp_path: Path) -> None:
    make_log(tmp_path, 600)
    log = open_log(tmp_path)
    log.forget(600, AT)
    text = write_proof(log.published, 5, inclusion_path(TileReader(tmp_path, 600), 5), entry(5))
    log.close()
    proved = check_proof(text, VERIFIERS)
    assert (proved.index, proved.entry, proved.head.size, proved.head.origin) == (5, entry(5), 600, ORIGIN)
    bare = write_proof(log.published, 5, inclusion_path(TileReader(tmp_path, 600), 5))
    assert check_proof(bare, VERIFIERS, entry=entry(5), origin=ORIGIN).index == 5
    lines = bare.decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 5"]
    assert lines[lines.index("") + 1] == ORIGIN


def refused(data: bytes, **more: object) -> ProofFault:
    with pytest.raises(ProofRefused) as why:
        check_proof(data, **{"verifiers": VERIFIERS, **more})  # type: ignore[arg-type]
    return why.value.fault


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("log")
    make_log(folder, 300)
    log = open_log(folder)
    found = write_proof(log.published, 7, inclusion_path(TileReader(folder, 300), 7), entry(7))
    log.close()
    return found


def test_what_does_not_lead_to_the_head_is_refused(text: bytes) -> None:
    assert refused(text, entry=entry(8)) is ProofFault.NOT_INCLUDED
    assert refused(text.replace(b"index 7\n", b"index 8\n")) is ProofFault.NOT_INCLUDED
    assert refused(text.replace(b"index 7\n", b"index 300\n")) is ProofFault.NOT_INCLUDED
    assert refused(text, origin="other.example/log") is ProofFault.WRONG_ORIGIN
    assert refused(text, verifiers=[note_signer("x").verifier]) is ProofFault.UNKNOWN_KEY
    assert refused(text.replace(b"\n300\n", b"\n301\n")) is ProofFault.BAD_SIGNATURE
    lines = text.split(b"\n")
    assert refused(b"\n".join([lines[0], *lines[2:]])) is ProofFault.NO_ENTRY
    other = base64.b64encode(entry(8))
    assert refused(b"\n".join([lines[0], b"extra " + other, *lines[2:]])) is ProofFault.NOT_INCLUDED


def test_a_proof_has_one_form(text: bytes) -> None:
    lines = text.split(b"\n")
    wrong = [
        b"",
        b"\n\n",
        text[:20],
        text.replace(b"@v1", b"@v2"),
        text.replace(b"index 7", b"index 07"),
        text.replace(b"index 7\n", b""),
        text.replace(b"index 7", b"index -7"),
        b"\n".join([lines[0], b"extra !", *lines[2:]]),
        b"\n".join([lines[0], b"extra YQ", *lines[2:]]),
        b"\n".join([lines[0], b"extra YR==", *lines[2:]]),
        b"\n".join([*lines[:3], b"YQ==", *lines[3:]]),
        b"\n".join([*lines[:3], *[lines[3]] * 70, *lines[4:]]),
        text.replace(b"index", "ind\u00e9x".encode()),
        text.rpartition(b"\n\n")[0] + b"\n",
        text + b" " * 300_000,
    ]
    assert {refused(one) for one in wrong} == {ProofFault.MALFORMED}


def test_two_heads_shown_to_two_readers_are_noticed(tmp_path: Path) -> None:
    """One history to the one, another to the other: both signed with the log's own key."""
    for name, say in (("one", ""), ("other", "other")):
        log = open_log(tmp_path / name)
        log.append(entries(0, 290))
        log.publish(AT)
        log.append(entries(290, 300, say))
        head = log.publish(AT)
        log.append(entries(300, 400, say))
        later = log.publish(AT)
        log.close()
        if name == "one":
            first, first_later = head, later
    assert compare_heads(first, head) == Comparison(Relation.FORKED)
    assert compare_heads(first, first) == Comparison(Relation.SAME)
    # Of other sizes the tiles of either history are enough.
    for name, own in (("one", first_later), ("other", later)):
        tiles = trusted_tiles(tmp_path / name, own)
        assert compare_heads(first, later, tiles).relation is Relation.FORKED
        assert compare_heads(head, first_later, tiles).relation is Relation.FORKED
        assert compare_heads(later, first_later, tiles).relation is Relation.FORKED
    assert compare_heads(first, later).relation is Relation.UNPROVEN


def test_a_head_that_goes_on_from_another_is_proved(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    heads = []
    for first in range(0, 600, 100):
        log.append(entries(first, first + 100))
        heads.append(log.publish(AT))
    log.close()
    tiles = trusted_tiles(tmp_path, heads[-1])
    for one in heads:
        for other in heads:
            if one.size != other.size:
                found = compare_heads(one, other, tiles)
                assert found.relation is Relation.CONSISTENT
                shorter, longer = sorted((one, other), key=lambda head: head.size)
                assert is_consistent(shorter.size, shorter.root, longer.size, longer.root, found.proof)
    short = trusted_tiles(tmp_path, heads[2])
    assert compare_heads(heads[1], heads[4], short).relation is Relation.UNPROVEN
    assert compare_heads(heads[3], heads[4], short).relation is Relation.UNPROVEN


def test_heads_of_two_logs_are_not_compared(tmp_path: Path) -> None:
    make_log(tmp_path / "one", 10)
    one = open_log(tmp_path / "one")
    other = open_log(tmp_path / "other", origin="other.example")
    assert compare_heads(one.published, other.published) == Comparison(Relation.OTHER_LOG)
    one.close()
    other.close()


def test_tiles_that_are_not_the_heads_prove_nothing(tmp_path: Path) -> None:
    make_log(tmp_path, 300)
    log = open_log(tmp_path)
    log.close()
    tile = tmp_path / "tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    tiles = trusted_tiles(tmp_path, log.published)
    for use in (lambda: tiles.prefix_root(100), lambda: inclusion_path(tiles, 3)):
        with pytest.raises(LogUnusable) as why:
            use()
        assert (why.value.fault, why.value.place) == (LogFault.TILE_ALTERED, Place("tile/0/000", 0, 256))
    edge = tmp_path / "tile/0/001.p/44"
    edge.write_bytes(bytes(32) + edge.read_bytes()[32:])
    with pytest.raises(LogUnusable) as why:
        trusted_tiles(tmp_path, log.published)
    assert (why.value.fault, why.value.place) == (LogFault.ROOT_MISMATCH, Place("checkpoint", 0, 300))
