"""The tree against known answers, against the definition in the RFC, and against whoever lies about a path.

Known answers: the reference tree of Certificate Transparency (google/certificate-transparency,
cpp/merkletree/merkle_tree_test.cc), whose hashing is that of RFC 6962.
"""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.receipts.merkle import HASH_BYTES, MAX_PATH, Tree, is_included, tree_over

LEAVES = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = [
    (0, 1, ()),
    (
        0,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ),
    ),
    (
        5,
        8,
        (
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
    (2, 3, ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",)),
    (
        1,
        5,
        (
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ),
    ),
]


def defined(leaves: list[bytes]) -> bytes:
    """Return the root as the RFC defines it, by splitting at the largest power of two (RFC 9162, 2.1.1)."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + defined(leaves[:split]) + defined(leaves[split:])).digest()


def many(size: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(size)]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_tree(size: int) -> None:
    assert tree_over(LEAVES[:size]).root.hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_paths_are_those_of_the_reference_tree(index: int, size: int, path: tuple[str, ...]) -> None:
    assert tree_over(LEAVES[:size]).paths[index].hex() == "".join(path)


@pytest.mark.parametrize("size", [*range(1, 70), 127, 128, 129, 512])
def test_every_path_of_every_size_leads_to_the_root_that_the_rfc_defines(size: int) -> None:
    leaves = many(size)
    tree = tree_over(leaves)
    assert tree.root == defined(leaves)
    assert all(is_included(leaf, index, size, tree.paths[index], tree.root) for index, leaf in enumerate(leaves))


def test_there_is_no_empty_tree() -> None:
    with pytest.raises(ValueError, match="needs a leaf"):
        tree_over([])


@given(st.integers(2, 40), st.data())
def test_nothing_but_the_leaf_in_its_place_is_included(size: int, data: st.DataObject) -> None:
    leaves = many(size)
    tree = tree_over(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = tree.paths[index]
    bit = data.draw(st.integers(0, 8 * len(path) - 1))
    bent = (int.from_bytes(path, "big") ^ 1 << bit).to_bytes(len(path), "big")
    other = data.draw(st.integers(0, size - 1).filter(lambda found: found != index))
    assert not is_included(leaves[index], index, size, bent, tree.root)
    assert not is_included(leaves[other], index, size, path, tree.root)
    assert not is_included(leaves[index], other, size, path, tree.root)
    assert not is_included(leaves[index], index, size, path[HASH_BYTES:], tree.root)
    assert not is_included(leaves[index], index, size, path + bytes(HASH_BYTES), tree.root)


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [(-1, 2, 1), (2, 2, 1), (0, 0, 0), (0, 2, 0), (0, 1, 1), (0, 2, 2), (0, 1 << 40, MAX_PATH // HASH_BYTES + 1)],
)
def test_a_path_of_another_length_or_place_leads_nowhere(index: int, size: int, path: int) -> None:
    tree: Tree = tree_over(LEAVES[:2])
    assert not is_included(LEAVES[0], index, size, bytes(HASH_BYTES) * path, tree.root)
    assert not is_included(LEAVES[0], index, size, b"x", tree.root)


def test_an_inner_node_is_no_leaf() -> None:
    tree = tree_over(LEAVES[:4])
    left = tree_over(LEAVES[:2]).root
    right = tree_over(LEAVES[2:4]).root
    assert not is_included(left + right, 0, 1, b"", tree.root)
    assert not is_included(LEAVES[0] + LEAVES[1], 0, 2, right, tree.root)
