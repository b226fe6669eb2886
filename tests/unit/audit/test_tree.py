"""The tree against the reference tree of RFC 6962, against its definition, and against whoever lies about a proof.

Known answers: leaves, roots and consistency proofs of the reference tree of Certificate Transparency
(google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.tiles import MAX_ENTRY_BYTES, Tile, levels_of, pack, parse_path, tiles_of, unpack
from gateway.audit.tree import (
    EMPTY_ROOT,
    GrowingTree,
    is_consistent,
    is_hash_included,
    leaf_hash,
    root_of_edges,
    root_over,
)
from gateway.receipts.merkle import tree_over
from tests.unit.receipts.test_merkle import LEAVES, PATHS, ROOTS, defined

CONSISTENCY = [
    (1, 1, ()),
    (
        1,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ),
    ),
    (
        6,
        8,
        (
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
    (
        2,
        5,
        (
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ),
    ),
]


def grown(leaves: Sequence[bytes]) -> GrowingTree:
    tree = GrowingTree()
    for leaf in leaves:
        tree.add(leaf_hash(leaf))
    return tree


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert GrowingTree().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_tree(size: int) -> None:
    assert grown(LEAVES[:size]).root().hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_inclusion_is_that_of_the_reference_tree(index: int, size: int, path: tuple[str, ...]) -> None:
    root = bytes.fromhex(ROOTS[size - 1])
    assert is_hash_included(leaf_hash(LEAVES[index]), index, size, bytes.fromhex("".join(path)), root)


@pytest.mark.parametrize(("old", "new", "proof"), CONSISTENCY)
def test_consistency_is_that_of_the_reference_tree(old: int, new: int, proof: tuple[str, ...]) -> None:
    hashes = [bytes.fromhex(one) for one in proof]
    assert is_consistent(old, bytes.fromhex(ROOTS[old - 1]), new, bytes.fromhex(ROOTS[new - 1]), hashes)


@pytest.mark.parametrize("size", [*range(1, 40), 255, 256, 257, 258, 511, 512, 513, 1_000, 2_000])
def test_a_grown_tree_is_the_defined_one(size: int) -> None:
    leaves = [b"%d" % index for index in range(size)]
    tree = grown(leaves)
    assert tree.root() == defined(leaves) == tree_over(leaves).root
    assert [(level, number) for level, number, _ in tree.full] == [(0, number) for number in range(size // 256)]
    again = GrowingTree(tree.size, tree.edges)
    again.add(leaf_hash(b"more"))
    assert again.root() == defined([*leaves, b"more"])


def test_three_levels_of_tiles() -> None:
    hashes = [leaf_hash(b"%d" % index) for index in range(65_536 + 256 + 3)]
    tree = GrowingTree()
    for one in hashes:
        tree.add(one)
    assert [len(edge) for edge in tree.edges] == [3, 1, 1]
    assert tree.root() == root_over(hashes) == root_of_edges(tree.edges)
    assert [one[:2] for one in tree.full if one[0] == 1] == [(1, 0)]


def proof_of(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """Return the consistency proof as the RFC defines it (6962, 2.1.2: SUBPROOF)."""
    if old == len(leaves):
        return [] if whole else [defined(list(leaves))]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return [*proof_of(old, leaves[:split], whole=whole), defined(list(leaves[split:]))]
    return [*proof_of(old - split, leaves[split:], whole=False), defined(list(leaves[:split]))]


@given(st.integers(1, 40), st.data())
def test_nothing_but_the_proof_shows_that_one_goes_on_from_the_other(size: int, data: st.DataObject) -> None:
    leaves = [b"%d" % index for index in range(size)]
    old = data.draw(st.integers(1, size))
    old_root, root, proof = defined(leaves[:old]), defined(leaves), proof_of(old, leaves)
    assert is_consistent(old, old_root, size, root, proof)
    assert not is_consistent(old, old_root, size, root, [*proof, bytes(32)])
    assert not is_consistent(old, bytes(32), size, root, proof)
    assert not is_consistent(old, old_root, size, bytes(32), proof)
    if proof:
        assert not is_consistent(old, old_root, size, root, proof[:-1])
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not is_consistent(old, old_root, size, root, [*proof[:at], bytes(32), *proof[at + 1 :]])
    other = data.draw(st.integers(0, size + 1).filter(lambda one: one not in (0, old)))
    assert not is_consistent(other, old_root, size, root, proof)


def test_an_empty_tree_is_continued_by_any_and_none_by_a_shorter() -> None:
    assert is_consistent(0, EMPTY_ROOT, 8, bytes.fromhex(ROOTS[7]), [])
    assert not is_consistent(0, bytes(32), 8, bytes.fromhex(ROOTS[7]), [])
    assert not is_consistent(8, bytes.fromhex(ROOTS[7]), 7, bytes.fromhex(ROOTS[6]), [])
    assert not is_consistent(-1, EMPTY_ROOT, 7, bytes.fromhex(ROOTS[6]), [])
    assert not is_consistent(3, bytes.fromhex(ROOTS[2]), 7, bytes.fromhex(ROOTS[6]), [])


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(1, 999, 17), "tile/1/999.p/17"),
        (Tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (Tile(None, 1_000, 1), "tile/entries/x001/000.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0", "tile/0/0", "tile/0/0000", "tile/00/000", "tile/x/000", "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/x", "tile/0/000.p", "tile/0/000/p",
        "entries/000", "tile/entries/00a", "tile/0/\u0663\u0663\u0663",
    ],
)  # fmt: skip
def test_other_paths_are_no_tiles(path: str) -> None:
    assert parse_path(path) is None


def test_a_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    """The example of C2SP tlog-tiles, "Partial Tiles"."""
    assert levels_of(70_000) == 3
    assert [(len(list(tiles_of(70_000, level))), [*tiles_of(70_000, level)][-1].width) for level in range(3)] == [
        (274, 112),
        (2, 17),
        (1, 1),
    ]
    assert [levels_of(size) for size in (0, 1, 255, 256, 65_535, 65_536)] == [0, 1, 1, 2, 2, 3]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_what_is_packed_is_unpacked(entries: list[bytes]) -> None:
    data = pack(entries)
    assert unpack(data) == entries
    assert unpack(data + b"\0") is None
    assert entries == [] or unpack(data[:-1]) is None or entries[-1] == b""


def test_the_longest_entry_fits() -> None:
    assert unpack(pack([bytes(MAX_ENTRY_BYTES)])) == [bytes(MAX_ENTRY_BYTES)]
    with pytest.raises(OverflowError):
        pack([bytes(MAX_ENTRY_BYTES + 1)])
