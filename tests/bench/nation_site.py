"""A nation of provinces that publish live status, and gateways that hold it: folders, keys, lists, codes."""

from __future__ import annotations

import random
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import SignedBatch, Word
from gateway.formats.native_encode import NativeClaims, encode_jws
from gateway.rpc.status_convert import signed_message
from gateway.values import CodeState, Instant
from keys.signer import open_signer
from keys.values import Algorithm
from tests.integration.gateway_process import Site
from tests.integration.status_site import RELAY, StatusSite, listed_key
from tests.simulators.process import HeldCode
from tests.simulators.signing import SigningKey, make_key
from tests.simulators.status_issuer import StatusIssuer

from .nation_lists import PEOPLE, issuer_of

BLOCK: Final = 4 << 20
_BYTES: Final = bytes([*([0x00] * 250), 0xCC, 0x0C, 0xC0, 0x0D, 0x22, 0xF0])
"""What a random byte becomes: two places, nearly all green."""

DIVISIONS: Final = {name: f"{11 + number}0000" for number, name in enumerate(PEOPLE)}
SENTINELS: Final = 64
"""The first places of each list, which codes point to and bursts leave alone but for the last batch."""


@dataclass(slots=True)
class Province:
    """One province: its list, and codes that point to it."""

    number: int
    division: str
    issuer: StatusIssuer
    keys: tuple[SigningKey, ...] = field(repr=False)
    drawn: random.Random

    def code(self, index: int) -> HeldCode:
        """Return a green code that points to a place."""
        now = int(time.time())
        claims = NativeClaims(
            issuer=self.issuer.name.issuer,
            division=self.division,
            state="green",
            issue_time=now - 60,
            expire_time=now + 7_200,
            code_id=f"code-{index}",
            status_uri=self.issuer.name.uri,
            status_index=index,
        )
        key = self.keys[0]
        text = encode_jws(claims, key_id=key.key_id, algorithm=key.algorithm, sign=key.sign).encode()
        return HeldCode(DIVISIONS_OF[self.division], index, text, CodeState.GREEN)

    def some(self, count: int) -> list[int]:
        """Return so many different places, sentinels aside."""
        return self.drawn.sample(range(SENTINELS, self.issuer.capacity), count)

    def batch(self, count: int, word: Word, *, keys: int = 1) -> SignedBatch:
        """Return a batch that changes so many places at random, made now."""
        return self.issuer.change({word: self.some(count)}, Instant(time.time()), keys=self.keys[:keys])


DIVISIONS_OF: Final = {division: name for name, division in DIVISIONS.items()}


def make_nation(share: float) -> list[Province]:
    """Return the provinces, each with a list for `share` of its people that is not opened yet."""
    provinces = []
    for number, (name, people) in enumerate(PEOPLE.items()):
        keys = tuple(make_key(Algorithm.ED25519, f"{number}-{which}") for which in (1, 2))
        capacity = max(4_096, int(people * share)) & ~1
        issuer = StatusIssuer.make(issuer_of(number), f"{issuer_of(number)}/status/1", keys, capacity)
        provinces.append(Province(number, DIVISIONS[name], issuer, keys, random.Random(number)))
    return provinces


def opening(province: Province) -> Iterator[SignedBatch]:
    """Yield the batches that open and fill a list: all sentinels green."""
    issuer = province.issuer
    yield issuer.open(Instant(time.time()))
    drawn = random.Random(province.number).randbytes(1 << 20).translate(_BYTES.ljust(256, b"\0"))
    content = bytes(SENTINELS // 2) + drawn * 4
    for begin in range(0, issuer.capacity // 2, BLOCK):
        block = (content if not begin else drawn * 4)[: min(BLOCK, issuer.capacity // 2 - begin)]
        yield issuer.fill(2 * begin, block, Instant(time.time()))


def request_of(signed: SignedBatch) -> bytes:
    """Return the call that publishes a batch, encoded."""
    return pb.PublishChangesRequest(signed_batch=signed_message(signed)).SerializeToString()


class NationSite(StatusSite):
    """A gateway that trusts every province, and maybe a relay."""

    def __init__(self, folder: Path, provinces: Sequence[Province], relay: Path | None = None) -> None:
        folder.mkdir()
        self.provinces = provinces
        super().__init__(folder, relays=() if relay is None else (relay,))

    def write_trust(self, *, sequence: int, expires_in_s: float = 86_400.0, **overrides: object) -> None:
        """Write a trust list with all provinces and the relay on it."""
        issuers: list[dict[str, object]] = [
            {
                "issuer": province.issuer.name.issuer,
                "name": DIVISIONS_OF[province.division],
                "division": province.division,
                "formats": ["native"],
                "keys": [listed_key(key) for key in province.keys],
            }
            for province in self.provinces
        ]
        for relay in self.relays:
            signer = open_signer(f"file:{relay / 'status.key.pem'}")
            kid = urlsafe_b64encode(signer.key_id).rstrip(b"=").decode()
            key = {"algorithm": "Ed25519", "key_id": kid, "jwk": dict(signer.public_jwk)}
            issuers.append({"issuer": RELAY, "name": "Gateway", "formats": ["native"], "keys": [key]})
        Site.write_trust(self, sequence=sequence, expires_in_s=expires_in_s, issuers=issuers, **overrides)

    @property
    def lists(self) -> Path:
        """Where its lists are."""
        return self.folder / "status" / "lists"
