"""The operator's first hour, on real processes: start, refuse, look, reload, drain."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import socket
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from grpc_health.v1 import health_pb2, health_pb2_grpc
from healthcode.interop.v1 import reason_pb2, verdict_pb2

from gateway.app import App
from gateway.config import load
from gateway.loading import StartRefused
from gateway.watch.events import ReloadDone, ReloadRefused
from gateway.watch.logs import EventLog
from gateway.web.pages import Check
from keys.values import Instant
from tests.conftest import FakeClock
from tests.integration.gateway_process import PATIENCE_S, Edges, Gateway, Site, hcgw, question, running, start, stub_of

BAD_CONFIGURATION = 78

pytestmark = pytest.mark.xdist_group("gateway_process")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def metric(gateway: Edges, name: str) -> float:
    (found,) = [
        float(line.split()[-1])
        for line in gateway.get("/metrics")[1].decode().splitlines()
        if line.startswith(name + " ")
    ]
    return found


def health(gateway: Edges) -> int:
    with grpc.insecure_channel(gateway.grpc) as channel:
        make_stub: Any = health_pb2_grpc.HealthStub
        return int(make_stub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S).status)


def status_of(failed: Any) -> grpc.StatusCode:
    found: grpc.StatusCode = failed.code()
    return found


def not_started(site: Site, *settings: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit status and the refusals of a gateway that must not start."""
    gateway = start(site, *settings, **environment)
    try:
        status = gateway.end()
    finally:
        if gateway.process.poll() is None:
            gateway.process.kill()
            gateway.process.wait(PATIENCE_S)
        gateway.close()
    assert not [event for event in gateway.events if event["event"] == "serving"]
    return status, [event for event in gateway.events if event["event"] == "start_refused"]


def test_a_code_goes_in_and_a_verdict_comes_out(site: Site) -> None:
    with running(site) as gateway:
        verdict = gateway.verify(site.code()).verdict
        assert verdict.core.measure == verdict_pb2.MEASURE_PASS
        assert verdict.core.reasons[0] == reason_pb2.REASON_STATE_GREEN
        assert health(gateway) == health_pb2.HealthCheckResponse.SERVING
        name = 'hcgw_verifications_total{format="native",issuer="https://health.guizhou.test",measure="PASS"'
        assert metric(gateway, name + ',reason="STATE_GREEN"}') == 1
        check_receipt(gateway, verdict.receipt)


def check_receipt(gateway: Gateway, receipt: str) -> None:
    """A receipt verifies with the key set that the gateway publishes, and with nothing else needed."""
    status, body, headers = gateway.get("/.well-known/jwks.json")
    (key,) = json.loads(body)["keys"]
    assert (status, headers["Cache-Control"]) == (200, "public, max-age=300")
    assert gateway.get("/.well-known/jwks.json", **{"If-None-Match": headers["ETag"]})[0] == 304
    signed, _, signature = receipt.rpartition(".")
    public = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(key["x"] + "=="))
    public.verify(urlsafe_b64decode(signature + "=="), signed.encode())


def test_a_reload_takes_a_new_trust_list(site: Site) -> None:
    with running(site) as gateway:
        before = gateway.verify(site.code()).verdict.core.measure
        site.write_trust(sequence=2, issuers=[])
        gateway.signal(signal.SIGHUP)
        assert gateway.wait_for("reload_done")["issuers"] == 0
        assert before == verdict_pb2.MEASURE_PASS
        assert list(gateway.verify(site.code()).verdict.core.reasons) == [reason_pb2.REASON_UNKNOWN_ISSUER]
        assert metric(gateway, "hcgw_trust_epoch") == 2


