"""Personal data that is planted in codes, requests and exceptions never comes out again, in any spelling.

A real gateway process is fed; everything that it says is searched: both outputs, all HTTP pages, all gRPC answers and
errors with their details and metadata.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import signal
import socket
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import grpc
import pytest
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.app import App
from gateway.config import load
from gateway.formats import base45
from gateway.values import Instant
from gateway.watch.logs import EventLog
from tests.integration.gateway_process import PATIENCE_S, Edges, Gateway, Site, question, running, stub_of

CANARIES = ("Canary-Ouyang-Xiaomei", "欧阳小美", "520102199001011234", "+86-139-5550-1234")


def spellings(canary: str) -> Iterator[bytes]:
    """Yield a canary in every spelling in which it could slip out."""
    for raw in (canary.encode(), canary.encode("utf-16-le"), canary.encode("utf-16-be")):
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        # Base64 of a part of a larger text: at any of three offsets, only the letters that no neighbour changes.
        for offset, first in enumerate((0, 2, 3)):
            inner = base64.b64encode(b"\0" * offset + raw)[first : (offset + len(raw)) * 8 // 6]
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")
    yield json.dumps(canary)[1:-1].encode()
    yield quote(canary).encode()
    yield canary.encode("gb18030")


NEEDLES = tuple({needle for canary in CANARIES for needle in spellings(canary) if len(needle) >= 8})


def leaks(said: bytes) -> list[bytes]:
    """Return the spellings that occur in `said`, whatever the case of letters."""
    lower = said.lower()
    return [needle for needle in NEEDLES if needle.lower() in lower]


def test_the_search_finds_each_spelling() -> None:
    for canary in CANARIES:
        for said in (
            canary.encode(),
            canary.encode("utf-16-le"),
            canary.encode("utf-16-be"),
            canary.encode().hex().encode(),
            *(base64.b64encode(b"x" * before + canary.encode() + b"yz") for before in range(7)),
            *(base64.urlsafe_b64encode(b"x" * before + canary.encode("utf-16-le")) for before in range(7)),
            json.dumps({"name": canary}).encode(),
            quote(canary).encode(),
        ):
            assert leaks(said), (canary, said)
    assert leaks(b"nothing of the kind") == []


def segment(members: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def planted(site: Site) -> list[bytes]:
    """Return codes of every kind, sound and broken, with canaries in each place that can hold text."""
    person = {"name": CANARIES[0], "nam": {"fn": CANARIES[1]}, "id": CANARIES[2], "tel": CANARIES[3]}
    found: list[bytes] = []
    for canary in CANARIES:
        ascii_id = "".join(char for char in canary if char.isascii() and char.isalnum()) or "name"
        found += [
            canary.encode(),
            canary.encode("utf-16"),
            canary.encode("gb18030"),
            b"HC1:" + canary.encode(),
            b"HC1:" + base45.encode(zlib.compress(canary.encode())),
            b"HC1:" + base45.encode(canary.encode()),
            b"HCI1:" + base45.encode(canary.encode()),
            b"shc:/" + canary.encode(),
            f"shc:/{''.join(f'{ord(char) - 45:02d}' for char in ascii_id)}".encode(),
            json.dumps({"data": {"msg": person}, "sig": {"sigvl": canary}}).encode(),
            json.dumps(person).encode(),
            f"{segment({'alg': canary, 'kid': canary})}.{segment(person)}.{segment(canary)}".encode(),
            f"{segment({'alg': 'ES256', 'kid': canary})}.{segment({'iss': canary} | person)}.AAAA".encode(),
            f"{segment({'alg': 'Ed25519', 'crit': [canary], canary: 1})}.{segment(person)}.AAAA".encode(),
            site.code()[:-10] + canary.encode(),
        ]
    # Authentic, and the issuer itself put a name where only pseudonyms belong.
    found += [site.code(state, code_id=CANARIES[0], subject=CANARIES[2]) for state in ("green", "yellow", "red")]
    sound = site.code().decode().split(".")
    found.append(f"{sound[0]}.{segment({'iss': 'x'} | person)}.{sound[2]}".encode())
    return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def told(failed: Any) -> bytes:
    """Return everything that a failed call tells its caller."""
    metadata = [*failed.trailing_metadata(), *failed.initial_metadata()]
    values = [value if isinstance(value, bytes) else value.encode() for pair in metadata for value in pair]
    return b"\n".join([str(failed.details()).encode(), str(failed.debug_error_string()).encode(), *values])


def ask(gateway: Edges, request: Any, **options: Any) -> bytes:
    """Return what a caller hears: an answer or an error, with its metadata."""
    with grpc.insecure_channel(gateway.grpc) as channel:
        call: Any = stub_of(channel).VerifyCode
        try:
            answer, context = call.with_call(request, timeout=PATIENCE_S, **options)
        except grpc.RpcError as failed:
            return told(failed)
        return bytes(answer.SerializeToString()) + repr(context.trailing_metadata()).encode()


def every_page(gateway: Edges) -> bytes:
    pages = ("/metrics", "/livez", "/readyz", "/.well-known/jwks.json", "/nothing")
    return b"\n".join(gateway.get(page)[1] + repr(gateway.get(page)[2]).encode() for page in pages)


def everything_said(gateway: Gateway) -> bytes:
    """End the gateway and return all that it wrote, with its pages before."""
    pages = every_page(gateway)
    gateway.signal(signal.SIGTERM)
    assert gateway.end() == 0
    return pages + gateway.stdout + gateway.stderr


def test_codes_do_not_come_out(site: Site) -> None:
    with running(site) as gateway:
        codes = planted(site)
        for code in codes:
            assert leaks(ask(gateway, question(code))) == []
        items = [pb.CodeItem(code=code) for code in codes]
        batch = pb.VerifyCodesRequest(context=question(b"x").context, items=items, receipts_requested=True)
        with grpc.insecure_channel(gateway.grpc) as channel:
            answers = stub_of(channel).VerifyCodes(batch, timeout=PATIENCE_S)
            streamed = stub_of(channel).StreamVerifications(
                iter(
                    [
                        pb.StreamVerificationsRequest(context=batch.context, item=item, receipt_requested=True)
                        for item in items
                    ]
                ),
                timeout=PATIENCE_S,
            )
            assert leaks(answers.SerializeToString() + b"".join(one.SerializeToString() for one in streamed)) == []
        assert leaks(everything_said(gateway)) == []
        assert gateway.stderr == b""


def test_malformed_requests_do_not_come_out(site: Site) -> None:
    with running(site) as gateway, grpc.insecure_channel(gateway.grpc) as channel:
        for canary in CANARIES:
            sound = question(canary.encode())
            for place in ("receiving_division", "checkpoint"):
                request = pb.VerifyCodeRequest()
                request.CopyFrom(sound)
                setattr(request.context, place, canary)
                assert leaks(ask(gateway, request)) == []
            request = pb.VerifyCodeRequest()
            request.CopyFrom(sound)
            request.request_id = canary + "!"
            assert leaks(ask(gateway, request)) == []
            request.request_id = ""
            request.context.purpose = 0  # type: ignore[assignment]
            assert leaks(ask(gateway, request)) == []
            metadata = [("x-person", canary.encode().hex()), ("x-person-bin", canary.encode())]
            assert leaks(ask(gateway, sound, metadata=metadata)) == []
            for path in ("/healthcode.interop.v1.VerificationService/VerifyCode", f"/{quote(canary)}/{quote(canary)}"):
                raw: Any = channel.unary_unary(path)
                with pytest.raises(grpc.RpcError) as caught:
                    raw(b"\xff" + canary.encode(), timeout=PATIENCE_S)
                assert leaks(told(caught.value)) == []
        assert leaks(everything_said(gateway)) == []
        assert gateway.stderr == b""


def test_bytes_that_are_no_protocol_do_not_come_out(site: Site) -> None:
    with running(site) as gateway:
        for address in (gateway.grpc, gateway.http):
            host, _, port = address.rpartition(":")
            for canary in CANARIES:
                raw = canary.encode()
                for sent in (
                    raw + b"\r\n\r\n",
                    b"GET /" + raw + b" HTTP/1.1\r\nHost: " + raw + b"\r\n" + raw + b": " + raw + b"\r\n\r\n",
                    b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + raw,
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + raw * 10,
                    b"\x16\x03\x01" + raw,
                ):
                    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
                        connection.sendall(sent)
                        connection.shutdown(socket.SHUT_WR)
                        heard = b""
                        try:
                            while more := connection.recv(65_536):
                                heard += more
                        except ConnectionResetError:
                            pass
                    assert leaks(heard) == []
        assert leaks(everything_said(gateway)) == []
        assert gateway.stderr == b""


class Talkative:
    """A pipeline that dies with what it was given in its exception, chained and noted."""

    def verify(
        self,
        code: bytes,
        *,
        at: Instant,
        division: object,
        way: object = None,
        purpose: object = None,
        item: object = None,
    ) -> NoReturn:
        try:
            raise KeyError(code.decode())
        except KeyError as inner:
            failure = LookupError(f"{inner} at {at} in {division} for {purpose}")
            failure.add_note(code.decode())
            raise failure from inner

    def ask_issuer(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("no issuer was to be asked")

    assess = ask_issuer


@pytest.mark.parametrize("canary", CANARIES)
async def test_texts_of_exceptions_do_not_come_out(site: Site, canary: str) -> None:
    """A fault of ours with a name in its text: the caller and the log learn that there was one, and where."""
    log = io.StringIO()
    app = App(load(site.config), log=EventLog(log, level="debug"))
    judging = app._judging
    judging.desk = replace(judging.desk, pipeline=Talkative())
    await app.start()
    gateway = Edges(f"127.0.0.1:{app.grpc_port}", f"127.0.0.1:{app.http_port}")
    try:
        heard = await asyncio.to_thread(ask, gateway, question(canary.encode()))
        pages = await asyncio.to_thread(every_page, gateway)
    finally:
        await app.drain()
    assert leaks(heard + pages + log.getvalue().encode()) == []
    failed = [json.loads(line) for line in log.getvalue().splitlines() if '"rpc_failed"' in line]
    assert [event["exception"] for event in failed] == ["LookupError"]
    assert failed[0]["frames"]
    assert b'grpc_code="Internal",grpc_method="VerifyCode",grpc_service="healthcode' in pages


def test_a_trust_list_with_a_person_on_it_is_refused_without_naming_her(site: Site) -> None:
    with running(site) as gateway:
        for place, canary in enumerate(CANARIES):
            for content in (
                json.dumps({canary: canary}),
                canary,
                json.dumps({"format_version": canary}),
                json.dumps(json.loads(site.trust.read_text()) | {"issued": canary, "sequence": place + 10}),
            ):
                site.trust.write_text(content)
                gateway.signal(signal.SIGHUP)
                assert gateway.wait_for("reload_refused")["part"] == "trust"
        assert leaks(everything_said(gateway)) == []
