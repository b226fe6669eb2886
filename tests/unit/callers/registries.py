"""Registries for the tests."""

from __future__ import annotations

from gateway.callers.registry import Grants
from gateway.callers.registry_file import parse_registry
from gateway.rpc.methods import known_calls

HUB = """
[[caller]]
domain = "zj.example"
kind = "hub"
division = "330000"
class = "rail"
calls = ["VerificationService/VerifyCode"]
purposes = ["TRANSPORT_ARRIVAL"]
divisions = ["330000", "US"]
profiles = ["GATE"]
calls_per_s = 10
codes_per_s = 20
"""
CLINIC = """
[[caller]]
domain = "zj.example"
kind = "hub"
class = "clinic"
calls = ["VerificationService/VerifyCode"]
purposes = ["MEDICAL_CARE"]
divisions = ["330000"]
profiles = ["GATE", "CLINIC"]
clinical_items = ["LATEST_TEST", "LATEST_VACCINATION"]
calls_per_s = 10
codes_per_s = 20
"""
RELAY = """
[[caller]]
name = "spiffe://gz.example/gateway/520000/main"
calls = ["StatusService/StreamChanges"]
calls_per_s = 5
calls_burst = 50
"""
PLAIN = """
[[caller]]
name = "Gate 7"
domain = "zj.example"
calls = ["JourneyService/CheckJourney"]
purposes = ["SELF_CHECK"]
calls_per_s = 1
"""
LOOPBACK = PLAIN.replace("Gate 7", "dev-loopback").replace('domain = "zj.example"\n', "")
VERSION = 'version = "1"\n'


def registry(*rows: str, domains: frozenset[str] | None = None) -> Grants:
    """Return a registry of these rows."""
    return parse_registry(VERSION + "".join(rows), known_calls(), domains)