@pytest.mark.parametrize("broken", ["garbage", "older", "other world", "expired", "missing", "rules"])
def test_a_broken_reload_keeps_everything_and_says_why(site: Site, broken: str) -> None:
    site.write_trust(sequence=5)
    with running(site) as gateway:
        part = "policy" if broken == "rules" else "trust"
        if broken == "garbage":
            site.trust.write_bytes(b"\xff{")
        elif broken == "older":
            site.write_trust(sequence=4, issuers=[])
        elif broken == "other world":
            site.write_trust(sequence=6, environment="production", issuers=[])
        elif broken == "expired":
            site.write_trust(sequence=6, expires_in_s=-10, issuers=[])
        elif broken == "missing":
            site.trust.unlink()
        else:
            site.write_trust(sequence=6, issuers=[])
            (site.policy / "110000.toml").write_text("division = 1")
        gateway.signal(signal.SIGHUP)
        refused = gateway.wait_for("reload_refused")
        assert refused["part"] == part
        assert refused["file"] == (f"{site.policy / '110000.toml'}:1" if broken == "rules" else str(site.trust))
        assert refused["why"]
        assert metric(gateway, "hcgw_config_last_reload_successful") == 0
        assert metric(gateway, "hcgw_trust_last_reload_successful") == 0
        assert metric(gateway, "hcgw_trust_epoch") == 1
        assert gateway.verify(site.code()).verdict.core.measure == verdict_pb2.MEASURE_PASS
        assert gateway.get("/readyz")[0] == 200
        for rules in site.policy.glob("110000.toml"):
            rules.unlink()
        site.write_trust(sequence=7)
        gateway.signal(signal.SIGHUP)
        gateway.wait_for("reload_done")
        assert metric(gateway, "hcgw_config_last_reload_successful") == 1
        assert metric(gateway, "hcgw_trust_last_reload_successful") == 1


def test_reloads_under_load_fail_no_call(site: Site) -> None:
    with running(site) as gateway, grpc.insecure_channel(gateway.grpc) as channel:
        stub = stub_of(channel)
        done = threading.Event()
        measures: list[int] = []

        def call() -> None:
            while not done.is_set():
                measures.append(stub.VerifyCode(question(code), timeout=PATIENCE_S).verdict.core.measure)

        code = site.code()
        caller = threading.Thread(target=call)
        caller.start()
        for sequence in range(2, 12):
            site.write_trust(sequence=sequence)
            gateway.signal(signal.SIGHUP)
            assert gateway.wait_for("reload_done")["epoch"] == sequence
        done.set()
        caller.join(PATIENCE_S)
        assert measures
        assert set(measures) == {verdict_pb2.MEASURE_PASS}
        assert metric(gateway, "hcgw_trust_epoch") == 11


async def test_an_expired_trust_list_answers_nothing_and_recovers(site: Site) -> None:
    clock = FakeClock(Instant(time.time()))
    app = App(load(site.config), clock=clock, log=EventLog(io.StringIO(), level="error"))
    await app.start()
    gateway = Edges(f"127.0.0.1:{app.grpc_port}", f"127.0.0.1:{app.http_port}")
    try:
        code = site.code()
        assert (await asyncio.to_thread(gateway.get, "/readyz"))[0] == 200
        clock.advance(2 * 86_400)
        status, body, _ = await asyncio.to_thread(gateway.get, "/readyz")
        assert (status, json.loads(body)["checks"]["trust"]) == (503, "expired")
        assert (await asyncio.to_thread(gateway.get, "/livez"))[0] == 200
        with pytest.raises(grpc.RpcError) as caught:
            await asyncio.to_thread(gateway.verify, code)
        assert status_of(caught.value) is grpc.StatusCode.UNAVAILABLE
        refused = await app.reload()
        assert isinstance(refused, ReloadRefused)
        assert refused.why == "a trust list has expired"
        assert await asyncio.to_thread(health, gateway) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await asyncio.to_thread(metric, gateway, "hcgw_ready") == 0
        clock.advance(-2 * 86_400)
        site.write_trust(sequence=2)
        assert isinstance(await app.reload(), ReloadDone)
        assert (await asyncio.to_thread(gateway.get, "/readyz"))[0] == 200
        assert await asyncio.to_thread(health, gateway) == health_pb2.HealthCheckResponse.SERVING
        assert (await asyncio.to_thread(gateway.verify, code)).verdict.core.measure == verdict_pb2.MEASURE_PASS
    finally:
        await app.drain()


async def test_readiness_is_looked_at_without_being_asked(site: Site) -> None:
    clock = FakeClock(Instant(time.time()))
    app = App(load(site.config), clock=clock, log=EventLog(io.StringIO(), level="error"))
    await app.start()
    gateway = Edges(f"127.0.0.1:{app.grpc_port}", f"127.0.0.1:{app.http_port}")
    try:
        clock.advance(2 * 86_400)
        async with asyncio.timeout(PATIENCE_S):
            while await asyncio.to_thread(health, gateway) != health_pb2.HealthCheckResponse.NOT_SERVING:
                await asyncio.to_thread(gateway.get, "/livez")
    finally:
        await app.drain()


