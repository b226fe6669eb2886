"""Plain lists in files: what is taken is there after a restart, what lapsed is not, and nothing goes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.changes import Listed, ListName, StoreDegraded
from gateway.follow.token_list_source import HeldTokenList, TakenTokenList
from gateway.held.list_files import FolderInUse
from gateway.held.mapped_lists import MappedLists
from gateway.keeper.token_list_files import TokenListFiles
from gateway.values import CodeState, Instant, IssuerId, StatusPointer
from tests.conftest import NOON

GZ = ListName(IssuerId("https://code.gz.example"), "https://code.gz.example/s/1")
HI = ListName(IssuerId("https://code.hi.example"), "https://code.hi.example/s/1")
GREEN_RED = bytes((0xD0,))


@dataclass
class Node:
    """One node's folder, and what is taken into it."""

    folder: Path
    names: tuple[ListName, ...] = (GZ, HI)
    files: TokenListFiles = field(init=False)

    def __post_init__(self) -> None:
        self.files = TokenListFiles(self.folder / "lists", self.names, NOON)

    def restart(self, *names: ListName) -> None:
        """End, and start to follow `names` on what is left."""
        self.files.close()
        self.names = names or self.names
        self.files = TokenListFiles(self.folder / "lists", self.names, NOON)

    async def take(
        self, name: ListName = GZ, *, words: bytes = GREEN_RED, issued: float = NOON, expires: float | None = None
    ) -> None:
        """Take a list of two places to a byte."""
        came = self.folder / "came"
        came.write_bytes(words)
        end = None if expires is None else Instant(expires)
        await self.files.take(TakenTokenList(name, len(words) * 2, came, Instant(issued), end, 60.0))

    def look_up(self, index: int, name: ListName = GZ) -> Listed | None:
        """Ask as a worker does."""
        return MappedLists(self.folder / "lists").look_up(name.issuer, StatusPointer(name.uri, index), NOON)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    found = Node(tmp_path)
    yield found
    found.files.close()


RED, GREEN = Listed(CodeState.RED, NOON), Listed(CodeState.GREEN, NOON)


async def test_what_is_taken_is_read_and_is_there_after_a_restart(node: Node) -> None:
    assert node.files.held(GZ) is None
    await node.take(expires=NOON + 60)
    for _ in range(2):
        assert (node.look_up(0), node.look_up(1), node.look_up(0, HI)) == (GREEN, RED, None)
        assert node.files.held(GZ) == HeldTokenList(NOON, Instant(NOON + 60))
        node.restart()
    assert node.files.set_aside == []


async def test_a_newer_list_takes_its_place_whole(node: Node) -> None:
    await node.take()
    await node.take(words=b"\x0d\xff", issued=NOON + 1)
    assert node.look_up(0) == Listed(CodeState.RED, Instant(NOON + 1))
    assert node.look_up(3) == Listed(CodeState.UNKNOWN, Instant(NOON + 1))
    assert node.files.held(GZ) == HeldTokenList(Instant(NOON + 1), None)


async def test_what_lapsed_is_not_read_but_its_time_is_remembered(node: Node) -> None:
    await node.take(expires=NOON + 60)
    await node.files.lapse(GZ)
    await node.files.lapse(HI)
    assert node.look_up(1) is None
    assert node.files.held(GZ) == HeldTokenList(NOON, Instant(NOON + 60))
    await node.take(issued=NOON + 61)
    assert node.look_up(1) == Listed(CodeState.RED, Instant(NOON + 61))


async def test_a_list_that_is_followed_no_more_is_gone(node: Node) -> None:
    await node.take()
    await node.take(HI)
    node.restart(HI)
    assert (node.look_up(1), node.look_up(1, HI)) == (None, RED)


@pytest.mark.parametrize(
    "times",
    [None, b"", b"no JSON", b"[]", b'{"issued": "noon", "expires": null}', b'{"issued": 1600000001, "expires": null}'],
)
async def test_a_list_whose_time_is_not_its_own_is_fetched_anew(node: Node, times: bytes | None) -> None:
    await node.take()
    (file,) = (node.folder / "lists").glob("*.times")
    node.files.close()
    if times is None:
        file.unlink()
    else:
        file.write_bytes(times)
    node.files = TokenListFiles(node.folder / "lists", node.names, NOON)
    assert node.look_up(1) is None
    await node.take(issued=NOON + 2)
    assert node.look_up(1) == Listed(CodeState.RED, Instant(NOON + 2))


async def test_what_cannot_be_written_changes_nothing(node: Node) -> None:
    await node.take()
    missing = TakenTokenList(GZ, 2, node.folder / "nothing", Instant(NOON + 1), None, None)
    with pytest.raises(StoreDegraded):
        await node.files.take(missing)
    assert node.files.held(GZ) == HeldTokenList(NOON, None)
    assert node.look_up(1) == RED
    await node.take(issued=NOON + 1)
    assert node.look_up(1) == Listed(CodeState.RED, Instant(NOON + 1))


async def test_a_file_that_is_broken_is_set_aside_and_fetched_anew(node: Node) -> None:
    await node.take()
    node.files.close()
    (file,) = (node.folder / "lists").glob("*.list")
    file.write_bytes(file.read_bytes()[:-1])
    node.files = TokenListFiles(node.folder / "lists", node.names, NOON)
    assert len(node.files.set_aside) == 1
    assert node.look_up(1) is None
    assert node.files.held(GZ) == HeldTokenList(NOON, None)


def test_two_do_not_write_one_folder(node: Node) -> None:
    with pytest.raises(FolderInUse):
        TokenListFiles(node.folder / "lists", node.names, NOON)
