"""Heads of several nodes: what goes on is kept, what was rolled back or has two histories is noticed, by whoever."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.audit.entries import LogName
from gateway.audit.log import AuditLog
from gateway.recording.keeping import log_folder, log_origin
from gateway.recording.pages import AUDIT, PEERS, AuditPages
from gateway.recording.peer_http import PeerUnreachable
from gateway.recording.peers import HeadsFault, Peer, PeerComparison
from gateway.values import Instant
from gateway.watch.audit import PEER_FAULTS
from gateway.web.pages import Question
from keys.notes import NoteSigner
from keys.signer import Signer, generate_dev_key

from .fakes import AT

DECISIONS = LogName.DECISIONS


@dataclass
class PeersRemembered:
    """What was told of peers."""

    well: list[str] = field(default_factory=list)
    away: list[tuple[str, str]] = field(default_factory=list)
    disagreed: list[tuple[str, str, HeadsFault, int, int]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def compared(self, peer: str, at: Instant) -> None:
        assert at == AT
        self.well.append(peer)

    def gone(self, peer: str, why: str) -> None:
        self.away.append((peer, why))

    def disagree(self, peer: str, origin: str, fault: HeadsFault, held: int, shown: int) -> None:
        self.disagreed.append((peer, origin, fault, held, shown))

    def failed(self, failure: Exception) -> None:
        self.failures.append(failure)


class Node:
    """One node: its logs on disk, its pages, and what it makes of its peers."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self.name = name
        self.origin = f"{name}.test/1"
        self.directory = folder / name
        self.signer: Signer = generate_dev_key(folder / f"{name}.key.pem")
        self.asked: list[str] = []
        self.told = PeersRemembered()
        for log in LogName:
            self.write(0, log)

    def opened(self, log: LogName = DECISIONS, directory: Path | None = None) -> AuditLog:
        name = log_origin(self.origin, log)
        return AuditLog.open(
            log_folder(directory or self.directory, log), origin=name, signer=NoteSigner(name, self.signer)
        )

    def write(self, count: int, log: LogName = DECISIONS, what: str = "entry", directory: Path | None = None) -> None:
        """Append entries, and publish."""
        opened = self.opened(log, directory)
        opened.append([f"{what} {opened.size + number}".encode() for number in range(count)])
        opened.publish(AT)
        opened.close()

    def as_peer(self, directory: Path | None = None, broken: Mapping[str, bytes | Exception] | None = None) -> Peer:
        return Peer(
            self.name,
            NoteSigner(self.origin, self.signer).verifier,
            Reading(self, directory or self.directory, broken or {}),
        )

    def comparing(self, *peers: Peer) -> PeerComparison:
        key = NoteSigner(self.origin, self.signer).verifier
        return PeerComparison(self.directory, self.origin, key, peers, self.told, lambda: AT)

    def saved(self, folder: Path) -> Path:
        """Return a copy of all that it has."""
        shutil.copytree(self.directory, folder)
        return folder


@dataclass
class Reading:
    """Asks a node's own pages, without a wire between; `broken` are answers by path, or what is raised."""

    node: Node
    directory: Path
    broken: Mapping[str, bytes | Exception]
    closed: int = 0

    async def get(self, path: str, most: int) -> bytes | None:
        self.node.asked.append(path)
        if path in self.broken:
            found = self.broken[path]
            if isinstance(found, Exception):
                raise found
            return found
        answer = await AuditPages(self.directory, entries=False).answer(Question("GET", path))
        if answer.status != 200:
            return None
        body = answer.body
        if answer.file is not None:
            with answer.file:
                body = answer.file.read()
        assert len(body) <= most
        return body

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def a(tmp_path: Path) -> Node:
    return Node(tmp_path, "a")


@pytest.fixture
def b(tmp_path: Path) -> Node:
    return Node(tmp_path, "b")


def test_the_faults_are_those_of_the_metric() -> None:
    assert tuple(fault.value for fault in HeadsFault) == PEER_FAULTS


async def test_a_log_that_only_grows_goes_together_with_itself(a: Node, b: Node) -> None:
    looking = a.comparing(b.as_peer())
    for count in (0, 1, 299, 3, 70_000, 1):
        b.write(count)
        await looking.look()
    assert a.told.well == ["b"] * 6
    assert a.told.disagreed == []
    assert a.told.away == []
    assert not list((a.directory / PEERS).glob("tiles-*"))
    # what is held survives this process
    again = a.comparing(b.as_peer())
    b.write(5)
    await again.look()
    assert a.told.well == ["b"] * 7


async def test_a_log_that_was_put_back_is_noticed_and_both_heads_are_kept(a: Node, b: Node, tmp_path: Path) -> None:
    b.write(300)
    before = b.saved(tmp_path / "backup")
    b.write(10)
    looking = a.comparing(b.as_peer())
    await looking.look()
    back = a.comparing(b.as_peer(before))
    for _ in range(2):
        await back.look()
    fault = ("b", "b.test/1/decisions", HeadsFault.ROLLED_BACK, 310, 300)
    assert a.told.disagreed == [fault, fault]
    assert a.told.well == ["b"]
    kept = a.directory / PEERS
    assert (kept / "b.decisions.note").read_text().split("\n")[1] == "310"
    assert (kept / "b.decisions.disagrees").read_text().split("\n")[1] == "300"