@pytest.mark.parametrize(("edge", "other"), [("grpc", "http"), ("http", "grpc")])
async def test_an_app_that_cannot_open_everything_leaves_nothing_open(site: Site, edge: str, other: str) -> None:
    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        place = free.getsockname()
        free.close()
        settings = [f"{edge}.listen=127.0.0.1:{taken.getsockname()[1]}", f"{other}.listen=127.0.0.1:{place[1]}"]
        app = App(load(site.config, settings), log=EventLog(io.StringIO(), level="error"))
        with pytest.raises(StartRefused) as caught:
            await app.start()
    assert caught.value.part == edge
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place, timeout=PATIENCE_S)


async def test_a_look_that_fails_is_not_the_last_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.READINESS_S", 0.01)
    log = io.StringIO()
    app = App(load(site.config), log=EventLog(log))
    await app.start()
    looked = asyncio.Event()
    sound, looks = app.checks, 0

    def checks() -> tuple[Check, ...]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError
        looked.set()
        return sound()

    monkeypatch.setattr(app, "checks", checks)
    try:
        await asyncio.wait_for(looked.wait(), PATIENCE_S)
    finally:
        await app.drain()
    assert '"event": "unhandled"' in log.getvalue()


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (["trust.lists=[]"], "trust.lists"),
        (["trust.lists=['absent.json']"], "trust.lists: "),
        (["service.environment=production"], "configuration"),
        (["policy.directory=absent"], "policy.directory: "),
        (["receipts.signer=file:absent.pem"], "receipts.signer"),
        (["receipts.signer=pkcs11:token"], "receipts.signer"),
        (["grpc.lisen=127.0.0.1:1"], "grpc.lisen"),
        (["grpc.listen=0.0.0.0:0"], "grpc"),
    ],
)
def test_it_refuses_to_start_and_names_the_option(site: Site, settings: list[str], where: str) -> None:
    status, refusals = not_started(site, *settings)
    assert status == BAD_CONFIGURATION
    assert [event["where"][: len(where)] for event in refusals] == [where]
    assert all(event["why"] for event in refusals)


def test_it_refuses_to_start_without_a_trust_list_in_the_file(site: Site) -> None:
    site.config.write_text(
        "\n".join(line for line in site.config.read_text().splitlines() if not line.strip().startswith("trust ="))
    )
    status, refusals = not_started(site)
    assert status == BAD_CONFIGURATION
    assert [(event["part"], event["where"]) for event in refusals] == [("config", "trust")]


@pytest.mark.parametrize("wrong", ["expired", "foreign", "garbage", "others may read the key"])
def test_it_refuses_to_start_with_unsound_files(site: Site, wrong: str) -> None:
    if wrong == "expired":
        site.write_trust(sequence=1, expires_in_s=-1)
    elif wrong == "foreign":
        site.write_trust(sequence=1, environment="production")
    elif wrong == "garbage":
        site.trust.write_text("[]")
    else:
        (site.folder / "receipts.key.pem").chmod(0o644)
    status, refusals = not_started(site)
    assert status == BAD_CONFIGURATION
    assert [event["part"] for event in refusals] == ["signer" if wrong == "others may read the key" else "trust"]


