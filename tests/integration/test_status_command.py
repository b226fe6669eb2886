"""`hcgw status` against a real gateway on loopback: what is published holds, what is refused is told with its line."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.app import App
from gateway.cli.main import app as command
from gateway.cli.status_watch import Watching, watch_until
from gateway.config import LogLevel, load
from gateway.demo import live
from gateway.demo.home import DemoHome
from gateway.demo.provinces import make_guizhou, trust_document
from gateway.demo.public import PublicCodes
from gateway.demo.run import prepare
from gateway.instants import now
from gateway.rpc.client import AskingFailed
from gateway.rpc.status_client import connected_status
from gateway.values import Algorithm, DivisionCode, Profile, Purpose
from gateway.watch.logs import EventLog
from keys.trust_document import ListedKey

OFFICE = "city command centre"


@dataclass(frozen=True)
class Place:
    """A gateway that serves, and its province's folder."""

    app: App
    home: DemoHome
    issuer: str
    uri: str

    @property
    def to(self) -> str:
        return f"127.0.0.1:{self.app.status_port}"

    @property
    def own(self) -> tuple[str, ...]:
        """Return what every command that signs is given."""
        key = f"file:{self.home.key_file('guizhou')}"
        return ("--to", self.to, "--issuer", self.issuer, "--uri", self.uri, "--signer", key)

    @property
    def second(self) -> tuple[str, str]:
        return ("--second-signer", f"file:{self.home.key_file('second')}")

    def changes(self, *groups: dict[str, Any]) -> str:
        """Write a file of changes and return where it is."""
        file = self.home.folder / "changes.json"
        file.write_text(json.dumps({"groups": [{"authority": OFFICE} | group for group in groups]}, indent=1))
        return str(file)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    home = DemoHome(tmp_path / "demo")
    _, config = prepare(home, PublicCodes((), ()), grpc="127.0.0.1:0", http="127.0.0.1:0")
    listed, second = make_guizhou(home).listed, home.signer("second", Algorithm.ED25519)
    both = (*listed.keys, ListedKey(second.algorithm.value, second.key_id, jwk=second.public_jwk))
    home.trust_list.write_bytes(trust_document((replace(listed, keys=both),), now()))
    app = App(load(config), log=EventLog(level=LogLevel.ERROR, stream=io.StringIO()))
    await app.start()
    yield Place(app, home, listed.issuer, live.list_of(make_guizhou(home)).uri)
    await app.drain()


