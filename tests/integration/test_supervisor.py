"""A gateway of several processes: one port, one edge, one drain, and each process may die."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1 import verdict_pb2
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.supervisor.pages import SUPERVISOR
from tests.integration.gateway_process import (
    INSTANCE,
    PATIENCE_S,
    Gateway,
    Site,
    hcgw,
    question,
    running,
    start,
    stub_of,
)
from tests.integration.status_site import StatusSite

pytestmark = pytest.mark.xdist_group("gateway_process")

WORKERS = ("worker-0", "worker-1")
CALLERS = 4
TWO = "service.workers=2"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def series(gateway: Gateway, name: str, **labels: str) -> dict[str, float]:
    """Return the sum of a metric by process."""
    found: defaultdict[str, float] = defaultdict(float)
    for family in parse_text(gateway.get("/metrics")[1].decode()):
        for one in family.samples:
            if one.name == name and labels.items() <= one.labels.items():
                found[one.labels["process"]] += one.value
    return dict(found)


def checks(gateway: Gateway) -> dict[str, str]:
    found: dict[str, str] = json.loads(gateway.get("/readyz")[1])["checks"]
    return found


def pid(gateway: Gateway, process: str) -> int:
    """Return the newest id of a process."""
    ready = [one for one in gateway.events if one["event"] == "process_ready" and one["process"] == process]
    return int(ready[-1]["pid"])


def alive(number: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@dataclass
class Load:
    """Callers with a connection each, who ask again and again."""

    gateway: Gateway
    code: bytes
    done: threading.Event = field(default_factory=threading.Event)
    measures: Counter[int] = field(default_factory=Counter)
    failures: Counter[Any] = field(default_factory=Counter)
    turns: int = 0

    def call(self) -> None:
        # A connection of its own: the channels of one process share theirs otherwise.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 100)]
        with grpc.insecure_channel(self.gateway.grpc, options=options) as channel:
            stub = stub_of(channel)
            while not self.done.is_set():
                try:
                    answer = stub.VerifyCode(question(self.code), timeout=PATIENCE_S, wait_for_ready=True)
                    self.measures[answer.verdict.core.measure] += 1
                except grpc.RpcError as failed:
                    code: Any = failed
                    self.failures[code.code()] += 1
                self.turns += 1


@contextmanager
def load(gateway: Gateway, site: Site, *, callers: int = CALLERS) -> Iterator[Load]:
    """Call while the block runs."""
    found = Load(gateway, site.code())
    threads = [threading.Thread(target=found.call) for _ in range(callers)]
    for one in threads:
        one.start()
    try:
        yield found
    finally:
        found.done.set()
        for one in threads:
            one.join(PATIENCE_S)


def test_two_workers_are_one_gateway(site: Site) -> None:
    with running(site, TWO) as gateway:
        port = int(gateway.grpc.rpartition(":")[2])
        assert port > 0
        assert {one["grpc"] for one in gateway.events if one["event"] == "serving"} == {gateway.grpc}
        status, body, _ = gateway.get("/readyz")
        assert (status, json.loads(body)) == (200, {"ready": True, "checks": checks(gateway)})
        assert checks(gateway) == {"running": "ok", "worker-0": "ok", "worker-1": "ok"}
        with load(gateway, site, callers=8) as loaded:
            handled = "grpc_server_handled_total"
            while set(series(gateway, handled, grpc_code="OK")) < set(WORKERS) or not all(
                series(gateway, handled, grpc_code="OK").values()
            ):
                assert not loaded.failures
        counted = series(gateway, "hcgw_verifications_total", measure="PASS", reason="STATE_GREEN")
        assert counted == {name: counted[name] for name in WORKERS}
        assert sum(counted.values()) == loaded.measures[verdict_pb2.MEASURE_PASS] == loaded.turns
        parse: Any = parse_openmetrics  # untyped
        status, body, kind = gateway.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert kind["Content-Type"].startswith("application/openmetrics-text")
        families = list(parse(body.decode()))
        assert len({family.name for family in families}) == len(families)
        (ready,) = [family.samples for family in families if family.name == "hcgw_ready"]
        assert {one.labels["process"]: one.value for one in ready} == dict.fromkeys([SUPERVISOR, *WORKERS], 1.0)
        (keys,) = [json.loads(gateway.get("/.well-known/jwks.json")[1])["keys"]]
        assert len(keys) == 1
        # No second gateway gets in beside it by accident.
        for second in ([TWO], []):
            other = start(site, f"grpc.listen={gateway.grpc}", *second)
            assert other.end() == 1
            other.close()
            assert [one["part"] for one in other.events if one["event"] == "start_refused"] == ["grpc"]
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
        assert gateway.stderr == b""
        assert [one["instance"] for one in gateway.events if one["event"] == "stopped"][-1] == INSTANCE
        assert not any(alive(pid(gateway, name)) for name in WORKERS)


def test_a_worker_that_is_killed_under_load_is_replaced(site: Site) -> None:
    with running(site, TWO) as gateway, load(gateway, site) as loaded:
        for _ in range(3):
            before = pid(gateway, "worker-0")
            os.kill(before, signal.SIGKILL)
            died = gateway.wait_for("process_died")
            assert (died["process"], died["pid"], died["status"]) == ("worker-0", before, -9)
            at = loaded.turns
            gateway.wait_for("process_ready", process="worker-0")
            assert loaded.turns > at  # meanwhile the other has answered
            assert pid(gateway, "worker-0") != before
        assert series(gateway, "hcgw_process_restarts_total") == {"worker-0": 3.0, "worker-1": 0.0}
        while checks(gateway)["worker-0"] != "ok":
            pass
    # The calls that were with the dead process fail, at most one a caller, and plainly; none gets a wrong answer.
    assert set(loaded.measures) == {verdict_pb2.MEASURE_PASS}
    assert set(loaded.failures) <= {grpc.StatusCode.UNAVAILABLE}
    assert loaded.failures[grpc.StatusCode.UNAVAILABLE] <= 3 * CALLERS


def test_a_keeper_that_is_killed_under_load_fails_no_call(tmp_path: Path) -> None:
    site = StatusSite(tmp_path)
    with running(site, TWO) as gateway, load(gateway, site) as loaded:
        for _ in range(2):
            before = pid(gateway, "keeper")
            os.kill(before, signal.SIGKILL)
            assert gateway.wait_for("process_died")["process"] == "keeper"
            status, body, _ = gateway.get("/readyz")
            assert (status, json.loads(body)["checks"]["keeper"] in {"missing", "starting"}) == (503, True)
            gateway.wait_for("process_ready", process="keeper")
            assert gateway.get("/readyz")[0] == 200
        loaded.done.set()
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
        assert gateway.stderr == b""
        stopped = [one["instance"] for one in gateway.events if one["event"] == "stopped"]
        assert stopped[-2:] == [f"{INSTANCE}.keeper", INSTANCE]
    assert not loaded.failures
    assert set(loaded.measures) == {verdict_pb2.MEASURE_PASS}


def test_a_keeper_that_cannot_start_ends_the_start(tmp_path: Path) -> None:
    site = StatusSite(tmp_path)
    (tmp_path / "status").write_text("a file, not a folder")
    gateway = start(site, TWO)
    assert gateway.end() == 1
    gateway.close()
    (refused,) = [one for one in gateway.events if one["event"] == "start_refused"]
    assert (refused["instance"], refused["part"]) == (f"{INSTANCE}.keeper", "status")
    assert not [one for one in gateway.events if one["event"] == "serving" and one["instance"] == INSTANCE]


def test_what_is_started_again_serves_by_the_configuration_of_the_start(site: Site) -> None:
    with running(site, TWO) as gateway:
        site.config.write_text("spoiled")
        for name in WORKERS:
            os.kill(pid(gateway, name), signal.SIGKILL)
        for _ in WORKERS:
            gateway.wait_for("process_ready")
        assert gateway.verify(site.code()).verdict.core.measure == verdict_pb2.MEASURE_PASS


def test_all_reload_and_no_call_fails(site: Site) -> None:
    with running(site, TWO) as gateway, load(gateway, site) as loaded:
        for sequence in range(2, 5):
            site.write_trust(sequence=sequence)
            gateway.signal(signal.SIGHUP)
            heard = {gateway.wait_for("reload_done", epoch=sequence)["instance"] for _ in WORKERS}
            assert heard == {f"{INSTANCE}.{name}" for name in WORKERS}
        site.trust.write_text("spoiled")
        gateway.signal(signal.SIGHUP)
        for _ in WORKERS:
            gateway.wait_for("reload_refused")
        assert series(gateway, "hcgw_trust_epoch") == dict.fromkeys(WORKERS, 4.0)
    assert set(loaded.measures) == {verdict_pb2.MEASURE_PASS}
    assert not loaded.failures


def test_a_drain_fails_no_call(site: Site) -> None:
    with running(site, TWO, "grpc.lame_duck_s=2") as gateway, load(gateway, site) as loaded:
        while not loaded.turns:
            gateway.get("/livez")
        gateway.signal(signal.SIGTERM)
        gateway.wait_for("draining", instance=INSTANCE)
        for _ in WORKERS:
            gateway.wait_for("draining")
        status, body, _ = gateway.get("/readyz")
        assert (status, json.loads(body)["checks"]["running"]) == (503, "draining")
        assert json.loads(body)["checks"]["worker-0.running"] == "draining"
        # As a balancer does that has seen it: no new calls; those that run end well.
        at = loaded.turns
        while loaded.turns < at + 20:
            gateway.get("/livez")
        loaded.done.set()
        gateway.wait_for("stopped", instance=INSTANCE)
        assert gateway.end() == 0
        assert gateway.stderr == b""
    assert not loaded.failures
    assert set(loaded.measures) == {verdict_pb2.MEASURE_PASS}


def test_a_second_signal_gives_up_waiting(site: Site) -> None:
    with running(site, TWO, "grpc.lame_duck_s=300") as gateway:
        gateway.signal(signal.SIGTERM)
        gateway.wait_for("draining", instance=INSTANCE)
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
        assert not any(alive(pid(gateway, name)) for name in WORKERS)


def test_processes_end_with_their_supervisor(site: Site) -> None:
    with running(site, TWO) as gateway:
        workers = [pid(gateway, name) for name in WORKERS]
        sockets = Path(next(one["http"] for one in gateway.events if one["event"] == "serving")).parent
        assert {one.name for one in sockets.iterdir()} == {f"{name}.sock" for name in WORKERS}
        gateway.signal(signal.SIGKILL)
        for _ in WORKERS:
            gateway.wait_for("stopped")
        gateway.end()
        assert not any(alive(one) for one in workers)
        assert not sockets.exists()


def test_a_stop_during_the_start(site: Site) -> None:
    gateway = start(site, TWO)
    try:
        gateway.wait_for("starting", instance=f"{INSTANCE}.worker-0")
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
        assert gateway.stderr == b""
        assert not [one for one in gateway.events if one["event"] == "serving" and one["instance"] == INSTANCE]
    finally:
        gateway.process.kill()
        gateway.process.wait(PATIENCE_S)
        gateway.close()


def test_it_refuses_to_start_as_one_process_does(site: Site) -> None:
    site.trust.write_text("[]")
    gateway = start(site, TWO)
    assert gateway.end() == 78
    gateway.close()
    refused = [one for one in gateway.events if one["event"] == "start_refused"]
    assert {one["part"] for one in refused} == {"trust"}
    assert all(one["instance"].startswith(f"{INSTANCE}.worker-") for one in refused)


@pytest.mark.parametrize("edge", ["grpc", "http"])
def test_an_address_that_is_taken_is_a_failure_worth_another_try(site: Site, edge: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        gateway = start(site, TWO, f"{edge}.listen=127.0.0.1:{taken.getsockname()[1]}")
        assert gateway.end() == 1
        gateway.close()
    assert [one["part"] for one in gateway.events if one["event"] == "start_refused"] == [edge]


def test_systemd_is_told_by_the_supervisor_alone(site: Site, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        with running(site, TWO, NOTIFY_SOCKET=systemd.getsockname()) as gateway:
            heard: list[bytes] = []
            while not heard or heard[-1] != b"READY=1":
                heard.append(systemd.recv(100))
            assert set(heard) == {b"EXTEND_TIMEOUT_USEC=20000000", b"READY=1"}
            gateway.signal(signal.SIGHUP)
            heard = [systemd.recv(100) for _ in range(3)]
            assert heard[0] == b"WATCHDOG=1"
            assert heard[1].startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert heard[2] == b"READY=1"
            # Ready again only when all have reloaded.
            for _ in WORKERS:
                gateway.wait_for("reload_done")
            gateway.signal(signal.SIGTERM)
            while (word := systemd.recv(100)) == b"WATCHDOG=1":
                pass
            assert word == b"STOPPING=1"
            assert gateway.end() == 0


def test_the_command_of_a_process_is_not_for_people(site: Site) -> None:
    assert "serve-process" not in hcgw("--help")[1]
    status, out, err = hcgw("serve-process", "--role", "worker", "--line", "0", "--http-socket", "x")
    assert (status, out) == (1, "")
    assert "is started by hcgw serve" in err