@pytest.mark.parametrize("edge", ["grpc", "http"])
def test_an_address_that_is_taken_is_a_failure_worth_another_try(site: Site, edge: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        # A start that fails has nobody to wait for: with a lame duck of minutes this test would run out of patience.
        taken_port = taken.getsockname()[1]
        status, refusals = not_started(site, f"{edge}.listen=127.0.0.1:{taken_port}", "grpc.lame_duck_s=300")
    assert status == 1
    assert [event["part"] for event in refusals] == [edge]


def test_no_configuration_at_all(site: Site) -> None:
    site.config.unlink()
    status, refusals = not_started(site)
    assert status == BAD_CONFIGURATION
    assert [event["where"] for event in refusals] == [str(site.config)]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(site: Site, number: signal.Signals) -> None:
    with running(site, "grpc.lame_duck_s=2") as gateway, grpc.insecure_channel(gateway.grpc) as channel:
        stub = stub_of(channel)
        assert (
            stub.VerifyCode(question(site.code()), timeout=PATIENCE_S).verdict.core.measure == verdict_pb2.MEASURE_PASS
        )
        gateway.signal(number)
        gateway.wait_for("draining")
        assert gateway.wait_for("readiness_changed")["failing"] == ["running"]
        # Lame duck: not ready, and still serving whoever has not noticed.
        status, body, _ = gateway.get("/readyz")
        assert (status, json.loads(body)["checks"]["running"]) == (503, "draining")
        assert health(gateway) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert (
            stub.VerifyCode(question(site.code()), timeout=PATIENCE_S).verdict.core.measure == verdict_pb2.MEASURE_PASS
        )
        assert metric(gateway, "hcgw_ready") == 0
        gateway.wait_for("stopped")
        assert gateway.end() == 0
        assert gateway.stderr == b""


def test_a_second_signal_gives_up_waiting(site: Site) -> None:
    with running(site, "grpc.lame_duck_s=300") as gateway:
        gateway.signal(signal.SIGTERM)
        gateway.wait_for("draining")
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
        assert gateway.stderr == b""


async def test_a_second_signal_is_heard_at_every_step_of_the_drain(site: Site) -> None:
    """It cancels the drain, which itself cancels what it waits for: the one must not be taken for the other."""
    app = App(load(site.config), log=EventLog(io.StringIO()))
    await app.start()
    asked_to_end, may_end = asyncio.Event(), asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            asked_to_end.set()
            await may_end.wait()

    assert app._looking is not None
    app._looking.cancel()
    app._looking = asyncio.create_task(slow_to_end())
    await asyncio.sleep(0)
    draining = asyncio.create_task(app.drain())
    await asked_to_end.wait()
    draining.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await draining
    await app._close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Return a socket that stands in for systemd's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(PATIENCE_S)
        yield told


def test_systemd_is_told(site: Site, systemd: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "600000000"}
    with running(site, **environment) as gateway:
        assert systemd.recv(100) == b"READY=1"
        gateway.signal(signal.SIGHUP)
        heard = [systemd.recv(100) for _ in range(3)]
        assert heard[0] == b"WATCHDOG=1"
        assert heard[1].startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert heard[2] == b"READY=1"
        gateway.signal(signal.SIGTERM)
        while (word := systemd.recv(100)) == b"WATCHDOG=1":
            pass
        assert word == b"STOPPING=1"
        assert gateway.end() == 0


def test_the_watchdog_gets_signs_of_life(site: Site, systemd: socket.socket) -> None:
    with running(site, NOTIFY_SOCKET=systemd.getsockname(), WATCHDOG_USEC="100000"):
        assert [systemd.recv(100) for _ in range(4)] == [b"READY=1"] + [b"WATCHDOG=1"] * 3


def test_mutual_tls(site: Site) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(site.folder / "ca.pem"))
    server.private_key_pem.write_to_path(str(site.folder / "tls.key.pem"))
    server.cert_chain_pems[0].write_to_path(str(site.folder / "tls.pem"))
    settings = [
        "grpc.insecure_plaintext_on_loopback=false",
        "grpc.tls.certificate_file=tls.pem",
        "grpc.tls.key_file=tls.key.pem",
        "grpc.tls.client_ca_file=ca.pem",
    ]

    def credentials(of: trustme.CA | None) -> grpc.ChannelCredentials:
        root = authority.cert_pem.bytes()
        if of is None:
            return grpc.ssl_channel_credentials(root)
        leaf = of.issue_cert("gate-7.example")
        return grpc.ssl_channel_credentials(root, leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())

    assert hcgw("config", "check", str(site.config), *[word for one in settings for word in ("--set", one)])[0] == 0
    with running(site, *settings) as gateway:
        assert gateway.events[-1]["tls"] is True
        with grpc.secure_channel(gateway.grpc, credentials(authority)) as channel:
            stub = stub_of(channel)
            verdict = stub.VerifyCode(question(site.code()), timeout=PATIENCE_S).verdict
            assert verdict.core.measure == verdict_pb2.MEASURE_PASS
        for refused in (credentials(stranger), credentials(None)):
            with grpc.secure_channel(gateway.grpc, refused) as channel:
                stub = stub_of(channel)
                with pytest.raises(grpc.RpcError) as caught:
                    stub.VerifyCode(question(site.code()), timeout=PATIENCE_S)
                assert status_of(caught.value) is grpc.StatusCode.UNAVAILABLE
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
        assert gateway.stderr == b""
