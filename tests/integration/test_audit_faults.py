"""The audit log when things fail: kills of every process, a disk that is full, heads that were put back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import grpc
import pytest

from gateway.audit.entries import ColourEntry, DecisionEntry, DecisionGapEntry, DegradedEntry, Delivery, Gap, LogName
from gateway.status import words
from keys.notes import NoteSigner
from keys.signer import open_signer
from tests.integration.audit_site import commitments, digest_in, of_kind, with_audit, written_in
from tests.integration.gateway_process import PATIENCE_S, Gateway, Site, question, running, stub_of
from tests.integration.status_site import URI, StatusSite, now, pid_of, publish, status_of


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def ended(gateway: Gateway) -> None:
    """End a gateway as an operator does."""
    gateway.signal(signal.SIGTERM)
    assert gateway.end() == 0


class Askers:
    """Asks without a pause from several threads, and keeps what was answered."""

    def __init__(self, gateway: Gateway, site: Site, threads: int = 3) -> None:
        self.digests: list[bytes] = []
        self.failures = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(gateway.grpc, site.code())) for _ in range(threads)]

    def __enter__(self) -> Askers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _ask(self, target: str, code: bytes) -> None:
        while not self._ended.is_set():
            with grpc.insecure_channel(target) as channel:
                try:
                    while not self._ended.is_set():
                        verdict = stub_of(channel).VerifyCode(question(code), timeout=PATIENCE_S).verdict
                        self.digests.append(digest_in(verdict.receipt))
                except grpc.RpcError:
                    self.failures += 1
                    time.sleep(0.02)


def test_whatever_is_killed_no_answer_is_without_its_entry_and_none_has_two(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with_audit(site)
    random = Random(11)
    with running(site, "service.workers=2") as gateway:
        with Askers(gateway, site) as askers:
            for victim in ("keeper", "worker-0", "keeper", "worker-1", "keeper"):
                before = len(askers.digests)
                wait_until(lambda: len(askers.digests) > before + 5)  # noqa: B023 called in the loop
                time.sleep(random.random() * 0.3)
                os.kill(pid_of(gateway, victim), signal.SIGKILL)
                gateway.wait_for("process_ready", process=victim)
            before = len(askers.digests)
            wait_until(lambda: len(askers.digests) > before + 5)
        ended(gateway)
    found = commitments(site)  # each writer's number stands once
    assert set(askers.digests) <= set(found)
    assert len(set(found)) == len(found)
    assert len(askers.digests) > 30


@pytest.mark.parametrize("workers", [1, 2])
def test_answered_at_once_a_kill_is_written_by_the_next_start_and_an_end_in_order_is_not(
    tmp_path: Path, workers: int
) -> None:
    site = Site(tmp_path)
    with_audit(site, more='answer = "at_once"')
    settings = f"service.workers={workers}"
    for _ in range(2):
        with running(site, settings) as gateway:
            gateway.verify(site.code())
            ended(gateway)
    assert of_kind(written_in(site, LogName.DECISIONS), DecisionGapEntry) == []
    with running(site, settings) as gateway:
        gateway.verify(site.code())
        if workers == 1:
            gateway.signal(signal.SIGKILL)
            gateway.end()
        else:
            os.kill(pid_of(gateway, "keeper"), signal.SIGKILL)
            gateway.wait_for("process_ready", process="keeper")
            ended(gateway)
    if workers == 1:
        with running(site, settings) as gateway:
            ended(gateway)
    gaps = of_kind(written_in(site, LogName.DECISIONS), DecisionGapEntry)
    assert [(one.why, one.lost) for one in gaps] == [(Gap.RUN_CUT_OFF, None)]


def test_colours_are_written_with_who_delivered_them_and_a_kill_doubles_none(tmp_path: Path) -> None:
    site = StatusSite(tmp_path)
    with_audit(site)
    province = site.issuer()
    batches = [province.open(now()), *(province.change({words.RED: [index]}, now()) for index in range(5))]
    more = [province.change({words.GREEN: [index]}, now()) for index in range(3)]
    with running(site, "service.workers=1") as gateway:
        asyncio.run(publish(status_of(gateway), *batches))
        wait_until(lambda: len(of_kind(written_in(site, LogName.CHANGES), ColourEntry)) == 6)
        os.kill(pid_of(gateway, "keeper"), signal.SIGKILL)
        gateway.wait_for("process_ready", process="keeper")
        asyncio.run(publish(status_of(gateway), *more))
        ended(gateway)
    entries = of_kind(written_in(site, LogName.CHANGES), ColourEntry)
    assert [(one.number, one.digest) for one in entries] == [
        (number, one.digest) for number, one in enumerate((*batches, *more), start=1)
    ]
    assert {one.uri for one in entries} == {URI}
    assert {one.delivered_by for one in entries} == {"dev-loopback"}
    assert {one.delivery for one in entries} == {Delivery.HERE}
    assert entries[0].opens == 1_024
    assert [order.places for one in entries[1:] for order in one.orders] == [1] * 8


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Let a small file system be full."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out, suppress(OSError):
        while out.write(b"\0" * 4_096):
            pass
    yield
    filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:  # as another user, or in a container without the right: a full disk cannot be had otherwise
        pytest.skip("only root with the right to mount can make a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def asked_often(gateway: Gateway, site: Site, times: int) -> tuple[list[bytes], bool]:
    """Ask so often, or until it is refused; return the digests of what was answered, and whether it was refused."""
    found: list[bytes] = []
    with grpc.insecure_channel(gateway.grpc) as channel:
        stub = stub_of(channel)
        try:
            for _ in range(times):
                verdict = stub.VerifyCode(question(site.code()), timeout=PATIENCE_S).verdict
                found.append(digest_in(verdict.receipt))
        except grpc.RpcError as refused:
            return found, refused.code() is grpc.StatusCode.UNAVAILABLE
    return found, False


@pytest.mark.parametrize("when", ["refuse", "answer"])
def test_a_full_disk_is_declared_and_ends_without_a_silent_gap(tmp_path: Path, small_disk: Path, when: str) -> None:
    site = Site(tmp_path)
    with_audit(site, more=f'when_unavailable = "{when}"\nqueue = 1024')
    (site.folder / "audit").symlink_to(small_disk)
    with running(site) as gateway:
        first = digest_in(gateway.verify(site.code()).verdict.receipt)
        answered = [first]
        with full(small_disk):
            given, refused = asked_often(gateway, site, 100 if when == "refuse" else 1_100)
            answered += given
            gateway.wait_for("audit_degraded", why="disk_full", log="decisions")
            if when == "answer":
                gateway.wait_for("audit_entries_lost", log="decisions")
            assert refused == (when == "refuse")
            assert gateway.get("/readyz")[0] == (503 if refused else 200)
        gateway.wait_for("audit_well", log="decisions")
        wait_until(lambda: gateway.get("/readyz")[0] == 200)
        answered.append(digest_in(gateway.verify(site.code()).verdict.receipt))
        ended(gateway)
    decisions = written_in(site, LogName.DECISIONS)
    found = [one.commitment for one in of_kind(decisions, DecisionEntry)]
    lost = sum(gap.lost for gap in of_kind(decisions, DecisionGapEntry))
    assert len(set(answered) - set(found)) == lost
    assert (lost > 0) == (when == "answer")
    degraded = of_kind(written_in(site, LogName.CHANGES), DegradedEntry)
    assert LogName.DECISIONS in {one.log for one in degraded}


def test_two_nodes_notice_when_one_of_them_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = Site(tmp_path / "a"), Site(tmp_path / "b")
    with_audit(a, origin="a.test/1")
    vkey = vkey_of(a, "a.test/1")
    with running(a) as first:
        first.verify(a.code())
        wait_until(lambda: b"\n1\n" in first.get("/audit/decisions/checkpoint")[1])
        ended(first)
    backup = tmp_path / "backup"
    shutil.copytree(a.folder / "audit", backup)
    port = 0
    with running(a) as first:
        for _ in range(3):
            first.verify(a.code())
        wait_until(lambda: b"\n4\n" in first.get("/audit/decisions/checkpoint")[1])
        port = int(first.http.rpartition(":")[2])
        with_audit(b, origin="b.test/1", more=peer_of(f"http://{first.http}", vkey))
        with running(b) as second:
            metric = 'hcgw_audit_peer_reachable{peer="a"} 1.0'
            wait_until(lambda: metric.encode() in second.get("/metrics")[1])
            seen = second.get("/audit/seen")[1]
            assert b"a.test/1/decisions" in seen
            ended(second)
        ended(first)
    shutil.rmtree(a.folder / "audit")
    shutil.copytree(backup, a.folder / "audit")
    with running(a, f"http.listen=127.0.0.1:{port}") as first, running(b) as second:
        told = second.wait_for("audit_heads_disagree", peer="a", origin="a.test/1/decisions")
        assert (told["fault"], told["held"], told["shown"]) == ("rolled_back", 4, 1)
        ended(second)
        ended(first)


def vkey_of(site: Site, origin: str) -> str:
    """Return the public key of a site's logs."""
    return NoteSigner(origin, open_signer(f"file:{site.folder / 'audit.key.pem'}")).verifier.vkey


def peer_of(url: str, vkey: str) -> str:
    """Return the rows of a configuration that name a peer."""
    return f'[[audit.peers]]\nname = "a"\nurl = "{url}"\nvkey = "{vkey}"\n'
