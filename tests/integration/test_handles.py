"""Handles of a gateway of several processes, over restarts, and once their key is destroyed."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1 import verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from tests.integration.callers_site import CallersSite
from tests.integration.gateway_process import Gateway, Site, hcgw, question, running, stub_of


def site_with_handles(folder: Path) -> Site:
    site = Site(folder)
    text = site.config.read_text()
    asked = 'disclosure = { max_profile = "PROVINCE", clinic = true }\nhandles = { folder = "handles" }'
    site.config.write_text(text.replace('disclosure = { max_profile = "STAFF" }', asked))
    return site


def ask(gateway: Gateway, code: bytes) -> pb.Verdict:
    """Ask over a connection of its own, which may meet another worker."""
    request = question(code)
    request.context.disclosure_profile = verdict_pb2.DISCLOSURE_PROFILE_PROVINCE
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(gateway.grpc, options=options) as channel:
        verdict: pb.Verdict = stub_of(channel).VerifyCode(request, timeout=20).verdict
        return verdict


def status_of(gateway: Gateway, code: bytes) -> Any:
    try:
        ask(gateway, code)
    except grpc.RpcError as refused:
        return refused.code()
    return grpc.StatusCode.OK


@pytest.mark.timeout(240)
def test_all_processes_give_one_handle_until_its_key_is_destroyed(tmp_path: Path) -> None:
    site = site_with_handles(tmp_path)
    green, other = site.code("green"), site.code("green", code_id="fedcba9876543210")
    with running(site, "service.workers=2") as gateway:
        answers = [ask(gateway, green) for _ in range(8)]
        handles = {one.province.handle for one in answers}
        assert [len(handle) for handle in handles] == [22]
        assert {one.province.handle for one in (ask(gateway, other) for _ in range(4))}.isdisjoint(handles)
        assert answers[0].province.handle_until_time.seconds > answers[0].core.decided_time.seconds
        assert ask(gateway, b"nothing that is known").province.handle == ""
        seen = gateway.stdout
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
    assert not any(handle.encode() in seen + gateway.stdout + gateway.stderr for handle in handles)
    # A restart changes nothing, nor does it matter which process made the key.
    (key,) = (tmp_path / "handles").iterdir()
    raw = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    with running(site) as gateway:
        assert ask(gateway, green).province.handle in handles
        status, told, errors = hcgw("handles", "destroy", "--config", str(site.config), "--current")
        assert (status, errors) == (0, "")
        assert "destroyed" in told
        gateway.wait_for("handle_key_unavailable", what="current", fault="destroyed")
        assert status_of(gateway, green) is grpc.StatusCode.UNAVAILABLE
        # Other profiles are answered as ever.
        assert gateway.verify(green).verdict.HasField("staff")
        numbers = gateway.get("/metrics")[1]
        assert b'hcgw_handle_key_missing{epoch="current"} 1.0' in numbers
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
    assert raw not in gateway.stdout
    assert [file.name.partition("-")[0] for file in (tmp_path / "handles").iterdir()] == ["destroyed"]
    # Nor does a start bring it back.
    with running(site) as gateway:
        assert status_of(gateway, green) is grpc.StatusCode.UNAVAILABLE


def test_a_grant_that_the_configuration_caps_is_told(tmp_path: Path) -> None:
    site = CallersSite(tmp_path)
    settings = ("--set", "disclosure.max_profile=STAFF", "--set", "disclosure.clinic=false")
    status, told, errors = hcgw("config", "check", str(site.site.config), *settings)
    assert (status, errors) == (0, "")
    assert "caller 3 is granted CLINIC, which [disclosure] does not allow" in told
    assert "caller 4 is granted PROVINCE, which [disclosure] does not allow" in told
    assert "does not allow" not in hcgw("config", "check", str(site.site.config))[1]


def test_a_folder_that_others_may_read_stops_the_start_and_the_check(tmp_path: Path) -> None:
    site = site_with_handles(tmp_path)
    status, told, _ = hcgw("config", "check", str(site.config))
    assert status == 0
    assert "handles.folder     not there yet" in told
    assert not (tmp_path / "handles").exists()
    (tmp_path / "handles").mkdir()
    (tmp_path / "handles").chmod(0o755)
    status, _, errors = hcgw("config", "check", str(site.config))
    assert (status, "must be 0700" in errors) == (1, True)
    status, out, _ = hcgw("serve", "--config", str(site.config))
    assert status != 0
    assert "handles.folder" in out
    (tmp_path / "handles").chmod(0o700)
    assert "handles.folder     ok: keys of 0 epochs" in hcgw("config", "check", str(site.config))[1]
