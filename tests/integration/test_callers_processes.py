"""A gateway of several processes that knows its callers: each by the same registry, all renewed by one SIGHUP."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.integration.callers_site import CallersSite
from tests.integration.callers_table import CHANGES, LISTS, VERIFY
from tests.integration.gateway_process import INSTANCE, Gateway, question, running
from tests.integration.grpc_edge import told

PROCESSES = ("keeper", "worker-0", "worker-1")


def ask(site: CallersSite, target: str, caller: str, method: str, raw: bytes) -> str:
    """Return the reason of the refusal, "" if there was an answer; over a connection of its own."""
    channel: Any = site.channel(int(target.rpartition(":")[2]), caller, grpc.secure_channel)
    try:
        channel.unary_unary(method)(raw, timeout=20)
    except grpc.RpcError as error:
        return str(told(error)[0].reason)  # type: ignore[arg-type]  # it has what is read of it
    finally:
        channel.close()
    return ""


def reloaded(gateway: Gateway, event: str) -> None:
    """Send SIGHUP and wait until every process has said `event`."""
    gateway.signal(signal.SIGHUP)
    for process in PROCESSES:
        if not any(one["event"] == event and one["instance"] == f"{INSTANCE}.{process}" for one in gateway.events):
            gateway.wait_for(event, instance=f"{INSTANCE}.{process}")


@pytest.mark.timeout(180)
def test_every_process_goes_by_the_registry_and_is_renewed_with_the_others(tmp_path: Path) -> None:
    site = CallersSite(tmp_path)
    with running(site.site, "service.workers=2") as gateway:
        serving = [one for one in gateway.events if one["event"] == "serving" and one.get("status")]
        status = serving[0]["status"]
        staff = question(site.site.code())
        staff.context.receiving_division = "330100"
        raw = staff.SerializeToString()
        # Each connection may meet another worker.
        for _ in range(6):
            assert ask(site, gateway.grpc, "desk", VERIFY, raw) == ""
            assert ask(site, gateway.grpc, "rail", VERIFY, raw) == "PROFILE_NOT_ALLOWED"
            assert ask(site, gateway.grpc, "venue", VERIFY, raw) == "CALL_NOT_ALLOWED"
            assert ask(site, gateway.grpc, "forger", VERIFY, raw) == "NO_IDENTITY"
        assert ask(site, status, "enrolled", LISTS, b"") == ""
        assert ask(site, status, "relay", LISTS, b"") == "CALL_NOT_ALLOWED"
        before = site.registry.read_text()
        # Broken: all keep what they have.
        site.registry.write_text("version = 1")
        reloaded(gateway, "reload_refused")
        assert ask(site, gateway.grpc, "desk", VERIFY, raw) == ""
        # The desk may verify no more, relays may list; the server has another certificate.
        site.registry.write_text(
            before.replace('"VerificationService/VerifyCode", "VerificationService/VerifyCodes", ', "", 2).replace(
                CHANGES.rpartition(".")[2], LISTS.rpartition(".")[2]
            )
        )
        site.serve_as("second")
        reloaded(gateway, "reload_done")
        for _ in range(6):
            assert ask(site, gateway.grpc, "desk", VERIFY, raw) == "CALL_NOT_ALLOWED"
        assert ask(site, status, "relay", LISTS, b"") == ""
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0
        assert b"spiffe" not in gateway.stdout + gateway.stderr