@pytest.mark.parametrize("more", [10, 11, 600])
async def test_two_histories_are_noticed_whatever_their_sizes(a: Node, b: Node, tmp_path: Path, more: int) -> None:
    b.write(300)
    other = b.saved(tmp_path / "other")
    b.write(10)
    b.write(more, what="lie", directory=other)
    await a.comparing(b.as_peer()).look()
    await a.comparing(b.as_peer(other)).look()
    assert a.told.disagreed == [("b", "b.test/1/decisions", HeadsFault.FORKED, 310, 300 + more)]


async def test_two_readers_who_are_shown_two_histories_find_out_together(a: Node, b: Node, tmp_path: Path) -> None:
    """Each of them for itself sees a log that only grows."""
    c = Node(tmp_path, "c")
    b.write(300)
    other = b.saved(tmp_path / "other")
    b.write(10)
    b.write(20, what="lie", directory=other)
    truth, lie = b.as_peer(), b.as_peer(other)
    await c.comparing(lie, a.as_peer()).look()
    assert c.told.disagreed == []
    await a.comparing(truth, c.as_peer()).look()
    assert a.told.disagreed == []  # what it was shown is shorter: nothing can be proved with that
    await c.comparing(lie, a.as_peer()).look()
    assert c.told.disagreed == [("a", "b.test/1/decisions", HeadsFault.FORKED, 320, 310)]
    b.write(50)
    for _ in range(2):
        await a.comparing(truth, c.as_peer()).look()
    assert a.told.disagreed == [("c", "b.test/1/decisions", HeadsFault.FORKED, 360, 320)] * len(a.told.disagreed)
    assert a.told.disagreed


async def test_readers_who_are_shown_the_same_agree_though_one_is_behind(a: Node, b: Node, tmp_path: Path) -> None:
    c = Node(tmp_path, "c")
    b.write(300)
    await c.comparing(b.as_peer()).look()
    b.write(300)
    for _ in range(2):
        await a.comparing(b.as_peer(), c.as_peer()).look()
    await c.comparing(b.as_peer(), a.as_peer()).look()
    assert (a.told.disagreed, c.told.disagreed) == ([], [])
    assert sorted(a.told.well) == ["b", "b", "c", "c"]


async def test_a_node_learns_that_it_was_put_back_itself(a: Node, b: Node, tmp_path: Path) -> None:
    a.write(300)
    before = a.saved(tmp_path / "backup")
    a.write(10)
    await b.comparing(a.as_peer()).look()
    shutil.rmtree(a.directory)
    shutil.move(before, a.directory)
    await a.comparing(b.as_peer()).look()
    assert a.told.disagreed == [("b", "a.test/1/decisions", HeadsFault.OWN_FORKED, 300, 310)]
    a.write(20, what="lie")
    await a.comparing(b.as_peer()).look()
    assert a.told.disagreed[1:] == [("b", "a.test/1/decisions", HeadsFault.OWN_FORKED, 320, 310)]
    assert (a.directory / PEERS / "b.decisions.own-disagrees").exists()


HEAD = f"{AUDIT}decisions/checkpoint"
SEEN = f"{AUDIT}seen"


@pytest.mark.parametrize(
    ("path", "answer", "why"),
    [
        (HEAD, PeerUnreachable("timed_out"), "timed_out"),
        (HEAD, b"", "checkpoint_malformed"),
        (HEAD, OSError(5, "disk"), "own_disk"),
        (SEEN, b"[]", "garbage"),
        (SEEN, b"\xff", "garbage"),
        (SEEN, PeerUnreachable("unreachable"), "unreachable"),
    ],
)
async def test_a_peer_that_cannot_be_asked_is_told(
    a: Node, b: Node, path: str, answer: bytes | Exception, why: str
) -> None:
    await a.comparing(b.as_peer(broken={path: answer})).look()
    assert a.told.away == [("b", why)]
    assert a.told.well == []


async def test_a_head_that_its_own_key_did_not_sign_counts_for_nothing(a: Node, b: Node, tmp_path: Path) -> None:
    forger = Node(tmp_path / "forger", "b")
    forger.write(7)
    await a.comparing(b.as_peer(broken={HEAD: (forger.directory / "decisions" / "checkpoint").read_bytes()})).look()
    assert a.told.away == [("b", "checkpoint_key")]


