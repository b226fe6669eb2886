"""A gateway of one process that keeps lists: opened, asked, reloaded, closed; and why it does not start."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.app import App
from gateway.config import load
from gateway.held import layout
from gateway.held.list_files import ListFiles
from gateway.keeper import process
from gateway.keeper.process import Keeper
from gateway.loading import StartRefused
from gateway.rpc.client import connected
from gateway.rpc.status_client import connected_status
from gateway.status import words
from gateway.values import DivisionCode, Measure, Purpose
from gateway.watch.logs import EventLog
from gateway.web.token_files import list_id
from tests.integration.audit_site import with_audit
from tests.integration.gateway_process import GUIZHOU
from tests.integration.status_site import RELAY, URI, StatusSite, now, publish


@pytest.fixture
def site(tmp_path: Path) -> StatusSite:
    return StatusSite(tmp_path)


@asynccontextmanager
async def serving(site: StatusSite, *settings: str) -> AsyncIterator[tuple[App, io.StringIO]]:
    """Give a gateway of one process, and what it logs."""
    out = io.StringIO()
    app = App(load(site.config, settings), log=EventLog(out, level="debug"))
    await app.start()
    try:
        yield app, out
    finally:
        await app.drain()


async def measure(app: App, code: bytes) -> Measure:
    async with connected(f"127.0.0.1:{app.grpc_port}") as client:
        said = await client.verify_code(code, purpose=Purpose.TRANSPORT_ARRIVAL, division=DivisionCode("330000"))
        return said.measure


async def test_one_process_answers_and_keeps(site: StatusSite) -> None:
    site.convert()
    province, code = site.issuer(), site.pointing(7)
    async with serving(site, "status.http_listen=127.0.0.1:0") as (app, out):
        target = f"127.0.0.1:{app.status_port}"
        await publish(target, province.open(now()), province.change({words.GREEN: [7]}, now()))
        assert await measure(app, code) is Measure.PASS
        watched: list[Measure] = []
        async with connected_status(target) as client:
            terms = {"purpose": Purpose.TRANSPORT_ARRIVAL, "division": DivisionCode("330000")}
            async for event in client.watch([("a", code)], **terms):  # type: ignore[arg-type]
                if event.answer is None:
                    continue
                watched.append(event.answer.measure)
                if len(watched) == 1:
                    await publish(target, province.change({words.RED: [7]}, now()))
                else:
                    break
        assert watched == [Measure.PASS, Measure.DENY]
        assert await measure(app, code) is Measure.DENY
        await app.reload()
        assert await measure(app, code) is Measure.DENY
    told = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert told.count("status_list_opened") == 1
    assert "unhandled" not in told
    assert "code-7" not in out.getvalue()
    async with serving(site) as (app, _):
        assert await measure(app, code) is Measure.DENY, "what was acknowledged outlives the process"


async def test_the_keeper_alone_answers_nothing_about_codes(
    site: StatusSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_way: list[int] = []
    monkeypatch.setattr(os, "nice", made_way.append)
    socket = tmp_path / "keeper.sock"
    keeper = Keeper(load(site.config), log=EventLog(io.StringIO()), http_socket=socket)
    await keeper.start()
    try:
        assert (keeper.grpc_port, keeper.status_port > 0, socket.is_socket()) == (0, True, True)
        assert {check.state for check in keeper.checks()} == {"ok"}
        assert made_way == [process.NICENESS]
    finally:
        await keeper.drain()


@pytest.mark.parametrize(("answer", "makes_way"), [("after_commit", False), ("at_once", True)])
async def test_a_keeper_whose_log_every_answer_waits_for_makes_way_for_nobody(
    site: StatusSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, *, makes_way: bool
) -> None:
    made_way: list[int] = []
    monkeypatch.setattr(os, "nice", made_way.append)
    with_audit(site)
    config = load(site.config, (f"audit.answer={answer}",))
    keeper = Keeper(config, log=EventLog(io.StringIO()), http_socket=tmp_path / "keeper.sock")
    await keeper.start()
    try:
        assert {check.state for check in keeper.checks()} == {"ok"}
        assert made_way == [process.NICENESS] * makes_way
    finally:
        await keeper.drain()


async def test_a_broken_file_and_a_left_snapshot_are_put_aside(site: StatusSite) -> None:
    lists = site.folder / "status" / "lists"
    lists.mkdir(parents=True)
    (lists / "broken.list").write_bytes(b"no list")
    left = site.folder / "status" / "snapshot-0.raw"
    left.write_bytes(b"")
    async with serving(site) as (_, out):
        assert not left.exists()
        (aside,) = [
            one for line in out.getvalue().splitlines() if (one := json.loads(line))["event"] == "status_file_broken"
        ]
    assert (aside["file"], aside["fault"]) == ("broken.broken", "size")


async def start_and_end(site: StatusSite, setting: str) -> None:
    app = App(load(site.config, [setting] if setting else []), log=EventLog(io.StringIO()))
    try:
        await app.start()
    finally:
        await app.drain()


REFUSALS = {
    "in use": ("status.directory", ""),
    "a file": ("status.directory", ""),
    "no store": ("status.store", 'status.store="postgresql:gone.dsn"'),
    "no key": ("status.signer", 'status.signer="file:gone.pem"'),
    "no boot": ("status.directory", ""),
}


@pytest.mark.parametrize("why", REFUSALS)
async def test_what_is_missing_refuses_the_start_by_name(
    site: StatusSite, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, setting = REFUSALS[why]
    other: ListFiles | None = None
    if why == "in use":
        other = ListFiles(site.folder / "status" / "lists")
    if why == "a file":
        (site.folder / "status").write_text("")
    if why == "no boot":
        monkeypatch.setattr(layout, "BOOT_ID", site.folder / "gone")
    with pytest.raises(StartRefused) as refused:
        await start_and_end(site, setting)
    assert (refused.value.part, refused.value.option) == ("signer" if why == "no key" else "status", option)
    if other is not None:
        other.close()


@pytest.fixture
def both(tmp_path: Path) -> tuple[StatusSite, StatusSite]:
    """A gateway, and another that trusts its snapshots."""
    folders = (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    first = StatusSite(folders[0])
    return first, StatusSite(folders[1], keys=first.keys, relays=(folders[0],))


async def eventually(app: App, code: bytes, wanted: Measure) -> None:
    async with asyncio.timeout(20):
        while await measure(app, code) is not wanted:
            pass


async def test_one_keeper_follows_another(both: tuple[StatusSite, StatusSite]) -> None:
    first, second = both
    province, code = first.issuer(), first.pointing(7)
    async with serving(first) as (source, _):
        target = f"127.0.0.1:{source.status_port}"
        await publish(target, province.open(now()), province.change({words.GREEN: [7]}, now()))
        second.follow(target)
        async with serving(second) as (app, out):
            await eventually(app, code, Measure.PASS)
            await publish(target, province.change({words.RED: [7]}, now(), prove=True))
            await eventually(app, code, Measure.DENY)
    assert "source_list_refused" not in out.getvalue()


async def test_a_plain_list_of_another_gateways_edge_is_read(both: tuple[StatusSite, StatusSite]) -> None:
    first, second = both
    province, code = first.issuer(), first.pointing(7)
    async with serving(first, "status.http_listen=127.0.0.1:0") as (source, _):
        target = f"127.0.0.1:{source.status_port}"
        await publish(target, province.open(now()), province.change({words.RED: [7], words.GREEN: [8]}, now()))
        edge = source.plain_port
        second.config.write_text(
            second.config.read_text()
            + f"""
            [[status.token_lists]]
            issuer = "{GUIZHOU}"
            uri = "{URI}"
            address = "http://127.0.0.1:{edge}/status-lists/{list_id((GUIZHOU, URI))}"
            signed_by = "{RELAY}"
            """
        )
        async with serving(second) as (app, _):
            await eventually(app, code, Measure.DENY)
            assert await measure(app, first.pointing(8)) is Measure.PASS
            assert await measure(app, first.pointing(9)) is Measure.MANUAL, "a place that was never given out"
