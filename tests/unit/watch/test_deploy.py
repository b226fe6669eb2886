"""What deploy/ ships fits the code: metrics that exist, alerts that fire, files that are there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from gateway.watch.events import EVENTS
from tests.debian_programs import program
from tests.unit.watch.test_catalogue import families, filled

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
RUNBOOKS = sorted((DEPLOY / "runbooks").glob("*.md"))
NAME = re.compile(r"(?<![\w:./-])(?:hcgw|grpc_server|process)_[a-z0-9_]+(?![\w:.])")


def known() -> set[str]:
    """Return the name of every series that the gateway can show."""
    return {one.name for family in families() for one in family.samples} | {
        family.name for family in families() if family.type != "counter"
    }


def dashboard() -> dict[str, object]:
    found: dict[str, object] = json.loads((DEPLOY / "dashboards" / "hcgw.json").read_text())
    return found


def expressions(node: object) -> list[str]:
    """Return every PromQL expression of a dashboard."""
    if isinstance(node, dict):
        own = [value for key, value in node.items() if key in {"expr", "query"} and isinstance(value, str)]
        return own + [one for value in node.values() for one in expressions(value)]
    return [one for value in node for one in expressions(value)] if isinstance(node, list) else []


@pytest.mark.parametrize(
    "path",
    [ALERTS, DEPLOY / "prometheus" / "alerts.test.yml", ROOT / "docs" / "operation.md", *RUNBOOKS],
    ids=lambda path: path.name,
)
def test_every_metric_that_is_named_exists(path: Path) -> None:
    named = set(NAME.findall(path.read_text())) - EVENTS.keys()
    # A document may name a family (grpc_server_*) or speak of a counter as the code does.
    assert {name for name in named if not name.endswith("_")} <= known()


def test_every_metric_of_the_dashboard_exists() -> None:
    named = {name for one in expressions(dashboard()) for name in NAME.findall(one)}
    assert len(named) > 15
    assert named <= known()


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    shown = {name for one in expressions(dashboard()) for name in NAME.findall(one)}
    ours = {family.name for family in filled().registry.collect() if not family.name.startswith("process_")}
    assert {name for name in ours if not any(one.startswith(name) for one in shown)} == set()


def test_the_dashboard_is_sound() -> None:
    panels = dashboard()["panels"]
    assert isinstance(panels, list)
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells
        assert panel["type"] == "row" or panel["description"], panel["title"]


def alerts() -> set[str]:
    return set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))


def test_every_alert_has_a_test_a_runbook_and_a_row_in_the_docs() -> None:
    tests = (DEPLOY / "prometheus" / "alerts.test.yml").read_text()
    document = (ROOT / "docs" / "operation.md").read_text()
    fired = set(re.findall(r"- alertname: (\w+)\n", tests))
    silent = set(re.findall(r"alertname: (\w+), eval_time: 2h, exp_alerts: \[\]", tests))
    assert fired == silent == alerts()
    assert set(re.findall(r"^\| (Hcgw\w+) \|", document, re.MULTILINE)) == alerts()
    runbook_of = dict(re.findall(r"- alert: (\w+)\n(?:.*\n)*?\s+runbook: (\S+)", ALERTS.read_text()))
    assert runbook_of.keys() == alerts()
    for alert, runbook in runbook_of.items():
        assert alert in (ROOT / runbook).read_text(), f"{runbook} does not speak of {alert}"


@pytest.mark.parametrize("path", [ROOT / "docs" / "operation.md", *RUNBOOKS], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def ran(name: str, *arguments: str, folder: Path = DEPLOY) -> subprocess.CompletedProcess[str]:
    """Run a program of Debian's to its end."""
    path, environment = program(name)
    return subprocess.run(
        [path, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "arguments",
    [["check", "config", "scrape.yml"], ["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]],
)
def test_prometheus_takes_the_files(arguments: list[str]) -> None:
    done = ran("promtool", *arguments, folder=DEPLOY / "prometheus")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_promql_of_the_dashboard_is_taken(tmp_path: Path) -> None:
    """As alerts, because promtool reads no dashboards: each expression must parse."""
    found = [
        one.replace("$instance", ".*") for one in expressions(dashboard()) if "label_values" not in one and "{" in one
    ]
    rules = [{"record": f"test:{number}", "expr": one} for number, one in enumerate(found)]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = ran("promtool", "check", "rules", str(file))
    assert f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr


def test_the_systemd_unit_fits_the_command() -> None:
    unit = (DEPLOY / "systemd" / "hcgw.service").read_text()
    assert "Type=notify\n" in unit
    assert "RestartPreventExitStatus=78\n" in unit
    assert "ExecReload=/bin/kill -HUP $MAINPID\n" in unit
    for option in ("NoNewPrivileges=yes", "ProtectSystem=strict", "SystemCallFilter=@system-service", "LimitCORE=0"):
        assert f"{option}\n" in unit


def test_systemd_takes_the_unit() -> None:
    unit = DEPLOY / "systemd" / "hcgw.service"
    done = ran("systemd-analyze", "verify", str(unit))
    # That the command is not installed at its place is no fault of the unit.
    faults = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if unit.name in line and "is not executable: No such file or directory" not in line
    ]
    assert faults == []


def test_the_dockerfile_copies_what_exists() -> None:
    text = (DEPLOY / "container" / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["python:3.11-slim", "python:3.11-slim"]
    assert "\nUSER 10001\n" in text
    assert 'ENTRYPOINT ["/opt/hcgw/bin/hcgw"]' in text


COMPOSE_LINE = re.compile(
    r'(?P<indent> *)(?:- (?P<item>"[^"]*")|(?P<key>[a-z_]+):(?: (?P<value>"[^"]*"|true|false|[0-9]+|[a-zA-Z./]+))?)'
)


def test_the_compose_file_is_sound() -> None:
    """Read as the plain subset of YAML that it keeps to: keys nested by two spaces, scalars, quoted lists."""
    paths: list[str] = []
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "container" / "compose.yaml").read_text().splitlines():
        if line.startswith("#"):
            continue
        match = COMPOSE_LINE.fullmatch(line)
        assert match, line
        depth, odd = divmod(len(match["indent"]), 2)
        assert not odd, line
        if match["item"]:
            found[".".join(paths[:depth])].append(match["item"].strip('"'))
        else:
            paths[depth:] = [match["key"]]
            name = ".".join(paths)
            assert name not in found, f"{name} stands twice"
            found[name] = [match["value"].strip('"')] if match["value"] else []
    context = DEPLOY / "container" / found["services.hcgw.build.context"][0]
    assert (context / found["services.hcgw.build.dockerfile"][0]).is_file()
    for volume in found["services.prometheus.volumes"]:
        assert (DEPLOY / "container" / volume.split(":")[0]).is_file(), volume
    assert found["services.hcgw.cap_drop"] == ["ALL"]
    assert found["services.hcgw.read_only"] == ["true"]
