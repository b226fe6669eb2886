"""The audit log put together from a configuration: what refuses the start, what is said of it, what is in force."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.app import App
from gateway.audit.entries import Cause, EditionEntry, LogName, Matter
from gateway.audit.tiles import CHECKPOINT
from gateway.auditing import Auditing, peers_of
from gateway.cli.serve import BAD_CONFIGURATION, FAILED, status_of
from gateway.config import load
from gateway.duties import Duties
from gateway.instants import now
from gateway.loading import StartRefused
from gateway.recording.outbox import Trouble
from gateway.recording.pages import AuditPages
from gateway.watch.events import ReloadDone
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics
from gateway.web.pages import Check, Question
from keys.notes import NoteSigner
from keys.signer import open_signer
from tests.integration.audit_site import of_kind, with_audit, written_in
from tests.integration.gateway_process import Site, hcgw


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    with_audit(made)
    return made


@asynccontextmanager
async def serving(site: Site, *settings: str) -> AsyncIterator[App]:
    """Give a gateway of one process."""
    app = App(load(site.config, settings), log=EventLog(io.StringIO()))
    await app.start()
    try:
        yield app
    finally:
        await app.drain()


async def refused(site: Site, *settings: str) -> StartRefused:
    with pytest.raises(StartRefused) as caught:
        async with serving(site, *settings):
            pass
    assert caught.value.part == "audit"
    return caught.value


def _vkey(site: Site) -> str:
    return NoteSigner("b.test/1/changes", open_signer(f"file:{site.folder / 'audit.key.pem'}")).verifier.vkey


def peer(site: Site, vkey: str, more: str = "") -> None:
    site.config.write_text(
        site.config.read_text() + f'[[audit.peers]]\nname = "b"\nurl = "https://b.test"\nvkey = "{vkey}"\n{more}'
    )


async def test_a_key_of_another_kind_signs_no_heads(site: Site) -> None:
    key = site.folder / "p256.key.pem"
    key.touch(0o600)
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    assert (await refused(site, f"audit.signer=file:{key}")).why == "bad_key"
    with pytest.raises(StartRefused):
        async with serving(site, "audit.signer=file:nowhere.pem"):
            pass


async def test_a_former_key_that_is_none_refuses_the_start(site: Site) -> None:
    assert (await refused(site, 'audit.former_vkeys=["nonsense"]')).why == "bad_key"


async def test_a_peers_key_and_files_must_be_usable(site: Site) -> None:
    text = site.config.read_text()
    peer(site, "nonsense")
    assert "vkey" in (await refused(site)).why
    site.config.write_text(text)
    peer(site, _vkey(site), 'ca_file = "nowhere.pem"')
    assert "TLS files" in (await refused(site)).why
    site.config.write_text(text)
    peer(site, _vkey(site))
    (found,) = peers_of(load(site.config).audit)  # type: ignore[arg-type]  # it is there
    assert found.verifier(LogName.DECISIONS).name == "b.test/1/decisions"


async def test_a_log_that_somebody_touched_is_no_passing_trouble(site: Site) -> None:
    async with serving(site):
        pass
    head = site.folder / "audit" / "decisions" / CHECKPOINT
    head.write_bytes(head.read_bytes().replace(b"\n0\n", b"\n1\n", 1))
    found = await refused(site)
    assert (found.option, found.why) == ("audit", "checkpoint_signature")
    assert status_of(found) == BAD_CONFIGURATION
    assert found.file.endswith("decisions/checkpoint")


async def test_a_folder_that_another_process_holds_may_be_had_later(site: Site) -> None:
    async with serving(site):
        found = await refused(site)
    assert found.option == "audit.directory"
    assert status_of(found) == FAILED


async def test_a_folder_that_cannot_be_made_is_told_and_may_be_had_later(site: Site) -> None:
    (site.folder / "audit").write_text("a file")
    found = await refused(site)
    assert found.option == "audit.directory"
    assert status_of(found) == FAILED


async def test_a_socket_that_cannot_be_had_now_may_be_had_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.recording.gate.RecordingGate.start", _read_only)
    auditing = Auditing(load(site.config), now, Metrics(now, version="0"), EventLog(io.StringIO()), Duties.KEEP)
    with pytest.raises(StartRefused) as caught:
        await auditing.open()
    await auditing.close()
    assert (caught.value.option, caught.value.why) == ("audit.directory", "Read-only file system")
    assert status_of(caught.value) == FAILED


async def _read_only(_: object) -> None:
    raise OSError(30, "Read-only file system")


async def test_what_is_in_force_has_the_digests_of_its_files(site: Site) -> None:
    async with serving(site) as app:
        rules = next(iter(site.policy.glob("*.toml")))
        rules.write_bytes(rules.read_bytes() + b"\n# another edition\n")
        await app.reload()
    found = {Matter.TRUST: 0, Matter.RULES: 0, Matter.PROFILES: 0, Matter.CALLERS: 0}
    editions = of_kind(written_in(site, LogName.CHANGES), EditionEntry)
    for one in editions:
        found[one.matter] += 1
    assert found == {Matter.TRUST: 1, Matter.RULES: 2, Matter.PROFILES: 1, Matter.CALLERS: 1}
    (trust,) = [one for one in editions if one.matter is Matter.TRUST]
    assert trust.after == (f"1:{sha256(site.trust.read_bytes()).hexdigest()}",)
    (callers,) = [one for one in editions if one.matter is Matter.CALLERS]
    assert callers.after == ("everyone",)
    before, after = (one.after for one in editions if one.matter is Matter.RULES)
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


async def test_very_many_divisions_are_told_by_their_number_and_digest(site: Site) -> None:
    async with serving(site) as app:
        auditing, loaded = app._auditing, app._judging.loaded
        assert auditing is not None
        for version in ("\u7248", "\u672c"):
            many = tuple(SimpleNamespace(division=f"5{number:05}", version=version * 32) for number in range(3_000))
            policies: Any = SimpleNamespace(divisions=many)
            auditing.in_force(replace(loaded, policies=policies), Cause.RELOAD)
    rules = [one for one in of_kind(written_in(site, LogName.CHANGES), EditionEntry) if one.matter is Matter.RULES]
    named = [one.after[0].partition(":") for one in rules]
    assert [one[0] for one in named[1:]] == ["3000 divisions"] * 2
    assert named[1][2] != named[2][2]
    assert {one.after[-1] for one in rules} == {rules[0].after[-1]}


async def test_a_reload_goes_on_when_what_is_in_force_cannot_be_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(site) as app:
        monkeypatch.setattr("gateway.auditing.editions_of", _denied)
        assert isinstance(await app.reload(), ReloadDone)


def _denied(*_: object) -> None:
    raise PermissionError


@pytest.mark.parametrize("when", ["refuse", "answer"])
async def test_a_process_without_its_keeper_says_so(site: Site, when: str) -> None:
    settings = (f"audit.when_unavailable={when}", "audit.wait_ms=10")
    config = load(site.config, settings)
    auditing = Auditing(config, now, Metrics(now, version="0"), EventLog(io.StringIO()), Duties.ANSWER)
    with pytest.raises(RuntimeError):
        _ = auditing.positions
    with pytest.raises(RuntimeError):
        await auditing.positions_found()
    await auditing.open()
    assert auditing.check() == Check("audit", "ok", essential=when == "refuse")
    auditing.recorder.cut_off(LogName.DECISIONS)
    async with asyncio.timeout(20):
        while auditing.recorder.look() is None:  # noqa: ASYNC110 it is a matter of time
            await asyncio.sleep(0.005)
    found = auditing.check()
    assert found.state == Trouble.OWNER_AWAY.value
    assert found.ok is (when == "answer")
    await auditing.close()


def test_the_configuration_is_checked_with_its_keys(site: Site) -> None:
    status, out, err = hcgw("config", "check", str(site.config))
    assert (status, err) == (0, "")
    assert "audit.signer       ok: gateway.test/node-1/decisions+" in out
    status, _, err = hcgw("config", "check", str(site.config), "--set", 'audit.former_vkeys=["nonsense"]')
    assert status == 1
    assert "bad_key" in err


async def test_pages_are_served_by_the_one_process(site: Site) -> None:
    async with serving(site) as app:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{app.http_port}/audit/decisions/checkpoint") as answer,
        ):
            assert answer.status == 200
            assert (await answer.text()).startswith("gateway.test/node-1/decisions\n0\n")
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{app.http_port}/audit/seen", data=b"x") as answer,
        ):
            assert answer.status == 405


def test_an_empty_list_of_what_is_seen_is_json(tmp_path: Path) -> None:
    answer = asyncio.run(AuditPages(tmp_path, entries=False).answer(Question("GET", "/audit/seen")))
    assert json.loads(answer.body) == {}