async def run(*args: str, stdin: bytes = b"") -> tuple[int, str, str]:
    done = await asyncio.to_thread(CliRunner().invoke, command, ["status", *args], stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.stdout, done.stderr


async def held(place: Place) -> dict[str, Any]:
    status, out, _ = await run("lists", "--to", place.to, "--json")
    assert status == 0
    return {one["uri"]: one for one in json.loads(out)}


async def test_a_list_is_opened_changed_kept_alive_and_closed(place: Place) -> None:
    assert await held(place) == {}
    assert (await run("open", *place.own, "--capacity", "64"))[0] == 0
    changes = place.changes(
        {"state": "GREEN", "indices": [5, 1]},
        {"state": "RED", "reason_class": "RED_CLOSE_CONTACT", "corrects": 1, "indices": [2]},
    )
    status, out, _ = await run("publish", *place.own, changes)
    assert (status, "number 2" in out, "3 places" in out) == (0, True, True)
    status, out, _ = await run("publish", *place.own, "--heartbeat")
    assert (status, "number 3" in out) == (0, True)
    one = (await held(place))[place.uri]
    assert (one["issuer"], one["capacity"], one["number"], one["closed"]) == (place.issuer, 64, 3, False)
    assert (len(one["batch_digest"]), 0 <= one["age_s"] < 60) == (64, True)
    assert (await run("close", *place.own))[0] == 0
    assert (await held(place))[place.uri]["closed"]
    status, out, _ = await run("lists", "--to", f"unix:{place.home.folder}/status/keeper.sock")
    assert (status, place.uri in out, "closed" in out) == (0, True, True)


async def test_many_places_need_a_second_person(place: Place) -> None:
    await run("open", *place.own, "--capacity", "4000")
    many = place.changes({"state": "GREEN", "indices": list(range(2_000))})
    status, _, err = await run("publish", *place.own, many)
    assert (status, "BATCH_SECOND_SIGNATURE_REQUIRED" in err, "--second-signer" in err) == (1, True, True)
    assert (await run("publish", *place.own, *place.second, many))[0] == 0
    assert (await held(place))[place.uri]["number"] == 2


async def test_what_the_gateway_refuses_is_told_with_its_line(place: Place) -> None:
    await run("open", *place.own, "--capacity", "64")
    for group, line, refusal in (
        ({"state": "RED", "indices": [1]}, 3, "BATCH_REASON_REQUIRED"),
        ({"state": "GREEN", "reason_class": "RED_INBOUND", "indices": [1]}, 6, "BATCH_REASON_CONTRADICTS"),
        ({"state": "GREEN", "indices": [64]}, 6, "BATCH_INDEX_OUT_OF_RANGE"),
        ({"state": "GREEN", "corrects": 2, "indices": [1]}, 6, "BATCH_CORRECTS_NOTHING"),
    ):
        file = place.changes(group)
        status, _, err = await run("publish", *place.own, file)
        assert (status, f"{file}: line {line}: " in err, refusal in err) == (1, True, True), err
    assert (await held(place))[place.uri]["number"] == 1


async def test_what_cannot_be_done_changes_nothing_and_says_why(place: Place) -> None:
    for args, expected in (
        (("publish", *place.own, "--heartbeat"), 1),  # no such list
        (("close", *place.own), 1),
        (("open", *place.own, "--capacity", "63"), 2),
        (("open", *place.own, "--uri", "http://code.example/1", "--capacity", "64"), 2),
        (("open", *place.own, "--signer", "file:none.pem", "--capacity", "64"), 2),
        (("open", *place.own, "--second-signer", f"file:{place.home.key_file('guizhou')}", "--capacity", "64"), 2),
        (("open", *place.own, "--signer", f"file:{place.home.key_file('hainan')}", "--capacity", "64"), 1),
        (("publish", *place.own), 2),
        (("publish", *place.own, "--heartbeat", place.changes({"state": "GREEN", "indices": [1]})), 2),
        (("publish", *place.own, place.changes({"state": "green", "indices": [1]})), 2),
        (("publish", *place.own, str(place.home.folder / "none.json")), 2),
        (("lists", "--to", "192.0.2.1:8444"), 3),
        (("lists", "--to", f"unix:{place.home.folder}/none.sock"), 3),
        (("watch", "--to", "127.0.0.1:1", "code"), 3),
        (("watch", "--to", place.to, "--division", "33", "code"), 2),
        (("watch", "--to", place.to, "--purpose", "curiosity", "code"), 2),
        (("watch", "--to", place.to, "-"), 2),
    ):
        status, out, err = await run(*args)
        assert (status, out, bool(err)) == (expected, "", True), args
        assert "Traceback" not in err
    assert await held(place) == {}
    assert (await run("open", *place.own, "--capacity", "64"))[0] == 0
    assert (await run("open", *place.own, "--capacity", "64"))[0] == 1


async def test_a_watch_tells_a_line_for_each_change_and_nothing_of_the_code(place: Place) -> None:
    await run("open", *place.own, "--capacity", "64")
    await run("publish", *place.own, place.changes({"state": "GREEN", "indices": [live.GREEN]}))
    code = live.live_samples(make_guizhou(place.home), now())[0].code
    terms = ("--to", place.to, "--division", "330000")
    status, out, _ = await run("watch", *terms, "--count", "2", "-", stdin=code + b"\n\nhttps://elsewhere.example\n")
    assert (status, code.decode()[:8] in out) == (0, False)
    rows = [line.split("  ")[1:] for line in out.splitlines()]
    assert [row[:2] for row in rows] == [["1", "PASS"], ["3", "MANUAL"]]
    assert [row[-1] for row in rows] == ["STATE_GREEN", "(not watched)"]


async def test_a_change_is_told_while_it_is_watched(place: Place) -> None:
    await run("open", *place.own, "--capacity", "64")
    await run("publish", *place.own, place.changes({"state": "GREEN", "indices": [live.GREEN]}))
    code = live.live_samples(make_guizhou(place.home), now())[0].code
    lines: list[str] = []
    told = asyncio.Event()

    def tell(line: str) -> None:
        lines.append(line)
        told.set()

    terms = Watching(Purpose.TRANSPORT_ARRIVAL, DivisionCode("330000"), Profile.GATE)
    async with connected_status(place.to) as client:
        watching = asyncio.create_task(watch_until(client, [("1", code)], terms, 2, tell))
        await told.wait()
        red = {"state": "RED", "reason_class": "RED_INBOUND", "indices": [live.GREEN]}
        assert (await run("publish", *place.own, place.changes(red)))[0] == 0
        assert await watching
    assert [line.split("  ")[1:] for line in lines] == [["1", "PASS", "STATE_GREEN"], ["1", "DENY", "STATE_RED"]]


async def test_a_watch_that_the_gateway_ends_is_no_answer(place: Place) -> None:
    terms = Watching(Purpose.TRANSPORT_ARRIVAL, DivisionCode("330000"), Profile.GATE)
    told = asyncio.Event()
    async with connected_status(place.to) as client:
        watching = asyncio.create_task(watch_until(client, [("1", b"code")], terms, None, lambda _: told.set()))
        await told.wait()
        await place.app.drain()
        with pytest.raises(AskingFailed):
            await watching


@pytest.mark.usefixtures("interruptible")
async def test_a_watch_that_is_interrupted_ends_in_order(place: Place) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "status", "watch", "--to", place.to, "https://elsewhere.example"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, err = await process.communicate()
    assert (b"UNRECOGNISED" in first, rest, err, process.returncode) == (True, b"", b"", 0)