async def test_tiles_that_lead_nowhere_prove_nothing(a: Node, b: Node) -> None:
    b.write(300)
    looking = a.comparing(b.as_peer())
    await looking.look()
    b.write(300)
    tile = f"{AUDIT}decisions/tile/0/001"
    for broken, why in ((bytes(8_192), "tile_altered"), (b"x", "tile_size")):
        a.told.away.clear()
        await a.comparing(b.as_peer(broken={tile: broken})).look()
        assert a.told.away == [("b", why)]
    shutil.rmtree(b.directory / "decisions" / "tile")
    await a.comparing(b.as_peer()).look()
    assert a.told.away[-1] == ("b", "tile_missing")
    assert a.told.disagreed == []


async def test_a_node_without_a_log_is_no_peer_and_a_bug_is_told(a: Node, b: Node, tmp_path: Path) -> None:
    await a.comparing(b.as_peer(tmp_path / "nowhere")).look()
    assert a.told.away == [("b", "no_log")]
    peer = b.as_peer(broken={HEAD: KeyError("canary")})
    await a.comparing(peer).look()
    assert [type(one) for one in a.told.failures] == [KeyError]


async def test_heads_of_logs_that_nobody_here_knows_are_passed_over(a: Node, b: Node) -> None:
    note = (b.directory / "decisions" / "checkpoint").read_text()
    seen = json.dumps({"c.test/1/decisions": note, "a.test/1/decisions": note, "b.test/1/decisions": note}).encode()
    looking = a.comparing(b.as_peer(broken={SEEN: seen}))
    await looking.look()
    assert a.told.well == ["b"]


async def test_what_a_third_one_shows_without_a_signature_or_a_proof_counts_for_nothing(
    a: Node, b: Node, tmp_path: Path
) -> None:
    c = Node(tmp_path, "c")
    b.write(300)
    await a.comparing(b.as_peer()).look()
    forged = json.dumps({"b.test/1/decisions": "b.test/1/decisions\n1\nAAAA\n"}).encode()
    await a.comparing(b.as_peer(), c.as_peer(broken={SEEN: forged})).look()
    b.write(10)
    real = json.dumps({"b.test/1/decisions": (b.directory / "decisions" / "checkpoint").read_text()}).encode()
    away: dict[str, bytes | Exception] = {
        path: PeerUnreachable("unreachable") for path in (HEAD, f"{AUDIT}decisions/tile/0/001.p/54")
    }
    await a.comparing(b.as_peer(broken=away), c.as_peer(broken={SEEN: real})).look()
    assert a.told.disagreed == []
    assert sorted(a.told.well) == ["b", "b", "c", "c"]


async def test_another_key_in_the_configuration_begins_anew(a: Node, b: Node, tmp_path: Path) -> None:
    b.write(300)
    await a.comparing(b.as_peer()).look()
    shutil.rmtree(b.directory)
    anew = Node(tmp_path / "anew", "b")
    await a.comparing(anew.as_peer()).look()
    assert a.told.disagreed == []
    assert a.told.well == ["b", "b"]


async def test_it_closes_its_connections(a: Node, b: Node) -> None:
    peer = b.as_peer()
    await a.comparing(peer).close()
    assert peer.http.closed == 1  # type: ignore[attr-defined]


PAGE: dict[str, tuple[int, str]] = {
    "/audit/decisions/checkpoint": (200, "text/plain; charset=utf-8"),
    "/audit/changes/checkpoint": (200, "text/plain; charset=utf-8"),
    "/audit/decisions/tile/0/000": (200, "application/octet-stream"),
    "/audit/decisions/tile/0/001.p/44": (200, "application/octet-stream"),
    "/audit/seen": (200, "application/json; charset=utf-8"),
    "/audit/decisions/tile/entries/000": (404, ""),
    "/audit/decisions/forgotten": (404, ""),
    "/audit/decisions/tile/0/999": (404, ""),
    "/audit/decisions/journal": (404, ""),
    "/audit/decisions/lock": (404, ""),
    "/audit/decisions/../a.key.pem": (404, ""),
    "/audit/decisions/tile/0/../../../a.key.pem": (404, ""),
    "/audit/decisions/tile/0/%2e%2e": (404, ""),
    "/audit/decisions/": (404, ""),
    "/audit/peers/b.decisions.note": (404, ""),
    "/audit/": (404, ""),
    "/audit/seen/": (200, "application/json; charset=utf-8"),
}


@pytest.mark.parametrize("path", PAGE)
async def test_the_pages_are_the_parts_of_a_log_and_nothing_else(a: Node, path: str) -> None:
    a.write(300)
    status, content_type = PAGE[path]
    answer = await AuditPages(a.directory, entries=False).answer(Question("GET", path))
    if answer.file is not None:
        answer.file.close()
    assert answer.status == status
    assert answer.route == AUDIT
    if status == 200:
        assert answer.content_type == content_type
        assert ("immutable" in answer.headers.get("Cache-Control", "")) == ("/tile/" in path)


async def test_entries_are_served_only_where_that_is_configured(a: Node) -> None:
    a.write(300)
    path = "/audit/decisions/tile/entries/000"
    answer = await AuditPages(a.directory, entries=True).answer(Question("GET", path))
    assert answer.file is not None
    with answer.file:
        assert b"entry 0" in answer.file.read()
