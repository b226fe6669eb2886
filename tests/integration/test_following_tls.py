"""Following over mutual TLS: who is enrolled is told by certificates, and a source by its authority."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from gateway.follow.gateway_source import FollowedGateway
from gateway.rpc.settings import TlsFiles
from gateway.status import words
from gateway.values import Caller, CallerKind, IssuerId
from tests.conftest import FakeClock
from tests.simulators.following import following
from tests.simulators.status_world import Country, Node, running_node

SOURCE = "gateway-2"


def files(folder: Path, authority: trustme.CA) -> TlsFiles:
    folder.mkdir()
    server = authority.issue_cert("127.0.0.1")
    made = TlsFiles(folder / "chain.pem", folder / "key.pem", folder / "clients.pem")
    made.certificate.write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    made.key.write_bytes(server.private_key_pem.bytes())
    made.client_authorities.write_bytes(authority.cert_pem.bytes())
    return made


def credentials(authority: trustme.CA, name: str, *, issued_by: trustme.CA | None = None) -> Any:
    client = (issued_by or authority).issue_cert(name)
    chain = b"".join(pem.bytes() for pem in client.cert_chain_pems)
    return grpc.ssl_channel_credentials(authority.cert_pem.bytes(), client.private_key_pem.bytes(), chain)


def enrolled(caller: Caller) -> bool:
    return caller == Caller(caller.caller_id, CallerKind.TLS_PEER) and caller.caller_id == "gateway-1.example"


@asynccontextmanager
async def two_nodes(
    folder: Path, country: Country, clock: FakeClock, authority: trustme.CA
) -> AsyncIterator[tuple[Node, Node]]:
    tls = files(folder / "tls", authority)
    async with (
        running_node(folder / "a", country, clock, name=SOURCE, enrolled=enrolled, tls=tls) as source,
        running_node(folder / "b", country, clock, serves=False) as node,
    ):
        yield source, node


async def test_an_enrolled_gateway_follows_and_no_other(tmp_path: Path, clock: FakeClock) -> None:
    authority, stranger, country = trustme.CA(), trustme.CA(), Country()
    issuer = country.province("guizhou")
    issuer.open(clock())
    issuer.change({words.RED: [5]}, clock())
    async with two_nodes(tmp_path, country, clock, authority) as (source, node):
        for signed in issuer.batches:
            await source.ledger.submit(signed, clock())
        for shown, why in (
            (credentials(authority, "gate-7.example"), "refused"),
            (credentials(authority, "gateway-1.example", issued_by=stranger), "unreachable"),
            (grpc.ssl_channel_credentials(authority.cert_pem.bytes()), "unreachable"),
            (credentials(stranger, "gateway-1.example"), "unreachable"),
        ):
            async with following(node, source.target, country, clock, credentials=shown) as seen:
                await seen.until("failed", SOURCE, why)
        assert not node.ledger.heads()
        right = credentials(authority, "gateway-1.example")
        async with following(node, source.target, country, clock, credentials=right) as seen:
            await seen.until("followed", SOURCE, "guizhou", times=2)
        assert node.raw(issuer.name) == bytes(issuer.held)


@pytest.mark.parametrize("target", ["gateway-2.example:443", "10.0.0.1:50061", "[2001:db8::1]:1"])
def test_plaintext_is_spoken_to_this_machine_only(target: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        FollowedGateway(IssuerId(SOURCE), target)
    FollowedGateway(IssuerId(SOURCE), target, grpc.ssl_channel_credentials())
    for own in ("127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/run/hcgw/status.sock"):
        FollowedGateway(IssuerId(SOURCE), own)
