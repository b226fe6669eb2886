"""A person's appeal, answered by her province: a real gateway, its log of batches, its audit log, and the proofs."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from gateway.status import words
from tests.integration.audit_site import with_audit
from tests.integration.gateway_process import GUIZHOU, PATIENCE_S, Gateway, hcgw, running
from tests.integration.status_site import URI, StatusSite, now, publish, status_of
from tests.integration.test_audit_faults import vkey_of
from tests.simulators.status_issuer import group

ISSUER, LIST = f"--issuer={GUIZHOU}", f"--list={URI}"


def published(gateway: Gateway, size: int) -> None:
    """Wait until a checkpoint is over so many changes."""
    end = time.monotonic() + PATIENCE_S
    while int(gateway.get("/audit/changes/checkpoint")[1].split(b"\n")[1]) < size:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> StatusSite:
    """A gateway's folder after a wrong red, its correction, and batches about others."""
    made = StatusSite(tmp_path_factory.mktemp("appeal"))
    with_audit(made)
    gz = made.issuer()
    batches = [gz.open(now()), gz.change({words.RED: [7, 8]}, now()), gz.change({words.GREEN: [9]}, now())]
    with running(made, "service.workers=1") as gateway:
        asyncio.run(publish(status_of(gateway), *batches))
        batches.append(gz.change({}, now(), groups=(group(words.GREEN, [7], authority="appeals", corrects=2),)))
        asyncio.run(publish(status_of(gateway), batches[-1]))
        published(gateway, 4 + 9)
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
    return made


def test_every_change_of_the_place_is_told_with_its_proof(site: StatusSite, tmp_path: Path) -> None:
    proofs = tmp_path / "proofs"
    config = f"--config={site.config}"
    status, out, err = hcgw("audit", "appeal", config, ISSUER, LIST, "--index=7", f"--proofs={proofs}", "--json")
    assert (status, err) == (0, "")
    red, green = json.loads(out)["changes"]
    assert (red["batch"], red["state"], red["reason_class"]) == (2, "RED", "RED_OTHER_ORDER")
    assert (red["authority"], red["delivered_by"]) == ("city command centre", "dev-loopback")
    assert (green["batch"], green["state"], green["authority"], green["corrects"]) == (4, "GREEN", "appeals", 2)
    assert red["entry"] < green["entry"]
    vkey = vkey_of(site, "gateway.test/node-1/changes")
    for name in ("batch-2", "batch-4"):
        checked = hcgw("audit", "check-proof", str(proofs / f"{name}.tlog-proof"), "--vkey", vkey)
        assert checked[0] == 0, checked
    status, out, _ = hcgw("audit", "appeal", config, ISSUER, LIST, "--index=7")
    assert status == 0
    assert "city command centre" in out
    assert "corrects      batch 2" in out


def test_a_place_that_nobody_touched_has_no_changes(site: StatusSite) -> None:
    status, out, _ = hcgw("audit", "appeal", f"--config={site.config}", ISSUER, LIST, "--index=100", "--json")
    assert (status, json.loads(out)) == (0, {"changes": []})


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((ISSUER, "--list=https://nowhere.test", "--index=7"), "no such list"),
        ((ISSUER, LIST, "--index=1024"), "1024 places"),
    ],
)
def test_what_cannot_be_answered_is_said(site: StatusSite, arguments: tuple[str, ...], why: str) -> None:
    status, out, err = hcgw("audit", "appeal", f"--config={site.config}", *arguments)
    assert (status, out) == (3, "")
    assert why in err


def test_without_lists_or_a_log_nothing_can_be_answered(site: StatusSite, tmp_path: Path) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text(site.config.read_text().split("[audit]")[0])
    assert hcgw("audit", "appeal", f"--config={plain}", ISSUER, LIST, "--index=7")[0] == 2
    assert hcgw("audit", "appeal", "--config=/nowhere", ISSUER, LIST, "--index=7")[0] == 2
