"""The edge for plain lists over a real ledger: what is served is what is held, signed by this gateway."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from gateway.config import Config, load
from gateway.formats import status_list_jwt
from gateway.formats.status_list import unpacked
from gateway.keeper.plain_edge import LIFETIME_S, TTL_S, PlainEdge, plain_readers
from gateway.loading import StartRefused
from gateway.status import words
from gateway.web.peers import LOOPBACK
from gateway.web.token_files import list_id, tag_of
from keys.jwk import key_from_jwk
from keys.signer import Signer, generate_dev_key
from keys.values import Algorithm, IssuerId
from tests.conftest import FakeClock
from tests.simulators.status_issuer import StatusIssuer
from tests.unit.publishing.house import House, province
from tests.unit.publishing.memory_log import MemoryLog
from tests.unit.test_config import MINIMAL

STATUS = """
[status]
directory = "status"
signer = "file:status.key.pem"
issuer = "https://gateway.test/status"
http_listen = "127.0.0.1:0"
enrolled = ["gw.hi.example"]
"""
TLS = '[grpc.tls]\ncertificate_file = "a"\nkey_file = "b"\nclient_ca_file = "c"\n'


def configured(folder: Path, text: str = MINIMAL + STATUS) -> Path:
    file = folder / "hcgw.toml"
    file.write_text(text)
    return file


@dataclass
class World:
    house: House
    zhejiang: StatusIssuer
    edge: PlainEdge
    signer: Signer
    port: int = 0
    failures: list[BaseException] = field(default_factory=list)

    async def get(self, path: str, **headers: str) -> tuple[int, bytes, str]:
        """Return status, body and tag."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as found:
            return found.status, await found.read(), found.headers.get("ETag", "")


@pytest.fixture(params=[Algorithm.ED25519, Algorithm.SM2])
async def world(tmp_path: Path, clock: FakeClock, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    house = await House(tmp_path / "lists", MemoryLog(), clock).start()
    zhejiang = province()
    await house.submit(zhejiang.open(clock()))
    await house.submit(zhejiang.change({words.GREEN: range(100), words.RED: [500]}, clock()))
    signer, failures = generate_dev_key(tmp_path / "status.key.pem", request.param), list[BaseException]()
    config = load(configured(tmp_path))
    edge = PlainEdge(
        config,
        house.ledger,
        signer,
        enrolled=plain_readers(config).__contains__,
        answered=lambda *_: None,
        failed=failures.append,
    )
    found = World(house, zhejiang, edge, signer, failures=failures)
    found.port = await edge.start()
    yield found
    await edge.stop()
    await house.ledger.close()
    assert failures == []


async def test_a_list_is_served_as_it_is_held(world: World, clock: FakeClock) -> None:
    status, body, _ = await world.get("/status-lists")
    ((address,), path) = json.loads(body)["status_lists"], f"/status-lists/{list_id(world.zhejiang.name)}"
    assert (status, address.endswith(path)) == (200, True)
    status, body, tag = await world.get(path)
    read = status_list_jwt.read(body)
    head = world.house.ledger.head(world.zhejiang.name)
    assert head is not None
    assert (status, tag) == (200, tag_of(head.number, head.digest))
    assert (read.uri, read.issuer, read.bits) == (world.zhejiang.name.uri, "https://gateway.test/status", 4)
    assert (read.issue_time, read.expire_time, read.ttl) == (clock(), clock() + LIFETIME_S, TTL_S)
    assert b"".join(unpacked(read.packed, 4)) == world.zhejiang.held
    key = key_from_jwk(dict(world.signer.public_jwk), issuer=IssuerId("https://gateway.test/status"))
    assert key.key_id == read.key_id
    assert key.verifier.verify(read.signature, read.signed)


async def test_who_has_it_gets_nothing_and_no_copy_is_left(world: World, tmp_path: Path) -> None:
    path = f"/status-lists/{list_id(world.zhejiang.name)}"
    _, _, tag = await world.get(path)
    assert await world.get(path, **{"If-None-Match": tag}) == (304, b"", tag)
    left = {file.name for file in (tmp_path / "status").iterdir()}
    assert left == {"tokens"}


async def test_a_list_that_was_closed_is_gone(world: World, clock: FakeClock) -> None:
    await world.house.submit(world.zhejiang.close(clock()))
    assert json.loads((await world.get("/status-lists"))[1]) == {"status_lists": []}
    assert (await world.get(f"/status-lists/{list_id(world.zhejiang.name)}"))[0] == 404


def test_who_may_have_lists(tmp_path: Path) -> None:
    plain = plain_readers(load(configured(tmp_path)))
    assert [name in plain for name in ("gw.hi.example", LOOPBACK, "gw.nobody.example", "")] == [
        True,
        True,
        False,
        False,
    ]
    with_tls = MINIMAL.replace("insecure_plaintext_on_loopback = true\n", TLS)
    strict = plain_readers(load(configured(tmp_path, with_tls + STATUS)))
    assert [name in strict for name in ("gw.hi.example", LOOPBACK)] == [True, False]
    nobody = plain_readers(load(configured(tmp_path, with_tls)))
    assert "gw.hi.example" not in nobody


def edge_of(world: World, config: Config) -> PlainEdge:
    return PlainEdge(
        config, world.house.ledger, world.signer, enrolled=bool, answered=lambda *_: None, failed=lambda _: None
    )


async def test_without_its_tls_files_or_its_address_it_does_not_start(world: World, tmp_path: Path) -> None:
    config = load(configured(tmp_path, MINIMAL.replace("insecure_plaintext_on_loopback = true\n", TLS) + STATUS))
    with pytest.raises(StartRefused):
        edge_of(world, config)
    taken = load(configured(tmp_path, MINIMAL + STATUS.replace(":0", f":{world.port}")))
    other = edge_of(world, taken)
    with pytest.raises(StartRefused):
        await other.start()
    await other.stop()
