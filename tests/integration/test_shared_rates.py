"""Two real gateways count the rate of a caller together; without their Redis each counts for itself."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1.verification_service_pb2_grpc import VerificationServiceStub

from tests.integration.gateway_process import PATIENCE_S, Gateway, running
from tests.integration.grpc_edge import told
from tests.integration.replay_site import Country, shown
from tests.simulators.redis_server import RedisServer

BURST = 40
REGISTRY = f"""
version = "test-1"

[[caller]]
name = "dev-loopback"
calls = ["VerificationService/VerifyCode"]
purposes = ["TRANSPORT_ARRIVAL"]
divisions = ["330000"]
profiles = ["GATE"]
calls_per_s = 1
calls_burst = {BURST}
codes_per_s = 100000
"""


def passes(gateway: Gateway, country: Country) -> bool:
    """Ask once; return whether the rate allowed it."""
    make: Any = VerificationServiceStub
    with grpc.insecure_channel(gateway.grpc, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            make(channel).VerifyCode(shown(country.code(), "east-1"), timeout=30)
        except grpc.RpcError as error:
            if told(error)[0].reason == "RATE_LIMITED":  # type: ignore[arg-type]  # it has what is read of it
                return False
            raise
    return True


def counted(redis: RedisServer) -> list[int]:
    """Return the counters that Redis has."""
    names = re.findall(r"hcgw:rates:\S+", redis.ask("KEYS", "hcgw:rates:*").decode())
    values = [re.findall(rb"\r\n(\d+)\r\n", redis.ask("GET", name)) for name in names]
    return [int(one[0]) for one in values if one]


@pytest.mark.timeout(300)
def test_what_one_node_counts_the_other_knows(tmp_path: Path) -> None:
    redis = RedisServer()
    redis.start()
    try:
        country = Country(tmp_path, redis)
        sites = [country.site(name, "redis_budget_ms = 1000") for name in ("one", "other")]
        for site in sites:
            (site.folder / "callers.toml").write_text(REGISTRY)
            config = site.config.read_text()
            rates = 'registry = "callers.toml", rates_in_redis = true'
            site.config.write_text(config.replace("insecure_everyone_may_ask = true", rates))
        with running(sites[0]) as one, running(sites[1]) as other:
            for node in (one, other):
                node.wait_for("rates_together")
            assert passes(other, country)
            end = time.monotonic() + PATIENCE_S
            while not any(counted(redis)):  # now the other has learned what there was
                assert time.monotonic() < end
                time.sleep(0.05)
            while passes(one, country):
                pass
            allowed = 0
            while passes(other, country):
                allowed += 1
                time.sleep(0.5)
            assert allowed < BURST // 2
            redis.kill()
            for node in (one, other):
                node.wait_for("rates_apart")
                assert b"hcgw_callers_rates_together 0.0" in node.get("/metrics")[1]
            assert b"dev-loopback" not in one.stdout + other.stdout
    finally:
        redis.close()
