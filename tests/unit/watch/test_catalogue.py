"""docs/operation.md lists every metric and every event there is, and nothing else.

`python -m tests.unit.watch.test_catalogue` rewrites the two tables.
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

from prometheus_client.core import Metric

from gateway.audit.entries import LogName
from gateway.changes import ListName
from gateway.values import Algorithm, Instant, IssuerId, KeyId, TrustedKey
from gateway.watch.events import EVENTS
from gateway.watch.metrics import Metrics
from gateway.watch.processes import ProcessMetrics
from gateway.watch.rpc import CallType

DOCUMENT = Path(__file__).parents[3] / "docs" / "operation.md"


def filled() -> Metrics:
    """Return metrics that show each family with its labels."""
    metrics = Metrics(lambda: Instant(0.0), version="0")
    metrics.rpc.announce([("/a.B/C", CallType.UNARY)])
    key = TrustedKey(
        IssuerId("a"), KeyId(b"k"), Algorithm.ES256, SimpleNamespace(verify=lambda *_: False), not_after=Instant(1.0)
    )
    metrics.trust.in_force(
        SimpleNamespace(issued=Instant(0.0), expires=None, epoch=1, issuers={}, keys=(key,), refused=())
    )
    metrics.lists.in_force(
        [SimpleNamespace(issuer=IssuerId("a"), kind="places", issued=Instant(0.0), expires=Instant(1.0))]
    )
    metrics.provinces.of("zhejiang")
    metrics.provinces.show_breaker("zhejiang", 0)
    metrics.provinces.show_in_flight("zhejiang", 0)
    metrics.following.announce("gateway")
    metrics.audit.announce("peer")
    outbox = SimpleNamespace(log=LogName.DECISIONS, put_so_far=0, waiting=0)
    metrics.audit.outboxes.show(lambda: [outbox])
    name = ListName(IssuerId("a"), "https://a.test/1")
    metrics.status.held.show(lambda: [SimpleNamespace(name=name, observed=Instant(0.0), capacity=2)])
    return metrics


def families() -> list[Metric]:
    """Return each family once, those of a supervisor too."""
    processes = ProcessMetrics(version="0")
    processes.announce("worker-0")
    return [*filled().registry.collect(), *processes.processes_registry.collect()]


def metrics_table() -> str:
    """Return one row per metric."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for family in families():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = list(dict.fromkeys(label for one in family.samples for label in one.labels if label != "le"))
        rows.append(f"| `{name}` | {family.type} | {', '.join(sorted(labels)) or '-'} | {family.documentation} |")
    return "\n".join(rows) + "\n"


def events_table() -> str:
    """Return one row per event."""
    rows = ["| event | level | fields | meaning |", "|---|---|---|---|"]
    for name, kind in EVENTS.items():
        its = ", ".join(one.name for one in fields(kind)) or "-"
        rows.append(f"| `{name}` | {kind.severity} | {its} | {' '.join(str(kind.__doc__).split())} |")
    return "\n".join(rows) + "\n"


def rewritten(text: str) -> str:
    """Return the document with both tables as they are in code."""
    for name, table in (("metrics", metrics_table()), ("events", events_table())):
        found = re.search(rf"<!-- {name}: [^\n]*-->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
        assert found, name
        text = text[: found.start(1)] + table + text[found.end(1) :]
    return text


def test_the_document_lists_what_there_is() -> None:
    text = DOCUMENT.read_text()
    assert text == rewritten(text), "run: python -m tests.unit.watch.test_catalogue"


def test_every_metric_says_what_it_means() -> None:
    for family in families():
        assert len(family.documentation) > 8, family.name
        assert family.name.startswith(("hcgw_", "grpc_server_", "process_")), family.name


if __name__ == "__main__":
    DOCUMENT.write_text(rewritten(DOCUMENT.read_text()))
