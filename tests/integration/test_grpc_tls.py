"""Mutual TLS on loopback: who calls is who her certificate says, and without one nobody gets in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from healthcode.interop.v1 import verification_service_pb2 as pb
from healthcode.interop.v1.verification_service_pb2_grpc import VerificationServiceStub

from gateway.rpc.server import GrpcServer, verification_services
from gateway.rpc.settings import GrpcSettings, ServingRefused, TlsFiles
from tests.integration.grpc_edge import STAFF, refused, told
from tests.unit.rpc.fakes import Desk

ASK = pb.VerifyCodeRequest(context=STAFF, code=b"green:a", receipt_requested=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@dataclass
class Certificate:
    chain: bytes
    key: bytes


def issued(authority: trustme.CA, common_name: str, *names: x509.GeneralName) -> Certificate:
    """Return a client certificate with just these names."""
    parent = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    parent_key: Any = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(parent.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not common_name)
    certificate = builder.sign(parent_key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(certificate.public_bytes(serialization.Encoding.PEM), private)


def tls_files(folder: Path, authority: trustme.CA) -> TlsFiles:
    server = authority.issue_cert("127.0.0.1")
    files = TlsFiles(folder / "chain.pem", folder / "key.pem", folder / "clients.pem")
    files.certificate.write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    files.key.write_bytes(server.private_key_pem.bytes())
    files.client_authorities.write_bytes(authority.cert_pem.bytes())
    return files


@asynccontextmanager
async def served(folder: Path, authority: trustme.CA) -> AsyncIterator[int]:
    settings = GrpcSettings("127.0.0.1", 0, tls=tls_files(folder, authority), lame_duck_s=0.0, grace_s=5.0)
    server = GrpcServer(settings, verification_services(Desk()))
    try:
        yield await server.start()
    finally:
        await server.stop()


@asynccontextmanager
async def connected(port: int, authority: trustme.CA, client: Certificate | None) -> AsyncIterator[Any]:
    credentials = grpc.ssl_channel_credentials(
        authority.cert_pem.bytes(), client.key if client else None, client.chain if client else None
    )
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        yield channel


@pytest.mark.parametrize(
    ("common_name", "names", "caller"),
    [
        ("cn", (x509.DNSName("gate.example"), x509.UniformResourceIdentifier("spiffe://h/gate")), "spiffe://h/gate"),
        ("cn", (x509.RFC822Name("a@b.example"), x509.DNSName("gate.example")), "gate.example"),
        ("Guizhou province", (), "Guizhou province"),
        ("Guizhou province", (x509.RFC822Name("a@b.example"),), "Guizhou province"),
    ],
)
async def test_the_caller_is_the_first_name_of_her_certificate(
    tmp_path: Path, authority: trustme.CA, common_name: str, names: tuple[x509.GeneralName, ...], caller: str
) -> None:
    client = issued(authority, common_name, *names)
    async with served(tmp_path, authority) as port, connected(port, authority, client) as channel:
        stub: Any = VerificationServiceStub(channel)  # type: ignore[no-untyped-call]
        receipt = (await stub.VerifyCode(ASK)).verdict.receipt
        assert receipt.split("|")[1:3] == ["tls_peer", caller]


async def test_a_certificate_without_a_name_is_nobody_but_may_ask_for_health(
    tmp_path: Path, authority: trustme.CA
) -> None:
    client = issued(authority, "", x509.RFC822Name("a@b.example"))
    async with served(tmp_path, authority) as port, connected(port, authority, client) as channel:
        stub: Any = VerificationServiceStub(channel)  # type: ignore[no-untyped-call]
        item = pb.CodeItem(code=b"green:a")
        stream = stub.StreamVerifications()
        for call in (
            stub.VerifyCode(ASK),
            # Identity comes before everything else: these are malformed, too.
            stub.VerifyCode(pb.VerifyCodeRequest()),
            stub.VerifyCodes(pb.VerifyCodesRequest(context=STAFF, items=[item])),
            stream.read(),
        ):
            error = await refused(call)
            assert (error.code(), told(error)[0].reason) == (grpc.StatusCode.UNAUTHENTICATED, "NO_IDENTITY")
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("whose", ["nobody's", "another authority's", "plaintext"])
async def test_without_a_certificate_of_our_authorities_nobody_gets_in(
    tmp_path: Path, authority: trustme.CA, whose: str
) -> None:
    client = issued(trustme.CA(), "cn") if whose == "another authority's" else None
    async with served(tmp_path, authority) as port:
        insecure = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        async with insecure if whose == "plaintext" else connected(port, authority, client) as channel:
            stub: Any = VerificationServiceStub(channel)  # type: ignore[no-untyped-call]
            assert (await refused(stub.VerifyCode(ASK))).code() is grpc.StatusCode.UNAVAILABLE
        await insecure.close()


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "no PEM":
        path.write_text("hello")
    else:
        path.write_text("-----BEGIN CERTIFICATE-----\n####\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize("broken", ["certificate", "key", "client_authorities"])
@pytest.mark.parametrize("how", ["missing", "no PEM", "garbage in PEM"])
async def test_a_tls_file_that_cannot_be_used_is_refused(
    tmp_path: Path, authority: trustme.CA, broken: str, how: str
) -> None:
    files = tls_files(tmp_path, authority)
    spoil(getattr(files, broken), how)
    with pytest.raises(ServingRefused):
        await GrpcServer(GrpcSettings("127.0.0.1", 0, tls=files), verification_services(Desk())).start()


async def test_tls_beside_plaintext_is_refused(tmp_path: Path, authority: trustme.CA) -> None:
    settings = GrpcSettings("127.0.0.1", 0, tls=tls_files(tmp_path, authority), insecure_plaintext_on_loopback=True)
    with pytest.raises(ServingRefused):
        await GrpcServer(settings, verification_services(Desk())).start()
