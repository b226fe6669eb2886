"""A real Prometheus scrapes a real gateway; and the official parser reads the page."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.debian_programs import program
from tests.integration.gateway_process import GUIZHOU, PATIENCE_S, Gateway, Site, running

ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"


def exercised(gateway: Gateway, site: Site) -> None:
    """Ask what leaves a trace in each family."""
    gateway.verify(site.code())
    gateway.verify(site.code("red"))
    gateway.verify(b"this is no code")
    gateway.verify(site.code()[:-8] + b"AAAAAAAA")


EXPECTED = {
    f'hcgw_verifications_total{{issuer="{GUIZHOU}",measure="PASS",reason="STATE_GREEN",format="native"}}': 1,
    f'hcgw_verifications_total{{issuer="{GUIZHOU}",measure="DENY",reason="STATE_RED",format="native"}}': 1,
    'hcgw_verifications_total{issuer="unknown",measure="MANUAL",reason="UNRECOGNISED",format="unknown"}': 1,
    'hcgw_verifications_total{issuer="unknown",measure="DENY",reason="BAD_SIGNATURE",format="native"}': 1,
    'grpc_server_handled_total{grpc_method="VerifyCode",grpc_code="OK"}': 4,
    'grpc_server_handled_total{grpc_method="VerifyCode",grpc_code="Internal"}': 0,
    'grpc_server_started_total{grpc_method="VerifyCode",grpc_type="unary"}': 4,
    'grpc_server_msg_received_total{grpc_method="VerifyCode"}': 4,
    'grpc_server_msg_sent_total{grpc_method="VerifyCode"}': 4,
    'grpc_server_handling_seconds_count{grpc_method="VerifyCode"}': 4,
    'grpc_server_handling_seconds_bucket{grpc_method="VerifyCode",le="+Inf"}': 4,
    "hcgw_ready": 1,
    "hcgw_trust_issuers": 1,
    "hcgw_trust_last_reload_successful": 1,
}
"""PromQL -> the one value that it must have after `exercised`."""


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Give the address of a Prometheus that scrapes `target` and loads our alerts; end it by its id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "prometheus.json"
    scrape = {"job_name": "hcgw", "static_configs": [{"targets": [target]}]}
    intervals = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config.write_text(json.dumps({"global": intervals, "rule_files": [str(ALERTS)], "scrape_configs": [scrape]}))
    path, environment = program("prometheus")
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                path,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={address}",
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield address
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE_S)


def api(address: str, path: str, **query: str) -> Any:
    """Return the data of an answer, or None while Prometheus is not up."""
    url = f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return json.load(answer)["data"]
    except (urllib.error.URLError, ConnectionError):
        return None


def value(address: str, expression: str) -> float | None:
    data = api(address, "query", query=expression)
    results = [] if data is None else data["result"]
    return float(results[0]["value"][1]) if len(results) == 1 else None


def test_a_real_prometheus_scrapes_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with running(site) as gateway, prometheus(tmp_path, gateway.http) as address:
        exercised(gateway, site)
        end = time.monotonic() + PATIENCE_S
        while (found := {one: value(address, one) for one in EXPECTED}) != EXPECTED:
            assert time.monotonic() < end, found
        while (target := api(address, "targets")["activeTargets"][0])["health"] != "up":
            assert time.monotonic() < end, target["lastError"]
        rules = [rule for group in api(address, "rules")["groups"] for rule in group["rules"]]
        assert len(rules) == ALERTS.read_text().count("- alert:") + ALERTS.read_text().count("- record:")
        while not all(rule["health"] == "ok" for rule in rules):
            assert time.monotonic() < end, rules
            rules = [rule for group in api(address, "rules")["groups"] for rule in group["rules"]]
        assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []


def test_the_official_parser_reads_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with running(site) as gateway:
        exercised(gateway, site)
        status, body, headers = gateway.get("/metrics")
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        samples = [one for family in text_string_to_metric_families(body.decode()) for one in family.samples]
        for expression, expected in EXPECTED.items():
            name, _, labels = expression.rstrip("}").partition("{")
            wanted = dict(part.split("=", 1) for part in labels.replace('"', "").split(",")) if labels else {}
            fitting = [one.value for one in samples if one.name == name and wanted.items() <= one.labels.items()]
            assert fitting == [expected], expression
