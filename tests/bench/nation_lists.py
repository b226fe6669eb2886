"""A nation's lists: 31 provinces with as many places as people, snapshots of them as raw and as deflated files.

Nobody is in them: the words are drawn. Of the people 97 in 100 are green.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.changes import MAX_BLOCK_BYTES, BatchDigest, ListName, StateDigest
from gateway.held.layout import Mark, raw_bytes
from gateway.held.list_files import ListFiles
from gateway.values import Instant, IssuerId

from .codes import AT

PEOPLE: Final = {
    "guangdong": 126_012_510, "shandong": 101_527_453, "henan": 99_365_519, "jiangsu": 84_748_016,
    "sichuan": 83_674_866, "hebei": 74_610_235, "hunan": 66_444_864, "zhejiang": 64_567_588, "anhui": 61_027_171,
    "hubei": 57_752_557, "guangxi": 50_126_804, "yunnan": 47_209_277, "jiangxi": 45_188_635, "liaoning": 42_591_407,
    "fujian": 41_540_086, "shaanxi": 39_528_999, "guizhou": 38_562_148, "shanxi": 34_915_616, "chongqing": 32_054_159,
    "heilongjiang": 31_850_088, "xinjiang": 25_852_345, "gansu": 25_019_831, "shanghai": 24_870_895,
    "jilin": 24_073_453, "inner-mongolia": 24_049_155, "beijing": 21_893_095, "tianjin": 13_866_009,
    "hainan": 10_081_232, "ningxia": 7_202_654, "qinghai": 5_923_957, "tibet": 3_648_100,
}  # fmt: skip
"""Source: Seventh National Population Census, 2020-11-01; 1,409,778,724 in all."""

OBSERVED: Final = Instant(AT - 10.0)
LEVEL: Final = 6
"""Of deflate: 9 takes ten times as long for a tenth less."""

_BYTES: Final = bytes([*([0x00] * 242), *([0x0C, 0xC0] * 4), *([0x0D, 0xD0] * 1), *([0x02, 0x20] * 1), 0x0E, 0xF0])
"""What a random byte becomes: two places."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One province's list as another gateway sent it."""

    name: ListName
    capacity: int
    raw: Path
    deflated: Path
    digest: StateDigest

    @property
    def mark(self) -> Mark:
        """The batch that it stands for."""
        return Mark(1, BatchDigest(sha256(self.name.issuer.encode()).digest()), OBSERVED)


def issuer_of(number: int) -> IssuerId:
    """Return who issues the codes and keeps the list of province `number`."""
    return IssuerId(f"https://code-{number}.example")


def make_snapshots(folder: Path, share: float) -> list[Snapshot]:
    """Write a snapshot of each province with `share` of its people."""
    table = _BYTES.ljust(256, b"\0")
    drawn = random.Random(31).randbytes(8 << 20).translate(table)
    made = []
    for number, (province, people) in enumerate(PEOPLE.items()):
        capacity = max(2, int(people * share))
        name = ListName(issuer_of(number), f"{issuer_of(number)}/status/2026-{province}")
        raw, deflated, digest = folder / f"{province}.raw", folder / f"{province}.deflated", sha256()
        with raw.open("wb") as plain, deflated.open("wb") as packed:
            for block in _blocks(drawn, number * 104_729, raw_bytes(capacity)):
                plain.write(block)
                digest.update(block)
                shorter = zlib.compress(block, LEVEL)
                packed.write(len(shorter).to_bytes(4, "big") + shorter)
        made.append(Snapshot(name, capacity, raw, deflated, StateDigest(digest.digest())))
    return made


def _blocks(drawn: bytes, start: int, size: int) -> Iterator[bytes]:
    while size:
        start %= len(drawn)
        block = drawn[start : start + min(size, MAX_BLOCK_BYTES)]
        yield block
        start, size = start + len(block), size - len(block)


def load_raw(files: ListFiles, snapshots: list[Snapshot]) -> None:
    """Take over snapshots as a follower does once it has them: digest, then a file that is durable and shown."""
    for each in snapshots:
        _adopt(files, each, each.raw)


def load_deflated(files: ListFiles, snapshots: list[Snapshot], folder: Path) -> None:
    """Take over snapshots in the parts that they came in."""
    for each in snapshots:
        path = folder / "inflated"
        with each.deflated.open("rb") as packed, path.open("wb") as plain:
            while length := packed.read(4):
                inflate = zlib.decompressobj()
                plain.write(inflate.decompress(packed.read(int.from_bytes(length, "big")), MAX_BLOCK_BYTES))
                if not inflate.eof or inflate.unused_data:
                    raise AssertionError("a part is not whole")
        _adopt(files, each, path)
        path.unlink()


def _adopt(files: ListFiles, snapshot: Snapshot, raw: Path) -> None:
    digest = sha256()
    with raw.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    if digest.digest() != snapshot.digest:
        raise AssertionError("a snapshot is not what was sent")
    files.replace(snapshot.name, snapshot.capacity, raw, snapshot.mark)
