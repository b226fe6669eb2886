"""What is counted and told of the audit log."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.audit.entries import LogName
from gateway.recording.outbox import Trouble
from gateway.values import Instant
from gateway.watch.audit import LOGS, AuditMetrics, LogWatch, OutboxWatch, PeerWatch
from gateway.watch.logs import EventLog

LOG = LogName.DECISIONS


class Told:
    """Metrics, and the lines that were written."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = AuditMetrics(self.registry)
        self._out = io.StringIO()
        self.log = EventLog(self._out)

    def lines(self) -> list[tuple[Any, ...]]:
        kept = []
        for line in self._out.getvalue().splitlines():
            found = json.loads(line)
            own = {"event", "level", "instance", "time"}
            kept.append((found["event"], *(value for name, value in found.items() if name not in own)))
        return kept

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_logs_are_those_that_there_are() -> None:
    assert set(LOGS) == {log.value for log in LogName}


def test_entries_are_counted_at_a_scrape(told: Told) -> None:
    class Box:
        log = LOG
        put_so_far = 7
        waiting = 3

    told.metrics.outboxes.show(lambda: [Box()])
    assert told.value("hcgw_audit_entries_total", log="decisions") == 7
    assert told.value("hcgw_audit_entries_waiting", log="decisions") == 3


def test_what_lasts_is_told_when_it_begins_and_when_it_ends(told: Told) -> None:
    watch = OutboxWatch(told.metrics, told.log)
    watch.unavailable(LOG, Trouble.SLOW)
    assert told.value("hcgw_audit_unavailable", log="decisions") == 1
    for _ in range(3):
        watch.entry_lost(LOG)
    watch.available(LOG, 1.23456)
    watch.entry_lost(LOG)
    assert told.value("hcgw_audit_unavailable", log="decisions") == 0
    assert told.value("hcgw_audit_entries_lost_total", log="decisions") == 4
    assert told.lines() == [
        ("audit_unavailable", "decisions", "slow"),
        ("audit_entries_lost", "decisions"),
        ("audit_available", "decisions", 1.235),
        ("audit_entries_lost", "decisions"),
    ]


def test_answers_are_counted_by_what_became_of_them(told: Told) -> None:
    watch = OutboxWatch(told.metrics, told.log)
    watch.waited(0.004)
    watch.refused()
    watch.untraced()
    watch.untraced()
    assert told.value("hcgw_audit_wait_seconds_count") == 1
    assert told.value("hcgw_audit_answers_total", outcome="refused") == 1
    assert told.value("hcgw_audit_answers_total", outcome="untraced") == 2
    assert told.lines() == []


def test_a_log_is_shown_and_its_troubles_are_told(told: Told) -> None:
    watch = LogWatch(told.metrics, told.log)
    watch.opened(LOG, 5, torn=True)
    watch.appended(LOG, 2, 0.003, 7)
    watch.published(LOG, 7, Instant(99.0))
    for _ in range(2):
        watch.not_published(LOG, "disk_full")
    watch.published(LOG, 8, Instant(100.0))
    watch.not_published(LOG, "read_only")
    watch.degraded(LOG, "stalled")
    assert told.value("hcgw_audit_degraded", log="decisions") == 1
    watch.well(LOG, "stalled", 2.0)
    watch.cut_off(LOG)
    watch.forgotten(LOG, 256)
    watch.failed(KeyError("canary"))
    assert told.value("hcgw_audit_degraded", log="decisions") == 0
    assert told.value("hcgw_audit_log_entries", log="decisions") == 7
    assert told.value("hcgw_audit_published_entries", log="decisions") == 8
    assert told.value("hcgw_audit_published_timestamp_seconds", log="decisions") == 100
    assert told.value("hcgw_audit_forgotten_entries", log="decisions") == 256
    assert told.value("hcgw_audit_runs_cut_off_total", log="decisions") == 1
    assert told.value("hcgw_audit_append_seconds_count", log="decisions") == 1
    assert [line[:3] for line in told.lines()] == [
        ("audit_opened", "decisions", 5),
        ("audit_not_published", "decisions", "disk_full"),
        ("audit_not_published", "decisions", "read_only"),
        ("audit_degraded", "decisions", "stalled"),
        ("audit_well", "decisions", 2.0),
        ("audit_run_cut_off", "decisions"),
        ("audit_forgotten", "decisions", 256),
        ("unhandled", "loop", "KeyError"),
    ]
    assert "canary" not in str(told.lines())


def test_a_peer_is_told_once_until_it_is_back(told: Told) -> None:
    told.metrics.announce("zj")
    watch = PeerWatch(told.metrics, told.log)
    watch.compared("zj", Instant(5.0))
    for _ in range(2):
        watch.gone("zj", "unreachable")
    assert told.value("hcgw_audit_peer_reachable", peer="zj") == 0
    watch.compared("zj", Instant(6.0))
    assert told.value("hcgw_audit_peer_reachable", peer="zj") == 1
    assert told.value("hcgw_audit_peer_compared_timestamp_seconds", peer="zj") == 6
    assert told.lines() == [("audit_peer_gone", "zj", "unreachable"), ("audit_peer_back", "zj")]
